"""The terminal's second screen, drawn on with Rich: opened, painted and closed; what was there before comes back."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Literal, TextIO, cast

from rich.console import Console, RenderableType
from rich.live import Live

from streamer.sinks.glyphs import glyphs_for
from streamer.sinks.terminal import Terminal


class Screen:
    """One full screen on `terminal`; colours as `environ` allows (NO_COLOR, COLORTERM, TERM)."""

    def __init__(self, terminal: Terminal, environ: Mapping[str, str]) -> None:
        self.terminal = terminal
        self.glyphs = glyphs_for(terminal.encoding, environ.get("TERM", ""))
        self._live: Live | None = None
        self._console = Console(
            file=cast("TextIO", terminal),  # all that Rich asks of it: write, flush, encoding, fileno, isatty
            force_terminal=True,
            force_interactive=True,  # the caller has seen to it that the terminal can draw
            color_system=colours(environ),
            no_color=bool(environ.get("NO_COLOR")),
            legacy_windows=False,
        )

    @property
    def is_open(self) -> bool:
        """Whether the second screen is in view."""
        return self._live is not None

    def open(self) -> None:
        """Switch to the second screen. Raises OSError if the terminal is gone."""
        self._live = Live(
            console=self._console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def paint(self, picture: RenderableType, size: tuple[int, int]) -> None:
        """Show `picture` at `size`, columns and rows. Raises OSError if the terminal is gone."""
        if self._live is None:
            return
        self._console.size = size
        self._live.update(picture, refresh=True)

    def close(self) -> None:
        """Bring back the first screen and the cursor; quietly if the terminal is gone."""
        live, self._live = self._live, None
        if live is None:
            return
        with suppress(OSError):
            live.stop()
        self.terminal.drain()


def colours(environ: Mapping[str, str]) -> Literal["standard", "256", "truecolor"]:
    """Return how many colours the terminal says it has."""
    if environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return "truecolor"
    term = environ.get("TERM", "")
    return "256" if term.endswith(("256color", "kitty")) or term == "alacritty" else "standard"
