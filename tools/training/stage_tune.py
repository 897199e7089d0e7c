"""The stage that tunes the encoder of `deep` itself, gently, on voices in rooms and noise, and trains its head.

Whisper learned its early frames for recognising words from sound near the microphone. Here they learn, at a fraction
of the head's rate, what a voice feels, and to hear it through noise. Beside the labels they are to stay what Whisper
makes of the same voice without the room and the noise: what it knows of voices that are not met here is not forgotten,
and noise is what it learns to overhear. As in `stage_taught`, a batch holds several clips of each of a few speakers,
and each is heard against some of the others: the running mean is in the training of the encoder, too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from streamer.network.deep import HEARD_COLUMNS, EncodedSound
from streamer.network.pooling import AttentiveMean
from streamer.network.sides import GRID
from tools.training import attending, augment, company, encoded, loop, melstore, metrics, pictures, speakerpast
from tools.training.soundstore import SoundStore
from tools.training.stage_sound import allowed_cross_entropy

SPEAKERS: Final = 12
LONGEST_COLUMNS: Final = 160
"""Columns of a scene in a batch at most; longer ones are cut at random."""

AT_ONCE: Final = 24
"""Scenes of like length that are encoded together: little is spent on padding."""

ENCODER_SHARE: Final = 0.1
"""The encoder's rate beside that of what is new."""

SMOOTHING: Final = 0.05

FAITHFULNESS: Final = 1.0
"""What it counts to stay near Whisper's latents of the voice alone, against the labels."""


Heard = tuple[NDArray[np.int64], Tensor, Tensor]
"""Rows of a batch, their latents (b, D, N) and mask (b, N)."""


class Tuned(nn.Module):
    """The sound side of `deep`: encoder, pooling, and the head against the mean of the speaker's other clips."""

    def __init__(self, sound: EncodedSound, pooling: AttentiveMean) -> None:
        super().__init__()
        self.sound = sound.requires_grad_()
        self.attending = attending.Attending(pooling)

    def hear(self, pieces: list[NDArray[np.float16]]) -> Iterator[Heard]:
        """Yield all scenes as the encoder hears them, those of like length together."""
        order = np.argsort([len(piece) for piece in pieces], kind="stable")
        for rows in np.array_split(order, -(-len(order) // AT_ONCE)):
            mels, columns = melstore.stacked([pieces[i] for i in rows])
            with torch.autocast("cpu", torch.bfloat16, enabled=self.training):
                f, mask = self.sound(mels, columns)
            yield rows, f.float(), mask

    def pool(self, heard: list[Heard]) -> Tensor:
        """Return uncentred embeddings (B, P) in the order of the scenes."""
        x = torch.cat([self.attending.pooling(f, mask) for _, f, mask in heard])
        return x[torch.from_numpy(np.argsort(np.concatenate([rows for rows, _, _ in heard]), kind="stable"))]

    def embed(self, pieces: list[NDArray[np.float16]]) -> Tensor:
        """Return uncentred embeddings (B, P) of scenes."""
        return self.pool(list(self.hear(pieces)))

    def forward(self, x: Tensor, others: Tensor) -> Tensor:
        """Return logits (B, C) of embeddings (B, P), each against the mean of `others` (B, B)."""
        logits: Tensor = self.attending.answer(x, others)
        return logits


def unfaithfulness(heard: list[Heard], wanted: list[NDArray[np.float32]]) -> Tensor:
    """Return the mean squared distance of latents from those (n, D) that are wanted; none are where n is 0."""
    total, n = torch.zeros(()), 0
    for rows, f, _ in heard:
        target, told = encoded.stacked([wanted[i] for i in rows])
        error = (f[..., -target.shape[2] :] - target).square().mean(dim=1)
        total, n = total + (error * told).sum(), n + int(told.sum())
    return total / max(n, 1)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A batch."""

    scenes: NDArray[np.int64]
    """(B,)"""
    pieces: list[NDArray[np.float16]]
    """Frames of each scene."""
    wanted: list[NDArray[np.float32]]
    """(n, D) what Whisper makes of each without room and noise."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Draws scenes of a few speakers from all copies."""

    copies: tuple[melstore.MelScenes, ...]
    targets: tuple[encoded.EncodedScenes, ...]
    """By copy: Whisper's latents of the same scenes without room and noise."""
    streams: speakerpast.Streams

    def draw(self, size: int, rng: augment.Rng) -> Drawn:
        """Return `size` scenes, each from one copy or another, cut where they are long."""
        scenes = self.streams.company(size, SPEAKERS, rng)
        pieces, wanted = [], []
        for scene, copy in zip(scenes.tolist(), rng.integers(len(self.copies), size=size).tolist(), strict=True):
            n = self.copies[copy].columns(scene)
            first = GRID * int(rng.integers((n - LONGEST_COLUMNS) // GRID + 1)) if n > LONGEST_COLUMNS else 0
            last = min(n, first + LONGEST_COLUMNS)
            pieces.append(self.copies[copy].cut(scene, first, last))
            wanted.append(self.targets[copy].scene(scene)[first // GRID : last // GRID])
        return Drawn(scenes, pieces, wanted)


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


def centred(tuned: Tuned, scenes: melstore.MelScenes) -> NDArray[np.float32]:
    """Return embeddings (scenes, P) without what all voices share."""
    return np.asarray(embeddings(tuned, scenes) - tuned.attending.centre.numpy())


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
    targets: tuple[encoded.EncodedScenes, ...],
    store: SoundStore,
    favour: dict[str, float],
    schedule: loop.Schedule,
    work: Path,
    seed: int,
    without: tuple[str, ...] = (),
    file: str | None = None,
) -> None:
    """Train encoder, pooling and head in place; nothing is learned from the corpora `without`.

    `targets` are Whisper's latents of each copy of the training scenes, without room and noise.
    """
    copies = tuple(melstore.open_scenes(work, f"train-{copy}") for copy in range(len(targets)))
    notes = copies[0].notes
    empty = np.zeros((len(copies), len(notes), 1), np.float32)
    data = speakerpast.Embedded(empty, notes["clip"].astype(np.int64), notes["label"].astype(np.int64))
    windows = Windows(copies, targets, speakerpast.Streams(data, store.recordings, favour, without))

    def loss(rng: np.random.Generator, step: int) -> Tensor:
        del step
        drawn = windows.draw(schedule.batch, rng)
        heard = list(tuned.hear(drawn.pieces))
        logits = tuned(tuned.pool(heard), company.drawn(schedule.batch, rng, SPEAKERS))
        label, allowed = (torch.from_numpy(x[drawn.scenes]) for x in (data.label, windows.streams.allowed))
        named = allowed_cross_entropy(logits, label, allowed, SMOOTHING)
        return named + FAITHFULNESS * unfaithfulness(heard, drawn.wanted)

    groups: list[dict[str, object]] = [
        {"params": list(tuned.sound.parameters()), "lr": schedule.rate * ENCODER_SHARE, "weight_decay": 0.0},
        {"params": list(tuned.attending.parameters()), "lr": schedule.rate},
    ]
    best = loop.train(
        name,
        tuned,
        schedule,
        loss,
        lambda m: judge(m, store, work),  # type: ignore[arg-type]
        work,
        seed,
        groups=groups,
        file=file,
    )
    tuned.load_state_dict(best.state_dict())
