"""Sound files: believing their headers, and reading them block by block. Plain blocking calls, no loop.

The only room that imports soundfile. Every refusal is one sentence, made before anything plays.
"""

import math
import os
import stat
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from streamer.errors import SourceError, SourceLost
from streamer.network import contract
from streamer.records import Samples
from streamer.sources.native import quiet_stderr
from streamer.sources.resample import Resampler, to_mono
from streamer.sources.riff import promise
from streamer.sources.source import SHORTEST_SAMPLES, check_rate, too_short

BLOCK_VALUES: Final = 1 << 18
"""Values read at once, all channels together: 1 MiB of float32, whatever the file."""

FLOAT_SUBTYPES: Final = ("FLOAT", "DOUBLE")
"""The only encodings that can hold something that is not a number."""

WANTED: Final = "wanted a wav, flac, ogg or mp3 file"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a recording's header says, once it has been checked."""

    path: Path
    rate_hz: int
    channels: int
    frames: int

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return self.frames / self.rate_hz


def inspect_all(paths: Sequence[Path]) -> tuple[Facts, ...]:
    """Return the facts of every file; raise SourceError, one sentence, for the first that cannot be played."""
    facts = tuple(inspect(path) for path in paths)
    held_s = math.fsum(each.seconds for each in facts)
    if held_s * contract.STREAM_RATE_HZ < SHORTEST_SAMPLES:
        subject = f"{_quoted(paths[0])} holds" if len(paths) == 1 else f"the {len(paths)} recordings hold together"
        raise too_short(subject, sum(each.frames for each in facts), held_s)
    return facts


def inspect(path: Path) -> Facts:
    """Return the facts of one file; raise SourceError if it is missing, not sound, damaged or cut short."""
    _check_file(path)
    try:
        with quiet_stderr(), _opened(path) as file:
            facts = Facts(path, file.samplerate, file.channels, file.frames)
            check_rate(facts.rate_hz, f"the rate of {_quoted(path)}")
            _check_last_frame(path, file)
            if file.subtype in FLOAT_SUBTYPES:
                _check_finite(path, file)
    except TypeError as error:  # soundfile takes the ending .raw for "the caller knows the format"
        message = f"{_quoted(path)} has no header; raw 16-bit mono sound is read with --stdin RATE"
        raise SourceError(message) from error
    except soundfile.LibsndfileError as error:
        message = f"{_quoted(path)} cannot be read as sound ({error.error_string.rstrip('.')}); {WANTED}"
        raise SourceError(message) from error
    return facts


def sound_of(recordings: Sequence[Facts]) -> Generator[Samples, None, None]:
    """Yield all recordings as one mono stream at the stream rate, in blocks of bounded size.

    Raises: SourceLost where a file breaks off under way.
    """
    for facts in recordings:
        resampler = Resampler(facts.rate_hz)
        for block in _blocks(facts):
            yield resampler.process(to_mono(block))
        yield resampler.finish()


def _blocks(facts: Facts) -> Iterator[NDArray[np.float32]]:
    n_frames = max(1, BLOCK_VALUES // facts.channels)
    read = 0
    try:
        with _opened(facts.path) as file:
            while len(block := file.read(n_frames, dtype="float32", always_2d=True)):
                read += len(block)
                yield block
    except (OSError, soundfile.LibsndfileError) as error:
        raise _broken_off(facts, read) from error
    if read < facts.frames:
        raise _broken_off(facts, read)


def _broken_off(facts: Facts, read: int) -> SourceLost:
    at_s = read / facts.rate_hz
    return SourceLost(
        f"{_quoted(facts.path)} broke off after {at_s:.2f} s of {facts.seconds:.2f} s; "
        f"the file is damaged or was changed"
    )


def _check_file(path: Path) -> None:
    """Refuse what is no regular file with sound in it, as far as the file system and a RIFF header tell."""
    try:
        found = path.stat()
        if not stat.S_ISDIR(found.st_mode) and not _is_pipe(path, found):
            with path.open("rb") as file:
                told = promise(file, found.st_size)
        else:
            told = None
    except FileNotFoundError as error:
        hint = "; sound on standard input is read with --stdin RATE" if str(path) == "-" else f"; {WANTED}"
        message = f"{_quoted(path)} does not exist{hint}"
        raise SourceError(message) from error
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        message = f"{_quoted(path)} cannot be opened ({reason}); {WANTED}"
        raise SourceError(message) from error
    if stat.S_ISDIR(found.st_mode):
        message = f"{_quoted(path)} is a folder; name the recordings inside it"
        raise SourceError(message)
    if _is_pipe(path, found):
        message = f"{_quoted(path)} is a pipe or a device, not a file; raw 16-bit mono sound is read with --stdin RATE"
        raise SourceError(message)
    if found.st_size == 0:
        message = f"{_quoted(path)} is empty (0 bytes); {WANTED}"
        raise SourceError(message)
    if told is not None and told.held < told.promised:
        message = (
            f"{_quoted(path)} is cut short: its header promises {told.promised} bytes of sound, "
            f"the file holds {max(0, told.held)}; copy or record it again"
        )
        raise SourceError(message)


def _is_pipe(path: Path, found: os.stat_result) -> bool:
    return not stat.S_ISREG(found.st_mode) or str(path) == "/dev/stdin"


def _check_last_frame(path: Path, file: soundfile.SoundFile) -> None:
    """Ask for the very last frame: flac, ogg and mp3 that were cut short cannot give it (tried on 120 files)."""
    if file.frames == 0:
        return
    try:
        file.seek(file.frames - 1)
        found = len(file.read(1))
        file.seek(0)
    except soundfile.LibsndfileError:
        found = 0
    if not found:
        message = (
            f"{_quoted(path)} is cut short: its header promises {file.frames / file.samplerate:.2f} s of sound, "
            f"but the end cannot be read; copy or record it again"
        )
        raise SourceError(message)


def _check_finite(path: Path, file: soundfile.SoundFile) -> None:
    n_frames = max(1, BLOCK_VALUES // file.channels)
    before = 0
    while len(block := file.read(n_frames, dtype="float64", always_2d=True)):
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            at_s = (before + int(np.argmin(finite))) / file.samplerate
            message = (
                f"{_quoted(path)} holds samples that are not finite numbers, the first at {at_s:.3f} s; "
                f"write it again from its source"
            )
            raise SourceError(message)
        before += len(block)


def _opened(path: Path) -> soundfile.SoundFile:
    return soundfile.SoundFile(os.fspath(path))


def _quoted(path: Path) -> str:
    return repr(str(path))
