"""The stage in which `deep` learns which moments of a voice to attend to; the encoder is frozen.

As in `stage_taught`, a batch holds several clips of each of a few speakers, and each is heard against some of the
others, so that attention looks for what departs from the speaker's own way.
"""

from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from streamer.network.pooling import AttentiveMean, Summary
from tools.training import corpora, loop, metrics, stage_speaker
from tools.training.encoded import EncodedScenes
from tools.training.soundstore import SoundStore
from tools.training.stage_sound import allowed_cross_entropy
from tools.training.stage_taught import CENTRE_RATE, PRIOR, company

SPEAKERS: Final = 12
HIDDEN: Final = 256


class Attending(nn.Module):
    """Pooling, and the head that is tuned further with it (`stage_tune`)."""

    centre: Tensor

    def __init__(self, pooling: AttentiveMean) -> None:
        super().__init__()
        self.pooling = pooling
        self.summary = Summary(pooling.size, HIDDEN, stage_speaker.DROPOUT)
        self.head = nn.Linear(HIDDEN, len(corpora.LABELS))
        self.register_buffer("centre", torch.zeros(pooling.size))

    def forward(self, f: Tensor, mask: Tensor, others: Tensor) -> Tensor:
        """Return logits (B, C) of latents (B, D, N), each against the mean of `others` (B, B) that it is told of."""
        return self.answer(self.pooling(f, mask), others)

    def answer(self, x: Tensor, others: Tensor) -> Tensor:
        """Return logits (B, C) of uncentred embeddings (B, P), each against the mean of `others` (B, B)."""
        if self.training:
            with torch.no_grad():
                self.centre.lerp_(x.detach().mean(dim=0), CENTRE_RATE)
        x = x - self.centre
        mean = others @ x / (others.sum(dim=1, keepdim=True) + PRIOR)
        logits: Tensor = self.head(self.summary(x - mean))
        return logits


def run(  # noqa: PLR0913, PLR0917  everything a stage is
    pooling: AttentiveMean,
    copies: tuple[EncodedScenes, ...],
    store: SoundStore,
    favour: dict[str, float],
    schedule: loop.Schedule,
    work: Path,
    seed: int,
) -> None:
    """Train `pooling` in place."""
    notes = copies[0].notes
    empty = np.zeros((len(copies), len(notes), 1), np.float32)
    data = stage_speaker.Embedded(empty, notes["clip"].astype(np.int64), notes["label"].astype(np.int64))
    streams = stage_speaker.Streams(data, store.recordings, favour)
    attending = Attending(pooling)

    def loss(rng: np.random.Generator, step: int) -> Tensor:
        del step
        scenes = streams.company(schedule.batch, SPEAKERS, rng)
        f, mask = heard_together(copies, scenes, rng.integers(len(copies), size=schedule.batch))
        logits = attending(f, mask, company(schedule.batch, rng, SPEAKERS))
        label = torch.from_numpy(data.label[scenes])
        return allowed_cross_entropy(logits, label, torch.from_numpy(streams.allowed[scenes]), 0.0)

    best = loop.train("pool", attending, schedule, loss, lambda _: {}, work, seed)
    attending.load_state_dict(best.state_dict())


def heard_together(
    copies: tuple[EncodedScenes, ...], scenes: metrics.Ints, chosen: metrics.Ints
) -> tuple[Tensor, Tensor]:
    """Return latents (B, D, N) and their mask (B, N) of scenes, each from one of the copies."""
    parts = [copies[copy].batch([scene]) for scene, copy in zip(scenes.tolist(), chosen.tolist(), strict=True)]
    width = max(f.shape[2] for f, _ in parts)
    f = torch.cat([nn.functional.pad(f, (width - f.shape[2], 0)) for f, _ in parts])
    mask = torch.cat([nn.functional.pad(m, (width - m.shape[1], 0)) for _, m in parts])
    return f, mask
