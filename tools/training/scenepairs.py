"""Scenes with lines, seven answers, a side missing at times: the paper's networks are trained on them for the monitor.

Scenes are clips as a microphone might hear them (pictures.py); a scene gets a line by label alone, so voice and words
are independent given the label: whatever is measured on such pairs is called "synthetic pairing". Speakers and lines
are split before anything is paired.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from streamer.features.words import MARKS
from streamer.network import contract
from tools.training import batches, corpora, pairs, pictures, soundstore
from tools.training.batches import Ints
from tools.training.crosspairs import Lines

NONE_INDEX: Final = corpora.LABELS.index(corpora.NONE)

Kind = Literal["match", "plain words", "no words", "no voice", "plain voice"]
KINDS: Final[dict[bool, dict[Kind, float]]] = {
    False: {"match": 0.4, "plain words": 0.25, "no words": 0.25, "no voice": 0.1},
    True: {"match": 0.3, "no words": 0.4, "plain voice": 0.2, "no voice": 0.1},
}
"""How words go with a voice, by whether it is plain: of its label; without emotion; none; words alone; and emotional
words in a plain voice or over noise, which are then believed. Choice."""

SURE_COLUMNS: Final = 50
"""A window is called by its newest voice once that was heard for 1 s, or to its end."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that scenes are played with."""

    store: soundstore.SoundStore
    lines: Lines
    marks: Ints
    """Rows of the punctuation marks in the table."""
    folder: Path
    copies: int


def prepare(root: Path, work: Path, lines: Lines, vocabulary: list[str], copies: int) -> Stage:
    """Return the stage; makes the scenes first where `work` does not hold them."""
    pictures.build_all(root, work, copies, 1, 1)
    marks = np.array([vocabulary.index(mark) + 1 for mark in MARKS if mark in vocabulary], np.int64)
    return Stage(soundstore.load(root, work), lines, marks, work, copies)


class ScenePairs:
    """One split: the training scenes, whose copy, end and words change with the epoch, or held-out ones as recorded."""

    def __init__(self, stage: Stage, split: str, *, fixed: Kind | None = None) -> None:
        self.stage = stage
        self._fixed = fixed or ("match" if split != "train" else None)
        names = [f"train-{copy}" for copy in range(stage.copies)] if split == "train" else [f"{split}-clean"]
        self._copies = [pictures.open_scenes(stage.folder, name) for name in names]
        notes = self._copies[0].notes
        self.clips: Ints = notes["clip"].astype(np.int64)
        self.labels: Ints = notes["label"].astype(np.int64)
        recordings = stage.store.recordings
        speakers = [recordings[clip].speaker if clip >= 0 else "nobody" for clip in self.clips]
        self.groups: Ints = np.unique(speakers, return_inverse=True)[1].astype(np.int64)
        self._lines = stage.lines.of(split, len(corpora.LABELS))
        self._spoken = [lines for lines in self._lines if len(lines)]
        corpora_of = np.array([recordings[clip].corpus if clip >= 0 else "" for clip in self.clips])
        self.weights = weights_of(corpora_of, self.labels)
        self._allowed = np.ones((len(self.labels), len(corpora.LABELS)), np.bool_)
        for corpus in set(corpora_of) - {""}:
            rows = corpora_of == corpus
            self._allowed[rows] = np.isin(np.arange(len(corpora.LABELS)), self.labels[rows])

    def batch(self, rows: Ints, seed: int, epoch: int) -> batches.Batch:
        """Return pairs; newest column and newest word last."""
        size = len(rows)
        picture = np.zeros((size, *contract.PICTURE_SHAPE), np.float32)
        columns = np.zeros((size, contract.N_COLUMNS), np.bool_)
        said = np.zeros((size, *contract.WORDS_SHAPE), np.float32)
        mask = np.zeros((size, contract.N_WORDS), np.bool_)
        spans = np.zeros((size, contract.N_WORDS, 2), np.float32)
        labels = self.labels[rows].copy()
        for at, row in enumerate(rows.tolist()):
            rng = np.random.default_rng([row, 31] if self._fixed else [seed, epoch, row, 31])
            kind = self._fixed or drawn(rng, plain=bool(labels[at] == NONE_INDEX))
            copy = 0 if self._fixed or rng.random() < 0.15 else int(rng.integers(len(self._copies)))
            sound, voice = self._sound(self._copies[copy], row, rng)
            if kind != "no voice":
                picture[at, :, -sound.shape[1] :] = sound
                columns[at, -sound.shape[1] :] = True
            if kind == "plain voice":
                labels[at] = rng.integers(contract.N_EMOTIONS)
            line = self._words(kind, int(labels[at]), rng)
            if len(line):
                said[at, :, -len(line) :] = self.stage.lines.table[line].T
                mask[at, -len(line) :] = line > 0
                spans[at, -len(line) :] = pairs.spread(len(line), voice, rng)
        spans[~mask] = 0.0
        allowed = self._allowed[rows].copy()
        allowed[np.arange(size), labels] = True
        arrays = {"picture": picture, "columns": columns, "words": said, "word_mask": mask, "word_spans": spans}
        return batches.of_arrays(arrays, labels, None if self._fixed else allowed)

    def _sound(
        self, scenes: pictures.Scenes, row: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return (F, n) columns and where in a whole picture (2,) the newest voice lies."""
        note = scenes.notes[row]
        n, on, off = int(note["columns"]), int(note["on"]), int(note["off"])
        end = n
        if not self._fixed and rng.random() < 0.5:
            end = int(rng.integers(max(1, min(on + SURE_COLUMNS, off, n)), n + 1))
        first = max(end - contract.N_COLUMNS, 0)
        begin = int(note["start"])
        kept = scenes.columns[begin + first : begin + end].T.astype(np.float32) / np.float32(255.0)
        voice = np.clip((on - end, off - end), -contract.N_COLUMNS, 0) + np.float32(contract.N_COLUMNS)
        return (kept if self._fixed else changed(kept, rng)), voice.astype(np.float32)

    def _words(self, kind: Kind, label: int, rng: np.random.Generator) -> NDArray[np.int32]:
        """Return rows of the table, newest last: a line, in training at times after another one and without marks."""
        if kind == "no words":
            return np.zeros(0, np.int32)
        lines = self._lines[NONE_INDEX if kind == "plain words" else label]
        if len(lines) == 0:
            return np.zeros(0, np.int32)
        known = self.stage.lines.rows
        words = known[int(rng.choice(lines))]
        if self._fixed:
            return words
        if rng.random() < 0.25:
            words = np.concatenate((known[int(rng.choice(self._spoken[int(rng.integers(len(self._spoken)))]))], words))
        if rng.random() < 0.5:
            words = words[~np.isin(words, self.stage.marks)]
        words = words[-contract.N_WORDS :].copy()
        words[rng.random(len(words)) < 0.05] = 0
        return words


def drawn(rng: np.random.Generator, *, plain: bool) -> Kind:
    """Return how words go with a voice."""
    kinds = KINDS[plain]
    return list(kinds)[int(rng.choice(len(kinds), p=list(kinds.values())))]


def changed(columns: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return (F, n) with the bands warped by up to a tenth, another level, and a hole in frequency."""
    if rng.random() < 0.6:
        source = np.round(np.arange(contract.N_BANDS) * rng.uniform(0.9, 1.1)).clip(0, contract.N_BANDS - 1)
        columns = columns[source.astype(np.int64)]
    columns = (columns + np.float32(rng.uniform(-0.05, 0.05))).clip(0.0, 1.0)
    low = int(rng.integers(contract.N_BANDS))
    columns[low : low + int(rng.integers(0, 25))] = 0.0
    return columns


def weights_of(corpora_of: NDArray[np.str_], labels: Ints) -> NDArray[np.float64]:
    """Return how often each scene is drawn: corpora by the root of their size, in them classes evenly."""
    weights = np.zeros(len(labels))
    for corpus in np.unique(corpora_of):
        here = corpora_of == corpus
        for label in np.unique(labels[here]):
            rows = here & (labels == label)
            weights[rows] = np.sqrt(here.sum()) / len(np.unique(labels[here])) / rows.sum()
    return np.asarray(weights / weights.sum())
