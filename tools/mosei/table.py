"""A published segment table beside the sequences, where there is one: does it say the same as `All Labels`?"""

import csv
import gzip
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from streamer.errors import SourceError
from streamer.network import contract
from tools.mosei import labels

NAMES: Final = ("segments.csv.gz", "segments.csv")
"""Columns video_id, start, end, argmax_emotion (our names)."""

FILE_ORDER: Final = ("happy", "sad", "angry", "surprised", "disgusted", "fear")
"""Order over which the table's argmax was taken: ties and segments without emotion fall on its first."""


def file_in(folder: Path) -> Path | None:
    """Return the segment table of a folder, None where it has none."""
    return next((path for name in NAMES if (path := folder / name).is_file()), None)


def first_strongest(segment: labels.Segment) -> str:
    """Return the table's argmax, with its known faults; only to compare, never a label of ours."""
    named = dict(zip(contract.EMOTIONS, segment.intensities, strict=True))
    return max(FILE_ORDER, key=lambda name: named[name])


def compare(path: Path, segments: Iterable[labels.Segment]) -> dict[str, int]:
    """Return how many rows the table has, match a segment (within 1 ms), and name the same argmax.

    Raises: SourceError if the table cannot be read.
    """
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
        rows = {
            _key(row["video_id"], float(row["start"]), float(row["end"])): row["argmax_emotion"]
            for row in csv.DictReader(io.StringIO(text))
        }
    except (OSError, EOFError, ValueError, KeyError) as error:
        message = (
            f"the segment table {str(path)!r} cannot be read ({error}); "
            "wanted columns video_id, start, end, argmax_emotion, or no such file"
        )
        raise SourceError(message) from error
    found = {_key(one.video, one.start_s, one.end_s): one for one in segments}
    both = rows.keys() & found.keys()
    return {
        "rows": len(rows),
        "matched": len(both),
        "only_in_table": len(rows) - len(both),
        "only_in_labels": len(found) - len(both),
        "argmax_differs": sum(rows[key] != first_strongest(found[key]) for key in both),
    }


def _key(video: str, start_s: float, end_s: float) -> tuple[str, int, int]:
    """Return what makes two rows the same; starts before 0 (239 in the published table) count as 0 on both sides."""
    return video, round(max(start_s, 0.0) * 1e3), round(end_s * 1e3)
