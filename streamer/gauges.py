"""Small running measures for the screen and the health message: level, latency, history, load. Pure."""

from collections import deque
from math import log10

import numpy as np

from streamer.network import contract
from streamer.records import Estimate, Mood, Samples, seconds

FEWEST_HOPS = 4
"""Hops that must have gone by before a lack of estimates means anything."""

SILENCE_DB = -120.0
"""What the meter reads for digital silence."""


def level_db(samples: Samples) -> float:
    """Return the root mean square of `samples` in dB of full scale."""
    if not len(samples):
        return SILENCE_DB
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return max(SILENCE_DB, 10.0 * log10(power + 1e-12))


class Meter:
    """Level of the last moment and the highest sample of the last seconds."""

    def __init__(self, level_s: float = 0.1, peak_s: float = 2.0) -> None:
        self._level_samples = int(level_s * contract.STREAM_RATE_HZ)
        self._peak_s = peak_s
        self._recent: Samples = np.zeros(0, np.float32)
        self._peaks: deque[tuple[int, float]] = deque()

    def push(self, samples: Samples, end: int) -> None:
        """Take sound that ends at stream position `end`."""
        self._recent = np.concatenate((self._recent, samples))[-self._level_samples :]
        self._peaks.append((end, float(np.abs(samples).max(initial=0.0))))
        while seconds(end - self._peaks[0][0]) > self._peak_s:
            self._peaks.popleft()

    @property
    def level_db(self) -> float | None:
        """Return the level, None before any sound."""
        return level_db(self._recent) if len(self._recent) else None

    @property
    def peak_db(self) -> float | None:
        """Return the peak, None before any sound."""
        if not self._peaks:
            return None
        peak = max(height for _, height in self._peaks)
        return max(SILENCE_DB, 20.0 * log10(peak + 1e-6))


class Latencies:
    """Percentiles of the last few hundred latencies, in milliseconds."""

    def __init__(self, kept: int = 250) -> None:
        self._recent_ms: deque[float] = deque(maxlen=kept)

    def push(self, latency_s: float) -> None:
        """Take one more."""
        self._recent_ms.append(1_000.0 * latency_s)

    @property
    def newest_ms(self) -> float | None:
        """Return the newest latency, None before the first."""
        return self._recent_ms[-1] if self._recent_ms else None

    def percentile_ms(self, percent: float) -> float | None:
        """Return the percentile, None before the first latency."""
        return float(np.percentile(self._recent_ms, percent)) if self._recent_ms else None


class History:
    """Probabilities of the mood at a fixed pace, for the little curves beside the bars."""

    def __init__(self, every_s: float = 0.5, kept: int = 60) -> None:
        self._every_s = every_s
        self._next_s = 0.0
        self._rows: deque[tuple[float | None, ...]] = deque(maxlen=kept)

    def push(self, mood: Mood) -> None:
        """Take the mood of one more hop."""
        if seconds(mood.end) < self._next_s:
            return
        self._next_s = max(self._next_s + self._every_s, seconds(mood.end))
        self._rows.append(mood.probabilities or (None,) * contract.N_EMOTIONS)

    @property
    def curves(self) -> tuple[tuple[float | None, ...], ...]:
        """Return one curve per emotion, oldest first."""
        return tuple(zip(*self._rows, strict=True)) if self._rows else ((),) * contract.N_EMOTIONS


class Overload:
    """Whether windows arrive faster than they are judged: more than every other hop lost over the last two seconds."""

    def __init__(self, hop_s: float, over_s: float = 2.0) -> None:
        self._hop_s = hop_s
        self._over_s = over_s
        self._ends: deque[int] = deque()

    def push(self, estimate: Estimate) -> bool:
        """Take one more estimate; return True if its neighbours are missing."""
        self._ends.append(estimate.end)
        while seconds(estimate.end - self._ends[0]) > self._over_s:
            self._ends.popleft()
        hops = seconds(self._ends[-1] - self._ends[0]) / self._hop_s
        return hops >= FEWEST_HOPS and len(self._ends) - 1 < hops / 2
