"""The network `deep`: as `stream`, but its columns come from the first blocks of a speech encoder.

Legend: B batch, T columns (up to 248), D sound channels (1152), N latent columns (one per 4 columns).
"""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from streamer.network import contract
from streamer.network.encoder import Encoder
from streamer.network.pooling import AttentiveMean
from streamer.network.sides import GRID, Trunk, TwoSided
from streamer.network.words import ExpertWordEncoder

HEARD_COLUMNS: Final = 248
"""Newest columns that are heard, 5 s: three blocks over them take 14 % of a core at the default hop, the words 5 % more
(6 s: 18 and 5 %). One in a hundred clips of training goes on for longer without a pause.
"""


class EncodedSound(Trunk):
    """Mel frames to latent columns: the encoder's frames, averaged four by four."""

    centre: Tensor
    spread: Tensor

    def __init__(self, n_blocks: int) -> None:
        super().__init__()
        self.encoder = Encoder(n_blocks)
        self.channels = self.encoder.channels
        self.receptive_columns = GRID
        self.register_buffer("centre", torch.zeros(self.channels, 1))
        self.register_buffer("spread", torch.ones(self.channels, 1))

    def standardised(self, latent: Tensor, mask: Tensor) -> Tensor:
        """Return (B, D, N) centred and scaled by what training sound is like, zero where masked."""
        return (latent - self.centre) / self.spread * mask[:, None]

    def forward(self, mels: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Return latent columns (B, D, N), zero where masked, and their mask (B, N).

        Shapes: mels (B, 80, 2 T), columns (B, T) bool, T a multiple of 4.
        """
        frames = self.encoder(mels, columns)
        share = functional.avg_pool1d(columns[:, None].to(mels.dtype), GRID)  # (B, 1, N)
        latent = functional.avg_pool1d(frames, GRID) / share.clamp(min=1.0 / GRID)
        mask = share[:, 0] > 0
        return self.standardised(latent, mask), mask


class Deep(TwoSided):
    """Mel frames, words and their time to three rows of logits."""

    sound: EncodedSound
    sound_pooling: AttentiveMean
    inputs = ("mels", "columns", "words", "word_mask", "word_spans", "speaker")

    def __init__(  # noqa: PLR0913, PLR0917  what a card says about it
        self,
        n_classes: int = contract.N_EMOTIONS + 1,
        n_encoder_blocks: int = 3,
        word_channels: int = 144,
        n_word_blocks: int = 2,
        n_word_pairs: int = 6000,
        n_sentence_blocks: int = 0,
        word_summary: int = 142,
        attention_width: int = 64,
        n_columns: int = HEARD_COLUMNS,
        sound_summary: int = 256,
        summary: int = 128,
        dropout: float = 0.15,
    ) -> None:
        trunk = EncodedSound(n_encoder_blocks)
        encoder = ExpertWordEncoder(word_channels, n_word_blocks, n_word_pairs, n_sentence_blocks=n_sentence_blocks)
        summaries = (sound_summary, word_summary, summary)
        pooling = AttentiveMean(trunk.channels)
        super().__init__(trunk, pooling, encoder, attention_width, summaries, dropout, n_classes)
        self.n_columns = n_columns
