"""A pseudo-terminal with the program in it, and what a person would see there (pyte draws it)."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

PATIENCE_S = 40.0


def _take_the_terminal() -> None:
    """Make standard input the controlling terminal, as a login does; runs in the child."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """Run a command in a terminal of `columns` x `rows`; `screen` is what it shows now."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, columns: int = 80, rows: int = 24
    ) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, env=dict(environment), cwd=folder,
            start_new_session=True, preexec_fn=_take_the_terminal,  # noqa: PLW1509 (one system call; no thread runs yet)
        )  # fmt: skip
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(5.0)
        os.close(self._ours)
        if self.process.stderr:
            self.process.stderr.close()

    @property
    def screen(self) -> str:
        """Return the lines of the screen."""
        with self._lock:
            return "\n".join(self._screen.display)

    def press(self, key: str) -> None:
        """Type a key."""
        os.write(self._ours, key.encode())

    def wait_for(self, *texts: str) -> str:
        """Wait until all `texts` are on the screen, and return it."""
        until_s = time.monotonic() + PATIENCE_S
        while not all(text in self.screen for text in texts):
            assert time.monotonic() < until_s, f"{texts} did not come; the screen shows\n{self.screen}"
            time.sleep(0.05)
        return self.screen

    def end(self) -> tuple[int, str]:
        """Wait for the program's end; return its exit code and what it wrote to standard error."""
        code = self.process.wait(PATIENCE_S)
        assert self.process.stderr
        return code, self.process.stderr.read().decode()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._ours, 65_536)
            except OSError:
                return
            if not data:
                return
            with self._lock:
                self._stream.feed(data)
