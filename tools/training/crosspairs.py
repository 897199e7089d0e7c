"""Synthetic pairs for the paper's networks: a clip of one corpus with a line of another, joined by label alone.

Voice and words are independent given the label, which real speech is not: whatever is measured on such pairs is
called "synthetic pairing". Speakers and lines are split before anything is paired. The six classes of the contract
only; neutral clips and lines are left out.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from streamer.features import words
from streamer.network import contract
from tools.training import batches, clipstore, corpora, pairs, soundstore, textdata
from tools.training.batches import Ints

HELD_OUT = -1
"""Epoch of held-out pairs, which never change."""

Mode = Literal["match", "shuffled", "none"]
"""How lines go with clips: of the clip's label; of any clip's label; not at all."""


@dataclass(frozen=True, slots=True)
class Lines:
    """All emotional lines of the text corpora, as rows of the vector table (0: unknown)."""

    table: NDArray[np.float32]
    rows: list[NDArray[np.int32]]
    lines: list[corpora.Line]

    def of(self, split: str) -> list[Ints]:
        """Return the lines of each class in one split."""
        by_label: list[list[int]] = [[] for _ in contract.EMOTIONS]
        for at, line in enumerate(self.lines):
            if line.split == split and len(self.rows[at]):
                by_label[line.label].append(at)
        return [np.array(found, np.int64) for found in by_label]


@dataclass(frozen=True, slots=True)
class Material:
    """Everything pairs are made of, read once and shared by the splits."""

    store: soundstore.SoundStore
    clips: clipstore.Clips
    lines: Lines
    step: int


def read_lines(root: Path, vectors: Path) -> Lines:
    """Return the lines of all text corpora in the words of the vector folder `vectors`."""
    known = words.WordVectors.load(vectors)
    vocabulary = (vectors / "vocabulary.txt").read_text(encoding="utf-8").splitlines()
    index = {token: at for at, token in enumerate(vocabulary, 1)}
    table = np.zeros((len(vocabulary) + 1, contract.WORD_DIMS), np.float32)
    for token, at in index.items():
        vector = known.vector(token)
        table[at] = 0.0 if vector is None else vector
    every = [line for corpus in corpora.TEXT_CORPORA for line in corpora.lines(root, corpus)]
    lines = [line for line in every if line.label < contract.N_EMOTIONS]
    rows = [
        np.array([index.get(t, 0) for t in words.tokens(textdata.clean(line.text))][-contract.N_WORDS :], np.int32)
        for line in lines
    ]
    return Lines(table, rows, lines)


def prepare(root: Path, work: Path, vectors: Path, step: int) -> Material:
    """Return what pairs are made of; decodes and computes columns first where `work` does not hold them."""
    store = soundstore.load(root, work)
    return Material(store, clipstore.load(store, work, step), read_lines(root, vectors), step)


class CrossPairs:
    """One split."""

    def __init__(self, material: Material, split: str, *, mode: Mode = "match", per_clip: int = 1) -> None:
        self.material = material
        self._mode = mode
        self._fixed = split != "train"
        recordings = material.store.recordings
        chosen = [i for i, r in enumerate(recordings) if r.split == split and r.label < contract.N_EMOTIONS]
        self.clips: Ints = np.repeat(np.array(chosen, np.int64), per_clip)
        self.labels: Ints = np.array([recordings[i].label for i in self.clips], np.int64)
        self.speakers = [recordings[i].speaker for i in self.clips]
        self.groups: Ints = np.unique(self.speakers, return_inverse=True)[1].astype(np.int64)
        self._lines = material.lines.of(split)
        self._partners: tuple[tuple[int, int], Ints] = ((-1, -1), np.zeros(0, np.int64))

    def partners(self, seed: int, epoch: int) -> Ints:
        """Return the line of every row in an epoch; held-out rows keep theirs whatever seed and epoch."""
        key = (0, HELD_OUT) if self._fixed else (seed, epoch)
        if self._partners[0] != key:
            rng = np.random.default_rng([key[0], key[1] + 1, 17])
            drawn = np.zeros(len(self.labels), np.int64)
            for label, lines in enumerate(self._lines):
                rows = np.flatnonzero(self.labels == label)
                drawn[rows] = rng.choice(lines, size=len(rows))
            self._partners = (key, rng.permutation(drawn) if self._mode == "shuffled" else drawn)
        return self._partners[1]

    def batch(self, rows: Ints, seed: int, epoch: int) -> batches.Batch:
        """Return pairs; newest column and newest word last."""
        size = len(rows)
        picture = np.zeros((size, *contract.PICTURE_SHAPE), np.float32)
        columns = np.zeros((size, contract.N_COLUMNS), np.bool_)
        said = np.zeros((size, *contract.WORDS_SHAPE), np.float32)
        mask = np.zeros((size, contract.N_WORDS), np.bool_)
        spans = np.zeros((size, contract.N_WORDS, 2), np.float32)
        partners = self.partners(seed, epoch)
        for at, row in enumerate(rows.tolist()):
            sound = self.material.clips.picture(int(self.clips[row]))
            n = sound.shape[1]
            picture[at, :, -n:] = sound
            columns[at, -n:] = True
            line = self.material.lines.rows[int(partners[row])]
            if self._mode != "none":
                said[at, :, -len(line) :] = self.material.lines.table[line].T
                mask[at, -len(line) :] = line > 0
                spans[at, -len(line) :] = self._times(len(line), n, row, epoch)
        spans[~mask] = 0.0
        arrays = {"picture": picture, "columns": columns, "words": said, "word_mask": mask, "word_spans": spans}
        return batches.of_arrays(arrays, self.labels[rows])

    def _times(self, n_words: int, n_columns: int, row: int, epoch: int) -> NDArray[np.float32]:
        """Return (n, 2) made-up times: evenly over the voice, with a recogniser's jitter."""
        rng = np.random.default_rng([row, 0 if self._fixed else epoch, 23])
        voice = np.array([contract.N_COLUMNS - n_columns, contract.N_COLUMNS], np.float32)
        return pairs.spread(n_words, voice, rng)
