"""Hold sound back until it is due, as a microphone would. The clock and the way to sleep are handed in."""

import asyncio
from collections.abc import Awaitable, Callable

from streamer.network import contract

Clock = Callable[[], float]
"""Monotonic seconds."""

Sleep = Callable[[float], Awaitable[None]]


class Pacer:
    """Let a stream go on no faster than `speed` times real time.

    Every instant is reckoned from the start, so that late wake-ups never add up to drift.
    `head_start` samples are due at once: what had been waiting in a pipe before we came.
    """

    def __init__(self, clock: Clock, sleep: Sleep = asyncio.sleep, *, speed: float = 1.0, head_start: int = 0) -> None:
        self._clock = clock
        self._sleep = sleep
        self._samples_per_s = contract.STREAM_RATE_HZ * speed
        self._zero_s = clock() - head_start / self._samples_per_s

    async def until(self, end: int) -> float:
        """Wait until stream position `end` is due; return when that was or will have been."""
        due_s = self._zero_s + end / self._samples_per_s
        # Sleeping 0 s still gives the loop its turn when we are behind.
        await self._sleep(max(0.0, due_s - self._clock()))
        return due_s
