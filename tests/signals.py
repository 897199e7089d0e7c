"""Synthetic sound with answers known by mathematics. Seeded: the same call gives the same samples."""

import numpy as np
from numpy.typing import NDArray

from streamer.records import Samples


def silence(n: int) -> Samples:
    return np.zeros(n, np.float32)


def tone(n: int, frequency_hz: float, *, rate_hz: int = 16_000, level_db: float = -12.0) -> Samples:
    """A sine of constant frequency; `level_db` is its peak, relative to full scale."""
    time_s = np.arange(n) / rate_hz
    return (_gain(level_db) * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.float32)


def chirp(
    n: int, low_hz: float = 100.0, high_hz: float = 3_500.0, *, rate_hz: int = 16_000, level_db: float = -12.0
) -> Samples:
    """A sine whose frequency rises evenly from low to high."""
    time_s = np.arange(n) / rate_hz
    slope = (high_hz - low_hz) / max(n / rate_hz, 1e-9)
    phase = 2 * np.pi * (low_hz * time_s + slope * time_s**2 / 2)
    return (_gain(level_db) * np.sin(phase)).astype(np.float32)


def clicks(n: int, every: int, *, first: int = 0, level_db: float = -6.0) -> Samples:
    """Single samples, `every` apart, in silence."""
    sound = silence(n)
    sound[first::every] = _gain(level_db)
    return sound


def noise(n: int, *, seed: int = 0, level_db: float = -20.0) -> Samples:
    """White noise; `level_db` is its root mean square."""
    return (_gain(level_db) * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def as_int16(sound: Samples) -> NDArray[np.int16]:
    """What a 16-bit device would hold of it."""
    return np.clip(np.round(sound * 32_768.0), -32_768, 32_767).astype("<i2")


def from_int16(held: NDArray[np.int16]) -> Samples:
    """The float32 samples that stand for 16-bit ones, exactly."""
    return (held.astype(np.float64) / 32_768.0).astype(np.float32)


def _gain(level_db: float) -> float:
    return float(10.0 ** (level_db / 20.0))
