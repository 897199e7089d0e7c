"""Owner of the terminal while the monitor runs: paints the view at its own pace, hears keys, leaves all as it was.

One task paints, without waiting for the terminal; a view equal to the one on the screen is not painted again. Nothing
else may write to the terminal meanwhile.
"""

import asyncio
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Final, TextIO

from streamer.sinks.keys import Keys
from streamer.sinks.panels import Panels
from streamer.sinks.screen import Screen
from streamer.sinks.terminal import Terminal
from streamer.sinks.view import View

FRAMES_PER_S: Final = 8.0


class Outcome(StrEnum):
    """Why the dashboard has ended."""

    CLOSED = "closed"
    """`close` was called."""
    TERMINAL_GONE = "terminal gone"
    """The terminal was closed or lost; the monitor may go on without it."""


def can_draw(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether a dashboard can be drawn on `stream`; otherwise plain lines are the thing to write."""
    return stream.isatty() and environ.get("TERM", "") not in ("", "dumb", "unknown")


class Dashboard:
    """Show views on the terminal behind `stream` and hand "q", "space", "m" and "n" to `on_key`.

    `run` takes the terminal and gives it back, whatever happens in between.
    """

    def __init__(
        self,
        stream: TextIO,
        environ: Mapping[str, str],
        on_key: Callable[[str], None],
        *,
        frames_per_s: float = FRAMES_PER_S,
    ) -> None:
        self._stream = stream
        self._environ = environ
        self._keys = Keys(on_key)
        self._pause_s = 1.0 / frames_per_s
        self._closing = asyncio.Event()
        self._keyboard = False
        self._painted: tuple[View, tuple[int, int]] | None = None

    def close(self) -> None:
        """Let `run` return."""
        self._closing.set()

    async def run(self, view: Callable[[], View]) -> Outcome:
        """Paint what `view` returns until `close` or until the terminal is gone; then the terminal is as before.

        While the program is in the background nothing is painted.
        """
        terminal = Terminal(self._stream.fileno(), self._stream.encoding)
        screen = Screen(terminal, self._environ)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTSTP, self._suspend, loop, screen)
        try:
            while not self._closing.is_set():
                self._show(view, screen)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause_s):
                        await self._closing.wait()
        except OSError:
            return Outcome.TERMINAL_GONE
        finally:
            loop.remove_signal_handler(signal.SIGTSTP)
            self._leave(screen)
            terminal.close()
        return Outcome.CLOSED

    def _show(self, view: Callable[[], View], screen: Screen) -> None:
        if not screen.terminal.is_in_front():
            return
        if not screen.is_open:
            self._painted = None
            self._keyboard = self._keys.start()
            screen.open()
        if screen.terminal.is_busy:
            return
        now, size = view(), screen.terminal.size()
        if (now, size) != self._painted:
            screen.paint(Panels(now, screen.glyphs, keyboard=self._keyboard), size)
            self._painted = (now, size)

    def _leave(self, screen: Screen) -> None:
        self._keys.stop()
        screen.close()

    def _suspend(self, loop: asyncio.AbstractEventLoop, screen: Screen) -> None:
        """Give the terminal back and stop, as Ctrl-Z asks for; once continued in front, `run` takes it again."""
        self._leave(screen)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)  # stands still here until SIGCONT
        loop.add_signal_handler(signal.SIGTSTP, self._suspend, loop, screen)
