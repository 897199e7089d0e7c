"""The records that travel through the house: frozen, slotted, with instants as integer stream samples.

`start` and `end` are half-open positions at `contract.STREAM_RATE_HZ`; `seconds` is the only place that
turns them into seconds. No record holds a wall clock, and none knows how it will be shown or sent.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from streamer.network import contract

Samples: TypeAlias = NDArray[np.float32]
"""(n,) mono sound, full scale [-1, 1]."""

Picture: TypeAlias = NDArray[np.float32]
"""`contract.PICTURE_SHAPE` (F, T), values in [0, 1], newest column last."""

Mels: TypeAlias = NDArray[np.float32]
"""`contract.MELS_SHAPE`, log10 of power, newest frame last."""

WordMatrix: TypeAlias = NDArray[np.float32]
"""`contract.WORDS_SHAPE` (E, L), newest word last."""

Mask: TypeAlias = NDArray[np.bool_]
"""True where a column or word slot holds something."""

Spans: TypeAlias = NDArray[np.float32]
"""(L, 2) start and end of each word, in columns of the picture (0 = left edge); 0 where masked."""


def seconds(position: int) -> float:
    """Return a stream position in seconds."""
    return position / contract.STREAM_RATE_HZ


class State(StrEnum):
    """What an estimate is able to say; a label stands only beside `SPEECH`."""

    SPEECH = "speech"
    NO_SPEECH = "no_speech"
    TOO_LITTLE = "too_little"
    UNSURE = "unsure"
    DEVICE_SILENT = "device_silent"
    OVERLOADED = "overloaded"
    MUTED = "muted"


class Stage(StrEnum):
    """Which evidence an estimate rests on: sound alone, words that may still change, or settled words."""

    AUDIO = "audio"
    PARTIAL = "partial"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Sound as a source hands it over, mono at the stream rate."""

    samples: Samples
    start: int
    """Stream position of the first sample; a jump against the previous chunk's end is a hole."""
    captured_s: float
    """Monotonic clock when the last sample arrived at the source, for latency only."""
    silent_device: bool = False
    """The device itself delivers digital silence (live sources only)."""
    muted: bool = False
    """The user has muted the monitor; `samples` are zeros."""

    @property
    def end(self) -> int:
        """Stream position just after the last sample."""
        return self.start + len(self.samples)


@dataclass(frozen=True, slots=True)
class SpeechSound:
    """A piece of an utterance for the recogniser; pieces of one utterance follow each other without a gap."""

    utterance: int
    """Number of the utterance, rising from 0."""
    start: int
    samples: Samples
    last: bool
    """The utterance is over with this piece."""

    @property
    def end(self) -> int:
        """Stream position just after the last sample."""
        return self.start + len(self.samples)


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word, lower case, with its place in the stream. `?`, `!`, `.`, `,` are words of no length."""

    text: str
    start: int
    end: int
    confidence: float
    final: bool


@dataclass(frozen=True, slots=True)
class Transcript:
    """What the recogniser now holds to be said in one utterance; replaces its earlier transcript."""

    utterance: int
    """Number of the utterance, rising from 0."""
    words: tuple[Word, ...]
    at: int
    """Stream position up to which sound had been heard when this was known."""
    final: bool


@dataclass(frozen=True, slots=True)
class Window:
    """What the network sees at one hop, ready to be fed."""

    picture: Picture
    mels: Mels | None
    """None where the network does not take them."""
    columns: Mask
    """(T,) columns that hold sound."""
    words: WordMatrix
    word_mask: Mask
    """(L,)"""
    word_spans: Spans
    start: int
    end: int
    state: State
    """`SPEECH` where the network should be asked; otherwise the reason why not."""
    stage: Stage
    utterance: int
    """Number of the newest utterance, -1 before the first."""
    revision: int
    """How often the words of that utterance have changed."""
    n_words: int
    captured_s: float
    """Monotonic clock when the last sample of the window was captured."""
    features_s: float
    """Time spent on making this window."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Class probabilities of one window, calibrated; none where the network was not asked."""

    start: int
    end: int
    state: State
    stage: Stage
    utterance: int
    revision: int
    probabilities: tuple[float, ...] | None
    """In the order of `contract.EMOTIONS`, summing to 1."""
    none_probability: float
    """Probability that it is none of the six; 0 where the network has no such answer."""
    n_words: int
    captured_s: float
    queue_s: float
    features_s: float
    model_s: float


@dataclass(frozen=True, slots=True)
class Mood:
    """The smoothed estimates: what is shown and published as how the speaker sounds."""

    state: State
    label: str | None
    """One of `contract.EMOTIONS`, only beside `State.SPEECH`."""
    confidence: float
    """Smoothed probability of the label, or of the likeliest emotion where there is no label."""
    probabilities: tuple[float, ...] | None
    start: int
    """Stream position since when state and label hold."""
    end: int
