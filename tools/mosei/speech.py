"""P2FA words of one video: pauses and repeats dropped, vectors found by time, each word given to its segments."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamer.features.words import WordVectors, tokens
from streamer.network import contract
from streamer.records import Word
from tools.mosei import csd, labels

WORDS_ROOT: Final = "words"
VECTORS_ROOT: Final = "glove_vectors"

PAUSE: Final = "sp"
"""P2FA's short pause."""

SHORTEST_S: Final = 0.01
"""Length given to words whose interval is (nearly) empty: one step of the aligner."""

NEAR_S: Final = 0.1
"""A word that touches no segment belongs to the nearest one within this: boundaries were set by hand."""

SAME_TIME_S: Final = 0.005
"""A word and its vector have the same interval but for rounding; half a step of the aligner."""


@dataclass(frozen=True, slots=True)
class Said:
    """One spoken word."""

    text: str
    start_s: float
    end_s: float
    vector: NDArray[np.float32] | None = None
    """(300,), None where the sequence of vectors has none at this time, or zeros."""


@dataclass(frozen=True, slots=True)
class Speech:
    """All words of a video in the order in which they were said."""

    words: list[Said] = field(default_factory=list)
    n_pauses: int = 0
    n_repeats: int = 0
    """The same word at the same time, again."""
    n_backwards: int = 0
    """Words that end well before they begin: left out."""


def read(sequence: csd.Sequence, video: str) -> Speech:
    """Return the words of a video; nothing said where it is not in the sequence."""
    found: dict[tuple[float, float, str], Said] = {}
    n_pauses = n_repeats = n_backwards = 0
    for piece in sequence.pieces(video, 1, text=True):
        for raw, (start_s, end_s) in zip(piece.features[:, 0].tolist(), piece.intervals.tolist(), strict=True):
            text = _text(raw)
            key = (start_s, end_s, text)
            if is_pause(text):
                n_pauses += 1
            elif key in found:
                n_repeats += 1
            elif end_s < start_s - labels.SLIP_S:
                n_backwards += 1
            else:
                found[key] = Said(text, start_s, max(end_s, start_s + SHORTEST_S))
    words = sorted(found.values(), key=lambda word: (word.start_s, word.end_s))
    return Speech(words, n_pauses, n_repeats, n_backwards)


def _text(raw: object) -> str:
    """Return a word; the published files hold bytes, perhaps padded with zeros or written as `b'word'`."""
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
    text = text.strip("\0 \t\r\n")
    if len(text) > 3 and text.startswith(("b'", 'b"')) and text[-1] == text[1]:
        text = text[2:-1]
    return text.lower()


def is_pause(text: str) -> bool:
    """Return whether the aligner says that nobody speaks: `sp`, nothing, or a noise like `{LG}`."""
    return text in {"", PAUSE} or (text[0] == "{" and text[-1] == "}")


def with_vectors(words: Sequence[Said], sequence: csd.Sequence, video: str) -> list[Said]:
    """Return the words with the vectors that stand at their times; a vector serves one word.

    The sequence may leave out pauses and unknown words, so rows are found by interval and not by number.
    """
    pieces = list(sequence.pieces(video, contract.WORD_DIMS))
    if not pieces:
        return list(words)
    intervals = np.concatenate([piece.intervals for piece in pieces])
    vectors = np.concatenate([np.asarray(piece.features, np.float32) for piece in pieces])
    free = np.ones(len(intervals), np.bool_)
    by_start = np.argsort(intervals[:, 0], kind="stable")
    starts = intervals[by_start, 0]
    found = []
    for word in words:
        first, last = np.searchsorted(starts, (word.start_s - SAME_TIME_S, word.start_s + SAME_TIME_S))
        ends = np.array((word.end_s, word.start_s))  # a short word was lengthened; its vector was not
        near = [
            row
            for row in by_start[first:last]
            if free[row] and np.abs(ends - intervals[row, 1]).min() <= max(SAME_TIME_S, SHORTEST_S)
        ]
        vector = None
        if near:
            row = min(near, key=lambda row: abs(intervals[row, 0] - word.start_s) + abs(intervals[row, 1] - word.end_s))
            free[row] = False
            vector = vectors[row] if vectors[row].any() else None
        found.append(Said(word.text, word.start_s, word.end_s, vector))
    return found


def share_out(words: Sequence[Said], segments: Sequence[labels.Segment]) -> tuple[list[list[int]], int]:
    """Return for each segment the numbers of its words, and how many words belong to none.

    A word belongs to every segment that it touches, and if it touches none, to the nearest within `NEAR_S`.
    """
    given: list[list[int]] = [[] for _ in segments]
    n_outside = 0
    for number, word in enumerate(words):
        gaps = [max(segment.start_s - word.end_s, word.start_s - segment.end_s) for segment in segments]
        touched = [at for at, gap in enumerate(gaps) if gap < 0.0]
        if not touched and gaps and min(gaps) <= NEAR_S:
            touched = [int(np.argmin(gaps))]
        for at in touched:
            given[at].append(number)
        n_outside += not touched
    return given, n_outside


class TimedVectors(WordVectors):
    """The vectors of a segment's words, in place of a vocabulary: the "token" of a word is its number."""

    def __init__(self, words: Sequence[Said]) -> None:
        nothing = np.zeros((0, contract.WORD_DIMS), np.int8)
        super().__init__({}, nothing, np.zeros(0, np.float32))
        self._words = words

    def vector(self, token: str) -> NDArray[np.float32] | None:
        """Return (300,) f32 of the word with this number, None where it has none."""
        return self._words[int(token)].vector


def placed(words: Iterable[Said], end: int, *, numbered: bool) -> list[Word]:
    """Return the words with their places in stream samples; what begins after `end` is drawn to it.

    `numbered`: the text is the word's number, for `TimedVectors`.
    """
    found = []
    for number, word in enumerate(words):
        start = min(round(word.start_s * contract.STREAM_RATE_HZ), end - 1)
        word_end = max(round(word.end_s * contract.STREAM_RATE_HZ), start + 1)
        found.append(Word(str(number) if numbered else word.text, start, word_end, confidence=1.0, final=True))
    return found


def n_tokens(words: Sequence[Said], *, numbered: bool) -> int:
    """Return how many slots the words ask for."""
    return len(words) if numbered else sum(len(tokens(word.text)) for word in words)
