"""Stage 4: calibrate on validation speakers and lines, measure on test ones, and write the model folders."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy

from streamer.features import words
from streamer.network import card as cards
from streamer.network import checkpoint
from streamer.network.sides import HEADS
from tools.training import corpora, metrics
from tools.training.soundstore import SoundStore
from tools.training.textdata import Texts

LICENCE = "CC BY-NC-SA 4.0"
VECTORS_NAMES = {"stream": "words-en", "deep": "words-en-deep"}
"""A row holds what the network's word half leads in and the shares of its experts."""

BEGUN_FROM = {
    VECTORS_NAMES["stream"]: "spaCy en_core_web_md 3.7.1 (MIT)",
    VECTORS_NAMES["deep"]: "all-MiniLM-L6-v2 (Apache-2.0)",
}

PAPER_VECTORS_NAME = "words-paper"
"""Of the paper's networks: one fine-tuned vector per word."""

THRESHOLDS = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45)
FORGONE = 0.01
"""The threshold of "unsure" is the highest that costs no more recall of seven answers than this, be it on validation
clips or on validation lines."""

HEAD_WEIGHTS = (1.0, 0.0, 0.0)
"""The joint head holds the sum of the calibrated others already (TwoSided.believed)."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What makes logits honest."""

    temperatures: tuple[float, float, float]
    head_weights: tuple[float, float, float]
    threshold: float


@dataclass(frozen=True, slots=True)
class Judged:
    """Held-out answers of one head."""

    truth: metrics.Ints
    logits: metrics.Floats
    weights: metrics.Floats


def calibrate(sound: Judged, words: Judged, pairs: dict[str, tuple[metrics.Floats, metrics.Ints]]) -> Calibration:
    """Fit one temperature per head, the weights of their sum, and the threshold, all on validation data.

    `pairs` are logits (rows, heads, C) and labels by kind of synthetic pair.
    """
    on_sound = metrics.fit_temperature(sound.truth, sound.logits, sound.weights)
    on_words = metrics.fit_temperature(words.truth, words.logits, words.weights)
    truth = np.concatenate([truth for _, truth in pairs.values()])
    logits = np.concatenate([logits for logits, _ in pairs.values()])
    even = np.concatenate([np.full(len(t), KINDS_JUDGED[kind] / len(t)) for kind, (_, t) in pairs.items()])
    on_both = metrics.fit_temperature(truth, logits[:, 0], even)
    threshold = min(threshold_of(sound, on_sound), threshold_of(words, on_words))
    return Calibration((on_both, on_sound, on_words), HEAD_WEIGHTS, threshold)


def threshold_of(judged: Judged, temperature: float) -> float:
    """Return the share that the best emotion must reach, or the answer is "unsure", which counts as none of the six."""
    shares = metrics.softmax(judged.logits / temperature)
    answers, best = shares.argmax(axis=1), shares[:, : metrics.N_SIX].max(axis=1)
    recalls = [metrics.recall(judged.truth, np.where(best < t, metrics.N_SIX, answers)) for t in THRESHOLDS]
    return max(t for t, recall in zip(THRESHOLDS, recalls, strict=True) if recall >= max(recalls) - FORGONE)


def pair_figures(
    calibration: Calibration, pairs: dict[str, tuple[metrics.Floats, metrics.Ints]]
) -> dict[str, dict[str, float]]:
    """Return recalls over all seven answers on synthetic pairs: of the sum of heads, and of each head."""
    figures: dict[str, dict[str, float]] = {}
    for kind, (logits, truth) in pairs.items():
        calibrated = logits / np.array(calibration.temperatures)[:, None]
        total = np.tensordot(calibrated, np.array(calibration.head_weights), axes=(1, 0))
        recalls = {head: round(metrics.recall(truth, logits[:, i].argmax(axis=1)), 3) for i, head in enumerate(HEADS)}
        six = truth < metrics.N_SIX
        of_six = metrics.recall(truth[six], total[six, : metrics.N_SIX].argmax(axis=1))
        summed = {"sum": round(metrics.recall(truth, total.argmax(axis=1)), 3), "sum, six": round(of_six, 3)}
        figures[kind] = {"n": len(truth)} | summed | recalls
    return figures


def write_vectors(folder: Path, texts: Texts, vectors: np.ndarray, scales: np.ndarray, command: str) -> str:
    """Write the table of fine-tuned vectors; return the hash of its file."""
    table = safetensors.numpy.save({"vectors": vectors, "scales": scales})
    vocabulary = ("\n".join(texts.vocabulary) + "\n").encode()
    files = {"vectors.safetensors": table, "vocabulary.txt": vocabulary}
    note = {
        "schema": "emostream.vectors/1",
        "name": folder.name,
        "source": f"{BEGUN_FROM[folder.name]}, one row per word fine-tuned on {', '.join(corpora.TEXT_CORPORA)}",
        "rows": len(texts.vocabulary),
        words.ALIKE: True,
        "licence": LICENCE,
        "command": command,
        "files": {n: {"sha256": checkpoint.sha256(content), "bytes": len(content)} for n, content in files.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (files | {"card.json": (json.dumps(note, indent=1) + "\n").encode()}).items():
        checkpoint.write_whole(folder / name, content)
    return checkpoint.sha256(table)


def rows_used(store: SoundStore, texts: Texts, unlabelled: Mapping[str, int]) -> tuple[cards.CorpusNote, ...]:
    """Return what the weights have seen, `unlabelled` clips by their source among it."""
    seen = [r.corpus for r in store.recordings if r.split == "train"]
    seen += [line.corpus for line in texts.lines if line.split == "train"]
    known = ((corpus, seen.count(corpus)) for corpus in (*corpora.SOUND_CORPORA, *corpora.TEXT_CORPORA))
    return tuple(
        cards.CorpusNote(corpus, corpora.LICENCES.get(corpus, "not known here: ask"), rows)
        for corpus, rows in (*known, *unlabelled.items())
    )


KINDS_JUDGED = {"match": 0.45, "plain words": 0.45, "plain voice": 0.1}
"""Kinds of synthetic pairs, and what each counts for: most of what is said with feeling is said in plain words."""
