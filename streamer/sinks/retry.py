"""How long to wait before the broker is tried again. Pure arithmetic; clock and random numbers are handed in."""

from collections import deque
from collections.abc import Callable
from typing import Final

from streamer.sinks.reasons import Trouble

SHORTEST_S: Final = 0.2
LONGEST_S: Final = 30.0
REFUSED_S: Final = 30.0
"""A wrong password does not become right by asking often, and brokers ban those who do."""

STEADY_S: Final = 10.0
"""A link that held so long was a good one: the next pause is short again."""

FIGHT_WINDOW_S: Final = 30.0
FIGHT_PAUSE_S: Final = 60.0
KICKS_OF_A_FIGHT: Final = 3
TAKE_OVERS_OF_A_FIGHT: Final = 2


class Retry:
    """Pauses that grow from 0.2 s to 30 s, at random so that many monitors do not come back at the same instant."""

    def __init__(self, clock: Callable[[], float], random: Callable[[], float]) -> None:
        self._clock, self._random = clock, random
        self._failures = 0
        self._kicks: deque[tuple[float, Trouble]] = deque()

    def pause_s(self, trouble: Trouble, online_s: float | None) -> float:
        """Return how long to wait after `trouble`; `online_s` is how long the link had held, None if there was none."""
        if online_s is not None and online_s >= STEADY_S:
            self._failures = 0
        if self._fights(trouble, online_s):
            self._kicks.clear()
            return FIGHT_PAUSE_S
        if trouble is Trouble.REFUSED:
            return REFUSED_S
        self._failures += 1
        longest_s = min(LONGEST_S, SHORTEST_S * 2.0 ** min(self._failures, 16))
        return max(SHORTEST_S, longest_s * (0.5 + 0.5 * self._random()))

    def _fights(self, trouble: Trouble, online_s: float | None) -> bool:
        """Return whether another client with our name and we throw each other out.

        MQTT 5 says so. On 3.1.1 the sign is a link that opens at once and is closed again; a broker that restarts
        is not there in between, which starts the count anew.
        """
        if online_s is None or trouble not in (Trouble.LOST, Trouble.TAKEN_OVER):
            self._kicks.clear()
            return False
        now = self._clock()
        self._kicks.append((now, trouble))
        while self._kicks[0][0] < now - FIGHT_WINDOW_S:
            self._kicks.popleft()
        take_overs = sum(kick is Trouble.TAKEN_OVER for _, kick in self._kicks)
        return take_overs >= TAKE_OVERS_OF_A_FIGHT or len(self._kicks) >= KICKS_OF_A_FIGHT
