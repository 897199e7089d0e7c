"""The outbox: its law, what is too old to be sent, and a state that never comes after a newer one."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from streamer.channel import Counters
from streamer.sinks.outbox import Message, Outbox
from streamer.sinks.topics import DELIVERY, LARGEST_MESSAGE_BYTES, Kind


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


async def rest(outbox: Outbox) -> list[bytes]:
    """Close the outbox and return the payloads that are handed out."""
    outbox.close()
    payloads = []
    while (parcel := await outbox.next()) is not None:
        payloads.append(parcel.message.payload)
        outbox.done(delivered=True)
    return payloads


def law(counters: Counters) -> bool:
    return counters.offered == counters.delivered + counters.dropped + counters.waiting


async def test_the_oldest_goes() -> None:
    outbox = Outbox(2, Clock())
    for number in range(5):
        outbox.offer(Message(Kind.EVENT, b"%d" % number))
    assert await rest(outbox) == [b"3", b"4"]
    assert outbox.counters == Counters(offered=5, delivered=2, dropped=3, waiting=0)


async def test_a_parcel_in_hand_waits_and_is_handed_out_again() -> None:
    outbox = Outbox(2, Clock())
    outbox.offer(Message(Kind.EVENT, b"kept"))
    first = await outbox.next()
    assert outbox.counters.waiting == 1
    assert await outbox.next() is first
    assert await rest(outbox) == [b"kept"]


async def test_what_is_too_old_is_dropped() -> None:
    clock = Clock()
    outbox = Outbox(10, clock)
    for kind in Kind:
        outbox.offer(Message(kind, kind.encode()))
    clock.now_s = DELIVERY[Kind.EVENT].expiry_s
    assert await rest(outbox) == [b"state", b"health"]
    assert outbox.counters.dropped == 3
    assert outbox.newest_state() is not None
    clock.now_s = DELIVERY[Kind.STATE].expiry_s
    assert outbox.newest_state() is None


async def test_a_message_grows_too_old_in_the_hand_too() -> None:
    clock = Clock()
    outbox = Outbox(10, clock)
    outbox.offer(Message(Kind.EVENT, b"old"))
    await outbox.next()
    clock.now_s = 100.0
    assert await rest(outbox) == []
    assert outbox.counters == Counters(offered=1, delivered=0, dropped=1, waiting=0)


async def test_older_states_are_not_sent_after_the_newest() -> None:
    outbox = Outbox(10, Clock())
    for payload in (b"1", b"2", b"3"):
        outbox.offer(Message(Kind.STATE, payload))
    newest = outbox.newest_state()
    assert newest is not None
    outbox.state_sent(newest)
    outbox.offer(Message(Kind.STATE, b"4"))
    assert newest.message.payload == b"3"
    assert await rest(outbox) == [b"4"]
    assert outbox.counters == Counters(offered=4, delivered=2, dropped=2, waiting=0)


def test_a_message_that_is_too_large_is_refused() -> None:
    outbox = Outbox(10, Clock())
    assert not outbox.offer(Message(Kind.STATE, b"x" * (LARGEST_MESSAGE_BYTES + 1)))
    assert outbox.newest_state() is None
    assert outbox.counters == Counters(offered=1, delivered=0, dropped=1, waiting=0)


steps = st.sampled_from(["offer", "state", "large", "next", "done", "lost", "sent", "later"])


@given(st.integers(1, 4), st.lists(steps, max_size=60))
def test_the_law_holds_whatever_happens(capacity: int, happenings: list[str]) -> None:
    async def live() -> None:
        clock = Clock()
        outbox = Outbox(capacity, clock)
        for step in happenings:
            if step == "offer":
                outbox.offer(Message(Kind.ESTIMATE, b"x"))
            elif step == "state":
                outbox.offer(Message(Kind.STATE, b"x"))
            elif step == "large":
                outbox.offer(Message(Kind.EVENT, b"x" * (LARGEST_MESSAGE_BYTES + 1)))
            elif step == "later":
                clock.now_s += 11.0
            elif step == "sent" and (newest := outbox.newest_state()) is not None:
                outbox.state_sent(newest)
            elif step in ("next", "done", "lost") and outbox.counters.waiting:
                taking = asyncio.create_task(outbox.next())
                await asyncio.wait([taking], timeout=0.001)
                if taking.done() and step == "done":
                    outbox.done(delivered=True)
                taking.cancel()
            assert law(outbox.counters)
            assert outbox.counters.waiting <= capacity + 1

    asyncio.run(live())
