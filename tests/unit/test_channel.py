"""The bounded queue: drop policy, waiting, closing, and counters that always add up."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.channel import Channel, Counters


async def drain(channel: Channel[int]) -> list[int]:
    return [item async for item in channel]


async def test_a_full_channel_drops_the_oldest_and_counts_it() -> None:
    channel: Channel[int] = Channel(2)
    for item in range(5):
        channel.offer(item)
    channel.close()
    assert await drain(channel) == [3, 4]
    assert channel.counters == Counters(offered=5, delivered=2, dropped=3, waiting=0)


async def test_capacity_one_means_newest_wins() -> None:
    channel: Channel[int] = Channel(1)
    channel.offer(1)
    channel.offer(2)
    assert await anext(channel) == 2


async def test_put_waits_for_room_and_loses_nothing() -> None:
    channel: Channel[int] = Channel(1)

    async def produce() -> None:
        for item in range(50):
            await channel.put(item)
        channel.close()

    async with asyncio.TaskGroup() as group:
        group.create_task(produce())
        got = group.create_task(drain(channel))
    assert got.result() == list(range(50))
    assert channel.counters.dropped == 0


async def test_a_waiting_consumer_wakes_when_the_channel_closes() -> None:
    channel: Channel[int] = Channel(1)
    waiter = asyncio.create_task(drain(channel))
    await asyncio.sleep(0)
    channel.close()
    assert await waiter == []


async def test_a_waiting_producer_wakes_when_the_channel_closes() -> None:
    channel: Channel[int] = Channel(1)
    channel.offer(1)
    waiter = asyncio.create_task(channel.put(2))
    await asyncio.sleep(0)
    channel.close()
    await waiter
    assert channel.counters == Counters(offered=2, delivered=0, dropped=1, waiting=1)


def test_a_channel_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one item, not 0"):
        Channel(0)


@given(st.integers(1, 5), st.lists(st.one_of(st.integers(), st.none()), max_size=60))
def test_offered_is_delivered_dropped_and_waiting(capacity: int, steps: list[int | None]) -> None:
    """A number is offered, None takes one if there is one; the books balance after each step and order is kept."""

    async def run() -> None:
        channel: Channel[int] = Channel(capacity)
        taken = []
        for n, step in enumerate(steps):
            if step is not None:
                channel.offer(n)
            elif channel.counters.waiting:
                taken.append(await anext(channel))
            seen = channel.counters
            assert seen.offered == seen.delivered + seen.dropped + seen.waiting
            assert seen.waiting <= capacity
        assert taken == sorted(taken)

    asyncio.run(run())
