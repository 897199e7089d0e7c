"""The rows of the screen, each made for a width: segments of text with a style. Pure; `panels` decides which are shown.

Colours are Paul Tol's "bright" scheme, told apart with any colour vision; every row also says in words what it colours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from streamer.network import contract
from streamer.records import Word
from streamer.sinks import bars
from streamer.sinks.glyphs import Glyphs, clean, fit, fit_end, wrap
from streamer.sinks.lettering import lettering
from streamer.sinks.view import HEADS, Hearing, Status, View, clock, detail, headline, label, latency, losses, statement

Piece: TypeAlias = tuple[str, Style]
Line: TypeAlias = list[Segment]

PLAIN: Final = Style()
BOLD: Final = Style(bold=True)
DIM: Final = Style(dim=True)
FAINT: Final = Style(color="#555A66", dim=True)
GOOD: Final = Style(color="#44AA66", bold=True)
BAD: Final = Style(color="#EE6677", bold=True)
WARN: Final = Style(color="#DDAA33", bold=True)
METER: Final = Style(color="#44AA66")
LOUD: Final = Style(color="#DDAA33")

COLOURS: Final = ("#CCBB44", "#EE6677", "#4477AA", "#66CCEE", "#228833", "#AA3377")
"""In the order of `contract.EMOTIONS`."""

TINTS: Final = tuple(Style(color=colour) for colour in COLOURS)
STRONG: Final = tuple(Style(color=colour, bold=True) for colour in COLOURS)

HEAD_STYLES: Final = {Hearing.LISTENING: GOOD, Hearing.MUTED: WARN, Hearing.PAUSED: WARN, Hearing.CLOSED: BOLD}
"""Everything else is trouble."""

LOUD_DB: Final = -3.0
NAME_CELLS: Final = max(map(len, contract.EMOTIONS)) + 1
PERCENT_CELLS: Final = 5
STATUS_CELLS: Final = len("recogniser") + 2
UNSURE_WORD: Final = 0.5
"""Words heard with less confidence are set in italics."""


@dataclass(frozen=True, slots=True)
class Paper:
    """What a row is drawn on: the cells of the terminal, less a margin, and the characters there are."""

    cells: int
    glyphs: Glyphs

    @property
    def margin(self) -> int:
        """Cells left free at either side."""
        return 2 if self.cells >= 72 else 1 if self.cells >= 30 else 0  # noqa: PLR2004  layout

    @property
    def width(self) -> int:
        """Cells there are for a row."""
        return self.cells - 2 * self.margin

    def clean(self, text: str) -> str:
        """Return `text` as this paper can show it."""
        return clean(text, self.glyphs.encoding)

    def fit(self, text: str, width: int) -> str:
        """Return `text` in at most `width` cells, with an ellipsis where something had to go."""
        return fit(self.clean(text), width, self.glyphs.ellipsis)

    def line(self, *pieces: Piece) -> Line:
        """Return the pieces as one line behind the margin; never wider than the paper."""
        room = self.width
        line = [Segment(" " * self.margin)] if self.margin else []
        for text, style in pieces:
            shown = fit(text, room, self.glyphs.ellipsis)
            if shown:
                line.append(Segment(shown, style))
            room -= cell_len(shown)
            if shown != text:
                break
        return line


def head(view: View, paper: Paper) -> Line:
    """Return the line that says whether the monitor listens, to what, and for how long."""
    glyphs = paper.glyphs
    style = HEAD_STYLES.get(view.hearing, BAD)
    quiet = glyphs.off if view.hearing in HEAD_STYLES else glyphs.trouble
    mark = glyphs.on if view.hearing is Hearing.LISTENING else quiet
    left = f"{mark} {HEADS[view.hearing]}"
    right = clock(view.elapsed_s) if paper.width >= len(left) + 20 else ""
    room = paper.width - len(left) - len(right) - 3
    source = paper.fit(view.source, room) if room > 3 else ""  # noqa: PLR2004  layout
    gap = " " * (room + 1 - cell_len(source)) if right else ""
    return paper.line(
        (left, style), ("  " + source if source else "", PLAIN), (gap if source else "  " + gap, PLAIN), (right, DIM)
    )


def level(view: View, paper: Paper) -> Line:
    """Return the level meter, with the level and the peak as numbers where there is room."""
    dash = paper.glyphs.dash
    number = bars.level(view.level_db, dash).rjust(7)
    peak = f"  peak {bars.level(view.peak_db, dash)}".ljust(14) if paper.width >= 50 else ""  # noqa: PLR2004  layout
    name = "level".ljust(NAME_CELLS) if paper.width >= 40 else ""  # noqa: PLR2004  layout
    width = paper.width - len(name) - len(number) - len(peak)
    loud = view.peak_db is not None and view.peak_db >= LOUD_DB
    if width < 4:  # noqa: PLR2004  layout
        return paper.line((number.strip(), BOLD))
    sounding, still = bars.meter(view.level_db, view.peak_db, width, paper.glyphs)
    tint = LOUD if loud else METER
    return paper.line((name, DIM), (sounding, tint), (still, FAINT), (number, PLAIN), (peak, LOUD if loud else DIM))


def large_label(view: View, paper: Paper) -> list[Line] | None:
    """Return the label in large letters, a statement in the last of as many rows, or None where it does not fit."""
    named = label(view)
    if named is None:
        return [paper.line(), paper.line(), paper.line((paper.clean(statement(view)), BOLD))]
    drawn = lettering(headline(view))
    if drawn is None or len(drawn[0]) > paper.width:
        return None
    style = TINTS[contract.EMOTIONS.index(named)]
    return [paper.line((row.rstrip(), style)) for row in drawn]


def small_label(view: View, paper: Paper) -> Line:
    """Return the label or the statement in one row."""
    named = label(view)
    style = STRONG[contract.EMOTIONS.index(named)] if named else BOLD
    return paper.line((paper.clean(headline(view)), style))


def under_label(view: View, paper: Paper, *, large: bool) -> Line:
    """Return the line under the label; beside large letters it says the label again, as text."""
    glyphs = paper.glyphs
    said = paper.clean(detail(view, glyphs.between))
    if large and label(view):
        return paper.line((headline(view), BOLD), (f" {glyphs.between} {said}" if said else "", DIM))
    return paper.line((said, DIM))


def emotion(index: int, view: View, paper: Paper, n_rows: int = 1) -> list[Line]:
    """Return one emotion's name, probability, bar and short history; the history may be `n_rows` high."""
    glyphs = paper.glyphs
    name = contract.EMOTIONS[index]
    known = view.mood.probabilities if view.mood else None
    value = known[index] if known and index < len(known) else None
    leads = label(view) == name
    past = view.history[index] if index < len(view.history) else ()
    spark = round(paper.width * 0.28) if paper.width >= 36 else 0  # noqa: PLR2004  layout
    width = paper.width - NAME_CELLS - PERCENT_CELLS - 2 - (spark + 2 if spark else 0)
    number = bars.percent(value, glyphs.dash).rjust(PERCENT_CELLS)
    pieces = [(name.ljust(NAME_CELLS), STRONG[index] if leads else PLAIN), (number, BOLD if leads else PLAIN)]
    if width >= 4:  # noqa: PLR2004  layout
        full, empty = bars.bar(value, width, glyphs)
        pieces += [("  ", PLAIN), (full, TINTS[index]), (empty, FAINT)]
    if not spark:
        return [paper.line(*pieces)]
    *above, beside = bars.sparkline(past, spark, glyphs, n_rows)
    indent = " " * (paper.width - spark)
    return [
        *(paper.line((indent, PLAIN), (row, TINTS[index])) for row in above),
        paper.line(*pieces, ("  ", PLAIN), (beside, TINTS[index])),
    ]


def words(view: View, paper: Paper, n_rows: int) -> list[Line]:
    """Return the newest words in `n_rows` rows: settled words plain, words that may still change dim."""
    name = "words".ljust(NAME_CELLS) if paper.width >= 40 else ""  # noqa: PLR2004  layout
    width = paper.width - len(name)
    spoken = _spoken(view.words, paper)
    if not spoken:
        return [paper.line((name + paper.glyphs.dash, DIM)), *([paper.line()] * (n_rows - 1))]
    rows = [_ticker(spoken, width, paper)] if n_rows == 1 else _flow(spoken, width, n_rows, paper)
    rows += [[]] * (n_rows - len(rows))
    return [paper.line((name if i == 0 else " " * len(name), DIM), *row) for i, row in enumerate(rows)]


def _spoken(heard: Sequence[Word], paper: Paper) -> list[Piece]:
    """Return the words with their styles; marks such as `?` and `'s` lean on the word before."""
    spoken: list[Piece] = []
    for word in heard:
        text = paper.clean(word.text)
        if spoken and (text in ("?", "!", ".", ",", "n't") or text.startswith("'")):
            spoken[-1] = (spoken[-1][0] + text, spoken[-1][1])
        elif text:
            style = PLAIN if word.final else DIM
            spoken.append((text, style + Style(italic=True) if word.confidence < UNSURE_WORD else style))
    if spoken and heard and not heard[-1].final:
        spoken[-1] = (spoken[-1][0] + paper.glyphs.ellipsis, spoken[-1][1])
    return spoken


def _ticker(spoken: Sequence[Piece], width: int, paper: Paper) -> list[Piece]:
    """Return one row that ends with the newest word and is cut at the left."""
    mark = paper.glyphs.ellipsis
    row: list[Piece] = []
    room = width - len(mark) - 1
    for i, (text, style) in enumerate(reversed(spoken)):
        needed = cell_len(text) + bool(i)
        if needed > room + (len(mark) + 1 if i == len(spoken) - 1 else 0):
            return [(f"{mark} ", DIM), *row] if row else [(fit_end(text, width, mark), style)]
        row.insert(0, (text + " " if i else text, style))
        room -= needed
    return row


def _flow(spoken: Sequence[Piece], width: int, n_rows: int, paper: Paper) -> list[list[Piece]]:
    """Return the last rows of the words set from the start, so that text moves only when a row is full."""
    mark = paper.glyphs.ellipsis
    rows: list[list[Piece]] = [[]]
    room = inner = width - len(mark) - 1
    for text, style in spoken:
        shown = fit_end(text, inner, mark)
        if rows[-1] and cell_len(shown) > room:
            rows.append([])
            room = inner
        rows[-1].append((shown + " ", style))
        room -= cell_len(shown) + 1
    if len(rows) <= n_rows:
        return rows
    shown_rows = rows[-n_rows:]
    return [[(f"{mark} ", DIM), *shown_rows[0]], *shown_rows[1:]]


def statuses(view: View, paper: Paper, *, whole: bool = False) -> list[Line]:
    """Return latency, drops, recogniser, device and broker; two in a row where both fit.

    What is too long for a row ends in an ellipsis, or, if `whole`, goes on in the next row.
    """
    pairs = (
        (("latency", latency(view)), ("dropped", losses(view))),
        (("recogniser", view.recogniser), ("device", view.device)),
        (("broker", view.broker),),
    )
    half = paper.width // 2
    lines: list[Line] = []
    for pair in pairs:
        sides = [_status(name, status, paper) for name, status in pair]
        if len(sides) > 1 and max(_cells(sides[0]) + 2, _cells(sides[1])) <= half:
            lines.append(paper.line(*sides[0], (" " * (half - _cells(sides[0])), PLAIN), *sides[1]))
            continue
        for name, (text, style) in sides:
            said = wrap(text, max(1, paper.width - STATUS_CELLS)) if whole else [text]
            lines += [
                paper.line(name if i == 0 else (" " * STATUS_CELLS, PLAIN), (row, style)) for i, row in enumerate(said)
            ]
    return lines


def _status(name: str, status: Status, paper: Paper) -> tuple[Piece, Piece]:
    text = paper.clean(status.text)
    shown = (text, PLAIN) if status.well else (f"{paper.glyphs.trouble} {text}", WARN)
    return (name.ljust(STATUS_CELLS), DIM), shown


def _cells(pieces: Sequence[Piece]) -> int:
    return sum(cell_len(text) for text, _ in pieces)


def notice(view: View, paper: Paper) -> list[Line]:
    """Return the notice in as many rows as it needs."""
    return [paper.line((row, LOUD)) for row in wrap(paper.clean(view.notice), paper.width)]


def keys(view: View, paper: Paper, *, keyboard: bool) -> Line:
    """Return the line that names the keys, or how to stop without them."""
    if not keyboard:
        return paper.line(("ctrl-c", BOLD), (" quit", DIM))
    pause = "go on" if view.hearing is Hearing.PAUSED else "pause"
    mute = "unmute" if view.hearing is Hearing.MUTED else "mute"
    named = [("q", "quit"), ("space", pause), ("m", mute)]
    if view.adapts and paper.width >= 50:  # noqa: PLR2004  layout
        named.append(("n", "new speaker"))
    gap = "   " if paper.width >= 30 else " "  # noqa: PLR2004  layout
    return paper.line(*((text, style) for key, use in named for text, style in ((key, BOLD), (f" {use}{gap}", DIM))))
