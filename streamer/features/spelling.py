"""Words that are spelled alike: who answers for a word that the table of vectors does not know.

Two words are as alike as the pieces of three to five letters that they share, edges marked, each weighed by how few
words hold it (a cosine; the pieces are those of Bojanowski et al. 2017, "Enriching Word Vectors with Subword
Information"). Nothing that was asked is kept.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

PIECE_LETTERS: Final = (3, 4, 5)
SHORTEST_LETTERS: Final = 4
"""Shorter words share too little to be told apart by it."""

N_ALIKE: Final = 5
LEAST_LIKENESS: Final = 0.5
"""Five at most answer for a word, and none that is less alike (models/EXPERIMENTS.md)."""


class Spelling:
    """The pieces of all words of a table, and which words hold each."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        held: dict[str, list[int]] = {}
        for row, word in enumerate(vocabulary):
            for piece in _pieces(word):
                held.setdefault(piece, []).append(row)
        sizes = np.array([len(rows) for rows in held.values()], np.int64)
        self._place = {piece: place for place, piece in enumerate(held)}
        self._ends = np.concatenate(([0], sizes.cumsum()))
        self._rows = np.fromiter((row for rows in held.values() for row in rows), np.int32, int(sizes.sum()))
        # One more word than there are: what every word holds still counts a little, and nothing is divided by zero.
        self._worth = np.log((len(vocabulary) + 1) / np.append(sizes, 1)).astype(np.float32)
        squares = np.bincount(self._rows, np.repeat(self._worth[:-1], sizes), len(vocabulary))
        self._lengths = np.sqrt(np.maximum(squares, 1e-6))

    def alike(self, word: str) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return rows of the words most alike, best first, and their shares, which sum to 1; none may be alike."""
        pieces = _pieces(word)
        places = [self._place[piece] for piece in pieces if piece in self._place]
        likeness = np.zeros(len(self._lengths))
        for place in places:
            likeness[self._rows[self._ends[place] : self._ends[place + 1]]] += self._worth[place]
        # A piece that no word of the table holds is as telling as one that a single word holds.
        square = self._worth[places].sum() + self._worth[-1] * (len(pieces) - len(places))
        likeness /= self._lengths * np.sqrt(max(float(square), 1e-6))
        near = np.flatnonzero(likeness > LEAST_LIKENESS)
        best = near[np.argsort(-likeness[near], kind="stable")[:N_ALIKE]]
        return best, likeness[best] / max(float(likeness[best].sum()), LEAST_LIKENESS)


def _pieces(word: str) -> frozenset[str]:
    if len(word) < SHORTEST_LETTERS or not word.isalpha():
        return frozenset()
    marked = f"<{word}>"
    return frozenset(marked[at : at + n] for n in PIECE_LETTERS for at in range(len(marked) - n + 1))
