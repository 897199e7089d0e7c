"""Manifests: CSV files, plain or gzipped, with one recording or text a row and its emotion."""

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from streamer.errors import SourceError, UsageError
from streamer.network import contract

NEUTRAL: Final = "neutral"
LABELS: Final = (*contract.EMOTIONS, NEUTRAL)
"""What the column `emotion` may say."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row; a column that is not there is empty."""

    line: int
    """Number of the row in its file, the heading being 1 (rows may span lines)."""
    path: Path | None
    """The recording; None where the manifest names none."""
    text: str
    emotion: str
    """Lower case; one of `LABELS`, or something that nobody here knows."""
    speaker: str
    """With the corpus before it, so that speakers of two corpora stay apart; may be empty."""
    gender: str
    split: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """All rows of a file."""

    path: Path
    rows: tuple[Row, ...]
    columns: frozenset[str]

    @property
    def has_sound(self) -> bool:
        """Whether rows name recordings."""
        return "path" in self.columns

    @property
    def has_text(self) -> bool:
        """Whether rows may hold words."""
        return "text" in self.columns


def read(path: Path) -> Manifest:
    """Return the manifest in `path` (.csv, or .gz of it); paths in it are relative to its folder.

    Raises: SourceError where there is no such file, it is no table, or columns are missing.
    """
    try:
        with path.open("rb") as raw:
            plain = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
            file = io.TextIOWrapper(plain, encoding="utf-8-sig", newline="")
            table = csv.DictReader(file, strict=True)
            columns = frozenset(name.strip() for name in table.fieldnames or ())
            _check_columns(path, columns)
            rows = tuple(_row(path.parent, line, _stripped(entries)) for line, entries in enumerate(table, 2))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        message = f"the manifest {str(path)!r} cannot be read ({reason}); wanted a .csv or .csv.gz file"
        raise SourceError(message) from error
    if not rows:
        message = f"the manifest {str(path)!r} holds no row; wanted one recording or text a row"
        raise SourceError(message)
    return Manifest(path, rows, columns)


def of_split(manifest: Manifest, split: str | None) -> tuple[Row, ...]:
    """Return the rows of one split, all where none is named; raises UsageError for one that is not there."""
    if split is None:
        return manifest.rows
    chosen = tuple(row for row in manifest.rows if row.split == split)
    if not chosen:
        there = sorted({row.split for row in manifest.rows} - {""})
        has = f"its splits are {', '.join(there)}" if there else "it has no splits; leave --split away"
        message = f"--split is {split!r}, and no row of {str(manifest.path)!r} is of it; {has}"
        raise UsageError(message)
    return chosen


def limited(rows: tuple[Row, ...], limit: int | None, seed: int) -> tuple[Row, ...]:
    """Return at most `limit` rows, drawn from the seed and left in their order."""
    if limit is None or limit >= len(rows):
        return rows
    chosen = np.random.default_rng(seed).choice(len(rows), limit, replace=False)
    return tuple(rows[i] for i in sorted(chosen.tolist()))


def _check_columns(path: Path, columns: frozenset[str]) -> None:
    missing = [] if "emotion" in columns else ["emotion"]
    missing += [] if columns & {"path", "text"} else ["path or text"]
    if missing:
        found = f"its columns are {', '.join(sorted(columns))}" if columns else "it is empty"
        message = f"the manifest {str(path)!r} has no column {' and no column '.join(missing)}; {found:.200}"
        raise SourceError(message)


def _stripped(entries: dict[str, str | None]) -> dict[str, str]:
    """Return the cells without space around them; cells beyond the heading have no name and are dropped."""
    return {name.strip(): cell.strip() for name, cell in entries.items() if name and isinstance(cell, str)}


def _row(folder: Path, line: int, entries: dict[str, str]) -> Row:
    speaker = entries.get("speaker", "")
    return Row(
        line=line,
        path=folder / entries["path"] if entries.get("path") else None,
        text=entries.get("text", ""),
        emotion=entries.get("emotion", "").lower(),
        speaker=f"{entries.get('corpus', '')}/{speaker}" if speaker else "",
        gender=entries.get("gender", ""),
        split=entries.get("split", ""),
    )
