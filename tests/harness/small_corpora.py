"""Corpora of a few clips and lines in the layout of the shared ones: each emotion has a pitch and a word of its own."""

import csv
import gzip
from pathlib import Path

import numpy as np
import soundfile

from streamer.network import contract
from tools.training import corpora

SPLITS = ("train", "valid", "test")
SAID = ("great", "hate", "cry", "wow", "gross", "scared")
HEADER = ("path", "corpus", "speaker", "gender", "emotion", "intensity", "text", "language", "split")


def write(root: Path, clips: int = 1) -> None:
    """Write every corpus that the loaders read; `clips` of each emotion per split in the first, none in the others."""
    rng = np.random.default_rng(0)
    for at, corpus in enumerate(corpora.SOUND_CORPORA):
        (root / corpus).mkdir(parents=True)
        rows = []
        for split in SPLITS if at == 0 else ():
            for label, emotion in enumerate((*contract.EMOTIONS, "neutral")):
                for clip in range(clips):
                    name = f"{split}-{emotion}-{clip}.wav"
                    t = np.arange(16_000) / 16_000
                    tone = np.sin(2 * np.pi * (300 + 400 * label) * t) * (t > 0.2) * (t < 0.8)
                    soundfile.write(root / corpus / name, 0.3 * tone + 0.001 * rng.standard_normal(len(t)), 16_000)
                    rows.append((name, corpus, f"{split}{clip % 2}", "", emotion, "", "", "en", split))
        with (root / corpus / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([HEADER, *rows])
    (root / "text").mkdir()
    for corpus in corpora.TEXT_CORPORA:
        with gzip.open(root / "text" / f"{corpus}.csv.gz", "wt", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("text", "emotion", "corpus", "split"))
            for split in SPLITS:
                for word, emotion in zip(SAID, contract.EMOTIONS, strict=True):
                    writer.writerow((f"Oh {word}, so {word} {split} xqzt!", emotion, corpus, split))
