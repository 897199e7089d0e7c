"""The network `stream`: the paper's attention on latent columns, small and built so that it can be cached.

Legend: B batch, F bands (200), T columns (400), D sound channels, N latent columns (one per 4 columns).

Nothing in the sound trunk looks at the whole window: convolutions are valid (no padding in time), norms work within one
column or are fixed at run time. A latent column therefore depends on `RECEPTIVE_COLUMNS` columns and on nothing else.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from streamer.network import contract
from streamer.network.pooling import Block, ColumnNorm, Pooling
from streamer.network.sides import GRID, Trunk, TwoSided
from streamer.network.words import ExpertWordEncoder

BLOCK_WIDTH: Final = 5
"""Latent columns under one block's kernel."""


class SoundTrunk(Trunk):
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
        self.channels = channels
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
        heard = self.heard(columns)
        return self.norm(x) * heard[:, None].to(x.dtype), heard

    def heard(self, columns: Tensor) -> Tensor:
        """Return (B, N) bool: which latent columns count as sound; columns (B, T) bool."""
        newer = self.receptive_columns // 2
        older = (columns.shape[-1] - self.receptive_columns) % GRID + newer
        return functional.max_pool1d(columns[:, None, older:].float(), newer, stride=GRID)[:, 0] > 0


class Stream(TwoSided):
    """Picture, words and their time to three rows of logits."""

    sound: SoundTrunk
    sound_pooling: Pooling
    inputs = ("picture", "columns", "words", "word_mask", "word_spans", "speaker")

    def __init__(  # noqa: PLR0913, PLR0917  what a card says about it
        self,
        n_classes: int = contract.N_EMOTIONS + 1,
        kernels: tuple[int, int, int] = (16, 32, 32),
        sound_channels: int = 192,
        n_blocks: int = 3,
        word_channels: int = 144,
        n_word_blocks: int = 2,
        n_word_pairs: int = 0,
        word_summary: int = 142,
        attention_width: int = 64,
        summary: int = 128,
        dropout: float = 0.15,
    ) -> None:
        trunk = SoundTrunk(kernels, sound_channels, n_blocks)
        n_latent = (contract.N_COLUMNS - trunk.receptive_columns) // GRID + 1
        pooling = Pooling(sound_channels, n_latent, 64)
        encoder = ExpertWordEncoder(word_channels, n_word_blocks, n_word_pairs)
        super().__init__(trunk, pooling, encoder, attention_width, (summary, word_summary, summary), dropout, n_classes)
