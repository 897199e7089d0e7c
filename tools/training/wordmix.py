"""A trained word half and experts mixed: summary and head of the joined half, in closed form."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from streamer.network import contract
from streamer.network.pooling import Summary
from streamer.network.words import N_SLOTS, SLOT_SCALE, ExpertWordEncoder
from tools.training import wordexperts
from tools.training.stage_words import Reader, WordHalf

Floats = NDArray[np.float32]


def places_among_heads(n_latent: int, n_heads: int) -> Tensor:
    """Return the channels of `ExpertWordEncoder` that hold the latent vector, in its order."""
    width, slots = n_latent // n_heads, N_SLOTS // n_heads
    return torch.cat([torch.arange(width) + head * (width + slots) for head in range(n_heads)])


def all_shares(experts: wordexperts.Experts, rows: NDArray[np.int64]) -> Floats:
    """Return (N, S, 40), as `ExpertWordEncoder.all_shares` but by looking pairs up."""
    n_rows = len(experts.word_shares)
    shares = experts.word_shares[rows]
    if len(experts.pairs):
        known = experts.pairs[:, 0] * n_rows + experts.pairs[:, 1]
        met = rows[:, :-1] * n_rows + rows[:, 1:]
        at = np.minimum(np.searchsorted(known, met), len(known) - 1)
        shares[:, 1:] += experts.pair_shares[at] * (known[at] == met)[..., None]
    return shares.transpose(0, 2, 1)


@torch.no_grad()
def latent_of(trained: Reader, windows: NDArray[np.int64]) -> Tensor:
    """Return (N, 3 latent), what the trained half's pooling makes of windows (N, 40)."""
    parts = []
    order = np.argsort(-np.argmax(windows > 0, axis=1), kind="stable")
    for part in np.array_split(windows[order], len(windows) // 256 + 1):
        width = contract.N_WORDS - int(np.argmax((part > 0).any(axis=0)))
        rows = torch.from_numpy(part[:, -width:])
        mask = rows > 0
        latent = trained.words(trained.table(rows).transpose(1, 2), mask)
        parts.append(trained.pooling(latent, mask))
    return torch.cat(parts)[torch.from_numpy(np.argsort(order, kind="stable"))]


def pooled_beside(half: WordHalf, pooled: Tensor, evidence: Tensor, mask: Tensor) -> Tensor:
    """Return what the wider pooling would, (N, 3 W): the evidence is the same for every word that is there."""
    said = functional.pad(evidence * SLOT_SCALE, (0, N_SLOTS - evidence.shape[1])) * mask.any(dim=1, keepdim=True)
    n_heads = half.word_pooling.distance.shape[0]
    slots = said.unflatten(1, (n_heads, -1))  # type: ignore[no-untyped-call]
    parts = []
    for kind, values in enumerate(pooled.chunk(3, dim=1)):
        beside = torch.full_like(slots, 0.01) if kind == 1 else slots
        parts.append(torch.cat((values.unflatten(1, (n_heads, -1)), beside), dim=2).flatten(1, 2))  # type: ignore[no-untyped-call]
    return torch.cat(parts, dim=1)


def _layers(summary: Summary) -> tuple[nn.LayerNorm, nn.Linear]:
    norm, linear = summary.layers[0], summary.layers[2]
    assert isinstance(norm, nn.LayerNorm)
    assert isinstance(linear, nn.Linear)
    return norm, linear


@torch.no_grad()
def mix(
    half: WordHalf, trained: Reader, experts: wordexperts.Experts, windows: NDArray[np.int64], trust: float
) -> None:
    """Set summary and head to the geometric mean of both answers, the experts' by `trust`.

    The layer norm goes over more numbers than before: its mean and spread are brought back by what they are over some
    `windows` (N, 40).
    The trained summary stands first; each class has two units more, x and -x, whose GELU differ by just x.
    """
    assert isinstance(half.words, ExpertWordEncoder)
    mask = torch.from_numpy(windows > 0)
    evidence = half.words.evidence(torch.from_numpy(all_shares(experts, windows)), mask)
    narrow = latent_of(trained, windows)
    wide = pooled_beside(half, narrow, evidence, mask)
    n_heads = half.word_pooling.distance.shape[0]
    n_pooled = wide.shape[1]
    own = places_among_heads(n_pooled // 3 - N_SLOTS, n_heads)
    latent = torch.cat([own + kind * (n_pooled // 3) for kind in range(3)])
    slots = places_of_slots(n_pooled // 3, n_heads)[: evidence.shape[1]]
    old_norm, old_linear = _layers(trained.summary)
    norm, linear = _layers(half.word_summary)
    spread = (wide.var(dim=1, correction=0) + 1e-5).sqrt()
    ratio = float((spread / (narrow.var(dim=1, correction=0) + 1e-5).sqrt()).mean())
    moved = float(((wide.mean(dim=1) - narrow.mean(dim=1)) / spread).mean())
    norm.weight.fill_(1.0)
    norm.bias.zero_()
    norm.weight[latent] = old_norm.weight * ratio
    norm.bias[latent] = old_norm.bias + old_norm.weight * ratio * moved
    n_old, n_classes = old_linear.weight.shape[0], evidence.shape[1]
    linear.weight.zero_()
    linear.bias.zero_()
    linear.weight[:n_old, latent] = old_linear.weight
    linear.bias[:n_old] = old_linear.bias
    half.word_head.weight.zero_()
    half.word_head.weight[:, :n_old] = trained.head.weight * (1.0 - trust)
    half.word_head.bias.copy_(trained.head.bias * (1.0 - trust))
    for c in range(n_classes):
        for sign, unit in ((1.0, n_old + 2 * c), (-1.0, n_old + 2 * c + 1)):
            linear.weight[unit, slots[c]] = sign
            half.word_head.weight[c, unit] = sign * trust * float(spread.mean()) / SLOT_SCALE


def places_of_slots(channels: int, n_heads: int) -> Tensor:
    """Return the channels of `ExpertWordEncoder` that hold evidence, in its order."""
    latent = set(places_among_heads(channels - N_SLOTS, n_heads).tolist())
    return torch.tensor([c for c in range(channels) if c not in latent])
