"""Put the golden screen into README.md, so that the picture there cannot lie: python -m tools.refresh_readme."""

import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
README: Final = ROOT / "README.md"
SCREEN: Final = ROOT / "tests" / "golden" / "screen-80x24.txt"
OPENING, CLOSING = "<!-- screen -->\n```text\n", "```\n<!-- /screen -->"


def filled(readme: str, screen: str) -> str:
    """Return `readme` with `screen` between its two marks.

    Raises: ValueError if there is not exactly one such place.
    """
    before, opening, rest = readme.partition(OPENING)
    _, closing, after = rest.partition(CLOSING)
    if not opening or not closing or OPENING in after:
        message = f"the readme needs exactly one place between {OPENING!r} and {CLOSING!r}"
        raise ValueError(message)
    lines = (line.rstrip() + "\n" for line in screen.splitlines())
    return before + opening + "".join(lines) + closing + after


def main() -> int:
    """Write the README anew and say whether it changed."""
    before = README.read_text(encoding="utf-8")
    after = filled(before, SCREEN.read_text(encoding="utf-8"))
    README.write_text(after, encoding="utf-8")
    print("README.md shows another screen now" if before != after else "README.md shows the golden screen already")
    return 0


if __name__ == "__main__":
    sys.exit(main())
