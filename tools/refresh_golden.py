"""Write the files of `tests/golden` anew and print which have changed: `python -m tools.refresh_golden [NAME...]`.

The only writer of that folder. `GOLDEN` maps a file's name to the function that makes its text; the tests compare the
files with the same functions, so a change is seen in review and never made by a test.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from streamer.sinks.panels import picture
from streamer.sinks.view import View
from tools.sample_views import SPEECH

FOLDER: Final = Path(__file__).parent.parent / "tests" / "golden"

SIZES: Final = ((60, 20), (80, 24), (120, 40))


def screen_text(view: View, width: int, height: int) -> str:
    """Return the dashboard as plain text, one line a row, without blanks at the ends of lines."""
    lines = ("".join(segment.text for segment in line).rstrip() for line in picture(view, width, height))
    return "".join(line + "\n" for line in lines)


GOLDEN: Final[Mapping[str, Callable[[], str]]] = {
    f"screen-{width}x{height}.txt": partial(screen_text, SPEECH, width, height) for width, height in SIZES
}


def refresh(names: list[str], folder: Path = FOLDER) -> list[str]:
    """Write the named files and return the names of those that changed."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = []
    for name in names:
        path = folder / name
        made = GOLDEN[name]()
        if not path.exists() or path.read_text(encoding="utf-8") != made:
            path.write_text(made, encoding="utf-8")
            changed.append(name)
    return changed


def main() -> None:
    """Refresh the files asked for, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(GOLDEN)}; all if none is given")
    names = parser.parse_args().names or list(GOLDEN)
    unknown = [name for name in names if name not in GOLDEN]
    if unknown:
        sys.exit(f"no such golden file: {', '.join(unknown)}; there are {', '.join(GOLDEN)}")
    changed = refresh(names)
    print("\n".join(f"changed {name}" for name in changed) or "nothing changed")


if __name__ == "__main__":
    main()
