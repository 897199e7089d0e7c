"""First blocks of the sentence encoder MiniLM (Apache-2.0), as a network over word vectors that heeds masks.

Whatever it was taught about sentences lies in its blocks; the words come in as the table's vectors, one per word and
not one per piece of a word. Tuned in training.

Legend: B batch, E word vector (300), L word slots (40), H width (384), W word channels.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from streamer.network import contract
from streamer.network.pooling import FAR_BELOW, ColumnNorm

WIDTH: Final = 384
N_HEADS: Final = 12
EPSILON: Final = 1.0e-12
"""Of its layer norms (BERT)."""


class SentenceBlock(nn.Module):
    """Self-attention and feed-forward, each followed by a norm over what it was added to."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Linear(WIDTH, 3 * WIDTH)
        self.leave = nn.Linear(WIDTH, WIDTH)
        self.attention_norm = nn.LayerNorm(WIDTH, eps=EPSILON)
        self.up = nn.Linear(WIDTH, 4 * WIDTH)
        self.down = nn.Linear(4 * WIDTH, WIDTH)
        self.forward_norm = nn.LayerNorm(WIDTH, eps=EPSILON)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """(B, L, H), bias (B, 1, 1, L) added to the scores -> (B, L, H)."""
        q, k, v = (part.unflatten(-1, (N_HEADS, -1)).transpose(1, 2) for part in self.enter(x).chunk(3, -1))
        scores = q @ k.transpose(-1, -2) * (WIDTH // N_HEADS) ** -0.5 + bias  # (B, heads, L, L)
        said = (torch.softmax(scores, dim=-1) @ v).transpose(1, 2).flatten(2)
        x = self.attention_norm(x + self.leave(said))
        changed: Tensor = self.forward_norm(x + self.down(functional.gelu(self.up(x))))
        return changed


class SentenceEncoder(nn.Module):
    """Word vectors to one latent vector per word, each of which has seen the others."""

    def __init__(self, channels: int, n_blocks: int) -> None:
        super().__init__()
        self.channels = channels
        self.enter = nn.Conv1d(contract.WORD_DIMS, WIDTH, 1)
        # One per slot: the newest word is always in the last, and a pause leaves slots empty.
        self.places = nn.Parameter(torch.zeros(contract.N_WORDS, WIDTH))
        self.enter_norm = nn.LayerNorm(WIDTH, eps=EPSILON)
        self.blocks = nn.ModuleList(SentenceBlock() for _ in range(n_blocks))
        self.leave = nn.Conv1d(WIDTH, channels, 1)
        self.norm = ColumnNorm(channels)

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        """(B, E, L), (B, L) -> (B, W, L), zero where masked."""
        entered = self.enter(torch.where(mask[:, None], words, 0.0)).transpose(1, 2)
        x = self.enter_norm(entered + self.places[-mask.shape[-1] :])
        bias = torch.where(mask, 0.0, FAR_BELOW)[:, None, None]
        for block in self.blocks:
            x = block(x, bias)
        normed: Tensor = self.norm(self.leave(x.transpose(1, 2)))
        return normed * mask[:, None].to(words.dtype)
