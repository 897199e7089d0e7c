"""Draw the dashboard as pictures, to look at: `python -m tools.look FOLDER [STATE...]` (needs rsvg-convert for PNG)."""

import argparse
import io
import subprocess
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.segment import Segment, Segments
from rich.terminal_theme import TerminalTheme

from streamer.sinks.panels import ASCII, UNICODE, Glyphs, View, picture
from streamer.sinks.rows import Line
from tools.sample_views import VIEWS

SIZES: Final = ((60, 20), (80, 24), (120, 40))

THEME: Final = TerminalTheme(
    (22, 24, 29),
    (214, 216, 220),
    [
        (22, 24, 29),
        (224, 108, 117),
        (152, 195, 121),
        (209, 154, 102),
        (97, 175, 239),
        (198, 120, 221),
        (86, 182, 194),
        (171, 178, 191),
    ],
)


def _apart(line: Line) -> Line:
    """Return the line with leading spaces as segments of their own: rsvg-convert drops them at the start of a text."""
    parts: Line = []
    for segment in line:
        bare = segment.text.lstrip(" ")
        parts += [Segment(" " * (len(segment.text) - len(bare))), Segment(bare, segment.style)]
    return [part for part in parts if part.text]


def draw(view: View, width: int, height: int, title: str, glyphs: Glyphs = UNICODE) -> str:
    """Return the picture of `view` as SVG."""
    console = Console(
        record=True,
        force_terminal=True,
        file=io.StringIO(),
        width=width,
        height=height,
        color_system="truecolor",
        no_color=False,
    )
    for line in picture(view, width, height, glyphs):
        console.print(Segments([*_apart(line), Segment.line()]), end="")
    return console.export_svg(title=title, theme=THEME)


def main() -> None:
    """Write one SVG and one PNG for each state and size asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("states", nargs="*", default=list(VIEWS), help=f"of {', '.join(VIEWS)}")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII characters only")
    wanted = parser.parse_args()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    for state in wanted.states:
        for width, height in SIZES:
            path = wanted.folder / f"{state}-{width}x{height}.svg"
            svg = draw(VIEWS[state], width, height, "emostream", ASCII if wanted.ascii else UNICODE)
            path.write_text(svg, encoding="utf-8")
            subprocess.run(["rsvg-convert", "-o", path.with_suffix(".png"), path], check=True)
            print(path.with_suffix(".png"))


if __name__ == "__main__":
    main()
