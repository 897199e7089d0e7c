"""Which video belongs to which split: the standard folds, from a file or from the copy beside this module."""

import ast
import csv
import gzip
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from streamer.errors import SourceError

OWN_COPY: Final = Path(__file__).parent / "folds.csv.gz"

NAMES: Final = ("folds.csv", "folds.csv.gz", "cmu_mosei_std_folds.py")
"""What a folds file is called in the folder of the sequences."""

SPLITS: Final = ("train", "valid", "test")

UNASSIGNED: Final = "unassigned"
"""The split of videos that the folds do not name; nothing is trained or tested on them by accident."""


def file_in(folder: Path) -> Path:
    """Return the folds file of a folder, or our own copy where it has none."""
    return next((path for name in NAMES if (path := folder / name).is_file()), OWN_COPY)


def read(path: Path) -> dict[str, str]:
    """Return video -> split. Reads `video_id,split` tables and the SDK's Python lists (parsed, never executed).

    Raises: SourceError if the file cannot be read, names another split, or puts a video into two.
    """
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
        pairs = _from_python(text) if path.suffix == ".py" else _from_table(text)
    except (OSError, EOFError, ValueError, SyntaxError, KeyError) as error:
        message = f"the folds in {str(path)!r} cannot be read ({error}); wanted a table with columns video_id,split"
        raise SourceError(message) from error
    found: dict[str, str] = {}
    for video, split in pairs:
        if split not in SPLITS:
            message = f"{str(path)!r} puts {video} into the split {split!r}, wanted one of {', '.join(SPLITS)}"
            raise SourceError(message)
        if found.setdefault(video, split) != split:
            message = f"{str(path)!r} puts {video} into {found[video]} and {split}, wanted one split; correct the table"
            raise SourceError(message)
    if not found:
        message = f"{str(path)!r} names no video; wanted a table with columns video_id,split"
        raise SourceError(message)
    return found


def split_of(video: str, folds: Mapping[str, str]) -> str:
    """Return the split of a video."""
    return folds.get(video, UNASSIGNED)


def _from_table(text: str) -> list[tuple[str, str]]:
    return [(row["video_id"].strip(), row["split"].strip()) for row in csv.DictReader(io.StringIO(text))]


def _from_python(text: str) -> list[tuple[str, str]]:
    """Read `standard_train_fold = [...]` and its brothers."""
    pairs: list[tuple[str, str]] = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            split = node.targets[0].id.removeprefix("standard_").removesuffix("_fold")
            if split in SPLITS:
                pairs += [(str(video), split) for video in ast.literal_eval(node.value)]
    return pairs
