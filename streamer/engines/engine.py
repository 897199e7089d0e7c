"""What runs a network: one window's arrays in, logits out."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from streamer.network.card import INPUT_SHAPES
from streamer.records import Window

Feed: TypeAlias = Mapping[str, NDArray[Any]]
"""Every input of card.INPUT_SHAPES, with a batch of one in front."""

Logits: TypeAlias = NDArray[np.float32]
"""(H, C)"""


class Engine(Protocol):
    """A network made ready to run."""

    device: str
    """As shown to the user: "cpu", or "cuda: " and the card's name."""

    def run(self, feed: Feed) -> Logits:
        """Return the logits of one window."""


def feed_of(window: Window) -> Feed:
    """Return a window as the networks take it."""
    arrays = (window.picture, window.columns, window.words, window.word_mask, window.word_spans)
    return {name: array[np.newaxis] for name, array in zip(INPUT_SHAPES, arrays, strict=True)}


def blank_feed() -> Feed:
    """Return a window that holds nothing, for the first run that a library spends on getting ready."""
    kinds = {"columns": np.bool_, "word_mask": np.bool_}
    return {name: np.zeros((1, *shape), kinds.get(name, np.float32)) for name, shape in INPUT_SHAPES.items()}
