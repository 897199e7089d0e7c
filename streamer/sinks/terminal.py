"""The terminal as something to write to that never makes the writer wait.

A terminal stops taking text when somebody presses Ctrl-S, or when a remote connection stalls; a plain write would then
hold up the event loop, and with it the sound. So the terminal is opened a second time, without waiting, under a file
description of our own: the flag does not reach the shell. What it does not take at once is sent when it can take more.
"""

import asyncio
import os
import select
from contextlib import suppress
from io import TextIOBase

FALLBACK_SIZE = (80, 24)
"""What a terminal that does not know its own size is taken for."""

DRAIN_S = 0.5
"""How long the last bytes, which restore the terminal, may take to leave."""


class Terminal(TextIOBase):
    """Text on its way to the terminal behind a file descriptor.

    `write` raises OSError once the terminal is gone. For one event loop.
    """

    def __init__(self, fd: int, encoding: str) -> None:
        self._fd = _open_without_waiting(fd)
        self._encoding = encoding
        self._pending = b""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._gone: OSError | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a property in typeshed's TextIOBase too, but writable
        """Return the encoding in which text is sent."""
        return self._encoding

    @property
    def is_busy(self) -> bool:
        """Whether text still waits to be taken; a frame painted now would be late."""
        return bool(self._pending)

    def isatty(self) -> bool:
        """Return True: it is opened for nothing else."""
        return True

    def fileno(self) -> int:
        """Return the file descriptor of our own."""
        return self._fd

    def size(self) -> tuple[int, int]:
        """Return columns and rows as of now."""
        try:
            columns, rows = os.get_terminal_size(self._fd)
        except OSError:
            return FALLBACK_SIZE
        return (columns, rows) if columns > 0 and rows > 0 else FALLBACK_SIZE

    def is_in_front(self) -> bool:
        """Whether the shell has given us the terminal; True where nobody decides that."""
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:
            return True

    def write(self, text: str) -> int:
        """Send `text`, or keep what the terminal does not take now."""
        self._pending += text.encode(self._encoding, "replace")
        self._send()
        return len(text)

    def flush(self) -> None:
        """Do nothing: whatever can be sent has been sent."""

    def drain(self, timeout_s: float = DRAIN_S) -> None:
        """Wait for what is pending, at most `timeout_s` between two pieces; give up quietly."""
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        with suppress(OSError):
            while self._pending and poll.poll(timeout_s * 1000):
                self._send()

    def close(self) -> None:
        """Let go of the terminal."""
        if self.closed:
            return
        self._stop_watching()
        os.close(self._fd)
        super().close()

    def _send(self) -> None:
        if self._gone is not None:
            self._pending = b""
            raise self._gone
        try:
            while self._pending:
                self._pending = self._pending[os.write(self._fd, self._pending) :]
        except BlockingIOError:
            self._watch()
        except OSError as lost:
            self._gone, self._pending = lost, b""
            self._stop_watching()
            raise
        else:
            self._stop_watching()

    def _watch(self) -> None:
        """Send the rest when the terminal takes more; outside a loop `drain` does it."""
        if self._loop is not None:
            return
        with suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()
            self._loop.add_writer(self._fd, self._send_later)

    def _send_later(self) -> None:
        with suppress(OSError):  # kept; the next write raises it to the painter
            self._send()

    def _stop_watching(self) -> None:
        if self._loop is not None:
            self._loop.remove_writer(self._fd)
            self._loop = None


def _open_without_waiting(fd: int) -> int:
    """Return a descriptor of our own for the terminal at `fd`.

    Where it cannot be opened anew (another user's terminal after `su`), a plain copy has to do, and writes may wait.
    """
    try:
        return os.open(os.ttyname(fd), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return os.dup(fd)
