"""The word half as training computes it: the same numbers as `Reader`, from fewer and larger products.

The network works on (B, C, L) so that it can be exported and cached; many short windows at once are three to five times
cheaper as (B, L, C), with each word of a batch led in once however often it is said.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from streamer.network.pooling import FAR_BELOW, Block, ColumnNorm, Pooling
from streamer.network.words import WordEncoder

if TYPE_CHECKING:
    from tools.training.stage_words import Reader


def answer(reader: "Reader", rows: Tensor) -> Tensor:
    """(B, L) rows of the table -> logits (B, C), as `reader(rows)` says where nothing is dropped at random."""
    mask = rows > 0
    assert isinstance(reader.words, WordEncoder), "experts are fitted, not trained"
    latent = encoded(reader.words, entered(reader, rows), mask)
    logits: Tensor = reader.head(reader.summary(pooled(reader.pooling, latent, mask)))
    return logits


def entered(reader: "Reader", rows: Tensor) -> Tensor:
    """Return (B, L, W), the words led into the latent space; what dropout takes from a word it takes in all places."""
    said, place = torch.unique(rows, return_inverse=True)
    assert isinstance(reader.words, WordEncoder), "experts are fitted, not trained"
    vectors: Tensor = reader.dropout(reader.table(said))
    return functional.embedding(place, pointwise(reader.words.enter, vectors))


def encoded(words: WordEncoder, x: Tensor, mask: Tensor) -> Tensor:
    """(B, L, W), (B, L) -> (B, L, W)."""
    kept = mask[..., None].to(x.dtype)
    x = functional.gelu(x) * kept
    for block in words.blocks:
        assert isinstance(block, Block)
        x = convolved(block, x) * kept
    return normed(words.norm, x) * kept


def pointwise(layer: nn.Conv1d, x: Tensor) -> Tensor:
    """A convolution of width one, on channels that are last."""
    return functional.linear(x, layer.weight[..., 0], layer.bias)


def normed(norm: ColumnNorm, x: Tensor) -> Tensor:
    """`ColumnNorm` on channels that are last."""
    return functional.layer_norm(x, x.shape[-1:], norm.gain[:, 0], norm.bias[:, 0], 1e-5)


def convolved(block: Block, x: Tensor) -> Tensor:
    """`Block` of width three with padding, on channels that are last."""
    before, here, after = block.across.weight[:, 0].unbind(dim=1)
    wide = functional.pad(x, (0, 0, 1, 1))
    across = wide[:, :-2] * before + x * here + wide[:, 2:] * after
    if block.across.bias is not None:
        across = across + block.across.bias
    return x + pointwise(block.down, functional.gelu(pointwise(block.up, normed(block.norm, across))))


def pooled(pooling: Pooling, x: Tensor, mask: Tensor) -> Tensor:
    """`Pooling` on channels that are last: (B, L, W), (B, L) -> (B, 3 W)."""
    size, length, channels = x.shape
    n_heads = pooling.distance.shape[0]
    scores = pointwise(pooling.score_out, torch.tanh(pointwise(pooling.score_in, x)))
    scores = scores + pooling.distance[:, -length:].t()
    weights = torch.softmax(scores.masked_fill(~mask[..., None], FAR_BELOW), dim=1) * mask[..., None]  # (B, L, heads)

    def mean(values: Tensor) -> Tensor:
        parted = values.view(size, length, n_heads, -1).permute(0, 2, 3, 1)  # (B, heads, W / heads, L)
        return (parted @ weights.transpose(1, 2)[..., None]).reshape(size, channels)

    first = mean(x)
    deviation = torch.sqrt((mean(x.square()) - first.square()).clamp(min=0.0) + 1e-4)
    ages = torch.arange(length - 1, -1, -1, dtype=x.dtype)[:, None]
    aged = x - functional.softplus(pooling.slope[:, 0]) * ages * 0.1
    highest = aged.masked_fill(~mask[..., None], FAR_BELOW).amax(dim=1) * mask.any(dim=1, keepdim=True)
    return torch.cat((first, deviation, highest), dim=1)
