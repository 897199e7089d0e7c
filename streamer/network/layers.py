"""Bricks of the paper's networks: masked convolutions, equations 1 and 2, the dense head.

Letters: B batch, F bands (200), T columns (400), E numbers per word vector (300), L word slots (40), K kernels (32),
P poolings, n = T / 2^P pooled columns, m = L / 2^P groups of words, H heads, C classes.

Masks are True where something is held, and may have any form. A pooled cell counts as held where any part of it is.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from streamer.network import contract

KERNEL = 3
"""Width of every convolution (paper)."""


def keep(maps: Tensor, mask: Tensor) -> Tensor:
    """Return `maps` (B, ..., T) with zeros where `mask` (B, T) is False, whatever stood there, NaN included."""
    shape = (mask.shape[0],) + (1,) * (maps.dim() - 2) + (mask.shape[1],)
    return torch.where(mask.view(shape), maps, torch.zeros((), dtype=maps.dtype, device=maps.device))


def pool_mask(mask: Tensor) -> Tensor:
    """Return the mask (B, T / 2) of maps pooled in pairs: held where either of the two was."""
    return mask[:, 0::2] | mask[:, 1::2]


class Thinning(nn.Module):
    """The monitor's columns as a network hears them that was trained at a longer step: the nearest ones, newest last.

    A column is 100 ms of sound, so the nearest of the monitor's lies at most 10 ms beside the one that was meant. A
    picture then holds the newest part of what the network could hear; the rest is padding.
    """

    def __init__(self, step_samples: int) -> None:
        super().__init__()
        if step_samples < contract.LIVE_STEP_SAMPLES:
            message = f"a step of {step_samples} samples is shorter than the monitor's {contract.LIVE_STEP_SAMPLES}"
            raise ValueError(message)
        times = step_samples / contract.LIVE_STEP_SAMPLES
        ages = [round(at * times) for at in range(contract.N_COLUMNS) if round(at * times) < contract.N_COLUMNS]
        chosen = contract.N_COLUMNS - 1 - torch.tensor(ages[::-1])
        self.is_needed = len(chosen) < contract.N_COLUMNS
        self.chosen: Tensor
        self.register_buffer("chosen", chosen, persistent=False)

    def forward(self, picture: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Return picture (B, F, T) and mask (B, T)."""
        if not self.is_needed:
            return picture, columns
        left = (contract.N_COLUMNS - len(self.chosen), 0)
        thin = functional.pad(picture.index_select(2, self.chosen), left)
        return thin, functional.pad(columns.index_select(1, self.chosen), left)


class PooledConv(nn.Module):
    """Convolution, ReLU, zeros where padded, maximum over pairs.

    Choice: feature maps are zeroed after every convolution, which is our reading of the paper's "loss masking": a bias
    would otherwise fill the padding with features of its own.
    """

    def __init__(self, n_in: int, kernels: int, *, flat: bool) -> None:
        super().__init__()
        self.conv: nn.Conv1d | nn.Conv2d
        self.pool: nn.MaxPool1d | nn.MaxPool2d
        if flat:
            self.conv, self.pool = nn.Conv1d(n_in, kernels, KERNEL, padding=1), nn.MaxPool1d(2)
        else:
            self.conv, self.pool = nn.Conv2d(n_in, kernels, KERNEL, padding=1), nn.MaxPool2d(2)

    def forward(self, maps: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return maps (B, K, [F / 2,] T / 2) and their mask (B, T / 2)."""
        maps = keep(torch.relu(self.conv(maps)), mask)  # (B, K, [F,] T)
        return self.pool(maps), pool_mask(mask)  # (B, K, [F / 2,] T / 2), (B, T / 2)


class SoundCnn(nn.Module):
    """The picture's convolutions, as an image (2-D) or as 200 channels over time (1-D).

    Choice: 2-D, because the paper speaks of an image and of "spatial distribution"; 1-D is the fast profile.
    """

    def __init__(self, kernels: int, poolings: int, *, flat: bool) -> None:
        super().__init__()
        if contract.N_COLUMNS % 2**poolings:
            message = f"{poolings} poolings do not divide {contract.N_COLUMNS} columns"
            raise ValueError(message)
        self._flat = flat
        self.n_columns = contract.N_COLUMNS // 2**poolings
        self.n_features = kernels * (1 if flat else contract.N_BANDS // 2**poolings)
        n_in = contract.N_BANDS if flat else 1
        self.blocks = nn.ModuleList(PooledConv(kernels if i else n_in, kernels, flat=flat) for i in range(poolings))

    def forward(self, picture: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features of every pooled column, (B, K * F / 2^P, n) or (B, K, n), and their mask (B, n)."""
        maps, mask = keep(picture, columns), columns
        if not self._flat:
            maps = maps.unsqueeze(1)  # (B, 1, F, T)
        for block in self.blocks:
            maps, mask = block(maps, mask)  # (B, K, [F / 2^i,] T / 2^i), (B, T / 2^i)
        return (maps if self._flat else maps.flatten(1, 2)), mask  # (B, features, n), (B, n)


class WordCnn(nn.Module):
    """The words' convolutions over their order.

    Choice: 1-D with the vector's numbers as channels. Neighbouring numbers of a word vector have no order in which a
    3x3 kernel could find anything.
    """

    def __init__(self, kernels: int, poolings: int) -> None:
        super().__init__()
        if contract.N_WORDS % 2**poolings:
            message = f"{poolings} poolings do not divide {contract.N_WORDS} words"
            raise ValueError(message)
        self.n_groups = contract.N_WORDS // 2**poolings
        self.n_features = kernels
        self.blocks = nn.ModuleList(
            PooledConv(kernels if i else contract.WORD_DIMS, kernels, flat=True) for i in range(poolings)
        )

    def forward(self, words: Tensor, word_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features of every group of words, (B, K, m), and their mask (B, m)."""
        maps, mask = keep(words, word_mask), word_mask
        for block in self.blocks:
            maps, mask = block(maps, mask)  # (B, K, L / 2^i), (B, L / 2^i)
        return maps, mask


def attention_over_time(e: Tensor, f: Tensor, columns: Tensor) -> Tensor:
    """Return how much each group of words looks at each column.

    Paper: equation 1, a_it = exp(e_i . f_t) / sum over t of exp(e_i . f_t).
    Shapes: e (B, D, m), f (B, D, n), columns (B, n) -> (B, m, n); rows sum to 1, padded columns hold 0.
    A picture with no column at all gives equal weights, because a softmax over nothing is not a number.
    """
    logits = e.transpose(1, 2) @ f  # (B, m, n)
    looked_at = columns | ~columns.any(1, keepdim=True)
    logits = logits.masked_fill(~looked_at.unsqueeze(1), -torch.inf)
    return torch.softmax(logits, dim=2)


def mean_attention(a: Tensor, groups: Tensor, columns: Tensor) -> Tensor:
    """Return one weight for each column.

    Paper: equation 2, summed over the words i = 1..m as its limit says, and applied to the spectrogram.
    Choice: mean over the words that are there, times the number of columns that are there, so that the mean weight is
    1 however many words were said. No words: every weight is 1 and the network hears sound alone.
    Shapes: a (B, m, n), groups (B, m), columns (B, n) -> (B, n).
    """
    said = groups.to(a.dtype)
    total = (said.unsqueeze(1) @ a).squeeze(1)  # (B, n)
    n_columns = columns.to(a.dtype).sum(1, keepdim=True)
    n_groups = said.sum(1, keepdim=True)
    weights = total * n_columns / n_groups.clamp(min=1.0)
    return torch.where(n_groups > 0, weights, torch.ones((), dtype=a.dtype, device=a.device))


def extend(weights: Tensor, times: int) -> Tensor:
    """Return (B, n * times): every weight repeated, so that pooled columns meet the picture's (paper, section 3.4)."""
    return weights.unsqueeze(2).expand(-1, -1, times).flatten(1)  # (B, n * times)


class DenseHead(nn.Module):
    """Dense layers with ReLU, dropout on the last hidden layer alone (paper), logits out."""

    def __init__(self, n_in: int, widths: Sequence[int], n_classes: int, dropout: float) -> None:
        super().__init__()
        sizes = (n_in, *widths)
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(sizes[-1], n_classes)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (B, C) of features (B, n_in)."""
        for layer in self.hidden:
            features = torch.relu(layer(features))  # (B, width)
        logits: Tensor = self.out(self.dropout(features))  # (B, C)
        return logits


def initialise(network: nn.Module) -> None:
    """Give every convolution and dense layer He weights and no bias.

    Choice: the paper names no initialisation; He's fits ReLU without batch normalisation.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
