"""The sound side of `deep` behind its encoder: pooling, and the head that is trained with it (`stage_tune`)."""

import torch
from torch import Tensor, nn

from streamer.network.pooling import AttentiveMean, Summary
from tools.training import corpora, speakerpast
from tools.training.stage_taught import CENTRE_RATE, PRIOR


class Attending(nn.Module):
    """Pooling and head, against the mean of the speaker's other clips."""

    centre: Tensor

    def __init__(self, pooling: AttentiveMean) -> None:
        super().__init__()
        self.pooling = pooling
        self.summary = Summary(pooling.size, speakerpast.DEEP_SUMMARY, speakerpast.DROPOUT)
        self.head = nn.Linear(speakerpast.DEEP_SUMMARY, len(corpora.LABELS))
        self.register_buffer("centre", torch.zeros(pooling.size))

    def answer(self, x: Tensor, others: Tensor) -> Tensor:
        """Return logits (B, C) of uncentred embeddings (B, P), each against the mean of `others` (B, B)."""
        if self.training:
            with torch.no_grad():
                self.centre.lerp_(x.detach().mean(dim=0), CENTRE_RATE)
        x = x - self.centre
        mean = others @ x / (others.sum(dim=1, keepdim=True) + PRIOR)
        logits: Tensor = self.head(self.summary(x - mean))
        return logits
