"""Plain lines for where no dashboard can be drawn: a pipe, a file, a terminal without a cursor. No escapes, no words.

A line is written when state or label change, and about every ten seconds of the stream meanwhile.
"""

from typing import Final, TextIO

from streamer.network import contract
from streamer.records import seconds
from streamer.sinks.bars import share
from streamer.sinks.glyphs import clean
from streamer.sinks.view import HEADS, Hearing, View, headline, label, statement

EVERY_S: Final = 10.0


def plain_line(view: View) -> str:
    """Return one line such as `12.4 s  happy 71 %  (angry 5, sad 6, surprised 11, disgusted 3, fear 4)`."""
    named = label(view)
    known = view.mood.probabilities if view.mood else None
    others = ""
    if named and known:
        rest = (
            f"{emotion} {100 * share(value):.0f}"
            for emotion, value in zip(contract.EMOTIONS, known, strict=True)
            if emotion != named
        )
        others = f"  ({', '.join(rest)})"
    reason = f": {clean(view.reason)}" if view.reason and not named else ""
    return f"{_instant_s(view):.1f} s  {headline(view)}{others}{reason}"


def first_line(view: View) -> str:
    """Return the line that says that the monitor listens, and to what."""
    head = HEADS[view.hearing]
    return f"{head} to {clean(view.source)}" if view.hearing is Hearing.LISTENING else f"{head}: {clean(view.source)}"


class PlainLines:
    """Write to `out` what changes; encoding errors cannot happen, since all our own text is ASCII or replaced."""

    def __init__(self, out: TextIO, every_s: float = EVERY_S) -> None:
        self._out = out
        self._every_s = every_s
        self._said: str | None = None
        self._at_s = 0.0

    def show(self, view: View) -> None:
        """Write a line if one is due. Raises BrokenPipeError when nobody reads any more."""
        if self._said is None:
            self._write(first_line(view))
        now_s = _instant_s(view)
        saying = statement(view)
        if saying == self._said and now_s - self._at_s < self._every_s:
            return
        self._said, self._at_s = saying, now_s
        self._write(plain_line(view))

    def _write(self, line: str) -> None:
        encoding = self._out.encoding or "utf-8"
        self._out.write(clean(line, encoding) + "\n")
        self._out.flush()


def _instant_s(view: View) -> float:
    """Return the end of the newest estimate; before the first one, the time that has passed."""
    return seconds(view.mood.end) if view.mood else float(view.elapsed_s)
