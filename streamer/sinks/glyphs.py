"""The characters the screen is drawn with, and text fitted to cells. Pure.

A terminal counts cells, not characters: a Korean syllable takes two, a combining accent none. Whatever comes from
outside (words, device names, reasons) passes `clean` first, so that it can neither move the cursor nor break a line.
"""

from dataclasses import dataclass, replace
from typing import Final

from rich.cells import cell_len, set_cell_size


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of drawing characters, and the encoding in which text must be sayable."""

    encoding: str
    on: str
    """Marks that sound is being heard."""
    off: str
    """Marks that no sound is being heard."""
    trouble: str
    ellipsis: str
    dash: str
    between: str
    steps: str
    """Fillings of the last cell of a bar, from empty to full."""
    track: str
    """The cells of a bar that are not filled."""
    heights: str
    """Columns of a sparkline, from lowest to highest."""
    meter: str
    meter_track: str
    peak: str
    rule: str
    lettering: bool
    """Large letters can be drawn, from half blocks."""


UNICODE: Final = Glyphs(
    encoding="utf-8",
    on="●",
    off="○",
    trouble="▲",
    ellipsis="…",
    dash="–",
    between="·",
    steps=" ╸━",
    track="─",
    heights="▁▂▃▄▅▆▇█",
    meter="━",
    meter_track="─",
    peak="┃",
    rule="─",
    lettering=True,
)

ASCII: Final = Glyphs(
    encoding="ascii",
    on="(*)",
    off="( )",
    trouble="(!)",
    ellipsis="..",
    dash="-",
    between="-",
    steps=" #",
    track=".",
    heights="_.:-=+*#",
    meter="=",
    meter_track="-",
    peak="|",
    rule="-",
    lettering=False,
)

POOR_TERMINALS: Final = ("linux", "vt100", "vt102", "vt220", "ansi")
"""Their fonts lack most block characters, whatever the encoding."""


def glyphs_for(encoding: str, term: str = "") -> Glyphs:
    """Return the drawing characters that `encoding` can say and the terminal type `term` can show."""
    drawn = "".join(value for value in (getattr(UNICODE, name) for name in UNICODE.__slots__[1:-1]))
    try:
        sayable = drawn.encode(encoding).decode(encoding) == drawn
    except (UnicodeError, LookupError):
        sayable = False
    return replace(UNICODE if sayable and term not in POOR_TERMINALS else ASCII, encoding=encoding)


def clean(text: str, encoding: str = "utf-8") -> str:
    """Return `text` on one line, without control, direction or other unprintable characters, sayable in `encoding`."""
    if text.isascii() and text.isprintable():
        return text
    printable = "".join(c for c in text.replace("\n", " ").replace("\t", " ") if c.isprintable())
    try:
        return printable.encode(encoding, "replace").decode(encoding)
    except LookupError:
        return printable.encode("ascii", "replace").decode("ascii")


def fit(text: str, width: int, ellipsis: str) -> str:
    """Return `text` in at most `width` cells; where something had to go, an ellipsis says so."""
    if cell_len(text) <= width:
        return text
    if width <= len(ellipsis):
        return ellipsis[: max(width, 0)]
    return set_cell_size(text, width - len(ellipsis)).rstrip() + ellipsis


def fit_end(text: str, width: int, ellipsis: str) -> str:
    """Return the end of `text` in at most `width` cells; an ellipsis stands for what went at the left."""
    if cell_len(text) <= width:
        return text
    start = len(text)
    room = width - len(ellipsis)
    while start > 0 and cell_len(text[start - 1 :]) <= room:
        start -= 1
    return (ellipsis + text[start:])[: max(width, 0)] if room <= 0 else ellipsis + text[start:]


def wrap(text: str, width: int) -> list[str]:
    """Return `text` as lines of at most `width` cells, broken between words where a word fits."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        if line and cell_len(line) + 1 + cell_len(word) <= width:
            line = f"{line} {word}"
            continue
        if line:
            lines.append(line)
        line = word
        while cell_len(line) > width and len(line) > 1:
            head = _head(line, width)
            lines.append(head)
            line = line[len(head) :]
    return [*lines, line] if line else lines


def _head(text: str, width: int) -> str:
    """Return the longest start of `text` within `width` cells, at least one character."""
    end = 1
    while end < len(text) and cell_len(text[: end + 1]) <= width:
        end += 1
    return text[:end]
