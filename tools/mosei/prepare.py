"""From the published files to a folder of prepared windows: plan, videos one after another, manifests, summary."""

import contextlib
import csv
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from streamer.errors import SourceError
from streamer.features.words import WordVectors
from streamer.network import contract
from tools.mosei import csd, folds, labels, sound, speech, store, summary, table, windows

SCHEMA: Final = "emostream.mosei/1"

VECTORS: Final = Path(__file__).resolve().parents[2] / "models" / "words-paper"

Step = Callable[[int, int], None]
"""Called with (videos done, videos in all)."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked for."""

    sequences: Path
    audio: Path | None
    out: Path
    folds: Path | None = None
    """None: the file in `sequences`, or our copy of the standard folds."""
    vectors: Path = VECTORS
    """Used where the sequences hold no `glove_vectors`."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """All segments, and how they were read."""

    by_video: dict[str, list[labels.Segment]]
    faults: labels.Faults
    order_from: str

    @property
    def segments(self) -> Iterable[labels.Segment]:
        """All segments, by video and start."""
        return (segment for found in self.by_video.values() for segment in found)


def prepare(job: Job, step: Step) -> dict[str, Any]:
    """Prepare everything that is not yet done and return the summary.

    Raises: SourceError on damaged, missing or contradictory inputs; UsageError where `out` belongs to another run;
    ModelError where word vectors are needed and missing.
    """
    found = csd.find(job.sequences)
    for root in (labels.ROOT, speech.WORDS_ROOT):
        if root not in found:
            message = (
                f"{str(job.sequences)!r} holds no sequence with root {root!r} (found: {', '.join(sorted(found))}); "
                "download it from where the others came from"
            )
            raise SourceError(message)
    labelled = read_labels(found[labels.ROOT])
    fold_file = job.folds or folds.file_in(job.sequences)
    split_of = folds.read(fold_file)
    told = table.file_in(job.sequences)
    against = table.compare(told, labelled.segments) if told else None
    places = _places(labelled, split_of)
    sounds = sound.files(job.audio, labelled.by_video) if job.audio else None
    rows = dict.fromkeys((*folds.SPLITS, folds.UNASSIGNED), 0)
    for split, first, n in places.values():
        rows[split] = max(rows[split], first + n)
    kept = store.Store(job.out, {split: n for split, n in rows.items() if n}, with_sound=sounds is not None)
    with contextlib.ExitStack() as opened:
        material = _material(job, found, sounds, opened)
        done = kept.begin(_plan(job, found, fold_file, sounds, rows))
        for number, (video, segments) in enumerate(labelled.by_video.items()):
            if video not in done:
                arrays, note = windows.windows(material, segments)
                kept.write(places[video][0], places[video][1], arrays)
                done[video] = asdict(note)
                kept.finish(video, done[video])
            step(number + 1, len(labelled.by_video))
    for split in rows:
        _write_manifest(job.out / split, [(s, done) for v, s in labelled.by_video.items() if places[v][0] == split])
    whole = {
        "schema": SCHEMA,
        **summary.of_labels(labelled.by_video, {video: place[0] for video, place in places.items()}),
        **summary.of_notes(done.values(), with_sound=sounds is not None),
        **asdict(labelled.faults),
        "label_order": labelled.order_from,
        "vectors": speech.VECTORS_ROOT if material.vectors else job.vectors.name,
        "table": against,
    }
    (job.out / "summary.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    return whole


def read_labels(path: Path) -> Labelled:
    """Return all labelled segments of `All Labels`."""
    faults = labels.Faults()
    with csd.Sequence(path) as sequence:
        columns, order_from = labels.order(sequence.metadata(), str(path))
        by_video = {video: labels.segments(sequence, video, columns, faults) for video in sequence.videos}
    by_video = {video: found for video, found in by_video.items() if found}
    if not by_video:
        message = f"{str(path)!r} labels no segment; download the file again"
        raise SourceError(message)
    return Labelled(by_video, faults, order_from)


def _places(labelled: Labelled, split_of: dict[str, str]) -> dict[str, tuple[str, int, int]]:
    """Return for each video its split, its first row there, and how many rows it has."""
    next_row: dict[str, int] = {}
    places = {}
    for video, segments in labelled.by_video.items():
        split = folds.split_of(video, split_of)
        first = next_row.get(split, 0)
        places[video] = (split, first, len(segments))
        next_row[split] = first + len(segments)
    return places


def _material(
    job: Job, found: dict[str, Path], sounds: dict[str, Path] | None, opened: contextlib.ExitStack
) -> windows.Material:
    words = opened.enter_context(csd.Sequence(found[speech.WORDS_ROOT]))
    if speech.VECTORS_ROOT in found:
        vectors = opened.enter_context(csd.Sequence(found[speech.VECTORS_ROOT]))
        return windows.Material(words, vectors, None, sounds)
    return windows.Material(words, None, WordVectors.load(job.vectors), sounds)


def _plan(
    job: Job, found: dict[str, Path], fold_file: Path, sounds: dict[str, Path] | None, rows: dict[str, int]
) -> dict[str, Any]:
    """Return what the rows depend on; a folder begun under another plan is not gone on with."""
    read = {root: found[root] for root in (labels.ROOT, speech.WORDS_ROOT, speech.VECTORS_ROOT) if root in found}
    heard = json.dumps([_stamp(path) for path in (sounds or {}).values()])
    return {
        "schema": SCHEMA,
        "sequences": {root: _stamp(path) for root, path in read.items()},
        "folds": hashlib.sha256(fold_file.read_bytes()).hexdigest(),
        "vectors": None if speech.VECTORS_ROOT in found else _stamp(job.vectors / "vectors.safetensors"),
        "sound": None if sounds is None else hashlib.sha256(heard.encode()).hexdigest(),
        "step_samples": sound.STEP,
        "picture_range_db": contract.RANGE_DB,
        "picture_steps": store.PICTURE_STEPS,
        "emotions": list(contract.EMOTIONS),
        "rows": rows,
    }


def _stamp(path: Path) -> list[Any]:
    found = path.stat()
    return [path.name, found.st_size, found.st_mtime_ns]


def _write_manifest(folder: Path, videos: list[tuple[list[labels.Segment], dict[str, dict[str, Any]]]]) -> None:
    """Write one line per row of the split's arrays, in their order."""
    if not videos:
        return
    part = folder / "manifest.part"
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        head = ("row", "video_id", "segment", "start_s", "end_s", "label", "sentiment")
        writer.writerow((*head, *contract.EMOTIONS, "columns", "word_slots", "words_known", "text"))
        row = 0
        for segments, done in videos:
            note = done[segments[0].video]
            for at, s in enumerate(segments):
                place = (row, s.video, s.number, f"{s.start_s:.3f}", f"{s.end_s:.3f}", s.label, f"{s.sentiment:.6g}")
                held = (note["columns"][at], note["tokens"][at], note["known"][at], note["texts"][at])
                writer.writerow((*place, *(f"{value:.6g}" for value in s.intensities), *held))
                row += 1
    part.replace(folder / "manifest.csv")
