"""What was prepared, in numbers. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from streamer.network import contract
from tools.mosei import folds, labels


def of_labels(by_video: Mapping[str, list[labels.Segment]], split_of: Mapping[str, str]) -> dict[str, Any]:
    """Return videos, segments, none, emotions (segments above zero per class), ties, and the same per fold."""
    per_fold = {
        split: _counts({video: found for video, found in by_video.items() if split_of[video] == split})
        for split in (*folds.SPLITS, folds.UNASSIGNED)
    }
    whole = _counts(by_video)
    ties = Counter(one.label for found in by_video.values() for one in found if len(one.strongest) > 1)
    return whole | {"ties_between": dict(sorted(ties.items())), "folds": per_fold}


def _counts(by_video: Mapping[str, list[labels.Segment]]) -> dict[str, Any]:
    segments = [segment for found in by_video.values() for segment in found]
    strongest = Counter(one.strongest[0] for one in segments if len(one.strongest) == 1)
    return {
        "videos": len(by_video),
        "segments": len(segments),
        "none": sum(not one.strongest for one in segments),
        "emotions": {
            name: sum(one.intensities[at] > 0.0 for one in segments) for at, name in enumerate(contract.EMOTIONS)
        },
        "strongest": {name: strongest[name] for name in contract.EMOTIONS},
        "ties": sum(len(one.strongest) > 1 for one in segments),
    }


def of_notes(notes: Iterable[Mapping[str, Any]], *, with_sound: bool) -> dict[str, Any]:
    """Return what became of words and sound."""
    notes = list(notes)
    return {
        "words": sum(note["words"] for note in notes),
        "words_outside_segments": sum(note["words_outside"] for note in notes),
        "pauses": sum(note["pauses"] for note in notes),
        "repeated_words": sum(note["repeats"] for note in notes),
        "words_backwards": sum(note["backwards"] for note in notes),
        "words_without_vector": sum(sum(note["tokens"]) - sum(note["known"]) for note in notes),
        "segments_without_words": sum(not slots for note in notes for slots in note["tokens"]),
        "segments_without_sound": sum(not n for note in notes for n in note["columns"]) if with_sound else None,
        "sound": with_sound,
        "refused": [note["refused"] for note in notes if note["refused"]],
    }


def lines(found: Mapping[str, Any]) -> list[str]:
    """Return the summary for people."""
    above = ", ".join(f"{name} {n}" for name, n in found["emotions"].items())
    shares = ", ".join(f"{split} {one['segments']}" for split, one in found["folds"].items() if one["segments"])
    said = [
        f"{found['videos']} videos, {found['segments']} segments ({shares}), {found['words']} words",
        f"above zero: {above}; no emotion at all: {found['none']}; ties for the strongest: {found['ties']}",
        f"labels read in the order of the {found['label_order']} names; word vectors: {found['vectors']}",
    ]
    if found["table"]:
        told = found["table"]
        said.append(
            f"segment table: {told['matched']} of {told['rows']} rows matched, "
            f"{told['argmax_differs']} with another argmax"
        )
    if found["sound"]:
        said.append(f"{found['segments_without_sound']} segments without sound")
    if found["refused"]:
        said.append(f"{len(found['refused'])} refused; the first: {found['refused'][0]}")
    return said
