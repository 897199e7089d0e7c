"""What `stream` and `deep` have in common: a sound side, a word side, the paper's attention between them, three heads.

Legend: B batch, T columns (400), E word vector (300), L word slots (40), D sound channels, N latent columns (one per 4
columns), W word channels, S summary, P embedding, C classes.

The sound side's embedding is compared with the speaker's own running mean, which comes in as an input: who is always
loud is not angry. The mean is kept outside (streamer.engines.speaker); the network knows only what is given.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from streamer.network import contract
from streamer.network.pooling import AttentiveMean, Pooling, Summary, ages, masked_mean, masked_softmax
from streamer.network.words import ExpertWordEncoder

HEADS: Final = ("joint", "sound", "words")

GRID: Final = contract.POOLING_GRID_COLUMNS
"""Columns between two latent columns."""

SHORTEST_SIGMA_COLUMNS: Final = 7.5
"""A word's place in time is never taken as sharper than 0.15 s."""

LOWEST_TIME_BIAS: Final = -8.0
"""However far a column is from a word, the recogniser may be wrong about the time."""

PLAIN_SHARE: Final = 0.5
"""Share of what is said with an emotion that is said in words as plain as those without (validation pairs)."""


class Trunk(nn.Module):
    """Sound to latent columns."""

    channels: int
    """D"""
    receptive_columns: int
    """Columns that one latent column sees; its middle is its place in time."""


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
        return self.combine(self.query(e), word_mask, self.key(f), mask, bias)

    def combine(self, queries: Tensor, word_mask: Tensor, keys: Tensor, mask: Tensor, bias: Tensor) -> Tensor:
        """Return the weights from queries (B, A, L) of the words and keys (B, A, N) of the columns."""
        scores = queries.transpose(1, 2) @ keys  # (B, L, N)
        scores = scores * self.log_scale.exp() / self._width**0.5 + bias
        a = masked_softmax(scores, mask[:, None])
        combined = masked_mean(a.transpose(1, 2), word_mask) * mask.sum(dim=-1, keepdim=True)
        return torch.where(word_mask.any(dim=-1, keepdim=True), combined, 1.0)


class TwoSided(nn.Module):
    """Sound, words and their time to three rows of logits, and the embedding of the sound."""

    inputs: tuple[str, ...]
    """Names of what `forward` takes, in its order; the first says what the trunk hears."""
    n_columns: int = contract.N_COLUMNS
    """Newest columns that it hears."""
    centre: Tensor
    spread: Tensor
    temperatures: Tensor
    """Of sound and words, for `believed`."""
    prior: Tensor
    """(C,) how often words were of each class where they were learned; the last class is "none"."""

    def __init__(  # noqa: PLR0913, PLR0917  the parts, and what a card says about them
        self,
        trunk: Trunk,
        pooling: Pooling | AttentiveMean,
        words: ExpertWordEncoder,
        attention_width: int,
        summaries: tuple[int, int, int],
        dropout: float,
        n_classes: int,
    ) -> None:
        """Join the parts; `summaries` are the widths of what sound, words and both are boiled down to."""
        super().__init__()
        self.sound = trunk
        channels = trunk.channels
        self.receptive_columns = trunk.receptive_columns
        on_sound, on_words, on_both = summaries
        self.sound_pooling = pooling
        self.embedding_size = pooling.size
        # Centre and spread of the embedding over training speakers, so that the mean of nobody in particular is 0.
        self.register_buffer("centre", torch.zeros(self.embedding_size))
        self.register_buffer("spread", torch.ones(self.embedding_size))
        self.sound_summary = Summary(self.embedding_size, on_sound, dropout)
        self.sound_head = nn.Linear(on_sound, n_classes)
        self.words = words
        self.word_pooling = Pooling(words.channels, contract.N_WORDS, 64)
        self.word_summary = Summary(3 * words.channels, on_words, dropout)
        self.word_head = nn.Linear(on_words, n_classes)
        self.attention = Attention(channels, words.channels, attention_width)
        self.joint_summary = Summary(on_sound + on_words + channels, on_both, dropout)
        self.joint_head = nn.Linear(on_both, n_classes)
        # Filled in from validation speakers and lines before the joint head is trained.
        self.register_buffer("temperatures", torch.ones(2))
        self.register_buffer("prior", torch.full((n_classes,), 1.0 / n_classes))

    def embed(self, f: Tensor, mask: Tensor) -> Tensor:
        """Return (B, P): what the sound is like, centred on training speakers; zeros where nothing is heard."""
        return self.centred(self.sound_pooling(f, mask), mask)

    def centred(self, pooled: Tensor, mask: Tensor) -> Tensor:
        """Return the embedding (B, P) from pooled sound (B, P)."""
        return (pooled - self.centre) / self.spread * mask.any(dim=-1, keepdim=True)

    def read(self, words: Tensor, word_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return one latent vector per word (B, W, L) and their summary (B, S)."""
        e = self.words(words, word_mask)
        return e, self.word_summary(self.word_pooling(e, word_mask))

    def centres(self, n_latent: int, like: Tensor) -> Tensor:
        """Return (N,), the middle of each latent column's field in columns of the picture."""
        newest = contract.N_COLUMNS - self.receptive_columns / 2
        return newest - ages(n_latent, like) * GRID

    def judge(  # noqa: PLR0913, PLR0917  everything the heads need
        self,
        f: Tensor,
        mask: Tensor,
        embedding: Tensor,
        words: Tensor,
        word_mask: Tensor,
        word_spans: Tensor,
        speaker: Tensor,
    ) -> Tensor:
        """Return logits (B, 3, C) from latent columns, their embedding, the words and the speaker's mean."""
        e, w = self.read(words, word_mask)
        bias = self.time_bias(word_mask, word_spans, f)
        a = self.attention(e, word_mask, f, mask, bias)  # (B, N)
        return self.conclude(f, self.sound_pooling.weights(f, mask), a, embedding - speaker, w)

    def time_bias(self, word_mask: Tensor, word_spans: Tensor, f: Tensor) -> Tensor:
        """Return (B, L, N): how far each latent column is from each word."""
        spans = torch.where(word_mask[..., None], word_spans, 0.0)
        return self.attention.time_bias(spans, self.centres(f.shape[-1], f))

    def conclude(self, f: Tensor, weights: Tensor, a: Tensor, departure: Tensor, w: Tensor) -> Tensor:
        """Return logits (B, 3, C) from all that was found out on the way.

        Shapes: latent columns f (B, D, N), their weights (B, heads, N) and attention (B, N), the embedding's departure
        from the speaker's mean (B, P), the words' summary (B, S).
        """
        s = self.sound_summary(departure)
        emphasis = weights * ((1.0 + a) / 2.0)[:, None]  # (B, heads, N)
        attended = self.sound_pooling.mean(f, emphasis)  # (B, D)
        on_sound, on_words = self.sound_head(s), self.word_head(w)
        beyond = self.joint_head(self.joint_summary(torch.cat((s, w, attended), dim=1)))
        return torch.stack((self.believed(on_sound, on_words) + beyond, on_sound, on_words), dim=1)  # (B, 3, C)

    def believed(self, on_sound: Tensor, on_words: Tensor) -> Tensor:
        """Return (B, C): the logarithm of what sound and words make likely together, each by itself.

        Bayes' rule, but for one thing: most of what is said with feeling is said in plain words. Whatever the emotion,
        `PLAIN_SHARE` of what is said is taken to be like what is said without any, so plain words take little away.
        Choice: on validation pairs of a voice and a line it beat sums of calibrated logits, gates, and a learned head.
        """
        voice = torch.log_softmax(on_sound / self.temperatures[0], dim=1)
        told = torch.softmax(on_words / self.temperatures[1], dim=1) / self.prior
        plain = told[:, -1:]
        told = torch.cat(((1.0 - PLAIN_SHARE) * told[:, :-1] + PLAIN_SHARE * plain, plain), dim=1)
        return voice + torch.log(told + 1e-9)

    def forward(
        self, sound: Tensor, columns: Tensor, words: Tensor, word_mask: Tensor, word_spans: Tensor, speaker: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return logits (B, 3, C), rows as `HEADS`, and the embedding (B, P) to be averaged by speaker.

        Shapes: sound as the trunk takes it, columns (B, T) bool, words (B, E, L) f32, word_mask (B, L) bool,
        word_spans (B, L, 2) f32 in columns, speaker (B, P) f32 (zeros: nothing is known of the speaker); newest column
        and word last. What is masked has no influence.
        """
        f, mask = self.sound(sound, columns)
        embedding = self.embed(f, mask)
        return self.judge(f, mask, embedding, words, word_mask, word_spans, speaker), embedding
