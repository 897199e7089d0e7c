"""Clips heard beside other clips of the same speaker in the batch: the running mean, inside the training of a trunk."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

PRIOR: Final = 4.0
"""In place of the running mean's prior: a batch holds few clips of a speaker, and many are to be in the mean."""

CENTRE_RATE: Final = 0.02


def drawn(size: int, rng: np.random.Generator, n_speakers: int) -> Tensor:
    """Return (B, B): which other clips of the same speaker each clip is heard against; some against none."""
    group = np.arange(size) * n_speakers // size
    same = (group[:, None] == group[None]) & ~np.eye(size, dtype=np.bool_)
    return torch.from_numpy((same & (rng.random((size, size)) < rng.random((size, 1)))).astype(np.float32))


def apart(groups: Sequence[Tensor]) -> Tensor:
    """Return who hears whom where batches, (A, A) each, hear nothing of each other."""
    beside: Tensor = torch.block_diag(*groups)  # type: ignore[no-untyped-call]
    return beside


def departures(x: Tensor, others: Tensor, centre: Tensor, *, training: bool) -> Tensor:
    """Return embeddings (B, P) less the mean of `others` (B, B) that each is heard against.

    `centre` (P,), what all voices share, is taken away first; it slowly follows the batches in training.
    """
    if training:
        with torch.no_grad():
            centre.lerp_(x.detach().mean(dim=0), CENTRE_RATE)
    x = x - centre
    return x - others @ x / (others.sum(dim=1, keepdim=True) + PRIOR)
