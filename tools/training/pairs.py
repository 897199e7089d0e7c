"""Synthetic pairs: sound of one corpus with words of another, joined by label, with made-up word times.

Voice and words are independent given the label here, which real speech is not: figures on such pairs flatter.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamer.network import contract
from tools.training import corpora
from tools.training.textdata import Texts

NONE_INDEX = corpora.LABELS.index(corpora.NONE)

KINDS = ("match", "plain words", "no words", "plain voice", "no voice", "conflict")
SHARES = (0.36, 0.32, 0.06, 0.12, 0.06, 0.08)
"""Fitting words; words that carry nothing; none; emotional words in a plain voice or over noise; silence under words;
words of another emotion (the voice is believed)."""


@dataclass(frozen=True, slots=True)
class Words:
    """The word half of a batch."""

    words: Tensor
    """(B, E, L)"""
    mask: Tensor
    """(B, L)"""
    spans: Tensor
    """(B, L, 2)"""


def lines_by_label(texts: Texts, split: str) -> list[NDArray[np.int64]]:
    """Return the lines of each label in one split."""
    return [
        np.array([i for i, line in enumerate(texts.lines) if line.split == split and line.label == label])
        for label in range(len(corpora.LABELS))
    ]


def fitting(kind: str, *, plain: bool, chance: float) -> str:
    """Return the kind of pair that a voice allows: only a plain voice can be overruled by words, or none conflict."""
    if plain and (kind == "conflict" or (kind == "match" and chance < 0.5)):
        return "plain voice"
    return "match" if kind == "plain voice" and not plain else kind


def word_label(kind: str, label: int, rng: np.random.Generator) -> int:
    """Return the label that the words of a pair carry, given the voice's."""
    if kind == "plain words":
        return NONE_INDEX
    if kind in ("plain voice", "no voice"):
        return int(rng.integers(contract.N_EMOTIONS))
    if kind == "conflict":
        return int(rng.choice([c for c in range(contract.N_EMOTIONS) if c != label]))
    return label


def spread(n: int, voice: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return (n, 2) plausible times of `n` words over a voice, in columns, with a recogniser's jitter."""
    edges = np.linspace(float(voice[0]), max(float(voice[1]), float(voice[0]) + 2.0 * n), n + 1)
    times = np.stack((edges[:-1], edges[1:]), axis=1) + rng.normal(0.0, 5.0, (n, 1))
    return np.clip(times, 0.5, contract.N_COLUMNS).astype(np.float32)


def assemble(
    windows: list[NDArray[np.int32]], table: NDArray[np.float32], voices: NDArray[np.float32], rng: np.random.Generator
) -> Words:
    """Return word matrices of full size; the words of four windows in ten have no known time."""
    size = len(windows)
    words = np.zeros((size, contract.N_WORDS, contract.WORD_DIMS), np.float32)
    mask = np.zeros((size, contract.N_WORDS), np.bool_)
    spans = np.zeros((size, contract.N_WORDS, 2), np.float32)
    for row, window in enumerate(windows):
        n = len(window)
        if n == 0:
            continue
        words[row, -n:] = table[window]
        mask[row, -n:] = window > 0
        if rng.random() < 0.6:
            spans[row, -n:] = spread(n, voices[row], rng)
    spans[~mask] = 0.0
    return Words(torch.from_numpy(words).transpose(1, 2), torch.from_numpy(mask), torch.from_numpy(spans))


def draw(
    labels: NDArray[np.int64],
    kinds: list[str],
    lines: list[NDArray[np.int64]],
    window: Callable[[int, np.random.Generator], NDArray[np.int32]],
    rng: np.random.Generator,
) -> tuple[list[NDArray[np.int32]], NDArray[np.int64]]:
    """Return a window of words per pair, and what the pair should be called.

    `labels` are the voices'. A plain voice under emotional words is called by the words.
    """
    windows, called = [], labels.copy()
    for row, kind in enumerate(kinds):
        said = word_label(kind, int(labels[row]), rng)
        if kind == "no words":
            windows.append(np.zeros(0, np.int32))
            continue
        windows.append(window(int(rng.choice(lines[said])), rng))
        if kind in ("plain voice", "no voice"):
            called[row] = said
    return windows, called
