"""Embeddings of scenes with what was heard of their speaker before: as training draws it, and as `evaluate` does.

Everything before the embedding is frozen, so embeddings are computed once. Drawn pasts are of many kinds: mixed, mostly
neutral, all of one emotion, short, empty, and with somebody else's utterances in the mean.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from streamer.network.card import AdaptationNote
from streamer.network.pooling import Summary
from tools.training import corpora, metrics, sounddata
from tools.training.encoded import EncodedScenes
from tools.training.soundstore import Recording

ADAPTATION: Final = AdaptationNote(prior=10.0, strength=1.0, warm_up=1)

SHIPPED: Final = replace(ADAPTATION, strength=0.75)
"""At run time three quarters of the mean count: nearly all of the gain in mixed, blocked and mostly neutral streams,
and a speaker who shows one emotion only loses less (models/EXPERIMENTS.md)."""

LONGEST_STREAM: Final = 30
"""Utterances before the one that is judged, at most; a longer past changes the mean little."""

NOBODY_SHARE: Final = 0.1
MIXED, NEUTRAL, ONE_EMOTION = range(3)
PAST_SHARES: Final = (0.55, 0.3, 0.15)
"""What a speaker's past is made of: any utterances; four in five neutral; all of one emotion."""

STRANGER_SHARE: Final = 0.1
"""Share of pasts of which a part is another speaker's."""

DEEP_SUMMARY: Final = 256
"""Numbers to which `deep` sums a voice up before it answers."""

DROPOUT: Final = 0.5
EMPTY_SHARE: Final = 0.05
NONE_INDEX: Final = corpora.LABELS.index(corpora.NONE)


@dataclass(frozen=True, slots=True)
class Embedded:
    """Embeddings of the scenes of a split."""

    x: NDArray[np.float32]
    """(copies, scenes, P)"""
    clip: NDArray[np.int64]
    """(scenes,) -1: nobody speaks"""
    label: NDArray[np.int64]
    """(scenes,)"""


class Head(nn.Module):
    """What a network answers with, given an embedding less the speaker's mean."""

    def __init__(self, summary: Summary, head: nn.Linear) -> None:
        super().__init__()
        self.summary = summary
        self.head = head

    def forward(self, departure: Tensor) -> Tensor:
        """(B, P) -> (B, C)."""
        logits: Tensor = self.head(self.summary(departure))
        return logits


@dataclass(frozen=True, slots=True)
class Drawn:
    """A batch of scenes."""

    scenes: NDArray[np.int64]
    """(B,)"""
    copies: NDArray[np.int64]
    """(B,)"""
    x: NDArray[np.float32]
    """(B, P) embeddings"""
    means: NDArray[np.float32]
    """(B, P) what is known of the speaker"""
    allowed: NDArray[np.bool_]
    """(B, C)"""


class Streams:
    """Draws embeddings with the past of their speakers."""

    def __init__(
        self,
        data: Embedded,
        recordings: tuple[Recording, ...],
        favour: dict[str, float],
        without: tuple[str, ...] = (),
    ) -> None:
        """Draw from all scenes but those of the corpora `without`."""
        self._data = data
        voiced = data.clip >= 0
        weights = np.where(voiced, sounddata.clip_weights(recordings, favour)[data.clip], 0.0)
        weights[[c >= 0 and recordings[c].corpus in without for c in data.clip]] = 0.0
        weights *= (1.0 - EMPTY_SHARE) / weights.sum()
        weights[~voiced] = EMPTY_SHARE / max(int(np.sum(~voiced)), 1)
        self._weights = weights / weights.sum()
        classes = sounddata.corpus_classes(recordings)
        everything = np.ones(len(corpora.LABELS), np.bool_)
        self.allowed = np.stack([classes[recordings[c].corpus] if c >= 0 else everything for c in data.clip])
        names = [recordings[c].speaker + "/" + recordings[c].corpus if c >= 0 else "" for c in data.clip]
        self._speaker = np.unique(names, return_inverse=True)[1]
        self._scenes = [np.flatnonzero((self._speaker == s) & voiced) for s in range(self._speaker.max() + 1)]
        self._known = [s for s, scenes in enumerate(self._scenes) if len(scenes)]

    def draw(self, size: int, rng: np.random.Generator) -> Drawn:
        """Return scenes, their embeddings, and their speakers' means."""
        scenes = rng.choice(len(self._weights), size=size, p=self._weights)
        copies = rng.integers(len(self._data.x), size=size)
        means = np.zeros((size, self._data.x.shape[2]), np.float32)
        for row, (scene, copy) in enumerate(zip(scenes.tolist(), copies.tolist(), strict=True)):
            past = self.past(scene, rng)
            means[row] = self._data.x[copy, past].sum(axis=0) / (len(past) + ADAPTATION.prior)
        means *= ADAPTATION.strength
        return Drawn(scenes, copies, self._data.x[copies, scenes], means, self.allowed[scenes])

    def company(self, size: int, n_speakers: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return scenes (B,) of a few speakers, one speaker after the other."""
        firsts = rng.choice(len(self._weights), size=n_speakers, p=self._weights)
        parts = []
        for at, first in enumerate(firsts.tolist()):
            own = np.flatnonzero(self._speaker == self._speaker[first])
            n = (at + 1) * size // n_speakers - at * size // n_speakers
            parts.append(rng.choice(own, size=n, p=self._weights[own] / self._weights[own].sum()))
        return np.concatenate(parts)

    def past(self, scene: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the scenes that were heard before this one, by the speaker's own voice or, at times, by others."""
        speaker = int(self._speaker[scene]) if self._data.clip[scene] >= 0 else int(rng.choice(self._known))
        n = 0 if rng.random() < NOBODY_SHARE else int(rng.integers(1, LONGEST_STREAM + 1))
        past = self._said(speaker, n, self._data.label[scene], rng)
        if rng.random() < STRANGER_SHARE and n:
            others = rng.random(n) < rng.random()
            past[others] = self._said(int(rng.choice(self._known)), int(others.sum()), self._data.label[scene], rng)
        return past

    def _said(self, speaker: int, n: int, label: int, rng: np.random.Generator) -> NDArray[np.int64]:
        own = self._scenes[speaker]
        past = rng.choice(own, n)
        kind = int(rng.choice(3, p=PAST_SHARES))
        labels = self._data.label[own]
        if kind == NEUTRAL and np.any(labels == NONE_INDEX):
            plain = rng.random(n) < 0.8
            past[plain] = rng.choice(own[labels == NONE_INDEX], int(plain.sum()))
        elif kind == ONE_EMOTION:
            one = label if rng.random() < 0.5 and np.any(labels == label) else int(rng.choice(labels))
            past = rng.choice(own[labels == one], n)
        return past


def in_order(
    data: Embedded, recordings: tuple[Recording, ...], adaptation: AdaptationNote, seed: int = 0
) -> NDArray[np.float32]:
    """Return (scenes, P) departures of held-out scenes, each speaker in one random order, as `evaluate` does."""
    departures: NDArray[np.float32] = np.empty(data.x.shape[1:], np.float32)
    total: dict[str, NDArray[np.float64]] = {}
    count: dict[str, int] = {}
    for i in np.random.default_rng(seed).permutation(len(data.clip)).tolist():
        r = recordings[data.clip[i]]
        who = f"{r.corpus}/{r.speaker}"
        t = count.get(who, 0)
        mean = total[who] * adaptation.strength / (t + adaptation.prior) if t >= max(adaptation.warm_up, 1) else 0.0
        departures[i] = data.x[0, i] - mean
        total[who] = total.get(who, np.zeros(data.x.shape[2])) + data.x[0, i]
        count[who] = t + 1
    return departures


@torch.inference_mode()
def logits_of(head: Head, departures: NDArray[np.float32]) -> metrics.Floats:
    """Return (rows, C)."""
    logits: Tensor = head.eval()(torch.from_numpy(departures))
    return np.asarray(logits.double().numpy())


def answers(
    head: Head, held_out: dict[str, Embedded], recordings: tuple[Recording, ...]
) -> tuple[NDArray[np.int64], metrics.Floats, metrics.Floats]:
    """Return labels (N,), logits (N, C) and weights (N,) of held-out scenes, noisy ones among them.

    Each corpus counts alike.
    """
    parts = []
    for data in held_out.values():
        names = np.array([recordings[c].corpus for c in data.clip])
        counts = {name: np.sum(names == name) for name in np.unique(names)}
        logits = logits_of(head, in_order(data, recordings, SHIPPED))
        parts.append((data.label, logits, np.array([1.0 / counts[name] for name in names])))
    label, logits, weights = (np.concatenate(x) for x in zip(*parts, strict=True))
    return label, logits, weights


def judge(head: Head, held_out: dict[str, Embedded], recordings: tuple[Recording, ...]) -> dict[str, float]:
    """Return recalls of held-out speakers: RAVDESS six, and every corpus over its own classes."""
    figures: dict[str, float] = {}
    for name, data in held_out.items():
        for how, adaptation in (("", SHIPPED), ("-none", replace(ADAPTATION, strength=0.0))):
            if how and "clean" not in name:
                continue
            logits = logits_of(head, in_order(data, recordings, adaptation))
            scores = []
            corpus_of = np.array([recordings[c].corpus for c in data.clip])
            for corpus in np.unique(corpus_of):
                rows = corpus_of == corpus
                scores.append(metrics.recall_of_own(data.label[rows], logits[rows]))
                if corpus == "ravdess":
                    figures[f"rav6-{name}{how}"] = metrics.recall_of_six(data.label[rows], logits[rows])
            figures[f"own-{name}{how}"] = float(np.mean(scores))
    return figures


@torch.inference_mode()
def pooled(pooling: nn.Module, scenes: EncodedScenes, batch: int = 64) -> NDArray[np.float32]:
    """Return (scenes, P), each scene's latents pooled."""
    rows = np.argsort(scenes.notes["latents"], kind="stable")
    parts = [pooling.eval()(*scenes.batch(rows[at : at + batch].tolist())) for at in range(0, len(rows), batch)]
    return np.asarray(torch.cat(parts).numpy()[np.argsort(rows, kind="stable")])


def crossed(head: Head, data: Embedded, recordings: tuple[Recording, ...], temperature: float) -> dict[str, object]:
    """Return how a head does on a corpus that it was not trained on: recall over the corpus' own classes."""
    figures: dict[str, object] = {"n": len(data.label)}
    for name, strength in (("uar_own", SHIPPED.strength), ("uar_own_no_adaptation", 0.0)):
        logits = logits_of(head, in_order(data, recordings, replace(ADAPTATION, strength=strength)))
        classes = np.unique(data.label)
        answer = classes[logits[:, classes].argmax(axis=1)]
        figures[name] = round(metrics.recall(data.label, answer), 3)
        if name == "uar_own":
            figures["ci95"] = [round(edge, 3) for edge in metrics.bootstrap(data.label, answer)]
    six = data.label < metrics.N_SIX
    emotions = np.unique(data.label[six])
    logits = logits_of(head, in_order(data, recordings, SHIPPED))[six]
    of_six = emotions[logits[:, emotions].argmax(axis=1)]
    figures["uar_own_emotions"] = round(metrics.recall(data.label[six], of_six), 3)
    shares = metrics.softmax(logits[:, : metrics.N_SIX] / temperature)
    figures["ece"] = round(metrics.calibration_error(data.label[six], shares), 3)
    return figures
