"""A generated task whose answer lies only in the relation of words and sound.

The picture is a row of six stretches. Each has a mark (a band of its own) and a tone; marks and tones are dealt out
anew in every row, each once, so that every row holds all six tones (training rows may repeat a tone). One of the words
names a mark: the class is the tone of that stretch, all other words mean nothing. Neither words nor sound alone tell
anything.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamer.network import contract
from tools.training import batches
from tools.training.batches import Ints

STRETCH = 48
"""Columns: about a second of the live profile."""
STRETCHES = contract.N_EMOTIONS
N_FILLERS = 20


@dataclass(frozen=True, slots=True)
class Task:
    """How hard it is."""

    rows: int
    words: int = 4
    hints: bool = False
    """True: tones may come more than once in a row, so that sound alone hints at the answer. Training begins to move
    sooner so; what is learned from hints is worth nothing on rows without them."""
    seed: int = 0
    """Of rows; words and bands are the same for all seeds."""


class Relation:
    """Rows of the task, made when they are asked for."""

    def __init__(self, task: Task) -> None:
        self._task = task
        chance = np.random.default_rng(0)
        names = chance.standard_normal((STRETCHES + N_FILLERS, contract.WORD_DIMS))
        self._names = (names / np.linalg.norm(names, axis=1, keepdims=True) * 5.0).astype(np.float32)
        # Bands: marks below, tones above, each four wide with a gap of as many.
        self._mark = 4 + 8 * np.arange(STRETCHES)
        self._tone = 8 * (STRETCHES + 2) + 8 * np.arange(contract.N_EMOTIONS)
        rng = np.random.default_rng([task.seed, 1])
        dealt = rng.permuted(np.tile(np.arange(STRETCHES), (task.rows, 1)), axis=1)
        self.tones = rng.integers(contract.N_EMOTIONS, size=dealt.shape) if task.hints else dealt
        self.named = rng.integers(STRETCHES, size=task.rows)
        self.labels: Ints = self.tones[np.arange(task.rows), self.named].astype(np.int64)
        self.groups: Ints = np.arange(task.rows, dtype=np.int64)

    def picture(self, row: int) -> NDArray[np.float32]:
        """Return (F, T): marks and tones over a little noise; stretches in an order of their own."""
        rng = np.random.default_rng([self._task.seed, 2, row])
        picture = np.zeros(contract.PICTURE_SHAPE, np.float32)
        first = contract.N_COLUMNS - STRETCH * STRETCHES
        noise = rng.random((contract.N_BANDS, STRETCH * STRETCHES), np.float32)
        picture[:, first:] = np.float32(0.15) * noise
        for place, mark in enumerate(rng.permutation(STRETCHES)):
            when = slice(first + place * STRETCH, first + (place + 1) * STRETCH)
            for band in (self._mark[mark], self._tone[self.tones[row, mark]]):
                picture[band : band + 4, when] += 0.7
        return picture

    def words(self, row: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return (E, L) and (L,): the name of a mark among fillers, newest last."""
        rng = np.random.default_rng([self._task.seed, 3, row])
        said = STRETCHES + rng.integers(N_FILLERS, size=self._task.words)
        said[rng.integers(self._task.words)] = self.named[row]
        words, mask = np.zeros(contract.WORDS_SHAPE, np.float32), np.zeros(contract.N_WORDS, np.bool_)
        words[:, -len(said) :] = self._names[said].T
        mask[-len(said) :] = True
        return words, mask

    def batch(self, rows: Ints, seed: int, epoch: int) -> batches.Batch:
        """Return rows; every epoch has the same."""
        del seed, epoch
        pictures = np.stack([self.picture(int(row)) for row in rows])
        said = [self.words(int(row)) for row in rows]
        columns = np.zeros((len(rows), contract.N_COLUMNS), np.bool_)
        columns[:, contract.N_COLUMNS - STRETCH * STRETCHES :] = True
        arrays = {
            "picture": pictures,
            "columns": columns,
            "words": np.stack([words for words, _ in said]),
            "word_mask": np.stack([mask for _, mask in said]),
            "word_spans": np.zeros((len(rows), contract.N_WORDS, 2), np.float32),
        }
        return batches.of_arrays(arrays, self.labels[rows])
