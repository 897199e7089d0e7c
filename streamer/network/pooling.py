"""What our own networks share: masked sums over time, blocks within one column, pooling that knows how old a column is.

Legend: B batch, C channels, N columns or words. The newest is last; what is masked has no influence.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

FAR_BELOW: Final = -1.0e4
"""Added to the score of what is masked; -inf would make NaN where nothing is valid."""


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Return a softmax over the last axis of what is valid; all zeros where nothing is."""
    weights = torch.softmax(torch.where(mask, scores, FAR_BELOW), dim=-1)
    return weights * mask


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return (B, C), the mean of (B, C, N) over the valid of (B, N); zeros where nothing is."""
    return (values * mask[:, None]).sum(dim=-1) / mask.sum(dim=-1, keepdim=True).clamp(min=1)


def masked_maximum(values: Tensor, mask: Tensor) -> Tensor:
    """Return (B, C), the maximum of (B, C, N) over the valid of (B, N); zeros where nothing is."""
    highest = torch.where(mask[:, None], values, FAR_BELOW).amax(dim=-1)
    return highest * mask.any(dim=-1, keepdim=True)


def ages(n: int, like: Tensor) -> Tensor:
    """Return (n,) distances from the newest, which is last: n-1 ... 0."""
    return torch.arange(n - 1, -1, -1, device=like.device, dtype=like.dtype)


class ColumnNorm(nn.Module):
    """Layer norm over the channels of each column by itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, N) -> (B, C, N)."""
        centred = x - x.mean(dim=1, keepdim=True)
        return centred * torch.rsqrt(centred.square().mean(dim=1, keepdim=True) + 1e-5) * self.gain + self.bias


class Block(nn.Module):
    """Depthwise convolution in time, then two pointwise layers, added to the cropped input."""

    def __init__(self, channels: int, hidden: int, width: int, padding: int = 0) -> None:
        super().__init__()
        self._crop = (width - 1) // 2 - padding
        self.across = nn.Conv1d(channels, channels, width, padding=padding, groups=channels)
        self.norm = ColumnNorm(channels)
        self.up = nn.Conv1d(channels, hidden, 1)
        self.down = nn.Conv1d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, N) -> (B, C, N - 2 crop)."""
        kept = x[..., self._crop : x.shape[-1] - self._crop]
        changed: Tensor = self.down(functional.gelu(self.up(self.norm(self.across(x)))))
        return kept + changed


class Pooling(nn.Module):
    """Attention mean, attention deviation and maximum over time, each with a learned preference for the newest."""

    def __init__(self, channels: int, n_slots: int, hidden: int, n_heads: int = 4) -> None:
        super().__init__()
        self.size = 3 * channels
        self._n_heads = n_heads
        self.score_in = nn.Conv1d(channels, hidden, 1)
        self.score_out = nn.Conv1d(hidden, n_heads, 1)
        # One number per distance from the newest, so that any preference can be learned.
        self.distance = nn.Parameter(torch.zeros(n_heads, n_slots))
        self.slope = nn.Parameter(torch.full((channels, 1), -4.0))

    def weights(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return (B, heads, N), summing to 1 over what is valid."""
        return self.weigh(self.scores(x), mask)

    def scores(self, x: Tensor) -> Tensor:
        """Return (B, heads, N), what each column is worth by itself, wherever in the window it stands."""
        worth: Tensor = self.score_out(torch.tanh(self.score_in(x)))
        return worth

    def weigh(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Return weights (B, heads, N) from scores (B, heads, N)."""
        return masked_softmax(scores + self.distance[:, -scores.shape[-1] :], mask[:, None])

    def mean(self, x: Tensor, weights: Tensor) -> Tensor:
        """Return (B, C): each head weighs its own share of the channels."""
        shares = torch.stack(x.chunk(self._n_heads, dim=1), dim=1)  # (B, heads, C / heads, N)
        return (shares * weights[:, :, None]).sum(dim=-1).flatten(1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, N), (B, N) -> (B, 3 C)."""
        return self.pool(x, self.weights(x, mask), mask)

    def pool(self, x: Tensor, weights: Tensor, mask: Tensor) -> Tensor:
        """(B, C, N), (B, heads, N), (B, N) -> (B, 3 C)."""
        mean = self.mean(x, weights)
        # Not mean square less square of the mean: where little varies that is all rounding, and a root makes it large.
        deviation = torch.sqrt(self.mean((x - mean[..., None]).square(), weights) + 1e-4)
        aged = x - functional.softplus(self.slope) * ages(x.shape[-1], x) * 0.1
        return torch.cat((mean, deviation, masked_maximum(aged, mask)), dim=1)


class AttentiveMean(nn.Module):
    """The plain mean over time, and beside it one that attends to some moments more; no place in time is preferred."""

    def __init__(self, channels: int, hidden: int = 32) -> None:
        super().__init__()
        self.size = 2 * channels
        self.score_in = nn.Conv1d(channels, hidden, 1)
        self.score_out = nn.Conv1d(hidden, 1, 1)
        # Attention begins as the plain mean.
        nn.init.zeros_(self.score_out.weight)

    def weights(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return (B, 1, N), summing to 1 over what is valid."""
        return masked_softmax(self.score_out(torch.tanh(self.score_in(x))), mask[:, None])

    def mean(self, x: Tensor, weights: Tensor) -> Tensor:
        """Return (B, C), the sum of (B, C, N) weighed by (B, 1, N)."""
        return (x * weights).sum(dim=-1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, N), (B, N) -> (B, 2 C)."""
        return torch.cat((masked_mean(x, mask), self.mean(x, self.weights(x, mask))), dim=1)


class Summary(nn.Module):
    """Pooled features to a short vector."""

    def __init__(self, width_in: int, width_out: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(width_in), nn.Dropout(dropout), nn.Linear(width_in, width_out), nn.GELU(), nn.Dropout(dropout)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, in) -> (B, out)."""
        short: Tensor = self.layers(x)
        return short
