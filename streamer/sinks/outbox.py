"""What waits for the broker: bounded, oldest goes, nothing too old is handed out, one parcel at a time in hand.

Law: offered == delivered + dropped + waiting. A parcel in hand waits until `done`; a link that breaks leaves it there,
and the next link gets it again.
"""

from collections.abc import Callable
from dataclasses import dataclass

from streamer.channel import Channel, Counters
from streamer.sinks.topics import DELIVERY, LARGEST_MESSAGE_BYTES, Kind


@dataclass(frozen=True, slots=True)
class Message:
    """What the broker is handed; its kind says where it goes and how."""

    kind: Kind
    payload: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Parcel:
    """A message with its place in the order of all, and the time when it was handed in."""

    message: Message
    number: int
    offered_s: float


class Outbox:
    """For one event loop: any number of producers, one publisher."""

    def __init__(self, capacity: int, clock: Callable[[], float]) -> None:
        self._waiting: Channel[Parcel] = Channel(capacity)
        self._clock = clock
        self._in_hand: Parcel | None = None
        self._newest_state: Parcel | None = None
        self._state_sent = -1
        self._offered = self._delivered = self._discarded = 0

    @property
    def counters(self) -> Counters:
        """Return the counters as of now."""
        channel = self._waiting.counters
        waiting = channel.waiting + (self._in_hand is not None)
        return Counters(self._offered, self._delivered, channel.dropped + self._discarded, waiting)

    def offer(self, message: Message) -> bool:
        """Take `message` without waiting; return False, and drop it, if it is larger than a message may be."""
        parcel = Parcel(message, self._offered, self._clock())
        self._offered += 1
        if len(message.payload) > LARGEST_MESSAGE_BYTES:
            self._discarded += 1
            return False
        if message.kind is Kind.STATE:
            self._newest_state = parcel
        self._waiting.offer(parcel)
        return True

    def close(self) -> None:
        """Take no more; `next` hands out what waits, and then None."""
        self._waiting.close()

    async def next(self) -> Parcel | None:
        """Return the parcel in hand, or take the next into the hand; None after the last. Too old ones are dropped."""
        while True:
            if self._in_hand is None:
                try:
                    self._in_hand = await anext(self._waiting)
                except StopAsyncIteration:
                    return None
            parcel = self._in_hand
            is_state = parcel.message.kind is Kind.STATE
            if is_state and parcel.number <= self._state_sent:
                self.done(delivered=parcel.number == self._state_sent)
            elif self.left_s(parcel) <= 0:
                self.done(delivered=False)
            else:
                return parcel

    def done(self, *, delivered: bool) -> None:
        """Put the parcel in hand away."""
        self._in_hand = None
        if delivered:
            self._delivered += 1
        else:
            self._discarded += 1

    def left_s(self, parcel: Parcel) -> float:
        """Return how long `parcel` may still be passed on."""
        return DELIVERY[parcel.message.kind].expiry_s - (self._clock() - parcel.offered_s)

    def newest_state(self) -> Parcel | None:
        """Return the newest state if it may still be passed on: the first thing that a new link is told."""
        state = self._newest_state
        return state if state is not None and self.left_s(state) > 0 else None

    def state_sent(self, state: Parcel) -> None:
        """Note that `state` has been sent: an older one that still waits would overwrite it, and is dropped."""
        self._state_sent = max(self._state_sent, state.number)
