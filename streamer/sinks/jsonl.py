"""Lines of JSON to a file descriptor, usually standard output: `emostream --json | jq`.

A reader that goes away (`| head -1`) ends it quietly; one that is slow never holds up the loop, and needs no thread,
which nobody could stop: a pipe that is ready takes PIPE_BUF bytes at once. `offer` is for live sound (the oldest line
goes), `put` for a file that is processed as fast as it can be (nothing goes, the reader sets the pace).
"""

import asyncio
import os
from typing import Final

from streamer.channel import Channel, Counters
from streamer.errors import EmostreamError

WAITING_LINES: Final = 256
PIPE_BUF: Final = 4096
"""What a pipe that is ready takes without waiting, on Linux."""


class JsonLines:
    """Owner of the descriptor's output; `run` is the one task. Whoever prints there, too, garbles the lines."""

    def __init__(self, fd: int, capacity: int = WAITING_LINES) -> None:
        self._fd = fd
        self._lines: Channel[bytes] = Channel(capacity)
        self._reader_left = False

    @property
    def reader_left(self) -> bool:
        """Return whether nobody reads any more: for a run that does nothing else, a reason to stop."""
        return self._reader_left

    @property
    def counters(self) -> Counters:
        """Return the counters as of now."""
        return self._lines.counters

    def offer(self, line: bytes) -> None:
        """Hand over one message (without its end of line) without waiting."""
        self._lines.offer(line)

    async def put(self, line: bytes) -> None:
        """Hand over one message, waiting for room."""
        await self._lines.put(line)

    def close_input(self) -> None:
        """Take no more; `run` writes what waits and returns."""
        self._lines.close()

    async def run(self) -> None:
        """Write lines, each at once, until the input is closed or the reader has left.

        Raises: EmostreamError where the output cannot be written, for instance on a full disk.
        """
        try:
            async for line in self._lines:
                await self._write(line + b"\n")
        except BrokenPipeError:
            self._reader_left = True
            self._lines.close()
        except OSError as error:
            self._lines.close()
            message = f"The estimates cannot be written: {error.strerror}; give standard output another place."
            raise EmostreamError(message) from error

    async def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            await self._ready()
            rest = rest[os.write(self._fd, rest[:PIPE_BUF]) :]

    async def _ready(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        try:
            loop.add_writer(self._fd, ready.set)
        except PermissionError:  # a regular file: epoll does not take it, and it is always ready
            return
        try:
            await ready.wait()
        finally:
            loop.remove_writer(self._fd)
