"""What runs a network: one window's arrays in, logits and the embedding of its sound out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from streamer.network import contract
from streamer.network.card import (
    BOOLEAN_INPUTS,
    FEWEST_SLOTS,
    FREE_AXES,
    MELS,
    SHORTEST_COLUMNS,
    SPEAKER,
    WORD_SHAPES,
    Shapes,
)
from streamer.records import Mask, Window

Logits: TypeAlias = NDArray[np.float32]
"""(H, C)"""

Embedding: TypeAlias = NDArray[np.float32]
"""(P,) what the sound of a window is like, or the mean of it over a speaker's windows."""

GRID: Final = contract.POOLING_GRID_COLUMNS


@dataclass(frozen=True, slots=True)
class Feed:
    """One window as a network takes it."""

    arrays: Mapping[str, NDArray[Any]]
    """Every input of the network by name, with a batch of one in front."""
    end: int
    """Stream position where the window ends, for an engine that keeps what it has computed of earlier windows."""
    utterance: int


class Answer(NamedTuple):
    """What a network says about one window."""

    logits: Logits
    embedding: Embedding | None
    """None from a network that does not compare speakers."""


class Engine(Protocol):
    """A network made ready to run."""

    device: str
    """As shown to the user: "cpu", or "cuda: " and the card's name."""

    def run(self, feed: Feed) -> Answer:
        """Return the answer to one window; windows come in the order of the stream."""


def feed_of(window: Window, shapes: Shapes, speaker: Embedding | None = None) -> Feed:
    """Return a window as a network takes it whose card has these inputs.

    A network that takes mels gets the columns that hold sound and no others, which changes nothing but the time spent,
    and of those no more than it was made for: the newest.
    `speaker` is the running mean of the speaker's embeddings; None: nothing is known of the speaker.
    """
    if speaker is None:
        speaker = np.zeros(shapes.get(SPEAKER, ()), np.float32)
    arrays = {name: speaker if name == SPEAKER else getattr(window, name) for name in shapes}
    if MELS in shapes:
        if window.mels is None:
            message = "the network takes mels, and this window was made without"
            raise ValueError(message)
        n_columns = fed_columns(window.columns, shapes["columns"][0])
        arrays |= {
            MELS: window.mels[:, -n_columns * contract.MELS_PER_COLUMN :],
            "columns": window.columns[-n_columns:],
        }
    return Feed({name: array[np.newaxis] for name, array in arrays.items()}, window.end, window.utterance)


def fed_columns(columns: Mask, most: int) -> int:
    """Return how many of the newest columns hold all that was heard: a multiple of `GRID`, not above `most`."""
    heard = np.flatnonzero(columns)
    n_columns = len(columns) - int(heard[0]) if len(heard) else 0
    return min(most, max(SHORTEST_COLUMNS, -(-n_columns // GRID) * GRID))


def first_slot(word_mask: Mask) -> int:
    """Return the first word slot that must be fed: the one before the first word, because a word is read beside it.

    Where there are no words, the last two slots, both masked, stand for all.
    """
    said = np.flatnonzero(word_mask)
    return max(0, min(int(said[0]) - 1 if len(said) else len(word_mask), len(word_mask) - FEWEST_SLOTS))


def with_said_slots(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the inputs without the word slots before `first_slot`, which change nothing but the time spent."""
    first = first_slot(arrays["word_mask"][0])
    cut = {name: arrays[name].take(range(first, contract.N_WORDS), FREE_AXES[name] + 1) for name in WORD_SHAPES}
    return {**arrays, **cut}


def blank_feed(shapes: Shapes) -> Feed:
    """Return a window that holds nothing, for the first run that a library spends on getting ready."""
    arrays: dict[str, NDArray[Any]] = {
        name: np.zeros((1, *shape), np.bool_ if name in BOOLEAN_INPUTS else np.float32)
        for name, shape in shapes.items()
    }
    return Feed(arrays, end=0, utterance=-1)
