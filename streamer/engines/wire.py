"""What a recogniser's child process and its owner say to one another. Pure: bytes and lines to records and back.

Owner to child: a header (kind, utterance, start sample, count) and `count` int16 samples. Child to owner: JSON lines
`ready`, `words`, `heard`, `failed`, each read as if a stranger had written it. Nothing is ever unpickled.
"""

import json
import struct
from dataclasses import dataclass
from typing import BinaryIO, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from streamer.errors import RecogniserError
from streamer.network import contract
from streamer.records import Samples, SpeechSound, Word

Pcm: TypeAlias = NDArray[np.int16]
"""(n,) mono sound at the stream rate, as the child gets it."""

LAST: Final = 1
"""Bit of the kind: the utterance is over with this piece."""
MORE: Final = 2
"""Bit of the kind: more sound is already waiting, so spend no time on words that will soon change."""

MAX_PIECE_SAMPLES: Final = contract.STREAM_RATE_HZ // 2
"""Longest piece on the wire, so that one native call never takes long."""
MAX_WORDS: Final = 512
MAX_WORD_LETTERS: Final = 64
MAX_LINE_BYTES: Final = 1 << 18
MAX_REASON_LETTERS: Final = 300

_HEADER: Final = struct.Struct("<BIqI")
_FULL_SCALE: Final = 32767


@dataclass(frozen=True, slots=True)
class Piece:
    """Sound as it arrives in the child."""

    utterance: int
    start: int
    pcm: Pcm
    last: bool
    more: bool


@dataclass(frozen=True, slots=True)
class Ready:
    """The child has loaded its model."""


@dataclass(frozen=True, slots=True)
class Words:
    """The child's words for the running utterance have changed."""

    words: tuple[Word, ...]
    at: int
    """Stream position up to which sound had been heard."""
    final: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """The child has dealt with a whole piece."""

    at: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The child gives up; it says why, and whether starting again could help."""

    reason: str
    for_good: bool


Reply: TypeAlias = Ready | Words | Heard | Failed


def piece_to_bytes(sound: SpeechSound, *, more: bool) -> bytes:
    """Return `sound` for the wire; samples beyond full scale are clipped, those that are no numbers become 0."""
    scaled = np.nan_to_num(sound.samples, nan=0.0, posinf=1.0, neginf=-1.0) * np.float32(_FULL_SCALE)
    pcm = np.clip(np.rint(scaled), -_FULL_SCALE, _FULL_SCALE).astype("<i2")
    kind = (LAST if sound.last else 0) | (MORE if more else 0)
    header = _HEADER.pack(kind, sound.utterance, sound.start, len(pcm))
    payload: bytes = pcm.tobytes()
    return header + payload


def read_piece(pipe: BinaryIO) -> Piece | None:
    """Wait for the next piece; None at the end of input, also in the middle of a piece."""
    header = pipe.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    kind, utterance, start, count = _HEADER.unpack(header)
    if kind > (LAST | MORE) or count > MAX_PIECE_SAMPLES or start < 0:
        message = "the pipe from the monitor holds something that is no sound"
        raise RecogniserError(message)
    payload = pipe.read(count * 2)
    if len(payload) < count * 2:
        return None
    pcm: Pcm = np.frombuffer(payload, "<i2").astype(np.int16, copy=False)
    return Piece(utterance, start, pcm, last=bool(kind & LAST), more=bool(kind & MORE))


def pcm_to_samples(pcm: Pcm) -> Samples:
    """Return int16 sound as float32, full scale 1."""
    samples: Samples = pcm.astype(np.float32) / np.float32(_FULL_SCALE)
    return samples


def reply_to_line(reply: Reply) -> bytes:
    """Return `reply` as one line of ASCII JSON."""
    record: dict[str, object] = {"kind": "ready"}
    match reply:
        case Heard(at):
            record = {"kind": "heard", "at": at}
        case Failed(reason, for_good):
            record = {"kind": "failed", "reason": reason, "for_good": for_good}
        case Words(words, at, final):
            rows = [[w.text, w.start, w.end, round(w.confidence, 4), w.final] for w in words]
            record = {"kind": "words", "at": at, "final": final, "words": rows}
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def line_to_reply(line: bytes, start: int, end: int) -> Reply:
    """Read one line of the child, which has been sent the sound from `start` to `end`.

    Bad bytes are replaced, words beyond the caps cut, times drawn into the sound and made to rise.
    Raises: RecogniserError, without the line in it, where it is no reply at all.
    """
    try:
        record = json.loads(line.decode("utf-8", "replace"), parse_constant=_refuse)
        match record:
            case {"kind": "ready"}:
                return Ready()
            case {"kind": "heard", "at": int(at)} if not isinstance(at, bool):
                return Heard(min(max(at, start), end))
            case {"kind": "failed", "reason": str(reason), "for_good": bool(for_good)}:
                return Failed(printable(reason)[:MAX_REASON_LETTERS], for_good)
            case {"kind": "words", "at": int(at), "final": bool(final), "words": list(rows)}:
                at = min(max(at, start), end)
                return Words(_rows_to_words(rows, start, at), at, final)
    except (ValueError, TypeError, RecursionError, OverflowError):
        pass
    message = "the recogniser answered with something that is no answer"
    raise RecogniserError(message)


def printable(text: str) -> str:
    """Return `text` without control characters, which must never reach a terminal."""
    return "".join(c for c in text if c.isprintable())


def _rows_to_words(rows: list[object], start: int, end: int) -> tuple[Word, ...]:
    words: list[Word] = []
    for row in rows[-MAX_WORDS:]:
        match row:
            case [str(text), int(word_start), int(word_end), int() | float() as confidence, bool(final)]:
                text = printable(text).strip().lower()[:MAX_WORD_LETTERS]
            case _:
                raise ValueError
        word_start = min(max(word_start, start), end)
        word_end = min(max(word_end, word_start), end)
        start = word_start
        if text:
            words.append(Word(text, word_start, word_end, min(max(float(confidence), 0.0), 1.0), final))
    return tuple(words)


def _refuse(constant: str) -> float:
    message = f"{constant} is no number"
    raise ValueError(message)
