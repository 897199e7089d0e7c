"""Stem and first blocks of the Whisper tiny.en encoder (MIT, OpenAI), as a network that heeds masks.

Its early frames know the voice; its last layer serves recognition and forgets it. Tuned a little in training.

Legend: B batch, M mel frames (2 T), T columns, H width (384).
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from streamer.network import contract
from streamer.network.pooling import FAR_BELOW

WIDTH: Final = 384
N_HEADS: Final = 6
DEPTH_LOG10: Final = 8.0
"""Mel powers further below the loudest are cut off (Whisper)."""

LOUDEST_LOG10: Final = 1.5
"""Where the loudest mel power of a window is put: what the encoder knows from speech near full scale."""


class EncoderBlock(nn.Module):
    """Pre-norm self-attention and feed-forward."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.enter = nn.Linear(WIDTH, 3 * WIDTH)
        self.leave = nn.Linear(WIDTH, WIDTH)
        self.forward_norm = nn.LayerNorm(WIDTH)
        self.up = nn.Linear(WIDTH, 4 * WIDTH)
        self.down = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """(B, T, H), bias (B, 1, 1, T) added to the scores -> (B, T, H)."""
        q, k, v = (
            part.unflatten(-1, (N_HEADS, -1)).transpose(1, 2)
            for part in self.enter(self.attention_norm(x)).chunk(3, -1)
        )
        scores = q @ k.transpose(-1, -2) * (WIDTH // N_HEADS) ** -0.5 + bias  # (B, heads, T, T)
        heard = (torch.softmax(scores, dim=-1) @ v).transpose(1, 2).flatten(2)
        x = x + self.leave(heard)
        changed: Tensor = self.down(functional.gelu(self.up(self.forward_norm(x))))
        return x + changed


class Encoder(nn.Module):
    """Mel frames to the frames after each block, side by side: one per column."""

    positions: Tensor

    def __init__(self, n_blocks: int = 2) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(contract.N_MELS, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.register_buffer("positions", torch.zeros(contract.N_COLUMNS, WIDTH))
        self.blocks = nn.ModuleList(EncoderBlock() for _ in range(n_blocks))
        self.channels = n_blocks * WIDTH

    def forward(self, mels: Tensor, columns: Tensor) -> Tensor:
        """Return (B, n_blocks H, T); mels (B, 80, 2 T) are log10 of power, columns (B, T) bool.

        A window's level is taken out by putting its loudest power in the same place. Positions are counted from the
        first valid column, as if nothing lay before it.
        """
        heard = columns.repeat_interleave(contract.MELS_PER_COLUMN, dim=1)[:, None]  # (B, 1, M)
        top = torch.where(heard, mels, FAR_BELOW).amax(dim=(1, 2), keepdim=True)
        level = (torch.maximum(mels, top - DEPTH_LOG10) - top + LOUDEST_LOG10 + 4.0) / 4.0
        kept = columns[:, None].to(mels.dtype)  # (B, 1, T)
        x = functional.gelu(self.conv1(torch.where(heard, level, 0.0))) * heard.to(mels.dtype)
        x = (functional.gelu(self.conv2(x)) * kept).transpose(1, 2)  # (B, T, H)
        place = (columns.cumsum(dim=1) - 1).clamp(min=0)
        x = x + self.positions[place]
        bias = torch.where(columns, 0.0, FAR_BELOW)[:, None, None]
        frames = []
        for block in self.blocks:
            x = block(x, bias)
            frames.append(x)
        return torch.cat(frames, dim=-1).transpose(1, 2) * kept
