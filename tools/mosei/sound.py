"""Raw sound of a segment to its picture at the paper profile, through the same arithmetic as the live program."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from streamer.errors import SourceError
from streamer.features.decimate import Decimator
from streamer.features.spectrogram import picture_columns
from streamer.network import contract
from streamer.records import Samples
from streamer.sources import soundfiles
from streamer.sources.resample import Resampler, to_mono

STEP: Final = contract.PAPER_STEP_SAMPLES

LONGEST_S: Final = 60.0
"""Of a longer segment only this much before its end is heard: three pictures, more than the running level remembers."""

PADDED_S: Final = 0.05
"""A file that ends this much before its segment still fills it, with silence: clocks of the transcripts differ."""


def files(folder: Path, videos: Iterable[str]) -> dict[str, Path]:
    """Return video -> WAV file, wherever under the folder it lies.

    Raises: SourceError if the folder has sound of none of the videos, or two files for one of them.
    """
    if not folder.is_dir():
        message = f"{str(folder)!r} is no folder; wanted the folder that holds <video id>.wav"
        raise SourceError(message)
    wanted = set(videos)
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.[wW][aA][vV]")):
        if path.stem not in wanted:
            continue
        if path.stem in found:
            message = f"{str(found[path.stem])!r} and {str(path)!r} are both sound of {path.stem}; keep one of them"
            raise SourceError(message)
        found[path.stem] = path
    if not found:
        message = (
            f"{str(folder)!r} holds sound of none of the {len(wanted)} labelled videos; "
            "wanted files named <video id>.wav"
        )
        raise SourceError(message)
    return found


class VideoSound:
    """The sound of one video, read in stretches."""

    def __init__(self, path: Path) -> None:
        self._facts = soundfiles.inspect(path)
        self._path = path

    def segment(self, start_s: float, end_s: float) -> tuple[NDArray[np.float32], float]:
        """Return the last 400 columns (F, n), n >= 0, of a stretch, and the second at which the last column ends.

        The last column ends where the segment ends, or where the file ends if that is earlier.
        Raises: SourceError where the file breaks off.
        """
        held_s = self._facts.seconds
        end_s = end_s if end_s <= held_s + PADDED_S else max(held_s, start_s)
        start_s = max(start_s, end_s - LONGEST_S)
        n_samples = round((end_s - start_s) * contract.PICTURE_RATE_HZ)
        n_columns = contract.columns_in(n_samples, STEP)
        if n_columns == 0:
            return np.zeros((contract.N_BANDS, 0), np.float32), end_s
        n_samples = contract.samples_of(n_columns, STEP)
        columns = picture_columns(self._heard(end_s - n_samples / contract.PICTURE_RATE_HZ, n_samples), STEP)
        return columns[:, -contract.N_COLUMNS :], end_s

    def _heard(self, start_s: float, n_samples: int) -> Samples:
        """Return `n_samples` at the picture's rate from `start_s` on, silence where the file has ended."""
        rate_hz = self._facts.rate_hz
        first = round(start_s * rate_hz)
        n_frames = round(n_samples / contract.PICTURE_RATE_HZ * rate_hz)
        try:
            with soundfile.SoundFile(self._path) as file:
                file.seek(min(first, self._facts.frames))
                frames = file.read(n_frames, dtype="float32", always_2d=True)
        except (OSError, soundfile.LibsndfileError) as error:
            message = f"{str(self._path)!r} cannot be read at {start_s:.2f} s ({error}); copy it again"
            raise SourceError(message) from error
        resampler, decimator = Resampler(rate_hz), Decimator()
        stream = np.concatenate((resampler.process(to_mono(frames)), resampler.finish()))
        heard = np.concatenate((decimator.push(stream), decimator.flush()))[:n_samples]
        return np.pad(heard, (0, n_samples - len(heard)))
