"""Arithmetic of the microphone's watchdog: sound against the clock, and how long to wait before trying again. Pure."""

import math
import random
from collections import deque
from typing import Final

BUCKET_S: Final = 1.0
RECENT_BUCKETS: Final = 2
EARLIER_BUCKETS: Final = 8
TOLERATED_S: Final = 0.1
"""Choice: a lasting delay of more than this is lost sound. A sound card that runs 1,000 ppm slow loses 10 ms over the
ten seconds looked at; a callback that comes late is followed by its fellows at once and leaves no lasting delay."""

LONGEST_PAUSE_S: Final = 30.0


class Lateness:
    """Tell lost sound from late sound.

    The lateness of a block is the clock at its arrival less the sound that has come. It rises and falls back when
    blocks are held up; it stays up when sound is missing. So the least lateness of the last two seconds is compared
    with the least of the eight before them.
    """

    def __init__(self) -> None:
        self._buckets: deque[float] = deque(maxlen=RECENT_BUCKETS + EARLIER_BUCKETS)
        self._least_s = math.inf
        self._bucket_end_s = -math.inf

    def lost_s(self, arrived_s: float, heard_s: float) -> float:
        """Take a block that arrived at `arrived_s` and completed `heard_s` of sound; return what is missing, or 0."""
        lost_s = 0.0
        if arrived_s >= self._bucket_end_s:
            if self._least_s < math.inf:
                self._buckets.append(self._least_s)
                lost_s = self._compare()
            self._least_s = math.inf
            self._bucket_end_s = arrived_s + BUCKET_S
        self._least_s = min(self._least_s, arrived_s - heard_s)
        return lost_s

    def _compare(self) -> float:
        if len(self._buckets) <= RECENT_BUCKETS:
            return 0.0
        levels = list(self._buckets)
        shift_s = min(levels[-RECENT_BUCKETS:]) - min(levels[:-RECENT_BUCKETS])
        if shift_s <= TOLERATED_S:
            return 0.0
        self._buckets.clear()
        return shift_s


def pause_s(attempt: int, rng: random.Random) -> float:
    """Return how long to wait before attempt 0, 1, 2, …: random, growing, from 1 to 30 s."""
    return rng.uniform(1.0, min(LONGEST_PAUSE_S, 2.0 ** min(attempt + 1, 5)))
