"""CMU-MOSEI as tools/prepare_mosei.py leaves it, memory-mapped, with one of six classes per segment.

A segment's class is its strongest emotion. Segments without any emotion and segments with a tie for the strongest
are left out, and counted; they are never called by whichever class stands first.
"""

import csv
import json
from pathlib import Path

import numpy as np

from streamer.errors import SourceError
from tools.mosei.labels import SAME
from tools.mosei.store import Prepared
from tools.training import batches
from tools.training.batches import Ints


class MoseiWindows:
    """One split of a prepared folder; rows are those segments that have one strongest emotion."""

    def __init__(self, folder: Path, split: str) -> None:
        if not (folder / split / "manifest.csv").is_file() or not (folder / "summary.json").is_file():
            message = (
                f"{str(folder)!r} holds no whole {split}; wanted a folder that tools/prepare_mosei.py has finished"
            )
            raise SourceError(message)
        self._prepared = Prepared.open(folder / split)
        intensities = np.asarray(self._prepared.arrays["intensities"])
        best = intensities.max(axis=1, initial=0.0)
        strongest = (intensities >= best[:, None] - SAME).sum(axis=1)
        self.n_none = int(np.sum(best <= 0.0))
        self.n_ties = int(np.sum((best > 0.0) & (strongest > 1)))
        self._rows = np.flatnonzero((best > 0.0) & (strongest == 1))
        if len(self._rows) == 0:
            message = f"{str(folder / split)!r} has no segment with one strongest emotion; wanted at least one"
            raise SourceError(message)
        self.labels: Ints = intensities[self._rows].argmax(axis=1).astype(np.int64)
        with (folder / split / "manifest.csv").open(newline="", encoding="utf-8") as file:
            videos = [row["video_id"] for row in csv.DictReader(file)]
        self.groups: Ints = np.unique(videos, return_inverse=True)[1].astype(np.int64)[self._rows]
        self.vectors = str(json.loads((folder / "summary.json").read_text(encoding="utf-8"))["vectors"])

    def batch(self, rows: Ints, seed: int, epoch: int) -> batches.Batch:
        """Return segments; every epoch has the same."""
        del seed, epoch
        return batches.of_arrays(self._prepared.inputs(self._rows[rows]), self.labels[rows])
