"""eGeMAPS functionals of recordings, through the `opensmile` package, kept in a work folder.

For research only: openSMILE's licence forbids commercial use, so this is a baseline to compare with and never a part
of the program.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import opensmile
from numpy.typing import NDArray

from streamer.evaluation.manifest import Row
from streamer.evaluation.recordings import heard
from streamer.network import contract
from streamer.records import Samples


class Functionals:
    """The 88 numbers of a recording (eGeMAPSv02)."""

    def __init__(self) -> None:
        self._smile = opensmile.Smile(
            feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=opensmile.FeatureLevel.Functionals
        )

    def of(self, sound: Samples) -> NDArray[np.float32]:
        """Return (88,) of sound at the stream rate; what openSMILE cannot tell is 0."""
        values = self._smile.process_signal(sound, contract.STREAM_RATE_HZ).to_numpy(np.float32)[0]
        return np.nan_to_num(np.asarray(values, np.float32))


def functionals(rows: Sequence[Row], work: Path, name: str) -> NDArray[np.float32]:
    """Return (rows, 88) memory-mapped, computed once for these recordings, wherever their folder lies."""
    recordings = [f"{row.path.name} {row.path.stat().st_size}" for row in rows if row.path]
    key = hashlib.sha256("\n".join(recordings).encode()).hexdigest()[:12]
    file = work / f"egemaps-{name}-{key}.npy"
    if not file.exists():
        work.mkdir(parents=True, exist_ok=True)
        smile = Functionals()
        table = np.stack([smile.of(heard(row.path)) for row in rows if row.path])
        part = file.with_suffix(".part.npy")
        np.save(part, table)
        part.replace(file)
    return np.asarray(np.load(file, mmap_mode="r"))
