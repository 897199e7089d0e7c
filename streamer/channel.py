"""A bounded queue between two tasks, with a stated drop policy and exact counters. Imports nothing of ours.

Law: `offered == delivered + dropped + waiting`, always. For one event loop: any number of producers, one consumer.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Counters:
    """How many items a channel has been handed, and where they went."""

    offered: int
    delivered: int
    dropped: int
    waiting: int


class Channel(Generic[Item]):
    """Hold at most `capacity` items: `offer` drops the oldest when full, `put` waits for room.

    With capacity 1, `offer` means "newest wins". After `close`, what waits is still delivered, then iteration ends.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            message = f"a channel holds at least one item, not {capacity}"
            raise ValueError(message)
        self._capacity = capacity
        self._items: deque[Item] = deque()
        self._closed = False
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._offered = self._delivered = self._dropped = 0

    @property
    def counters(self) -> Counters:
        """Return the counters as of now."""
        return Counters(self._offered, self._delivered, self._dropped, len(self._items))

    def offer(self, item: Item) -> None:
        """Hand over `item` without waiting; the oldest goes if there is no room. A closed channel drops it."""
        self._offered += 1
        if self._closed:
            self._dropped += 1
            return
        if len(self._items) == self._capacity:
            self._items.popleft()
            self._dropped += 1
        self._items.append(item)
        self._filled.set()

    async def put(self, item: Item) -> None:
        """Hand over `item`, waiting for room: for sources that can be slowed, such as a file."""
        while len(self._items) >= self._capacity and not self._closed:
            self._emptied.clear()
            await self._emptied.wait()
        self.offer(item)

    def close(self) -> None:
        """Take no more; the consumer gets what waits and then the end."""
        self._closed = True
        self._filled.set()
        self._emptied.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        while not self._items:
            if self._closed:
                raise StopAsyncIteration
            self._filled.clear()
            await self._filled.wait()
        self._delivered += 1
        item = self._items.popleft()
        self._emptied.set()
        return item
