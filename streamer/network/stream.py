"""The network `stream`: the paper's attention on latent columns, small and built so that it can be cached.

Legend: B batch, F bands (200), T columns (400), E word vector (300), L word slots (40), D sound channels,
N latent columns (one per 4 columns), W word channels, C classes.

Nothing in the sound trunk looks at the whole window: convolutions are valid (no padding in time), norms work within one
column or are fixed at run time. A latent column therefore depends on `RECEPTIVE_COLUMNS` columns and on nothing else.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from streamer.network import contract

HEADS: Final = ("joint", "sound", "words")

GRID: Final = contract.POOLING_GRID_COLUMNS
"""Columns between two latent columns."""

BLOCK_WIDTH: Final = 5
"""Latent columns under one block's kernel."""

SHORTEST_SIGMA_COLUMNS: Final = 7.5
"""A word's place in time is never taken as sharper than 0.15 s."""

LOWEST_TIME_BIAS: Final = -8.0
"""However far a column is from a word, the recogniser may be wrong about the time."""

_FAR_BELOW = -1.0e4


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Return a softmax over the last axis of what is valid; all zeros where nothing is."""
    weights = torch.softmax(torch.where(mask, scores, _FAR_BELOW), dim=-1)
    return weights * mask


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return (B, C), the mean of (B, C, N) over the valid of (B, N); zeros where nothing is."""
    return (values * mask[:, None]).sum(dim=-1) / mask.sum(dim=-1, keepdim=True).clamp(min=1)


def masked_maximum(values: Tensor, mask: Tensor) -> Tensor:
    """Return (B, C), the maximum of (B, C, N) over the valid of (B, N); zeros where nothing is."""
    highest = torch.where(mask[:, None], values, _FAR_BELOW).amax(dim=-1)
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


class SoundTrunk(nn.Module):
    """Picture to latent columns."""

    def __init__(self, kernels: tuple[int, int, int], channels: int, n_blocks: int) -> None:
        super().__init__()
        first, second, third = kernels
        self.conv1 = nn.Conv2d(1, first, (5, 4), stride=(2, 2))
        self.norm1 = nn.BatchNorm2d(first)
        self.conv2 = nn.Conv2d(first, second, (5, 3), stride=(2, 2))
        self.norm2 = nn.BatchNorm2d(second)
        self.conv3 = nn.Conv2d(second, third, (5, 3), stride=(2, 1))
        self.norm3 = nn.BatchNorm2d(third)
        bands = contract.N_BANDS
        for _ in range(3):
            bands = (bands - 5) // 2 + 1
        self.fold = nn.Conv1d(third * bands, channels, 1)
        self.blocks = nn.ModuleList(Block(channels, 2 * channels, BLOCK_WIDTH) for _ in range(n_blocks))
        self.norm = ColumnNorm(channels)
        # conv1 and conv2 see 8 columns, conv3 8 more, each block 16 more.
        self.receptive_columns = 16 + (BLOCK_WIDTH - 1) * GRID * n_blocks

    def forward(self, picture: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Return latent columns (B, D, N), zero where masked, and their mask (B, N).

        Shapes: picture (B, F, T), columns (B, T) bool; N = (T - receptive_columns) / 4 + 1, the newest is last.
        A latent column counts as sound if any column in the newer half of its field does.
        """
        older = (picture.shape[-1] - self.receptive_columns) % GRID
        picture, columns = picture[..., older:], columns[:, older:]
        x = torch.where(columns[:, None, :], picture, 0.0)[:, None]  # (B, 1, F, T)
        x = functional.relu(self.norm1(self.conv1(x)))
        x = functional.relu(self.norm2(self.conv2(x)))
        x = functional.relu(self.norm3(self.conv3(x)))
        x = self.fold(x.flatten(1, 2))  # (B, D, N + 4 blocks)
        for block in self.blocks:
            x = block(x)
        newer = self.receptive_columns // 2
        heard = functional.max_pool1d(columns[:, None, newer:].to(x.dtype), newer, stride=GRID)  # (B, 1, N)
        return self.norm(x) * heard, heard[:, 0] > 0


class Pooling(nn.Module):
    """Attention mean, attention deviation and maximum over time, each with a learned preference for the newest."""

    def __init__(self, channels: int, n_slots: int, hidden: int, n_heads: int = 4) -> None:
        super().__init__()
        self._n_heads = n_heads
        self.score_in = nn.Conv1d(channels, hidden, 1)
        self.score_out = nn.Conv1d(hidden, n_heads, 1)
        # One number per distance from the newest, so that any preference can be learned.
        self.distance = nn.Parameter(torch.zeros(n_heads, n_slots))
        self.slope = nn.Parameter(torch.full((channels, 1), -4.0))

    def weights(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return (B, heads, N), summing to 1 over what is valid."""
        scores = self.score_out(torch.tanh(self.score_in(x)))
        return masked_softmax(scores + self.distance[:, -x.shape[-1] :], mask[:, None])

    def mean(self, x: Tensor, weights: Tensor) -> Tensor:
        """Return (B, C): each head weighs its own share of the channels."""
        shares = torch.stack(x.chunk(self._n_heads, dim=1), dim=1)  # (B, heads, C / heads, N)
        return (shares * weights[:, :, None]).sum(dim=-1).flatten(1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, N), (B, N) -> (B, 3 C)."""
        weights = self.weights(x, mask)
        mean = self.mean(x, weights)
        deviation = torch.sqrt((self.mean(x.square(), weights) - mean.square()).clamp(min=0.0) + 1e-4)
        aged = x - functional.softplus(self.slope) * ages(x.shape[-1], x) * 0.1
        return torch.cat((mean, deviation, masked_maximum(aged, mask)), dim=1)


class WordEncoder(nn.Module):
    """Word vectors to one latent vector per word; no pooling, so that each word keeps its time."""

    def __init__(self, channels: int, n_blocks: int) -> None:
        super().__init__()
        self.enter = nn.Conv1d(contract.WORD_DIMS, channels, 1)
        self.blocks = nn.ModuleList(Block(channels, channels, 3, padding=1) for _ in range(n_blocks))
        self.norm = ColumnNorm(channels)

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        """(B, E, L), (B, L) -> (B, W, L), zero where masked."""
        kept = mask[:, None].to(words.dtype)
        x = functional.gelu(self.enter(torch.where(mask[:, None], words, 0.0))) * kept
        for block in self.blocks:
            x = block(x) * kept
        normed: Tensor = self.norm(x)
        return normed * kept


class Attention(nn.Module):
    """Equations 1 and 2 on latent columns: how much each moment matters, given the words."""

    def __init__(self, sound_channels: int, word_channels: int, width: int) -> None:
        super().__init__()
        self.query = nn.Conv1d(word_channels, width, 1)
        self.key = nn.Conv1d(sound_channels, width, 1)
        self.log_scale = nn.Parameter(torch.tensor(0.0))
        self.time_gain = nn.Parameter(torch.tensor(0.5))
        self._width = width

    def time_bias(self, spans: Tensor, centres: Tensor) -> Tensor:
        """Return (B, L, N): 0 at a word's middle, falling away from it; 0 everywhere where its time is unknown.

        Paper: section 6 (future work). Shapes: spans (B, L, 2) and centres (N,), both in columns.
        """
        start, end = spans[..., :1], spans[..., 1:]
        sigma = ((end - start) / 2).clamp(min=SHORTEST_SIGMA_COLUMNS)
        distance = (centres - (start + end) / 2) / sigma
        bias = (-0.5 * distance.square()).clamp(min=LOWEST_TIME_BIAS)
        return torch.where(end > 0, bias, 0.0) * functional.softplus(self.time_gain)

    def forward(self, e: Tensor, word_mask: Tensor, f: Tensor, mask: Tensor, bias: Tensor) -> Tensor:
        """Return (B, N) weights whose mean over valid columns is 1; all 1 without words.

        Paper: equation 1, softmax over time of e_i . f_t, per word; equation 2, combined over words
        (Choice: mean over valid words, times the number of valid columns).
        """
        scores = self.query(e).transpose(1, 2) @ self.key(f)  # (B, L, N)
        scores = scores * self.log_scale.exp() / self._width**0.5 + bias
        a = masked_softmax(scores, mask[:, None])
        combined = masked_mean(a.transpose(1, 2), word_mask) * mask.sum(dim=-1, keepdim=True)
        return torch.where(word_mask.any(dim=-1, keepdim=True), combined, 1.0)


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


class Stream(nn.Module):
    """Sound, words and their time to three rows of logits."""

    def __init__(  # noqa: PLR0913, PLR0917  what a card says about it
        self,
        n_classes: int = contract.N_EMOTIONS + 1,
        kernels: tuple[int, int, int] = (16, 32, 32),
        sound_channels: int = 192,
        n_blocks: int = 3,
        word_channels: int = 128,
        n_word_blocks: int = 2,
        attention_width: int = 64,
        summary: int = 128,
        dropout: float = 0.15,
    ) -> None:
        super().__init__()
        self.sound = SoundTrunk(kernels, sound_channels, n_blocks)
        n_latent = (contract.N_COLUMNS - self.sound.receptive_columns) // GRID + 1
        self.sound_pooling = Pooling(sound_channels, n_latent, 64)
        self.sound_summary = Summary(3 * sound_channels, summary, dropout)
        self.sound_head = nn.Linear(summary, n_classes)
        self.words = WordEncoder(word_channels, n_word_blocks)
        self.word_pooling = Pooling(word_channels, contract.N_WORDS, 64)
        self.word_summary = Summary(3 * word_channels, summary, dropout)
        self.word_head = nn.Linear(summary, n_classes)
        self.attention = Attention(sound_channels, word_channels, attention_width)
        self.joint_summary = Summary(2 * summary + sound_channels, summary, dropout)
        self.joint_head = nn.Linear(summary, n_classes)

    def hear(self, picture: Tensor, columns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return latent columns (B, D, N), their mask (B, N) and their summary (B, S)."""
        f, mask = self.sound(picture, columns)
        return f, mask, self.sound_summary(self.sound_pooling(f, mask))

    def read(self, words: Tensor, word_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return one latent vector per word (B, W, L) and their summary (B, S)."""
        e = self.words(words, word_mask)
        return e, self.word_summary(self.word_pooling(e, word_mask))

    def centres(self, n_latent: int, like: Tensor) -> Tensor:
        """Return (N,), the middle of each latent column's field in columns of the picture."""
        newest = contract.N_COLUMNS - self.sound.receptive_columns / 2
        return newest - ages(n_latent, like) * GRID

    def forward(self, picture: Tensor, columns: Tensor, words: Tensor, word_mask: Tensor, word_spans: Tensor) -> Tensor:
        """Return logits (B, 3, C), rows as `HEADS`.

        Shapes: picture (B, F, T) f32, columns (B, T) bool, words (B, E, L) f32, word_mask (B, L) bool,
        word_spans (B, L, 2) f32 in columns; newest column and word last. What is masked has no influence.
        """
        f, mask, s = self.hear(picture, columns)
        e, w = self.read(words, word_mask)
        spans = torch.where(word_mask[..., None], word_spans, 0.0)
        bias = self.attention.time_bias(spans, self.centres(f.shape[-1], f))
        a = self.attention(e, word_mask, f, mask, bias)  # (B, N)
        emphasis = self.sound_pooling.weights(f, mask) * ((1.0 + a) / 2.0)[:, None]  # (B, heads, N)
        attended = self.sound_pooling.mean(f, emphasis)  # (B, D)
        joint = self.joint_head(self.joint_summary(torch.cat((s, w, attended), dim=1)))
        return torch.stack((joint, self.sound_head(s), self.word_head(w)), dim=1)  # (B, 3, C)
