"""The sound side of `deep` behind its encoder: pooling, and the head that is trained with it (`stage_tune`)."""

import torch
from torch import Tensor, nn

from streamer.network.pooling import AttentiveMean, Summary
from tools.training import company, corpora, speakerpast


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
        apart = company.departures(x, others, self.centre, training=self.training)
        logits: Tensor = self.head(self.summary(apart))
        return logits
