"""Stage 4: calibrate on validation speakers and lines, measure on test ones, and write the model folders."""

import itertools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import safetensors.numpy
import torch

from streamer.network import card as cards
from streamer.network import checkpoint
from streamer.network.sides import HEADS
from streamer.network.stream import Stream
from tools.training import corpora, metrics, pictures, report, stage_joint, stage_sound, stage_words
from tools.training.soundstore import SoundStore
from tools.training.textdata import Texts

LICENCE = "CC BY-NC-SA 4.0"
VECTORS_NAME = "words-en"
COVERAGE = 0.8
"""Share of emotional validation clips that must be answered; the threshold of "unsure" follows from it."""

EXPORT_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Calibration:
    """What makes logits honest."""

    temperatures: tuple[float, float, float]
    head_weights: tuple[float, float, float]
    threshold: float


def calibrate(  # noqa: PLR0913, PLR0917  both halves, their data, and pairs of it
    network: Stream,
    reader: stage_words.Reader,
    store: SoundStore,
    texts: Texts,
    marks: np.ndarray,
    held_out: dict[str, tuple[report.Inputs, metrics.Ints]],
    folder: Path,
) -> Calibration:
    """Fit one temperature per head, the weights of their sum, and the threshold, all on validation data."""
    listener = stage_sound.Listener(network).eval()
    truths, rows, weights = [], [], []
    for noise in ("clean", "white", "babble"):
        scenes = pictures.open_scenes(folder, pictures.held_out_name("valid", noise, 10.0))
        truths.append(scenes.notes["label"].astype(np.int64))
        rows.append(stage_sound.sound_logits(listener, scenes))
        weight = np.zeros(len(scenes.notes))
        for group in stage_sound.by_corpus(store, scenes).values():
            weight[group] = 1.0 / len(group)
        weights.append(weight)
    sound = metrics.fit_temperature(np.concatenate(truths), np.concatenate(rows), np.concatenate(weights))
    truths, texts_rows = [], []
    for corpus in ("goemotions", "meld"):
        for dropped in (None, marks):
            lines, truth = stage_words.lines_of(texts, corpus, "valid")
            truths.append(truth)
            texts_rows.append(stage_words.word_logits(reader, texts, lines, dropped))
    words = metrics.fit_temperature(np.concatenate(truths), np.concatenate(texts_rows))
    judged = {kind: (stage_joint.all_logits(network, inputs), truth) for kind, (inputs, truth) in held_out.items()}
    truth = np.concatenate([truth for _, truth in judged.values()])
    logits = np.concatenate([logits for logits, _ in judged.values()])
    even = np.concatenate([np.full(len(truth), KINDS_JUDGED[kind] / len(truth)) for kind, (_, truth) in judged.items()])
    joint = metrics.fit_temperature(truth, logits[:, 0], even)
    temperatures = (joint, sound, words)
    calibrated = logits / np.array(temperatures)[:, None]
    best = min(
        itertools.product((0.2, 0.4, 0.6, 0.8), (0.0, 0.15, 0.3, 0.45, 0.6), (0.0, 0.1, 0.2, 0.3)),
        key=lambda mix: _log_loss(truth, np.tensordot(calibrated, np.array(mix), axes=(1, 0)), even),
    )
    return Calibration(temperatures, best, threshold_of(rows[0] / sound))


def _log_loss(truth: metrics.Ints, logits: metrics.Floats, weights: metrics.Floats) -> float:
    shares = metrics.softmax(logits)
    return -float(np.average(np.log(shares[np.arange(len(truth)), truth] + 1e-12), weights=weights))


def threshold_of(calibrated: metrics.Floats) -> float:
    """Return the share that `COVERAGE` of the clips called an emotion reach, kept between 0.25 and 0.45."""
    shares = metrics.softmax(calibrated)
    said = shares[shares.argmax(axis=1) < metrics.N_SIX].max(axis=1)
    reached = float(np.quantile(said, 1.0 - COVERAGE)) if len(said) else 1.0
    return round(float(np.clip(reached, 0.25, 0.45)), 2)


def pair_figures(
    network: Stream, calibration: Calibration, held_out: dict[str, tuple[report.Inputs, metrics.Ints]]
) -> dict[str, object]:
    """Return recalls over all seven answers on synthetic test pairs: of the sum of heads, and of each head."""
    figures: dict[str, object] = {}
    for kind, (inputs, truth) in held_out.items():
        logits = stage_joint.all_logits(network, inputs) / np.array(calibration.temperatures)[:, None]
        total = np.tensordot(logits, np.array(calibration.head_weights), axes=(1, 0))
        recalls = {head: round(metrics.recall(truth, logits[:, i].argmax(axis=1)), 3) for i, head in enumerate(HEADS)}
        figures[kind] = {"n": len(truth), "sum": round(metrics.recall(truth, total.argmax(axis=1)), 3)} | recalls
    return figures


def write_vectors(folder: Path, texts: Texts, vectors: np.ndarray, scales: np.ndarray, command: str) -> str:
    """Write the table of fine-tuned vectors; return the hash of its file."""
    table = safetensors.numpy.save({"vectors": vectors, "scales": scales})
    vocabulary = ("\n".join(texts.vocabulary) + "\n").encode()
    files = {"vectors.safetensors": table, "vocabulary.txt": vocabulary}
    note = {
        "schema": "emostream.vectors/1",
        "name": VECTORS_NAME,
        "source": "spaCy en_core_web_md 3.7.1 (MIT), one row per word fine-tuned on " + ", ".join(corpora.TEXT_CORPORA),
        "rows": len(texts.vocabulary),
        "licence": LICENCE,
        "command": command,
        "files": {n: {"sha256": checkpoint.sha256(content), "bytes": len(content)} for n, content in files.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (files | {"card.json": (json.dumps(note, indent=1) + "\n").encode()}).items():
        checkpoint.write_whole(folder / name, content)
    return checkpoint.sha256(table)


def rows_used(store: SoundStore, texts: Texts) -> tuple[cards.CorpusNote, ...]:
    """Return what the weights have seen."""
    seen = [r.corpus for r in store.recordings if r.split == "train"]
    seen += [line.corpus for line in texts.lines if line.split == "train"]
    return tuple(
        cards.CorpusNote(corpus, corpora.LICENCES[corpus], seen.count(corpus))
        for corpus in (*corpora.SOUND_CORPORA, *corpora.TEXT_CORPORA)
    )


def check_export(folder: Path, network: Stream, inputs: report.Inputs) -> float:
    """Return how far ONNX Runtime is from torch at most; raises ValueError above `EXPORT_TOLERANCE`."""
    session = onnxruntime.InferenceSession(folder / checkpoint.ONNX_FILE, providers=["CPUExecutionProvider"])
    feed = {name: x.numpy() for name, x in zip(cards.INPUT_SHAPES, inputs, strict=True)}
    said = session.run(None, {i.name: feed[i.name] for i in session.get_inputs()})[0]
    with torch.inference_mode():
        apart = float(np.abs(said - network(*inputs).numpy()).max())
    if apart > EXPORT_TOLERANCE:
        message = f"the exported network is {apart:.1e} from the trained one, wanted {EXPORT_TOLERANCE:.0e} at most"
        raise ValueError(message)
    return apart


KINDS_JUDGED = {"match": 0.4, "plain words": 0.4, "plain voice": 0.2}
"""Kinds of synthetic pairs, and what each counts for: most of what is said with feeling is said in plain words."""


def held_out(
    split: str, texts: Texts, table: np.ndarray, store: SoundStore, folder: Path, seed: int
) -> dict[str, tuple[report.Inputs, metrics.Ints]]:
    """Return synthetic pairs of one split, by kind: at most `stage_sound.JUDGED` clips of a corpus."""
    scenes = pictures.open_scenes(folder, pictures.held_out_name(split, "clean", 0.0))
    groups = stage_sound.by_corpus(store, scenes).values()
    rows = np.concatenate([rows[:: -(-len(rows) // stage_sound.JUDGED)] for rows in groups])
    return {kind: stage_joint.held_out_pairs(scenes, rows, texts, table, (kind, split, seed)) for kind in KINDS_JUDGED}
