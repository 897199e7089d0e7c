"""The paper's baseline: both CNNs deepened by pooling, flattened, side by side, and the same dense head."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from streamer.network import contract
from streamer.network.layers import DenseHead, SoundCnn, Thinning, WordCnn, initialise


@dataclass(frozen=True, slots=True)
class ShallowConfig:
    """The reading of the paper. The defaults have 10.65 M parameters and 277 M multiply-adds a window."""

    flat: bool = False
    """False: sound as a 2-D image. True: 1-D over time."""
    kernels: int = 32
    sound_poolings: int = 4
    word_poolings: int = 3
    dense: tuple[int, ...] = (1024, 512, 128)
    dropout: float = 0.1
    n_classes: int = contract.N_EMOTIONS
    step_samples: int = contract.LIVE_STEP_SAMPLES
    """Picture samples between two columns that the network was trained on; the monitor's are thinned to them."""


ALL_1D = ShallowConfig(flat=True, sound_poolings=3)
"""The fast profile: 2.46 M parameters, 12.2 M multiply-adds."""


class Shallow(nn.Module):
    """(B, F, T) picture and (B, E, L) words to (B, 1, C) logits."""

    def __init__(self, config: ShallowConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ShallowConfig()
        self.thinning = Thinning(config.step_samples)
        self.sound = SoundCnn(config.kernels, config.sound_poolings, flat=config.flat)
        self.words = WordCnn(config.kernels, config.word_poolings)
        n_in = self.sound.n_features * self.sound.n_columns + self.words.n_features * self.words.n_groups
        self.head = DenseHead(n_in, config.dense, config.n_classes, config.dropout)
        initialise(self)

    def forward(self, picture: Tensor, columns: Tensor, words: Tensor, word_mask: Tensor, word_spans: Tensor) -> Tensor:
        """Return logits (B, 1, C); shapes as in Attention.forward, `word_spans` unused."""
        del word_spans
        picture, columns = self.thinning(picture, columns)
        sound, _ = self.sound(picture, columns)  # (B, K * F / 16, T / 16)
        text, _ = self.words(words, word_mask)  # (B, K, L / 8)
        features = torch.cat((sound.flatten(1), text.flatten(1)), dim=1)  # (B, 9760)
        logits: Tensor = self.head(features)  # (B, C)
        return logits.unsqueeze(1)  # (B, 1, C)
