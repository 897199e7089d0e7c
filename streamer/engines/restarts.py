"""When a child process that died may start again. Pure: clock and random source are handed in."""

from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

SPREAD: Final = 0.2
"""Pauses are drawn from +-20 %, so that many monitors on one machine do not start together."""


class Restarts:
    """At most `limit` failures in `within_s` are answered at once, then come growing pauses.

    A child that lasted longer than `within_s` before it failed starts the count, and the pauses, anew.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        random: Random,
        *,
        limit: int = 5,
        within_s: float = 60.0,
        pauses_s: Sequence[float] = (60.0, 300.0, 900.0),
    ) -> None:
        self._clock = clock
        self._random = random
        self._limit = limit
        self._within_s = within_s
        self._pauses_s = pauses_s
        self._failures: deque[float] = deque()
        self._n_pauses = 0
        self._started = clock()

    def started(self) -> None:
        """Note that the child starts now."""
        self._started = self._clock()

    def pause_s(self) -> float:
        """Note that the child failed now; return how long to wait before the next start."""
        now = self._clock()
        if now - self._started > self._within_s:
            self._n_pauses = 0
        while self._failures and now - self._failures[0] > self._within_s:
            self._failures.popleft()
        self._failures.append(now)
        if len(self._failures) <= self._limit and self._n_pauses == 0:
            return 0.0
        pause_s = self._pauses_s[min(self._n_pauses, len(self._pauses_s) - 1)]
        self._n_pauses += 1
        return pause_s * self._random.uniform(1 - SPREAD, 1 + SPREAD)
