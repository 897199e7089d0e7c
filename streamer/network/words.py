"""The word side of our own networks: vectors to latent words that keep their place in time."""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from streamer.network import contract
from streamer.network.pooling import Block, ColumnNorm
from streamer.network.sentences import SentenceEncoder


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


N_SLOTS: Final = 16
"""Channels in which `ExpertWordEncoder` tells every word what the experts say of the window."""

SLOT_SCALE: Final = 0.1
"""Evidence is a logarithm; so scaled it is about as large as a latent number."""

PAUSE_HALF_SLOTS: Final = 8.0
"""Beyond so many empty slots a word counts half to the experts: what was said before a pause is not what is said now,
and experts of long lines hardly forget otherwise (models/EXPERIMENTS.md)."""


def faded(mask: Tensor) -> Tensor:
    """Return (B, L) how much each word counts, by the empty slots between it and the newest; mask (B, L) bool.

    Slots beyond the newest word count as well: the matrix leaves none.
    """
    said = mask.to(torch.float32)
    newer = said.sum(dim=-1, keepdim=True) - said.cumsum(dim=-1)
    empty = torch.arange(mask.shape[-1] - 1, -1, -1, device=mask.device) - newer
    return said * torch.exp2(-empty / PAUSE_HALF_SLOTS)


class ExpertWordEncoder(nn.Module):
    """A word encoder beside regressions of bags of words, each of which knows one kind of talk.

    Every word holds, in its vector, its share in each expert's logits and in the guess which kind of talk this is, and
    a code by which `n_pairs` pairs of neighbouring words are recognised, which have shares of their own. The shares of
    a window are summed (older words count less, to each expert in its own way: lines of a talk are short; those before
    a pause less still, to all) and divided by the length of the bag's vector, as in a TF-IDF regression; the experts'
    answers are mixed by that guess. The mixture stands beside each word's latent vector, cut so that each of `n_heads`
    pooling heads sees a part of both.
    """

    def __init__(  # noqa: PLR0913, PLR0917  what a card says about it
        self,
        channels: int,
        n_blocks: int,
        n_pairs: int = 0,
        n_codes: int = 32,
        n_experts: int = 4,
        n_classes: int = 7,
        n_heads: int = 4,
        n_sentence_blocks: int = 0,
    ) -> None:
        """Args: n_sentence_blocks: where there are any, they take the place of the `n_blocks` convolutions."""
        super().__init__()
        self.channels = channels
        n_shares = n_experts * (n_classes + 1) + 1
        latent = channels - N_SLOTS
        self.encoder: WordEncoder | SentenceEncoder = WordEncoder(latent, n_blocks)
        self.shares = nn.Conv1d(contract.WORD_DIMS, n_shares, 1, bias=False)
        self.codes = nn.Conv1d(contract.WORD_DIMS, n_codes, 1, bias=False) if n_pairs else None
        self.pairs = nn.Conv1d(n_codes, n_pairs, 2) if n_pairs else None
        self.pair_shares = nn.Conv1d(n_pairs, n_shares, 1, bias=False) if n_pairs else None
        self.base = nn.Parameter(torch.zeros(n_shares - 1))
        # How much a word counts at each distance from the newest, to each expert and, last, to the guess.
        self.recency = nn.Parameter(torch.ones(n_experts + 1, contract.N_WORDS))
        self._n_experts, self._n_heads = n_experts, n_heads
        if n_sentence_blocks:
            # What is made after this begins with the same numbers as it would without.
            with torch.random.fork_rng(devices=[]):
                self.encoder = SentenceEncoder(latent, n_sentence_blocks)

    def all_shares(self, words: Tensor) -> Tensor:
        """Return (B, shares, L) of words (B, E, L), zero where masked; a pair's shares stand at its newer word."""
        shares: Tensor = self.shares(words)
        if self.codes is None or self.pairs is None or self.pair_shares is None:
            return shares
        met = torch.clamp(self.pairs(functional.pad(self.codes(words), (1, 0))), 0.0, 1.0)  # (B, pairs, L)
        beside: Tensor = self.pair_shares(met)
        return shares + beside

    def evidence(self, shares: Tensor, mask: Tensor) -> Tensor:
        """Return (B, classes) logarithms of the mixed shares of classes: (B, shares, L), (B, L)."""
        counted = self.recency[:, -mask.shape[-1] :] * faded(mask)[:, None]  # (B, experts + 1, L)
        length = (shares[:, -1:] * counted.square()).sum(dim=-1).clamp(min=1.0).sqrt()  # (B, experts + 1)
        told = torch.stack(shares[:, :-1].chunk(self._n_experts, dim=1), dim=1)  # (B, experts, classes + 1, L)
        base = torch.stack(self.base.chunk(self._n_experts))  # (experts, classes + 1)
        classes = (told[:, :, :-1] * counted[:, :-1, None]).sum(dim=-1) / length[:, :-1, None] + base[:, :-1]
        kinds = (told[:, :, -1] * counted[:, -1:]).sum(dim=-1) / length[:, -1:] + base[:, -1]
        said = torch.log_softmax(classes, dim=2)  # (B, experts, classes)
        kind = torch.log_softmax(kinds, dim=1)[..., None]  # (B, experts, 1)
        return torch.logsumexp(said + kind, dim=1)

    def beside(self, latent: Tensor, evidence: Tensor, mask: Tensor) -> Tensor:
        """Return (B, W, L): every word's latent vector and, where a word is, the evidence, parted among the heads."""
        slots = functional.pad(evidence * SLOT_SCALE, (0, N_SLOTS - evidence.shape[1]))
        said = slots[..., None] * mask[:, None]  # (B, slots, L)
        parts = zip(latent.chunk(self._n_heads, dim=1), said.chunk(self._n_heads, dim=1), strict=True)
        return torch.cat([part for pair in parts for part in pair], dim=1)

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        """(B, E, L), (B, L) -> (B, W, L), zero where masked."""
        shares = self.all_shares(torch.where(mask[:, None], words, 0.0))
        return self.beside(self.encoder(words, mask), self.evidence(shares, mask), mask)
