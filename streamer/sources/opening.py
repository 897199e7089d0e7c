"""One opening of a device, as the loop sees it: which frames have come, where they lie in the stream, and when.

Pure: instants are handed in. The watchdog asks it whether sound is overdue.
"""

from dataclasses import dataclass
from typing import Final

from streamer.network import contract
from streamer.sources.hearing import Block, Raw
from streamer.sources.watch import Lateness

OVERDUE_S: Final = 2.0
FIRST_OVERDUE_S: Final = 4.0
"""The first callback may take its time: 0.3 to 1.5 s after opening were measured with PulseAudio."""


@dataclass(frozen=True, slots=True)
class Before:
    """Where the stream stood when the last block of the opening before had come."""

    end: int
    arrived_s: float


class Opening:
    """Number the frames of one opening, and place them in the stream."""

    def __init__(
        self, number: int, before: Before | None, *, opened_s: float, patience_s: float, after_pause: bool
    ) -> None:
        self.number = number
        self.heard = False
        self._before = before
        self._after_pause = after_pause
        self._patience_s = max(FIRST_OVERDUE_S, patience_s)
        self._opened_at = 0
        self._next_frame = 0
        self._last_s = opened_s
        self._end = before.end if before is not None else 0
        self._lateness = Lateness()

    def block(self, raw: Raw, arrived_s: float) -> Block:
        """Return what a callback brought, placed: time without sound since the block before is a jump."""
        if not self.heard:
            self.heard = True
            if self._before is not None:
                away_s = arrived_s - raw.n_frames / raw.rate_hz - self._before.arrived_s
                self._opened_at = self._before.end + max(0, round(away_s * contract.STREAM_RATE_HZ))
        else:
            heard_s = (self._next_frame + raw.n_frames) / raw.rate_hz
            self._next_frame += round(self._lateness.lost_s(arrived_s, heard_s) * raw.rate_hz)
        first = self._next_frame
        self._next_frame += raw.n_frames
        self._last_s = arrived_s
        self._end = self._opened_at + round(self._next_frame * contract.STREAM_RATE_HZ / raw.rate_hz)
        return Block(raw, self.number, first, self._opened_at, arrived_s, self._after_pause)

    def so_far(self) -> Before | None:
        """Return where the stream stands, for the next opening."""
        return Before(self._end, self._last_s) if self.heard else self._before

    def overdue_s(self, now_s: float) -> float | None:
        """Return how long nothing has come, if that is too long."""
        waited_s = now_s - self._last_s
        return waited_s if waited_s > (OVERDUE_S if self.heard else self._patience_s) else None
