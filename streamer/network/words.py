"""The word side of our own networks: vectors to latent words that keep their place in time."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from streamer.network import contract
from streamer.network.pooling import Block, ColumnNorm, masked_softmax


class WordEncoder(nn.Module):
    """Word vectors to one latent vector per word; no pooling, so that each word keeps its time."""

    def __init__(self, channels: int, n_blocks: int) -> None:
        super().__init__()
        self.channels = channels
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


class Glance(nn.Module):
    """One transformer layer over the words that are there: each looks at all, then thinks by itself."""

    def __init__(self, channels: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm_in = ColumnNorm(channels)
        self.query_key_value = nn.Conv1d(channels, 3 * channels, 1)
        self.merge = nn.Conv1d(channels, channels, 1)
        self.norm_out = ColumnNorm(channels)
        self.up = nn.Conv1d(channels, 2 * channels, 1)
        self.down = nn.Conv1d(2 * channels, channels, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, L), (B, L) -> (B, C, L)."""
        parts = self.query_key_value(self.norm_in(x)).chunk(3, dim=1)
        query, key, value = (p.unflatten(1, (self.n_heads, -1)) for p in parts)  # (B, heads, C / heads, L)
        scores = query.transpose(2, 3) @ key / query.shape[2] ** 0.5  # (B, heads, L asks, L asked)
        weights = masked_softmax(scores, mask[:, None, None])
        seen = (value @ weights.transpose(2, 3)).flatten(1, 2)  # (B, C, L)
        x = x + self.merge(seen)
        thought: Tensor = self.down(functional.gelu(self.up(self.norm_out(x))))
        return x + thought


class GlancingWordEncoder(nn.Module):
    """A wider word encoder whose words also look at each other, each with its place counted from the newest."""

    def __init__(self, channels: int, n_blocks: int, n_glances: int = 1, n_heads: int = 4) -> None:
        super().__init__()
        self.channels = channels
        self.enter = nn.Conv1d(contract.WORD_DIMS, channels, 1)
        self.place = nn.Parameter(torch.zeros(channels, contract.N_WORDS))
        self.blocks = nn.ModuleList(Block(channels, channels, 3, padding=1) for _ in range(n_blocks))
        self.glances = nn.ModuleList(Glance(channels, n_heads) for _ in range(n_glances))
        self.norm = ColumnNorm(channels)

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        """(B, E, L), (B, L) -> (B, W, L), zero where masked."""
        kept = mask[:, None].to(words.dtype)
        entered = self.enter(torch.where(mask[:, None], words, 0.0)) + self.place[:, -words.shape[-1] :]
        x = functional.gelu(entered) * kept
        for block in self.blocks:
            x = block(x) * kept
        for glance in self.glances:
            x = glance(x, mask) * kept
        normed: Tensor = self.norm(x)
        return normed * kept
