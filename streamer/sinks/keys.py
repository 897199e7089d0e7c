"""Single keys from the keyboard, without a thread and without asking again and again.

Keys come from standard input if that is a terminal, otherwise (sound may be coming in there) from the controlling
terminal, otherwise from nowhere. Ctrl-C and Ctrl-Z stay signals.
"""

import asyncio
import os
import re
import termios
from collections.abc import Callable, Mapping
from typing import Any, Final

KEYS: Final[Mapping[str, str]] = {"q": "q", "Q": "q", " ": "space", "m": "m", "M": "m", "n": "n", "N": "n"}

ESCAPES: Final = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|[^\[O])?", re.DOTALL)
"""What arrow and function keys, the mouse and Alt send: their letters are no keys of ours."""

READ_BYTES: Final = 1024

LFLAG: Final = 3
CC: Final = 6
"""Places in what `termios.tcgetattr` returns."""


def keys_in(typed: bytes) -> tuple[str, ...]:
    """Return the keys of ours in what the terminal sent, as "q", "space", "m" and "n"."""
    plain = ESCAPES.sub(b"", typed)
    return tuple(KEYS[character] for character in plain.decode("utf-8", "ignore") if character in KEYS)


class Keys:
    """Owner of the keyboard: between `start` and `stop` each key is heard at once and not echoed."""

    def __init__(self, on_key: Callable[[str], None]) -> None:
        self._on_key = on_key
        self._fd: int | None = None
        self._before: list[Any] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_listening(self) -> bool:
        """Whether keys are heard now."""
        return self._fd is not None

    def start(self) -> bool:
        """Begin to hear keys on the running loop; False if there is no keyboard to hear."""
        self.stop()
        fd = _open_keyboard()
        if fd is None:
            return False
        loop = asyncio.get_running_loop()
        try:
            self._before = termios.tcgetattr(fd)
            termios.tcsetattr(fd, termios.TCSANOW, _unbuffered(self._before))
            loop.add_reader(fd, self._read)
        except (OSError, termios.error):
            _restore(fd, self._before)
            os.close(fd)
            self._before = None
            return False
        self._fd, self._loop = fd, loop
        return True

    def stop(self) -> None:
        """Leave the keyboard as it was found."""
        if self._fd is None or self._loop is None:
            return
        self._loop.remove_reader(self._fd)
        _restore(self._fd, self._before)
        os.close(self._fd)
        self._fd = self._before = self._loop = None

    def _read(self) -> None:
        if self._fd is None:
            return
        try:
            typed = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            typed = b""
        if not typed:  # the terminal is gone; the painter meets the same and says so
            self.stop()
            return
        for key in keys_in(typed):
            self._on_key(key)


def _open_keyboard() -> int | None:
    """Return a descriptor of our own for the terminal that keys come from, or None if there is none to listen to."""
    try:
        fd = os.dup(0) if os.isatty(0) else os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        in_front = os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        in_front = False
    if in_front:
        return fd
    os.close(fd)  # in the background a read would stop the whole program
    return None


def _unbuffered(attributes: list[Any]) -> list[Any]:
    """Return terminal attributes with keys heard one by one and not echoed; signals stay on."""
    changed = [*attributes[:CC], list(attributes[CC])]
    changed[LFLAG] &= ~(termios.ECHO | termios.ICANON)
    changed[CC][termios.VMIN], changed[CC][termios.VTIME] = 1, 0
    return changed


def _restore(fd: int, attributes: list[Any] | None) -> None:
    if attributes is None:
        return
    try:
        termios.tcsetattr(fd, termios.TCSANOW, attributes)
    except (OSError, termios.error):
        return  # the terminal is gone, and nothing is left to restore
