"""Windows of sound for training: which scene, where it ends, what the picture suffers, what the teacher says."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamer.network import contract
from tools.training import corpora, pictures
from tools.training.soundstore import Recording, SoundStore
from tools.training.teacher import FRAME_SAMPLES, N_COMPONENTS

NEWEST_COLUMNS = 50
"""A window is labelled by its newest voice, which must have been heard for 1 s (or to its end)."""

LEAD_COLUMNS = 20
"""Columns before a voice that a live window may still show."""

NONE_INDEX = corpora.LABELS.index(corpora.NONE)


@dataclass(frozen=True, slots=True)
class SoundBatch:
    """Windows of one width."""

    picture: Tensor
    """(B, F, T) f32"""
    columns: Tensor
    """(B, T) bool"""
    label: Tensor
    """(B,) i64"""
    allowed: Tensor
    """(B, C) bool: the classes which the clip's corpus has"""
    target: Tensor
    """(B, N, N_COMPONENTS) the teacher's frames at the middle of each latent column"""
    taught: Tensor
    """(B, N) bool: where there is a target"""
    voice: Tensor
    """(B, 2) columns of the window between which the newest voice lies"""
    clip: Tensor
    """(B,) i64: -1 where nobody speaks"""


def corpus_classes(recordings: tuple[Recording, ...]) -> dict[str, NDArray[np.bool_]]:
    """Return which classes each corpus has in training."""
    classes = {r.corpus: np.zeros(len(corpora.LABELS), np.bool_) for r in recordings}
    for r in recordings:
        if r.split == "train":
            classes[r.corpus][r.label] = True
    return classes


def clip_weights(recordings: tuple[Recording, ...], favour: dict[str, float]) -> NDArray[np.float64]:
    """Return how often each clip is drawn: corpora by the root of their size, then classes, then speakers evenly."""
    weights = np.zeros(len(recordings))
    training = [i for i, r in enumerate(recordings) if r.split == "train"]
    size: dict[str, int] = {}
    speakers: dict[tuple[str, int], set[str]] = {}
    count: dict[tuple[str, int], float] = {}
    for i in training:
        r = recordings[i]
        size[r.corpus] = size.get(r.corpus, 0) + 1
        speakers.setdefault((r.corpus, r.label), set()).add(r.speaker)
        weights[i] = 0.3 if r.leaks_words else 1.0
        count[(r.speaker, r.label)] = count.get((r.speaker, r.label), 0.0) + float(weights[i])
    n_classes = {corpus: sum(1 for c, _ in speakers if c == corpus) for corpus in size}
    for i in training:
        r = recordings[i]
        corpus = size[r.corpus] ** 0.5 * favour.get(r.corpus, 1.0)
        weights[i] *= corpus / n_classes[r.corpus] / len(speakers[r.corpus, r.label]) / count[r.speaker, r.label]
    return np.asarray(weights / weights.sum())


class SoundWindows:
    """Draws batches from the augmented copies of the training split."""

    def __init__(  # noqa: PLR0913, PLR0917  data and how it is mixed
        self,
        store: SoundStore,
        folder: Path,
        n_copies: int,
        teacher: tuple[NDArray[np.float16], NDArray[np.int64]],
        receptive_columns: int,
        favour: dict[str, float],
        empty_share: float = 0.05,
        clean_share: float = 0.15,
        live_share: float = 0.0,
        without: tuple[str, ...] = (),
    ) -> None:
        """Draw from all scenes but those of the corpora `without`."""
        self._copies = [pictures.open_scenes(folder, f"train-{copy}") for copy in range(n_copies)]
        self._targets, self._offsets = teacher
        self._receptive = receptive_columns
        self._live_share = live_share
        clips = self._copies[0].notes["clip"]
        voiced = clips >= 0
        weights = clip_weights(store.recordings, favour)
        weights[[r.corpus in without for r in store.recordings]] = 0.0
        weights *= (1.0 - empty_share) / weights.sum()
        self._weights = np.where(voiced, weights[clips], empty_share / np.sum(~voiced))
        self._weights /= self._weights.sum()
        names = [store.recordings[c].corpus + "/" + store.recordings[c].speaker if c >= 0 else "" for c in clips]
        self._speaker = np.unique(names, return_inverse=True)[1]
        self._scenes_of = [np.flatnonzero(self._speaker == s) for s in range(self._speaker.max() + 1)]
        classes = corpus_classes(store.recordings)
        everything = np.ones(len(corpora.LABELS), np.bool_)
        self._allowed = np.stack([classes[store.recordings[c].corpus] if c >= 0 else everything for c in clips])
        self._copy_weights = np.full(n_copies, (1.0 - clean_share) / max(n_copies - 1, 1))
        self._copy_weights[0] = clean_share if n_copies > 1 else 1.0

    def batch(self, size: int, width: int, rng: np.random.Generator, n_speakers: int = 0) -> SoundBatch:
        """Return `size` windows of `width` columns; of so many speakers one after the other, where that is wanted."""
        picture = np.zeros((size, width, contract.N_BANDS), np.uint8)
        columns = np.zeros((size, width), np.bool_)
        n_latent = (width - self._receptive) // contract.POOLING_GRID_COLUMNS + 1
        target = np.zeros((size, n_latent, N_COMPONENTS), np.float32)
        taught = np.zeros((size, n_latent), np.bool_)
        chosen = self._chosen(size, rng, n_speakers)
        copies = rng.choice(len(self._copies), size=size, p=self._copy_weights)
        labels = np.zeros(size, np.int64)
        voice = np.zeros((size, 2), np.float32)
        for row, (scene, copy) in enumerate(zip(chosen.tolist(), copies.tolist(), strict=True)):
            scenes = self._copies[copy]
            note = scenes.notes[scene]
            first, end = self._cut(note, width, rng)
            begin = int(note["start"])
            picture[row, width - (end - first) :] = scenes.columns[begin + first : begin + end]
            columns[row, width - (end - first) :] = True
            labels[row] = note["label"]
            voice[row] = np.clip((note["on"] - end + width, note["off"] - end + width), 0, width)
            target[row], taught[row] = self._taught(note, end - width, n_latent)
        return SoundBatch(
            picture=suffer(picture, columns, rng),
            columns=torch.from_numpy(columns),
            label=torch.from_numpy(labels),
            allowed=torch.from_numpy(self._allowed[chosen]),
            target=torch.from_numpy(target),
            taught=torch.from_numpy(taught),
            voice=torch.from_numpy(voice),
            clip=torch.from_numpy(self._copies[0].notes["clip"][chosen].astype(np.int64)),
        )

    def _chosen(self, size: int, rng: np.random.Generator, n_speakers: int) -> NDArray[np.int64]:
        if not n_speakers:
            return rng.choice(len(self._weights), size=size, p=self._weights)
        # A scene is drawn, and then more of the same speaker; scenes with nobody are each other's company.
        firsts = rng.choice(len(self._weights), size=n_speakers, p=self._weights)
        parts = []
        for at, first in enumerate(firsts.tolist()):
            own = self._scenes_of[self._speaker[first]]
            n = (at + 1) * size // n_speakers - at * size // n_speakers
            weights = self._weights[own]
            parts.append(rng.choice(own, size=n, p=weights / weights.sum()))
        return np.concatenate(parts)

    def _cut(self, note: np.void, width: int, rng: np.random.Generator) -> tuple[int, int]:
        on, off, n = int(note["on"]), int(note["off"]), int(note["columns"])
        earliest = min(on + NEWEST_COLUMNS, off) if note["clip"] >= 0 else min(30, n)
        # Half of the windows see the whole utterance, as most windows of a clip's evaluation do.
        end = n if rng.random() < 0.25 else int(rng.integers(max(earliest, 1), n + 1))
        if note["clip"] >= 0 and rng.random() < 0.3:
            end = min(max(off, 1), n)
        first = max(end - width, 0)
        if rng.random() < 0.25:
            first = max(first, end - int(rng.integers(round(0.15 * contract.N_COLUMNS), contract.N_COLUMNS + 1)))
        if self._live_share and rng.random() < self._live_share:
            # The live program masks what came before the newest utterance, but for a moment.
            first = max(first, on - int(rng.integers(LEAD_COLUMNS)))
        return min(first, max(end - 1, 0)), end

    def _taught(self, note: np.void, left: int, n_latent: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        target = np.zeros((n_latent, N_COMPONENTS), np.float32)
        if note["clip"] < 0:
            return target, np.zeros(n_latent, np.bool_)
        begin, finish = (int(v) for v in self._offsets[note["clip"] : note["clip"] + 2])
        middle = left + (self._receptive - 1) / 2 + contract.POOLING_GRID_COLUMNS * np.arange(n_latent)
        sample = middle * contract.LIVE_STEP_SAMPLES + contract.SEGMENT_SAMPLES / 2
        frame = (sample - float(note["clip_sample"])) * float(note["speed"]) / FRAME_SAMPLES
        oldest = np.floor(frame).astype(np.int64) - 1
        taught = (oldest >= 0) & (oldest + 3 < finish - begin) & (middle >= 0)
        for j in np.flatnonzero(taught).tolist():
            at = begin + int(oldest[j])
            target[j] = self._targets[at : at + 4].astype(np.float32).mean(axis=0)
        return target, taught


def suffer(picture: NDArray[np.uint8], columns: NDArray[np.bool_], rng: np.random.Generator) -> Tensor:
    """Return (B, F, T) f32 in [0, 1] from (B, T, F) uint8, bands warped and its level a little off.

    There are no holes in bands or in time: what a voice sounds like as a whole is in all of them.
    """
    size, width, bands = picture.shape
    warp = np.where(rng.random(size) < 0.6, rng.uniform(0.9, 1.1, size), 1.0)
    source = np.round(np.arange(bands) * warp[:, None]).clip(0, bands - 1).astype(np.int64)  # (B, F)
    x = torch.from_numpy(picture).transpose(1, 2)  # (B, F, T)
    x = torch.gather(x, 1, torch.from_numpy(source)[:, :, None].expand(-1, -1, width)).float() / 255.0
    shift = torch.from_numpy(rng.uniform(-0.05, 0.05, (size, 1, 1)).astype(np.float32))
    return (x + shift).clamp(0.0, 1.0) * torch.from_numpy(columns)[:, None]


def whole_clips(scenes: pictures.Scenes, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Return pictures (B, F, T) and masks (B, T) of whole scenes, newest last; T is contract.N_COLUMNS."""
    picture = np.zeros((len(rows), contract.N_COLUMNS, contract.N_BANDS), np.uint8)
    columns = np.zeros((len(rows), contract.N_COLUMNS), np.bool_)
    for at, row in enumerate(rows.tolist()):
        note = scenes.notes[row]
        n = min(int(note["columns"]), contract.N_COLUMNS)
        end = int(note["start"]) + int(note["columns"])
        picture[at, contract.N_COLUMNS - n :] = scenes.columns[end - n : end]
        columns[at, contract.N_COLUMNS - n :] = True
    return torch.from_numpy(picture).transpose(1, 2).float() / 255.0, torch.from_numpy(columns)
