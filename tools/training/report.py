"""What the trained network can do, measured on speakers and lines it has never seen, as it stands in the card."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from torch import Tensor, nn

from streamer.features.decimate import Decimator
from streamer.features.spectrogram import ColumnStream
from streamer.network import contract
from tools.training import augment, corpora, metrics, stage_joint, stage_words
from tools.training.textdata import Texts

Inputs = tuple[Tensor, ...]
SOUND, WORDS = 1, 2
"""Rows of the logits."""


def live_columns(sound: augment.Sound) -> np.ndarray:
    """Return (F, n), the columns that the live program makes of sound at the stream rate."""
    decimator, columns = Decimator(), ColumnStream()
    return np.concatenate((columns.push(decimator.push(sound)), columns.push(decimator.flush())), axis=1)


def sound_inputs(pictures: list[np.ndarray]) -> Inputs:
    """Return the five inputs for sound alone, newest column last."""
    size = len(pictures)
    picture = np.zeros((size, *contract.PICTURE_SHAPE), np.float32)
    columns = np.zeros((size, contract.N_COLUMNS), np.bool_)
    for row, made in enumerate(pictures):
        n = min(made.shape[1], contract.N_COLUMNS)
        picture[row, :, contract.N_COLUMNS - n :] = made[:, made.shape[1] - n :]
        columns[row, contract.N_COLUMNS - n :] = True
    return (
        torch.from_numpy(picture),
        torch.from_numpy(columns),
        torch.zeros(size, *contract.WORDS_SHAPE),
        torch.zeros(size, contract.N_WORDS, dtype=torch.bool),
        torch.zeros(size, contract.N_WORDS, 2),
    )


def test_clips(root: Path, corpus: str, white_snr_db: float | None, seed: int) -> tuple[Inputs, metrics.Ints]:
    """Return the corpus' test clips as they lie in their files (level too), with white noise if wanted."""
    pictures, labels = [], []
    for i, clip in enumerate(c for c in corpora.clips(root, corpus) if c.split == "test"):
        sound, rate = soundfile.read(clip.path, dtype="float32", always_2d=True)
        mono = np.asarray(soxr.resample(sound.mean(axis=1), rate, contract.STREAM_RATE_HZ), np.float32)
        if white_snr_db is not None:
            rng = np.random.default_rng([seed, i])
            loud = np.sort(np.square(mono))[len(mono) // 2 :]
            noise = rng.standard_normal(len(mono), dtype=np.float32)
            # Half of the noise lies above the picture's band; SNR is meant within the band.
            mono = augment.add_noise(mono, noise, white_snr_db - 3.0, float(np.sqrt(loud.mean())))
        pictures.append(live_columns(mono))
        labels.append(clip.label)
    return sound_inputs(pictures), np.array(labels, np.int64)


def scored(truth: metrics.Ints, logits: metrics.Floats, temperature: float) -> dict[str, object]:
    """Return recall over six with its interval, recall over the corpus' own classes, calibration error, and n."""
    six = truth < metrics.N_SIX
    answer = logits[six, : metrics.N_SIX].argmax(axis=1)
    low, high = metrics.bootstrap(truth[six], answer)
    return {
        "n": int(six.sum()),
        "recall_of_six": round(metrics.recall(truth[six], answer), 3),
        "interval_95": [round(low, 3), round(high, 3)],
        "n_with_neutral": len(truth),
        "recall_of_own_classes": round(metrics.recall_of_own(truth, logits), 3),
        "calibration_error": round(metrics.calibration_error(truth, metrics.softmax(logits / temperature)), 3),
    }


def sound_figures(network: nn.Module, root: Path, temperature: float, seed: int) -> dict[str, object]:
    """Return the figures of the sound head, by test corpus."""
    figures: dict[str, object] = {}
    for corpus in corpora.SOUND_CORPORA:
        for snr_db in (None, 10.0) if corpus == "ravdess" else (None,):
            inputs, truth = test_clips(root, corpus, snr_db, seed)
            if not len(truth):
                continue
            logits = stage_joint.all_logits(network, inputs)[:, SOUND]
            name = f"{corpus} test" + ("" if snr_db is None else f", white noise at {snr_db:g} dB")
            figures[name] = scored(truth, logits, temperature)
    return figures


def word_figures(reader: stage_words.Reader, texts: Texts, marks: np.ndarray, temperature: float) -> dict[str, object]:
    """Return the figures of the words head, by test corpus, with punctuation and without."""
    figures: dict[str, object] = {}
    for corpus in corpora.TEXT_CORPORA:
        for name, dropped in (("", None), (", no punctuation", marks)):
            lines, truth = stage_words.lines_of(texts, corpus, "test")
            logits = stage_words.word_logits(reader, texts, lines, dropped)
            classes = np.unique(truth)
            answer = classes[logits[:, classes].argmax(axis=1)]
            macro, weighted = metrics.f1_scores(truth, answer)
            figures[f"{corpus} test{name}"] = scored(truth, logits, temperature) | {
                "macro_f1": round(macro, 3),
                "weighted_f1": round(weighted, 3),
            }
    return figures


def empty_figures(network: nn.Module, seed: int) -> dict[str, object]:
    """Return the share of windows with nobody in them that the sound head calls none of the six."""
    rng = np.random.default_rng(seed)
    n = 10 * contract.STREAM_RATE_HZ
    t = np.arange(n) / contract.STREAM_RATE_HZ
    kinds: dict[str, Callable[[], np.ndarray]] = {
        "white noise": lambda: rng.standard_normal(n),
        "tone": lambda: np.sin(2 * np.pi * rng.uniform(80.0, 3500.0) * t),
        "silence": lambda: np.zeros(n),
        "brown noise": lambda: np.cumsum(rng.standard_normal(n)) / 100.0,
    }
    shares: dict[str, object] = {}
    for name, make in kinds.items():
        level = [10.0 ** (rng.uniform(-60.0, -10.0) / 20.0) for _ in range(20)]
        sounds = [np.asarray(make() * gain, np.float32).clip(-1.0, 1.0) for gain in level]
        logits = stage_joint.all_logits(network, sound_inputs([live_columns(s) for s in sounds]))[:, SOUND]
        shares[name] = round(float(np.mean(logits.argmax(axis=1) == metrics.N_SIX)), 3)
    return shares
