"""The start of `deep`'s word half: word vectors and first blocks of the sentence encoder all-MiniLM-L6-v2 (Apache-2.0).

A word's vector is the mean of the vectors of its pieces, in the directions in which words differ most.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import nn

from streamer.network import contract
from streamer.network.sentences import SentenceEncoder

ENCODER: Final = "all-MiniLM-L6-v2"
"""Folder of the encoder, as its makers name it."""

N_LATENT: Final = 235
"""Numbers of a word's row that the blocks read; experts and the codes of pairs have the others."""

FIRST_PLACE: Final = 1
"""Of a sentence's first word; the place before it is a mark's that says where a sentence begins."""

_NAMES: Final = {
    "leave": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "forward_norm": "output.LayerNorm",
}


@dataclass(frozen=True, slots=True)
class Start:
    """Vectors of a vocabulary, and how the encoder's own are had from them."""

    vectors: NDArray[np.float32]
    """(words, n)"""
    axes: NDArray[np.float32]
    """(n, 384)"""
    mean: NDArray[np.float32]
    """(384,)"""


class MiniLM:
    """The encoder's weights and its tokenizer, of which the first `n_blocks` blocks are wanted."""

    def __init__(self, folder: Path, n_blocks: int) -> None:
        self.n_blocks = n_blocks
        self._weights = safetensors.numpy.load_file(folder / ENCODER / "model.safetensors")
        self._cutter = Tokenizer.from_file(str(folder / ENCODER / "tokenizer.json"))
        self._cutter.no_padding()
        self._cutter.no_truncation()

    def known(self, vocabulary: list[str]) -> tuple[list[str], NDArray[np.float32]]:
        """Return all words and their vectors (words, 300); the last numbers are 0."""
        vectors = self.start(vocabulary).vectors
        return vocabulary, np.pad(vectors, ((0, 0), (0, contract.WORD_DIMS - vectors.shape[1])))

    def start(self, vocabulary: list[str], n: int = N_LATENT) -> Start:
        """Return `n` numbers a word, about 1 large; times the axes and with the mean they are the encoder's."""
        pieces = self._weights["embeddings.word_embeddings.weight"]
        cuts = self._cutter.encode_batch(vocabulary, add_special_tokens=False)
        own = np.stack([pieces[cut.ids].mean(axis=0) if cut.ids else np.zeros_like(pieces[0]) for cut in cuts])
        mean = own.mean(axis=0)
        axes = np.linalg.svd(own - mean, full_matrices=False)[2][:n]
        vectors = (own - mean) @ axes.T
        size = vectors.std()
        return Start(*(np.asarray(x, np.float32) for x in (vectors / size, axes * size, mean)))

    @torch.no_grad()
    def fill(self, encoder: SentenceEncoder, start: Start) -> None:
        """Give an encoder these first blocks, and let it read vectors of `start`, which are the first of a word's."""
        encoder.enter.weight.zero_()
        encoder.enter.weight[:, : len(start.axes), 0] = torch.from_numpy(start.axes.T)
        assert encoder.enter.bias is not None
        encoder.enter.bias.copy_(torch.from_numpy(start.mean))
        places = self._of("embeddings.position_embeddings.weight")[FIRST_PLACE : FIRST_PLACE + contract.N_WORDS]
        encoder.places.copy_(places + self._of("embeddings.token_type_embeddings.weight")[0])
        self._copy(encoder.enter_norm, "embeddings.LayerNorm")
        for i, block in enumerate(encoder.blocks):
            layer = f"encoder.layer.{i}"
            for part in ("weight", "bias"):
                parts = [self._of(f"{layer}.attention.self.{name}.{part}") for name in ("query", "key", "value")]
                block.get_parameter(f"enter.{part}").copy_(torch.cat(parts))
            for ours, theirs in _NAMES.items():
                self._copy(block.get_submodule(ours), f"{layer}.{theirs}")

    def _of(self, name: str) -> torch.Tensor:
        return torch.from_numpy(self._weights[name])

    def _copy(self, layer: nn.Module, name: str) -> None:
        layer.load_state_dict({part: self._of(f"{name}.{part}") for part in ("weight", "bias")})
