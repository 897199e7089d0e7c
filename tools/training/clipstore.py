"""Every clip as picture columns, computed once: uint8, time first, one memory-mapped file per step.

A clip is what lies between the ends of its voice, with a tenth of a second at both sides, at an RMS of 0.1.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamer.features import spectrogram
from streamer.network import contract
from tools.training import augment
from tools.training.soundstore import SoundStore

MARGIN_S = 0.1
PICTURE_STEPS = 255.0
"""A column is kept in steps of 1/255 of its range, which is 0.31 dB."""


@dataclass(frozen=True, slots=True)
class Clips:
    """All clips of a sound store, in its order."""

    columns: NDArray[np.uint8]
    """(all columns, F)"""
    bounds: NDArray[np.int64]
    """(clips + 1,)"""

    def picture(self, clip: int) -> NDArray[np.float32]:
        """Return (F, n), n at most the contract's columns: the newest ones."""
        first, last = int(self.bounds[clip]), int(self.bounds[clip + 1])
        kept = self.columns[max(first, last - contract.N_COLUMNS) : last]
        return kept.T.astype(np.float32) / np.float32(PICTURE_STEPS)


def trimmed(store: SoundStore, clip: int) -> NDArray[np.float32]:
    """Return the voiced part of a clip, at picture rate."""
    one = store.recordings[clip]
    margin = augment.seconds(MARGIN_S)
    sound = store.sound(clip)
    voice = sound[one.voice_start : one.voice_end]
    first, last = max(one.voice_start - margin, 0), min(one.voice_end + margin, one.length)
    kept = sound[first:last] * np.float32(0.1 / augment.rms(voice))
    # A clip shorter than one segment still has a column.
    return np.pad(kept, (max(contract.SEGMENT_SAMPLES - len(kept), 0), 0))


def load(store: SoundStore, folder: Path, step: int) -> Clips:
    """Return the columns of every clip of `store`, computed first where they are not in `folder`."""
    data, index = folder / f"clips-{step}.u8", folder / f"clips-{step}.npy"
    if not index.exists():
        bounds = np.zeros(len(store.recordings) + 1, np.int64)
        with data.open("wb") as file:
            for clip in range(len(store.recordings)):
                columns = spectrogram.picture_columns(trimmed(store, clip), step).T
                file.write(np.round(columns * PICTURE_STEPS).astype(np.uint8).tobytes())
                bounds[clip + 1] = bounds[clip] + len(columns)
        # Put in place last and whole: its presence says that the columns are complete.
        part = index.with_name(f"part-{index.name}")
        np.save(part, bounds)
        part.replace(index)
    kept = np.memmap(data, np.uint8, "r").reshape(-1, contract.N_BANDS)
    return Clips(kept, np.load(index))
