"""Samples to columns of the picture: power spectrum, bands, level. Each column is computed once.

`ColumnStream` is the live form and `picture_columns` the one-shot form; they are the same arithmetic, so any
split of the sound into pushes gives identical columns (held by tests/laws/test_chunking.py).
"""

import numpy as np
from numpy.typing import NDArray

from streamer.network import contract
from streamer.records import Samples

FLOOR_DB = -80.0
"""Lowest running level, dB re a full-scale sine: below it nothing is made louder."""

HEADROOM_DB = 12.0
"""The running level follows the 95th percentile band; the loudest bands of a voice stand about this far above."""

LEVEL_RANK = int(0.95 * contract.N_BANDS)
"""Rank of the band that is taken as the column's level: mains hum and whistles fill fewer bands than 5 %."""

RISE_S = 0.1
FALL_S = 10.0
"""Time constants of the running level, in dB: up at once with a voice, down slowly through pauses."""


def taper() -> NDArray[np.float64]:
    """Return the periodic Hamming taper, (contract.SEGMENT_SAMPLES,), as torchaudio and scipy make it."""
    n = np.arange(contract.SEGMENT_SAMPLES)
    hamming: NDArray[np.float64] = 0.54 - 0.46 * np.cos(2.0 * np.pi * n / contract.SEGMENT_SAMPLES)
    return hamming


def power_columns(samples: Samples, step: int = contract.LIVE_STEP_SAMPLES) -> NDArray[np.float64]:
    """Return the power spectrum of every whole column.

    Paper: section 3.1, Hamming, segment of 800 samples.
    Shapes: samples (n,) at contract.PICTURE_RATE_HZ -> (columns, contract.N_BINS), no padding at the ends.
    Dtype: computed in float64, so that a loud sound does not drown a quiet one.
    """
    n_columns = contract.columns_in(len(samples), step)
    if n_columns == 0:
        return np.zeros((0, contract.N_BINS))
    segments = np.lib.stride_tricks.sliding_window_view(samples, contract.SEGMENT_SAMPLES)[::step]
    spectrum = np.fft.rfft(segments * taper(), axis=1)
    return np.square(spectrum.real) + np.square(spectrum.imag)


def bands_db(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (columns, F) band levels in dB re a full-scale sine.

    Choice: DC is dropped and bins (1, 2), (3, 4) ... (399, 400) are summed in power: 200 bands of 20 Hz.
    """
    full_scale = np.square(taper().sum() / 2.0)
    pairs = power[:, 1:].reshape(len(power), contract.N_BANDS, 2).sum(axis=2)
    db: NDArray[np.float64] = 10.0 * np.log10(pairs / full_scale + 1e-15)
    return db


class RunningLevel:
    """The causal reference of the picture's dB scale: quick to rise, slow to fall, never under `FLOOR_DB`.

    A maximum over the window could not be streamed, and would make the picture flicker.
    """

    def __init__(self, step: int = contract.LIVE_STEP_SAMPLES) -> None:
        step_s = step / contract.PICTURE_RATE_HZ
        self._rise = 1.0 - float(np.exp(-step_s / RISE_S))
        self._fall = 1.0 - float(np.exp(-step_s / FALL_S))
        self._level_db: float | None = None

    def follow(self, db: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the reference of each column of `db` (columns, F), in dB, shape (columns, 1)."""
        levels = np.partition(db, LEVEL_RANK, axis=1)[:, LEVEL_RANK]
        references = np.empty((len(db), 1))
        level = self._level_db
        for i, heard in enumerate(np.maximum(levels, FLOOR_DB).tolist()):
            if level is None:
                level = heard
            else:
                level += (self._rise if heard > level else self._fall) * (heard - level)
            references[i, 0] = level + HEADROOM_DB
        self._level_db = level
        return references


class ColumnStream:
    """Sound in pieces of any length in, finished columns of the picture out."""

    def __init__(self, step: int = contract.LIVE_STEP_SAMPLES) -> None:
        self._step = step
        self._rest: Samples = np.zeros(0, np.float32)
        self._level = RunningLevel(step)

    def push(self, samples: Samples) -> NDArray[np.float32]:
        """Return the columns (F, n) that `samples` complete, n >= 0, in [0, 1]; silence is 0."""
        sound = np.concatenate((self._rest, samples))
        power = power_columns(sound, self._step)
        self._rest = sound[len(power) * self._step :]
        if len(power) == 0:
            return np.zeros((contract.N_BANDS, 0), np.float32)
        db = bands_db(power)
        shifted = (db - self._level.follow(db) + contract.RANGE_DB) / contract.RANGE_DB
        return np.clip(shifted, 0.0, 1.0).astype(np.float32).T


def picture_columns(samples: Samples, step: int = contract.LIVE_STEP_SAMPLES) -> NDArray[np.float32]:
    """Return all columns (F, n) of a whole recording at contract.PICTURE_RATE_HZ."""
    return ColumnStream(step).push(samples)
