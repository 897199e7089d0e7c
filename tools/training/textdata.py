"""Windows of words for training: a line, perhaps with earlier lines before it, as a recogniser might hand it over."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamer.features import words
from streamer.network import contract
from tools.training import corpora

DIALOGUES = ("meld", "emorynlp", "dailydialog")
"""Corpora whose neighbouring rows were spoken one after the other."""

LEARNED = ("train", "made")
"""Splits of the lines that are learned; the second was never said (madelines)."""

MOST_LINES = 8
"""Lines of one window, the newest among them."""

UNKNOWN = 0
"""Row of the table for what has no vector; the vocabulary begins at 1."""

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


class Vectors(Protocol):
    """Where a table begins."""

    def known(self, vocabulary: list[str]) -> tuple[list[str], NDArray[np.float32]]:
        """Return the words that have a vector, and these (words, 300)."""


def read(root: Path, source: Vectors, size: int) -> Texts:
    """Return all lines of all text corpora, and the table they start from."""
    lines = [line for corpus in corpora.TEXT_CORPORA for line in corpora.lines(root, corpus)]
    vocabulary, vectors = source.known(vocabulary_of(lines, size))
    table = np.concatenate((np.zeros_like(vectors[:1]), vectors))
    return Texts(vocabulary, table, rows_of(vocabulary, lines), lines)


def rows_of(vocabulary: list[str], lines: list[corpora.Line]) -> list[NDArray[np.int32]]:
    """Return the words of each line as rows of the table."""
    index = {token: i for i, token in enumerate(vocabulary, 1)}
    return [np.array([index.get(t, UNKNOWN) for t in words.tokens(clean(line.text))], np.int32) for line in lines]


@dataclass(frozen=True, slots=True)
class WordBatch:
    """Windows of words as rows of the table, newest last; row 0 is masked."""

    rows: Tensor
    """(B, L) i64"""
    target: Tensor
    """(B, C) f32 of `targets`: not normalised, zero where the corpus has no such class"""
    allowed: Tensor
    """(B, C) bool"""


@dataclass(frozen=True, slots=True)
class Spoiling:
    """How windows differ from clean single lines."""

    alone: float = 0.45
    """Share of windows with no earlier line."""
    full: float = 0.2
    """Share filled with earlier lines; the rest has one to three of them."""
    plain: float = 0.5
    paused: float = 0.0
    """Share with a pause before the newest line."""
    cut: float = 0.15
    """Share whose newest line is still being spoken."""
    clean: float = 0.4
    """Share without a recogniser's errors."""
    lost: float = 0.12
    """Words lost in the others."""
    wrong: float = 0.03


class WordWindows:
    """Draws batches from the training lines; everything is index arithmetic on one flat array of rows."""

    def __init__(
        self,
        texts: Texts,
        favour: Mapping[str, float] | None = None,
        spoiling: Spoiling | None = None,
        taught: NDArray[np.float32] | None = None,
    ) -> None:
        """Args: favour: how often a corpus' lines are drawn, against 1; taught: (lines, C) in place of `targets`."""
        self.texts = texts
        self._lines = texts.lines
        self._spoiling = spoiling or Spoiling()
        self._n_words = len(texts.vocabulary)
        self.marks = np.array([texts.vocabulary.index(m) + 1 for m in words.MARKS if m in texts.vocabulary])
        self.training = np.array([i for i, line in enumerate(texts.lines) if line.split in LEARNED])
        views = [*texts.rows, *(rows[~np.isin(rows, self.marks)] for rows in texts.rows)]
        self._ends = np.cumsum([len(rows) for rows in views])
        self._lengths = np.array([len(rows) for rows in views])
        # Nothing stands at the end, long enough for a pause.
        self._flat = np.concatenate([*views, np.zeros(contract.N_WORDS, np.int32)])
        self._before = lines_before(texts.lines)
        self._corpus = np.array([corpora.TEXT_CORPORA.index(line.corpus) for line in texts.lines])
        self._by_corpus = [self.training[self._corpus[self.training] == c] for c in range(len(corpora.TEXT_CORPORA))]
        # A teacher who is not told whose line it is may name classes that the line's corpus has not.
        self._allowed = (class_weights(texts) > 0) | (taught is not None)
        self._target = targets(texts) if taught is None else taught
        drawn = np.array([(favour or {}).get(line.corpus, 1.0) for line in texts.lines])[self.training]
        self.chance = drawn / drawn.sum()

    def rows(self, lines: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Return (B, 40) rows of the table, newest last."""
        size, how = len(lines), self._spoiling
        plain = rng.random(size) < how.plain
        depth = np.where(rng.random(size) < how.full / max(1.0 - how.alone, 1e-9), MOST_LINES, rng.integers(2, 5, size))
        depth = np.where(rng.random(size) < how.alone, 1, depth)
        back = np.arange(MOST_LINES)
        strange = np.stack([rng.choice(self._by_corpus[c], MOST_LINES) for c in self._corpus[lines]])
        said = np.where(back <= self._before[lines, None], lines[:, None] - back, strange)
        said += len(self._lines) * plain[:, None]  # (B, MOST_LINES) lines of the view, newest first
        lengths = self._lengths[said] * (back < depth[:, None])
        ends = self._ends[said]
        kept = np.ceil(lengths[:, 0] * rng.uniform(0.6, 1.0, size)).astype(np.int64)
        cut = np.where((rng.random(size) < how.cut) & (lengths[:, 0] > 5), lengths[:, 0] - kept, 0)
        lengths[:, 0] -= cut
        ends[:, 0] -= cut
        silent = np.where(rng.random(size) < how.paused, words.PAUSE_SLOTS, 0)
        lengths, ends = np.insert(lengths, 1, silent, axis=1), np.insert(ends, 1, len(self._flat), axis=1)
        rows = self._flat[places(lengths, ends, len(self._flat) - 1)]
        rate = np.where(rng.random(size) < how.clean, 0.0, 1.0)[:, None]
        chance = rng.random(rows.shape)
        wrong = rng.integers(1, self._n_words + 1, rows.shape)
        rows = np.where((chance < how.wrong * rate) & (rows > 0), wrong, rows)
        rows[(chance > 1.0 - how.lost * rate)] = UNKNOWN
        return rows.astype(np.int64)

    def window(self, line: int, rng: np.random.Generator) -> NDArray[np.int32]:
        """Return up to 40 rows: the line, half of the time after earlier ones, with a recogniser's errors."""
        rows = self.rows(np.array([line]), rng)[0]
        known = np.flatnonzero(rows)
        return np.asarray(rows[known[0] if len(known) else len(rows) :], np.int32)

    def batches(self, size: int, n: int, rng: np.random.Generator) -> list[WordBatch]:
        """Return `n` batches of windows of like length, which costs half of what mixed lengths would."""
        chosen = rng.choice(self.training, size=size * n, p=self.chance)
        rows = self.rows(chosen, rng)
        widths = contract.N_WORDS - np.argmax(rows > 0, axis=1)
        order = np.argsort(widths + rng.uniform(0.0, 4.0, len(widths)))
        made = []
        for part in rng.permutation(n):
            held = order[part * size : (part + 1) * size]
            lines = chosen[held]
            target = torch.from_numpy(self._target[lines])
            allowed = torch.from_numpy(self._allowed[lines])
            width = int(widths[held].max())
            made.append(WordBatch(torch.from_numpy(rows[held][:, -width:]), target, allowed))
        return made


def lines_before(lines: list[corpora.Line]) -> NDArray[np.int64]:
    """Return how many training lines stand directly before each line of a dialogue corpus."""
    before = np.zeros(len(lines), np.int64)
    for i in range(1, len(lines)):
        near = lines[i - 1]
        if lines[i].corpus in DIALOGUES and near.corpus == lines[i].corpus and near.split == "train":
            before[i] = before[i - 1] + 1
    return before


def places(lengths: NDArray[np.int64], ends: NDArray[np.int64], nothing: int) -> NDArray[np.int64]:
    """Return (B, 40) places in a flat array of the newest 40 words of lines, newest last; `nothing` where none is left.

    Args: lengths, ends: (B, lines) of each line in the flat array, newest line first.
    """
    age = np.arange(contract.N_WORDS - 1, -1, -1)
    reached = np.cumsum(lengths, axis=1)
    part = (age[None, :, None] >= reached[:, None, :]).sum(axis=-1)  # (B, 40): which line
    inside = np.minimum(part, lengths.shape[1] - 1)
    first = np.take_along_axis(reached - lengths, inside, axis=1)
    place = np.take_along_axis(ends, inside, axis=1) - 1 - (age - first)
    return np.where(part < lengths.shape[1], place, nothing)


def class_weights(texts: Texts, hardness: float = 0.5) -> NDArray[np.float32]:
    """Return (lines, C): (mean / n)^hardness of each class within the line's corpus, 0 for classes it has not."""
    weights = np.zeros((len(corpora.TEXT_CORPORA), len(corpora.LABELS)), np.float32)
    for (corpus, label), n in Counter((x.corpus, x.label) for x in texts.lines if x.split == "train").items():
        weights[corpora.TEXT_CORPORA.index(corpus), label] = n
    mean = weights.sum(axis=1, keepdims=True) / np.maximum((weights > 0).sum(axis=1, keepdims=True), 1)
    weights = np.where(weights > 0, (mean / np.maximum(weights, 1.0)) ** hardness, 0.0).astype(np.float32)
    return weights[[corpora.TEXT_CORPORA.index(line.corpus) for line in texts.lines]]


def targets(texts: Texts, smoothing: float = 0.05) -> NDArray[np.float32]:
    """Return (lines, C): the label, smoothed over what its corpus has, times class weights."""
    weights = class_weights(texts)
    allowed = weights > 0
    hard = np.eye(len(corpora.LABELS), dtype=np.float32)[[line.label for line in texts.lines]]
    soft = (1.0 - smoothing) * hard + smoothing * allowed / allowed.sum(axis=1, keepdims=True)
    return np.asarray(soft * weights, np.float32)


def newest_last(windows: list[NDArray[np.int32]]) -> Tensor:
    """Return (B, L) i64, each window at the right, row 0 before it; L is the longest's length, at least 1."""
    width = max(1, *(len(w) for w in windows))
    rows = np.zeros((len(windows), width), np.int64)
    for at, window in enumerate(windows):
        if len(window):
            rows[at, width - len(window) :] = window
    return torch.from_numpy(rows)
