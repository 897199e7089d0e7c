"""The picture: which rows are shown at a size, and in which place. Pure; no clock is read here.

From 60x20 on everything is in view. Where there is less room, whole parts go, in the order of `RANKS` from its end:
the label stays longest, then the line that says whether the monitor listens, then the level. Where there is more room,
`WISHES` are granted in their order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment

from streamer.network import contract
from streamer.sinks import rows
from streamer.sinks.glyphs import ASCII, UNICODE, Glyphs, glyphs_for
from streamer.sinks.rows import Line, Paper
from streamer.sinks.view import Hearing, Status, View

__all__ = ["ASCII", "UNICODE", "Glyphs", "Hearing", "Panels", "Status", "View", "glyphs_for", "picture"]

Parts: TypeAlias = dict[str, list[Line]]
Wish: TypeAlias = Callable[[Parts, View, Paper], Parts]

UPPER: Final = ("gap0", "head", "gap1", "level", "gap2", "label", "detail", "gap3", "emotions", "gap4", "words")
LOWER: Final = ("gap5", "statuses", "gap6", "notice", "gap7", "keys")
"""From top to bottom; what room is left over stands between the two."""

RANKS: Final = ("label", "head", "level", "emotions", "words", "keys", "statuses", "notice", "detail")
"""What stays longest comes first; a part that does not fit is left out whole, and a later, smaller one may fit."""

LARGE_LABEL_CELLS: Final = 66
"""Narrowest row on which every label can be drawn large, so that the picture does not jump between labels."""


@dataclass(frozen=True, slots=True)
class Panels:
    """A Rich renderable of one view, filling whatever size it is given."""

    view: View
    glyphs: Glyphs = UNICODE
    keyboard: bool = True
    """Keys can be read; otherwise the last line says how to stop without them."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = options.height or console.height
        for i, line in enumerate(picture(self.view, options.max_width, height, self.glyphs, keyboard=self.keyboard)):
            if i:
                yield Segment.line()
            yield from line


def picture(view: View, width: int, height: int, glyphs: Glyphs = UNICODE, *, keyboard: bool = True) -> list[Line]:
    """Return at most `height` lines of at most `width` cells that show `view`."""
    paper = Paper(width, glyphs)
    parts = _parts(view, paper, keyboard=keyboard)
    shown = _fitting(parts, height)
    if len(shown) < len(RANKS):
        return _stacked(UPPER + LOWER, {name: parts[name] for name in shown})
    parts = _grown(parts, view, paper, height)
    upper, lower = _stacked(UPPER, parts), _stacked(LOWER, parts)
    left_over: list[Line] = [[]] * (height - len(upper) - len(lower))
    return upper + left_over + lower


def _parts(view: View, paper: Paper, *, keyboard: bool) -> Parts:
    """Return every part in its smallest form."""
    return {
        "head": [rows.head(view, paper)],
        "level": [rows.level(view, paper)],
        "label": [rows.small_label(view, paper)],
        "detail": [rows.under_label(view, paper, large=False)],
        "emotions": [line for i in range(contract.N_EMOTIONS) for line in rows.emotion(i, view, paper)],
        "words": rows.words(view, paper, 1),
        "statuses": rows.statuses(view, paper),
        "notice": rows.notice(view, paper),
        "keys": [rows.keys(view, paper, keyboard=keyboard)],
    }


def _fitting(parts: Parts, height: int) -> set[str]:
    shown: set[str] = set()
    for name in RANKS:
        if len(parts[name]) <= height:
            shown.add(name)
            height -= len(parts[name])
    return shown


def _stacked(names: Sequence[str], parts: Parts) -> list[Line]:
    return [line for name in names for line in parts.get(name, ())]


def _grown(parts: Parts, view: View, paper: Paper, height: int) -> Parts:
    """Return the parts after every wish that `height` has room for, asked in order."""
    for wish in WISHES:
        grown = parts | wish(parts, view, paper)
        if sum(map(len, grown.values())) <= height:
            parts = grown
    return parts


def _whole_statuses(_: Parts, view: View, paper: Paper) -> Parts:
    return {"statuses": rows.statuses(view, paper, whole=True)}


def _large_label(_: Parts, view: View, paper: Paper) -> Parts:
    large = rows.large_label(view, paper) if paper.glyphs.lettering and paper.width >= LARGE_LABEL_CELLS else None
    return {"label": large, "detail": [rows.under_label(view, paper, large=True)]} if large else {}


def _rows_of_words(n_rows: int, _: Parts, view: View, paper: Paper) -> Parts:
    return {"words": rows.words(view, paper, n_rows)}


def _high_histories(_: Parts, view: View, paper: Paper) -> Parts:
    return {"emotions": [line for i in range(contract.N_EMOTIONS) for line in rows.emotion(i, view, paper, n_rows=2)]}


def _gap(name: str, parts: Parts, view: View, paper: Paper) -> Parts:  # noqa: ARG001  the signature of a wish
    return {name: [*parts.get(name, ()), []]}


WISHES: Final[Sequence[Wish]] = (
    _whole_statuses,
    *(partial(_gap, name) for name in ("gap3", "gap5", "gap4", "gap2")),
    _large_label,
    partial(_rows_of_words, 2),
    partial(_gap, "gap7"),
    _high_histories,
    partial(_rows_of_words, 4),
    *(partial(_gap, name) for name in ("gap1", "gap2", "gap3", "gap4", "gap0")),
)
"""What a taller screen is used for."""
