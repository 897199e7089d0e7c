"""Manifests that the card needs beside those of the corpora, written anew from them; the same corpora, the same bytes.

Each is a CSV file that `emostream evaluate` reads like any other.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from streamer.evaluation import manifest
from streamer.evaluation.examples import spoken_tokens
from streamer.evaluation.manifest import LABELS, Row
from streamer.network import checkpoint, contract

MOST_CLIPS: Final = 120
"""Test clips of one corpus where corpora are pooled: the largest must not speak for all."""

COLUMNS: Final = ("path", "corpus", "speaker", "gender", "emotion", "text", "split")
EVERYBODY: Final = "everybody.csv"
PAIRS: Final = "pairs.csv"
ENGLISH_PAIRS: Final = "pairs-ravdess-goemotions.csv"
FILLED: Final = "meld-filled.csv"
RUN_ON: Final = "meld-run-on.csv"
"""The same with nothing between the lines, as if all had been said in one breath."""
DIALOGUE: Final = "meld"
ENGLISH: Final = ("ravdess", "goemotions")


def write_all(corpora: Path, work: Path, split: str, seed: int) -> None:
    """Write the manifests that `corpora` holds anything for."""
    clips = clips_of(corpora, split, seed)
    lines = lines_of(corpora, split)
    sound, texts = ENGLISH
    everybody = [row for rows in clips.values() for row in rows]
    _write(work / EVERYBODY, [_entry(row, "") for row in everybody])
    _write(work / PAIRS, pairs(everybody, lines, seed))
    _write(work / ENGLISH_PAIRS, pairs(clips.get(sound, []), {texts: lines.get(texts, [])}, seed))
    for name, between in ((FILLED, "\n"), (RUN_ON, " ")):
        _write(work / name, filled(lines.get(DIALOGUE, []), between))


def clips_of(corpora: Path, split: str, seed: int) -> dict[str, Sequence[Row]]:
    """Return at most `MOST_CLIPS` clips of each corpus of recordings that has the split."""
    found: dict[str, Sequence[Row]] = {}
    for path in sorted(corpora.glob("*/manifest.csv")):
        rows = [row for row in manifest.read(path).rows if row.split == split and row.emotion in LABELS and row.path]
        if rows:
            found[path.parent.name] = manifest.limited(tuple(rows), MOST_CLIPS, seed)
    return found


def lines_of(corpora: Path, split: str) -> dict[str, Sequence[Row]]:
    """Return the lines of each corpus of texts, in the order of its file."""
    found: dict[str, Sequence[Row]] = {}
    for path in sorted((corpora / "text").glob("*.csv.gz")):
        rows = [row for row in manifest.read(path).rows if row.split == split and row.emotion in LABELS]
        if rows:
            found[path.name.split(".")[0]] = rows
    return found


def pairs(clips: Sequence[Row], lines: Mapping[str, Sequence[Row]], seed: int) -> list[dict[str, str]]:
    """Return each clip with a line of the same label, corpora of lines drawn alike; clips without one are left out."""
    rng = np.random.default_rng(seed)
    by_label = {
        label: [fit for rows in lines.values() if (fit := [row.text for row in rows if row.emotion == label])]
        for label in LABELS
    }
    made = []
    for clip in clips:
        if fitting := by_label[clip.emotion]:
            texts = fitting[int(rng.integers(len(fitting)))]
            made.append(_entry(clip, texts[int(rng.integers(len(texts)))]))
    return made


def filled(lines: Sequence[Row], between: str) -> list[dict[str, str]]:
    """Return each line after as many of those before it as 40 plain words take; the label stays the line's own.

    `between` stands between two lines; a line break is a pause.
    """
    sizes = [len(spoken_tokens(row.text, plain=True)) for row in lines]
    made = []
    for at, row in enumerate(lines):
        first, n = at, sizes[at]
        while first > 0 and n < contract.N_WORDS:
            first -= 1
            n += sizes[first]
        made.append(_entry(row, between.join(one.text for one in lines[first : at + 1])))
    return made


def _entry(row: Row, text: str) -> dict[str, str]:
    corpus, _, speaker = row.speaker.partition("/")
    path = str(row.path.resolve()) if row.path else ""
    return dict(zip(COLUMNS, (path, corpus, speaker, row.gender, row.emotion, text, row.split), strict=True))


def _write(path: Path, made: Sequence[dict[str, str]]) -> None:
    """Write the entries; without any there is no file, for a manifest must hold a row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if made:
        used = [name for name in COLUMNS if any(entry[name] for entry in made)]
        text = io.StringIO()
        writer = csv.DictWriter(text, used, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(made)
        checkpoint.write_whole(path, text.getvalue().encode())
