"""The stage that tunes the encoder of `deep` itself, gently, on voices in rooms and noise.

Whisper learned its early frames for recognising words from sound near the microphone. Here they learn, at a small
fraction of the head's rate, what a voice feels, and to hear it through noise. As in `stage_taught`, a batch holds
several clips of each of a few speakers, and each is heard against some of the others: the running mean is in the
training of the encoder, too.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from streamer.network import contract
from streamer.network.deep import HEARD_COLUMNS, EncodedSound
from streamer.network.pooling import AttentiveMean
from tools.training import augment, loop, melstore, metrics, pictures, stage_pool, stage_speaker, stage_taught
from tools.training.soundstore import SoundStore
from tools.training.stage_sound import allowed_cross_entropy

SPEAKERS: Final = 12
LONGEST_COLUMNS: Final = 200
"""Columns of a scene in a batch at most; longer ones are cut at random."""

AT_ONCE: Final = 24
"""Scenes of like length that are encoded together: little is spent on padding."""

ENCODER_SHARE: Final = 0.07
"""The encoder's rate beside that of what is new."""

SMOOTHING: Final = 0.05


class Tuned(nn.Module):
    """The sound side of `deep`: encoder, pooling, and the head against the mean of the speaker's other clips."""

    def __init__(self, sound: EncodedSound, pooling: AttentiveMean) -> None:
        super().__init__()
        self.sound = sound.requires_grad_()
        self.attending = stage_pool.Attending(pooling)

    def embed(self, pieces: list[NDArray[np.float16]]) -> Tensor:
        """Return uncentred embeddings (B, P) of scenes."""
        order = np.argsort([len(piece) for piece in pieces], kind="stable")
        parts = []
        for some in np.array_split(order, -(-len(order) // AT_ONCE)):
            mels, columns = melstore.stacked([pieces[i] for i in some])
            with torch.autocast("cpu", torch.bfloat16, enabled=self.training):
                f, mask = self.sound(mels, columns)
            parts.append(self.attending.pooling(f.float(), mask))
        return torch.cat(parts)[torch.from_numpy(np.argsort(order, kind="stable"))]

    def forward(self, x: Tensor, others: Tensor) -> Tensor:
        """Return logits (B, C) of embeddings (B, P), each against the mean of `others` (B, B)."""
        logits: Tensor = self.attending.answer(x, others)
        return logits


@dataclass(frozen=True, slots=True)
class Windows:
    """Draws scenes of a few speakers from all copies."""

    copies: tuple[melstore.MelScenes, ...]
    streams: stage_speaker.Streams

    def draw(self, size: int, rng: augment.Rng) -> tuple[NDArray[np.int64], list[NDArray[np.float16]]]:
        """Return scenes (B,) and the frames of each, one copy or another, with holes."""
        scenes = self.streams.company(size, SPEAKERS, rng)
        copies = rng.integers(len(self.copies), size=size)
        return scenes, [
            self._piece(self.copies[copy], scene, rng)
            for scene, copy in zip(scenes.tolist(), copies.tolist(), strict=True)
        ]

    def _piece(self, scenes: melstore.MelScenes, row: int, rng: augment.Rng) -> NDArray[np.float16]:
        n = scenes.columns(row)
        first = int(rng.integers(n - LONGEST_COLUMNS + 1)) if n > LONGEST_COLUMNS else 0
        piece = scenes.cut(row, first, min(n, first + LONGEST_COLUMNS)).copy()
        for _ in range(int(rng.integers(0, 3))):
            low, wide = int(rng.integers(contract.N_MELS)), int(rng.integers(1, 9))
            piece[:, low : low + wide] = melstore.SILENCE
        if len(piece) > 100:
            at, long = int(rng.integers(len(piece))), int(rng.integers(1, 25))
            piece[at : at + long] = melstore.SILENCE
        return piece


@torch.inference_mode()
def embeddings(tuned: Tuned, scenes: melstore.MelScenes) -> NDArray[np.float32]:
    """Return uncentred embeddings (scenes, P) of as much of each scene as the live network hears."""
    lengths = scenes.notes["latents"]
    order = np.argsort(lengths, kind="stable")
    parts = [
        tuned.eval().embed([scenes.cut(i, max(0, int(lengths[i]) - HEARD_COLUMNS), int(lengths[i])) for i in some])
        for some in np.array_split(order, -(-len(order) // (4 * AT_ONCE)))
    ]
    return np.asarray(torch.cat(parts).numpy()[np.argsort(order, kind="stable")])


def judge(tuned: Tuned, store: SoundStore, work: Path) -> dict[str, float]:
    """Return recalls of validation clips, each against all others of its speaker."""
    figures: dict[str, float] = {}
    for noise in ("clean", "babble"):
        scenes = melstore.open_scenes(work, pictures.held_out_name("valid", noise, 10.0))
        clips, labels = scenes.notes["clip"], scenes.notes["label"].astype(np.int64)
        who = np.array([f"{store.recordings[c].corpus}/{store.recordings[c].speaker}" for c in clips])
        others = (who[:, None] == who[None]) & ~np.eye(len(who), dtype=np.bool_)
        with torch.inference_mode():
            x = torch.from_numpy(embeddings(tuned, scenes))
            logits = np.asarray(tuned(x, torch.from_numpy(others.astype(np.float32))).double().numpy())
        names = np.array([store.recordings[c].corpus for c in clips])
        scores = {n: metrics.recall_of_own(labels[names == n], logits[names == n]) for n in np.unique(names)}
        figures[f"rav6-{noise}"] = metrics.recall_of_six(labels[names == "ravdess"], logits[names == "ravdess"])
        figures[f"own-{noise}"] = float(np.mean(list(scores.values())))
    return figures


def run(  # noqa: PLR0913, PLR0917  everything a stage is
    name: str,
    tuned: Tuned,
    n_copies: int,
    store: SoundStore,
    favour: dict[str, float],
    schedule: loop.Schedule,
    work: Path,
    seed: int,
    without: tuple[str, ...] = (),
) -> None:
    """Train encoder and pooling in place; nothing is learned from the corpora `without`."""
    copies = tuple(melstore.open_scenes(work, f"train-{copy}") for copy in range(n_copies))
    notes = copies[0].notes
    empty = np.zeros((len(copies), len(notes), 1), np.float32)
    data = stage_speaker.Embedded(empty, notes["clip"].astype(np.int64), notes["label"].astype(np.int64))
    windows = Windows(copies, stage_speaker.Streams(data, store.recordings, favour, without))

    def loss(rng: np.random.Generator, step: int) -> Tensor:
        del step
        scenes, pieces = windows.draw(schedule.batch, rng)
        logits = tuned(tuned.embed(pieces), stage_taught.company(schedule.batch, rng, SPEAKERS))
        label = torch.from_numpy(data.label[scenes])
        return allowed_cross_entropy(logits, label, torch.from_numpy(windows.streams.allowed[scenes]), SMOOTHING)

    groups: list[dict[str, object]] = [
        {"params": list(tuned.sound.parameters()), "lr": schedule.rate * ENCODER_SHARE, "weight_decay": 0.0},
        {"params": list(tuned.attending.parameters()), "lr": schedule.rate},
    ]
    best = loop.train(name, tuned, schedule, loss, lambda m: judge(m, store, work), work, seed, groups=groups)  # type: ignore[arg-type]
    tuned.load_state_dict(best.state_dict())
