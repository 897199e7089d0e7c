"""Large letters for the label, from half blocks: five dots high, three rows of text. Pure."""

from collections.abc import Mapping
from typing import Final

ROWS: Final = 3

DOTS: Final[Mapping[str, str]] = {
    "A": ".##. #..# #### #..# #..#",
    "C": ".### #... #... #... .###",
    "D": "###. #..# #..# #..# ###.",
    "E": "#### #... ###. #... ####",
    "F": "#### #... ###. #... #...",
    "G": ".### #... #.## #..# .###",
    "H": "#..# #..# #### #..# #..#",
    "I": "# # # # #",
    "N": "#..# ##.# #.## #..# #..#",
    "P": "###. #..# ###. #... #...",
    "R": "###. #..# ###. #.#. #..#",
    "S": ".### #... .##. ...# ###.",
    "T": "### .#. .#. .#. .#.",
    "U": "#..# #..# #..# #..# .##.",
    "Y": "#..# #..# .### ...# .##.",
    "0": ".##. #..# #..# #..# .##.",
    "1": ".#. ##. .#. .#. ###",
    "2": "###. ...# .##. #... ####",
    "3": "###. ...# .##. ...# ###.",
    "4": "#..# #..# #### ...# ...#",
    "5": "#### #... ###. ...# ###.",
    "6": ".##. #... ###. #..# .##.",
    "7": "#### ...# ..#. .#.. .#..",
    "8": ".##. #..# .##. #..# .##.",
    "9": ".##. #..# .### ...# .##.",
    "%": "#...# ...#. ..#.. .#... #...#",
    " ": ".. .. .. .. ..",
}
"""Each letter's five rows of dots, from top to bottom."""

HALVES: Final = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def lettering(text: str) -> tuple[str, ...] | None:
    """Return `text` as `ROWS` lines of half blocks, or None if a letter has no drawing."""
    drawn = [DOTS.get(letter) for letter in text.upper()]
    if not drawn or None in drawn:
        return None
    columns = [rows.split(" ") for rows in drawn if rows is not None]
    dots = [".".join(letter[y] for letter in columns) for y in range(5)]
    dots.append("." * len(dots[0]))
    return tuple(
        "".join(HALVES[(upper == "#", lower == "#")] for upper, lower in zip(dots[y], dots[y + 1], strict=True))
        for y in range(0, 6, 2)
    )
