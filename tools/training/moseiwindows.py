"""CMU-MOSEI as tools/prepare_mosei.py leaves it, memory-mapped, with one of six classes per segment: real pairs.

A segment's class is its strongest emotion. Segments without any emotion and segments with a tie for the strongest
are left out, and counted; they are never called by whichever class stands first. So are segments without sound.
"""

import csv
import json
from pathlib import Path
from typing import Final

import numpy as np

from streamer.errors import SourceError
from tools.mosei.labels import SAME
from tools.mosei.store import Prepared
from tools.training import batches
from tools.training.batches import Ints
from tools.training.crosspairs import Mode

HELD_OUT: Final = ("valid", "test")


class MoseiWindows:
    """One split of a prepared folder; rows are those segments that have sound and one strongest emotion.

    `mode` says which words go with the sound: its own, those of another segment of the split, or none.
    """

    def __init__(self, folder: Path, split: str, *, mode: Mode = "match") -> None:
        if not (folder / split / "manifest.csv").is_file() or not (folder / "summary.json").is_file():
            message = (
                f"{str(folder)!r} holds no whole {split}; wanted a folder that tools/prepare_mosei.py has finished"
            )
            raise SourceError(message)
        self._prepared = Prepared.open(folder / split)
        if "columns" not in self._prepared.arrays:
            message = f"{str(folder)!r} was prepared without sound; prepare it again with --audio DIR"
            raise SourceError(message)
        self._mode = mode
        self._fixed = split in HELD_OUT
        intensities = np.asarray(self._prepared.arrays["intensities"])
        heard = np.asarray(self._prepared.arrays["columns"]).any(axis=1)
        best = intensities.max(axis=1, initial=0.0)
        strongest = (intensities >= best[:, None] - SAME).sum(axis=1)
        emotional = best > 0.0
        self.n_segments = len(best)
        self.n_none = int(np.sum(~emotional))
        self.n_ties = int(np.sum(emotional & (strongest > 1)))
        self.n_silent = int(np.sum(emotional & (strongest == 1) & ~heard))
        """Segments of one class that are left out for want of sound."""
        self.segments: Ints = np.flatnonzero(emotional & (strongest == 1) & heard).astype(np.int64)
        """(rows,) the prepared row of each row here."""
        if len(self.segments) == 0:
            message = (
                f"{str(folder / split)!r} has no segment with sound and one strongest emotion; wanted at least one"
            )
            raise SourceError(message)
        self.labels: Ints = intensities[self.segments].argmax(axis=1).astype(np.int64)
        with (folder / split / "manifest.csv").open(newline="", encoding="utf-8") as file:
            notes = list(csv.DictReader(file))
        self.texts = [notes[at]["text"] for at in self.segments]
        self.videos = [notes[at]["video_id"] for at in self.segments]
        self.groups: Ints = np.unique(self.videos, return_inverse=True)[1].astype(np.int64)
        self.vectors = str(json.loads((folder / "summary.json").read_text(encoding="utf-8"))["vectors"])

    def partners(self, seed: int, epoch: int) -> Ints:
        """Return whose words go with each row in an epoch; held-out rows keep theirs whatever seed and epoch."""
        rows = np.arange(len(self.labels))
        if self._mode != "shuffled":
            return rows
        return np.random.default_rng([0, 0, 41] if self._fixed else [seed, epoch + 1, 41]).permutation(rows)

    def batch(self, rows: Ints, seed: int, epoch: int) -> batches.Batch:
        """Return segments; every epoch has the same, but for shuffled words."""
        arrays = self._prepared.inputs(self.segments[rows])
        if self._mode == "shuffled":
            arrays |= self._prepared.words(self.segments[self.partners(seed, epoch)[rows]])
        if self._mode == "none":
            arrays |= {name: np.zeros_like(arrays[name]) for name in ("words", "word_mask", "word_spans")}
        return batches.of_arrays(arrays, self.labels[rows])
