"""`All Labels`: seven numbers per segment to our six classes, by name; what a segment may be called, and what not."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from streamer.errors import SourceError
from streamer.network import contract
from tools.mosei import csd

ROOT: Final = "All Labels"

PUBLISHED: Final = ("sentiment", "happy", "sad", "anger", "surprise", "disgust", "fear")
"""Order of the columns as the SDK documents it; the metadata overrules it where it names all seven."""

SENTIMENT: Final = "sentiment"
NONE: Final = "none"

_STEMS: Final = (
    ("senti", SENTIMENT),
    ("happ", "happy"),
    ("sad", "sad"),
    ("ang", "angry"),
    ("surpris", "surprised"),
    ("disgust", "disgusted"),
    ("fear", "fear"),
)

MOST: Final = 3.0
"""Top of the scale of intensities (0 none, 1 weak, 2 present, 3 strong)."""

SAME: Final = 1e-6
"""Intensities nearer than this are the same: means of three annotators, stored as float32 or float64."""

SLIP_S: Final = 0.05
"""An interval may run backwards by this much and counts as a very short one; more is damage."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One labelled stretch of one video."""

    video: str
    number: int
    """By start within the video, from 0."""
    start_s: float
    end_s: float
    sentiment: float
    """-3 to 3."""
    intensities: tuple[float, ...]
    """(6,) 0 to 3, in the order of contract.EMOTIONS."""

    @property
    def strongest(self) -> tuple[str, ...]:
        """The classes with the highest intensity: none of them where all are zero, several where they tie."""
        most = max(self.intensities)
        if most <= 0.0:
            return ()
        pairs = zip(contract.EMOTIONS, self.intensities, strict=True)
        return tuple(name for name, value in pairs if value >= most - SAME)

    @property
    def label(self) -> str:
        """The class, `none`, or a tie as `happy+sad`: a tie is never decided for one of them."""
        return "+".join(self.strongest) or NONE


@dataclass(slots=True)
class Faults:
    """What was put right in the labels, counted."""

    duplicates: int = 0
    """The same interval with the same labels: one is kept."""
    contradictions: int = 0
    """The same interval with other labels: the first is kept."""
    out_of_scale: int = 0
    """Intensities outside 0 to 3: clipped."""


def order(metadata: Mapping[str, Any], source: str) -> tuple[tuple[str, ...], str]:
    """Return our name of each of the seven columns, and where it comes from: `metadata` or `published`.

    The key may be fused with its neighbour (`dimension namescomputational sequence version`: a comma is missing in
    the SDK's template), so it is looked for by its beginning, and a value that is no list of names is passed over.
    Raises: SourceError where seven names are given that are not one sentiment and six emotions.
    """
    for key, value in metadata.items():
        names = _names(value) if key.strip().lower().startswith("dimension names") else None
        if names is None:
            continue
        ours = tuple(_our_name(name) for name in names)
        if sorted(ours) != sorted((SENTIMENT, *contract.EMOTIONS)):
            message = (
                f"{source!r} names its columns {', '.join(names)}, wanted {', '.join(PUBLISHED)} in any order; "
                "give the file with root 'All Labels'"
            )
            raise SourceError(message)
        return ours, "metadata"
    return tuple(_our_name(name) for name in PUBLISHED), "published"


def _names(value: object) -> list[str] | None:
    """Return seven names out of a metadata value, None where it holds something else."""
    if isinstance(value, str):
        value = [part.strip(" '\"[]()") for part in value.split(",")]
    if isinstance(value, Sequence) and len(value) == len(PUBLISHED) and all(isinstance(one, str) for one in value):
        return [str(one) for one in value]
    return None


def _our_name(name: str) -> str:
    return next((ours for stem, ours in _STEMS if name.strip().lower().startswith(stem)), name)


def segments(sequence: csd.Sequence, video: str, columns: Sequence[str], faults: Faults) -> list[Segment]:
    """Return the segments of one video by start; repeats and values off the scale are put right and counted.

    Raises: SourceError where the entry is damaged or an interval runs backwards.
    """
    found: dict[tuple[float, float], tuple[float, tuple[float, ...]]] = {}
    for piece in sequence.pieces(video, len(PUBLISHED)):
        for values, (start_s, end_s) in zip(piece.features.tolist(), piece.intervals.tolist(), strict=True):
            _check_interval(sequence, piece.name, start_s, end_s)
            named = dict(zip(columns, values, strict=True))
            raw = tuple(float(named[name]) for name in contract.EMOTIONS)
            intensities = tuple(min(max(value, 0.0), MOST) for value in raw)
            faults.out_of_scale += intensities != raw
            place = (max(start_s, 0.0), max(start_s, end_s, 0.0))
            said = (float(named[SENTIMENT]), intensities)
            if place not in found:
                found[place] = said
            elif found[place] == said:
                faults.duplicates += 1
            else:
                faults.contradictions += 1
    return [Segment(video, number, *place, *found[place]) for number, place in enumerate(sorted(found))]


def _check_interval(sequence: csd.Sequence, name: str, start_s: float, end_s: float) -> None:
    """Refuse an interval that runs backwards by more than `SLIP_S`, or lies before the recording."""
    if end_s < start_s - SLIP_S or end_s < -SLIP_S or math.isinf(end_s):
        sequence.refuse(f"{name} has the interval {start_s:g} to {end_s:g} s", "a start before its end")
