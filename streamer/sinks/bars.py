"""Arithmetic of the drawn lines: bars, sparklines and the level meter as strings. Pure.

Anything that is no number counts as nothing, so that no value can make the screen fail.
"""

from collections.abc import Sequence
from typing import Final

from streamer.sinks.glyphs import Glyphs

FLOOR_DB: Final = -60.0
"""Left end of the level meter; 0 dB, full scale, is its right end."""


def share(value: float | None) -> float:
    """Return `value` held within 0 and 1; nothing and NaN are 0."""
    if value is None or not value > 0.0:
        return 0.0
    return min(value, 1.0)


def percent(value: float | None, dash: str = "–") -> str:
    """Return a probability as whole per cent, or a dash."""
    return f"{100.0 * share(value):.0f} %" if value is not None else dash


def level(value_db: float | None, dash: str = "–") -> str:
    """Return a level as whole dB; under -99 dB nothing is told apart."""
    if value_db is None or value_db != value_db:  # noqa: PLR0124  NaN
        return f"{dash} dB"
    return f"{max(-99.0, min(99.0, value_db)):.0f} dB"


def bar(value: float | None, width: int, glyphs: Glyphs) -> tuple[str, str]:
    """Return the filled and the empty part of a bar, together `width` cells."""
    per_cell = len(glyphs.steps) - 1
    filled = round(share(value) * width * per_cell)
    full, part = divmod(filled, per_cell)
    body = glyphs.steps[-1] * full + (glyphs.steps[part] if part else "")
    return body, glyphs.track * (width - len(body))


def sparkline(values: Sequence[float | None], width: int, glyphs: Glyphs, n_rows: int = 1) -> list[str]:
    """Return the newest `width` values as columns of 0 to 1 over `n_rows` rows, top row first.

    The newest stands at the right; a gap shows where there was none.
    """
    newest = values[-width:] if width > 0 else ()
    top = len(glyphs.heights)
    heights = [None if v is None else max(1, round(share(v) * top * n_rows)) for v in newest]
    rows = []
    for row in reversed(range(n_rows)):
        filled = (0 if height is None else max(0, min(top, height - row * top)) for height in heights)
        rows.append("".join(glyphs.heights[cells - 1] if cells else " " for cells in filled).rjust(width))
    return rows


def meter(level_db: float | None, peak_db: float | None, width: int, glyphs: Glyphs) -> tuple[str, str]:
    """Return the sounding and the still part of a level meter, together `width` cells, with the peak as a mark."""
    reach = round(_reach(level_db) * width)
    cells = [glyphs.meter] * reach + [glyphs.meter_track] * (width - reach)
    peak = _reach(peak_db)
    if peak > 0.0 and width > 0:
        cells[min(width - 1, max(0, round(peak * width) - 1))] = glyphs.peak
    return "".join(cells[:reach]), "".join(cells[reach:])


def _reach(value_db: float | None) -> float:
    return 0.0 if value_db is None else share(1.0 - value_db / FLOOR_DB)
