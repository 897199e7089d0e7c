"""The paper's attention network: words say where in the picture to listen, a third CNN listens there.

Letters as in layers.py. Where the paper leaves a choice, the reading taken here is opened with "Choice:".
"""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from streamer.network import contract
from streamer.network.layers import (
    DenseHead,
    SoundCnn,
    Thinning,
    WordCnn,
    attention_over_time,
    extend,
    initialise,
    keep,
    mean_attention,
)


@dataclass(frozen=True, slots=True)
class AttentionConfig:
    """The reading of the paper. The defaults have 10.55 M parameters and 489 M multiply-adds a window."""

    flat: bool = False
    """False: sound as a 2-D image. True: 1-D over time in the encoder and in the third CNN, the fast profile."""
    kernels: int = 32
    poolings: int = 2
    """P. Choice: 2, the largest that divides all four sides of both inputs under every reading."""
    third_poolings: int = 4
    """Choice: 4 blocks in the third CNN; fewer leave 41 M to 164 M parameters to the first dense layer."""
    dense: tuple[int, ...] = (1024, 512, 128)
    dropout: float = 0.1
    even: bool = False
    """True: attention replaced by 1, the control that tests the paper's claim; the words can then do nothing."""
    n_classes: int = contract.N_EMOTIONS
    step_samples: int = contract.LIVE_STEP_SAMPLES
    """Picture samples between two columns that the network was trained on; the monitor's are thinned to them."""


ALL_1D = AttentionConfig(flat=True, poolings=2, third_poolings=2)
"""The fast profile: 3.95 M parameters, 21.8 M multiply-adds."""


class Attended(NamedTuple):
    """What the words looked at."""

    per_group: Tensor
    """(B, m, n) equation 1: each row sums to 1 over time; rows of padded groups carry no meaning."""
    per_column: Tensor
    """(B, T) weight of each column of the picture; mean 1 over the pooled columns that hold sound."""


class Attention(nn.Module):
    """(B, F, T) picture and (B, E, L) words to (B, 1, C) logits."""

    def __init__(self, config: AttentionConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or AttentionConfig()
        self.thinning = Thinning(config.step_samples)
        self.sound = SoundCnn(config.kernels, config.poolings, flat=config.flat)
        self.words = WordCnn(config.kernels, config.poolings)
        # The 1x1 convolutions; Choice: as wide as the CNNs, 32.
        self.f = nn.Conv1d(self.sound.n_features, config.kernels, 1)
        self.e = nn.Conv1d(self.words.n_features, config.kernels, 1)
        self.third = SoundCnn(config.kernels, config.third_poolings, flat=config.flat)
        n_in = self.third.n_features * self.third.n_columns
        self.head = DenseHead(n_in, config.dense, config.n_classes, config.dropout)
        initialise(self)

    def attend(self, picture: Tensor, columns: Tensor, words: Tensor, word_mask: Tensor) -> Attended:
        """Return the weights of equations 1 and 2, the second extended to the picture's columns."""
        sound, heard = self.sound(picture, columns)  # (B, K * F / 2^P, n), (B, n)
        text, said = self.words(words, word_mask)  # (B, K, m), (B, m)
        f = keep(self.f(sound), heard)  # (B, K, n)
        e = keep(self.e(text), said)  # (B, K, m)
        a = attention_over_time(e, f, heard)  # (B, m, n)
        weights = mean_attention(a, said, heard)  # (B, n)
        return Attended(a, extend(weights, 2**self.config.poolings))  # (B, m, n), (B, T)

    def forward(self, picture: Tensor, columns: Tensor, words: Tensor, word_mask: Tensor, word_spans: Tensor) -> Tensor:
        """Return logits (B, 1, C).

        Shapes: picture (B, F, T), columns (B, T), words (B, E, L), word_mask (B, L), word_spans (B, L, 2).
        The spans are there for the signature that all networks share; the paper leaves word times to future work.
        """
        del word_spans
        picture, columns = self.thinning(picture, columns)
        if self.config.even:
            maps, _ = self.third(picture, columns)
            even: Tensor = self.head(maps.flatten(1))  # (B, C)
            return even.unsqueeze(1)  # (B, 1, C)
        attended = self.attend(picture, columns, words, word_mask)
        weighted = picture * attended.per_column.unsqueeze(1)  # (B, F, T)
        maps, _ = self.third(weighted, columns)  # (B, K * F / 16, T / 16)
        logits: Tensor = self.head(maps.flatten(1))  # (B, C)
        return logits.unsqueeze(1)  # (B, 1, C)
