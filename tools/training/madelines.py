"""Lines that nobody has said, for a teacher to read and its pupils to learn from: there are never enough real ones.

A line of training is spliced with another of its corpus, words are left out, and words give way to ones like them. What
such a line feels like is what the teacher reads in it, whatever the line that it was made from was labelled.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamer.features import words
from streamer.network import contract
from tools.training import corpora, textdata
from tools.training.textdata import Texts

SPLIT: Final = textdata.LEARNED[1]

SPLICED: Final = 0.3
"""Share of lines that begin as one and end as another."""

LOST: Final = 0.1
"""Share of words left out."""

CHANGED: Final = 0.2
"""Share of words that give way to another."""

N_ALIKE: Final = 8
LEAST_ALIKE: Final = 0.4
"""Cosine from which on a word may stand for another."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Words that may stand for one another."""

    place: dict[str, int]
    vocabulary: list[str]
    nearest: NDArray[np.int64]
    """(words, N_ALIKE), -1 where there are fewer"""

    def instead(self, word: str, rng: np.random.Generator) -> str:
        """Return a word like this one, or itself where there is none."""
        at = self.place.get(word)
        other = -1 if at is None else int(rng.choice(self.nearest[at]))
        return word if other < 0 else self.vocabulary[other]


def alike(texts: Texts) -> Alike:
    """Return which words of the table are nearest to which; marks are like nothing."""
    rows = texts.table[1:] / np.maximum(np.linalg.norm(texts.table[1:], axis=1, keepdims=True), 1e-9)
    nearest = np.full((len(rows), N_ALIKE), -1, np.int64)
    for part in np.array_split(np.arange(len(rows)), len(rows) // 512 + 1):
        near = rows[part] @ rows.T
        near[np.arange(len(part)), part] = -1.0
        n = min(N_ALIKE, near.shape[1])
        best = np.argpartition(-near, n - 1, axis=1)[:, :n]
        nearest[part, :n] = np.where(np.take_along_axis(near, best, axis=1) >= LEAST_ALIKE, best, -1)
    marks = [at for at, word in enumerate(texts.vocabulary) if word in words.MARKS]
    nearest[np.isin(nearest, marks)] = -1
    nearest[marks] = -1
    return Alike({word: i for i, word in enumerate(texts.vocabulary)}, texts.vocabulary, nearest)


def make(texts: Texts, n: int, rng: np.random.Generator) -> list[corpora.Line]:
    """Return `n` lines."""
    training = [line for line in texts.lines if line.split == "train"]
    by_corpus = {c: [line for line in training if line.corpus == c] for c in {line.corpus for line in training}}
    near = alike(texts)
    return [_made(training[int(i)], by_corpus, near, rng) for i in rng.integers(len(training), size=n)]


def _made(
    line: corpora.Line, by_corpus: dict[str, list[corpora.Line]], near: Alike, rng: np.random.Generator
) -> corpora.Line:
    said = tokens_of(line)
    if rng.random() < SPLICED:
        others = by_corpus[line.corpus]
        other = tokens_of(others[int(rng.integers(len(others)))])
        said = said[: int(rng.integers(1, len(said) + 1))] + other[int(rng.integers(len(other))) :]
    chance = rng.random(len(said))
    kept = [near.instead(w, rng) if c < CHANGED else w for w, c in zip(said, chance, strict=True) if c < 1.0 - LOST]
    return replace(line, text=spoken(kept or said), split=SPLIT)


def tokens_of(line: corpora.Line) -> list[str]:
    """Return the newest words of a line that a window holds; at least one."""
    return words.tokens(textdata.clean(line.text))[-contract.N_WORDS :] or ["?"]


def spoken(said: list[str]) -> str:
    """Return words as one text, cut short forms and marks standing close."""
    text = "".join(w if w in words.MARKS or "'" in w[:2] else f" {w}" for w in said)
    return text.strip()
