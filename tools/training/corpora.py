"""The prepared corpora as plain records. Reads `CORPUS/manifest.csv` (sound) and `text/*.csv.gz` (words)."""

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from streamer.network import contract

NONE = "none"
LABELS = (*contract.EMOTIONS, NONE)
"""The six and the hidden seventh: neutral, noise, music, silence."""

LABEL_INDEX = {name: i for i, name in enumerate(LABELS)} | {"neutral": LABELS.index(NONE)}

SOUND_CORPORA = ("ravdess", "emospeech", "nemo", "emodb", "ased", "emovo", "emotiontts")
TEXT_CORPORA = ("goemotions", "meld", "emorynlp", "dailydialog", "isear", "semeval2018_ec")

GIVEN_AWAY = "the game's own: to be given away, used and changed, not sold by itself (Debian main)"

LICENCES = {
    "ravdess": "CC BY-NC-SA 4.0",
    "emospeech": "CC BY-NC-SA 4.0",
    "nemo": "CC BY-NC-SA 4.0",
    "emodb": "none stated (published as free to use)",
    "ased": "none stated (research only)",
    "emovo": "none stated for the recordings (research only)",
    "emotiontts": "CC BY-NC-SA (research only)",
    "unlabelled/drascula": GIVEN_AWAY,
    "unlabelled/queen": GIVEN_AWAY,
    "unlabelled/sky": GIVEN_AWAY,
    "goemotions": "CC BY 4.0",
    "meld": "GPL-3.0 repository; lines of a television series",
    "emorynlp": "GPL-3.0 repository; lines of a television series",
    "dailydialog": "CC BY-NC-SA 4.0",
    "isear": "research use, non-commercial",
    "semeval2018_ec": "research use",
}


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording of one voice."""

    path: Path
    corpus: str
    speaker: str
    label: int
    split: str
    leaks_words: bool
    """The sounds of the words themselves give the emotion away (ased sentences 03 to 07, emotiontts `ne?`)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One written utterance."""

    text: str
    corpus: str
    label: int
    split: str


def _leaks_words(corpus: str, name: str, speaker: str) -> bool:
    if corpus == "ased":
        return name.split("-")[1] not in ("01", "02")
    return corpus == "emotiontts" and speaker.startswith("ne")


def clips(root: Path, corpus: str) -> Iterator[Clip]:
    """Yield the clips of one corpus in the order of its manifest."""
    folder = root / corpus
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            path = folder / row["path"]
            yield Clip(
                path=path,
                corpus=corpus,
                speaker=f"{corpus}/{row['speaker']}",
                label=LABEL_INDEX[row["emotion"]],
                split=row["split"],
                leaks_words=_leaks_words(corpus, path.stem, row["speaker"]),
            )


def lines(root: Path, corpus: str) -> Iterator[Line]:
    """Yield the lines of one text corpus in the order of its file."""
    with gzip.open(root / "text" / f"{corpus}.csv.gz", "rt", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield Line(row["text"], corpus, LABEL_INDEX[row["emotion"]], row["split"])
