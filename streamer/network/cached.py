"""The cached form of `stream`: three parts that together are the network, and cost only what is new.

Legend: F bands, T columns, n new columns (a multiple of 4), D sound channels, N latent columns, A attention width,
H pooling heads, L word slots, S summary, P embedding, C classes. The batch is 1.

`Step` takes new columns and what the trunk's convolutions remember, `Reading` takes words when they change, and
`Judging` makes the answer from the latent columns that were kept. All three are cut from a network's own weights and
run its own layers, so they are equal to it but for the order in which sums are rounded. Two facts make that so:

- Every layer of the trunk is a valid convolution or works within one column. A valid convolution over columns that come
  in pieces is the same convolution, if each piece is led by the last `width - stride` columns of the piece before.
- Columns that are not shown are zero at the trunk's input, and a trunk that has seen `receptive_columns` zeros
  remembers the same whatever came before them. So a picture can be begun at its first column that is shown.

What is kept per latent column (its sound, its key of the attention, its scores of the pooling) does not depend on where
in the window it stands. What does (the softmax over time, the preference for the newest, the words' places in time) is
made anew for every window, by `Judging`; it is little.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from streamer.network import contract
from streamer.network.checkpoint import CACHED_HEADS, CACHED_STEP, CACHED_WORDS
from streamer.network.sides import GRID
from streamer.network.stream import BLOCK_WIDTH, SoundTrunk, Stream


class Layer(NamedTuple):
    """A part of the trunk that looks across time."""

    run: Callable[[Tensor], Tensor]
    n_kept: int
    """Of its input's last columns, so many are seen again with what comes next: its width less its stride."""


def layers(trunk: SoundTrunk) -> list[Layer]:
    """Return the trunk as layers to be run one after the other; the last one's answer still wants `trunk.norm`."""

    def convolution(conv: nn.Conv2d, norm: nn.Module, then: Callable[[Tensor], Tensor]) -> Layer:
        return Layer(lambda x: then(functional.relu(norm(conv(x)))), conv.kernel_size[1] - conv.stride[1])

    def as_it_is(x: Tensor) -> Tensor:
        return x

    def folded(x: Tensor) -> Tensor:
        columns: Tensor = trunk.fold(x.flatten(1, 2))
        return columns

    return [
        convolution(trunk.conv1, trunk.norm1, as_it_is),
        convolution(trunk.conv2, trunk.norm2, as_it_is),
        convolution(trunk.conv3, trunk.norm3, folded),
        *(Layer(block, BLOCK_WIDTH - 1) for block in trunk.blocks),
    ]


class Step(nn.Module):
    """New columns to new latent columns, with all that the attention and the pooling want of them."""

    def __init__(self, network: Stream) -> None:
        super().__init__()
        self.trunk = network.sound
        self.key = network.attention.key
        self.pooling = network.sound_pooling
        self.training = network.training

    def silence(self) -> tuple[Tensor, ...]:
        """Return what the layers remember after zeros without end."""
        x = torch.zeros(1, 1, contract.N_BANDS, self.trunk.receptive_columns)
        memory = []
        for layer in layers(self.trunk):
            memory.append(x[..., x.shape[-1] - layer.n_kept :].clone())
            x = layer.run(x)
        return tuple(memory)

    def forward(self, columns: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        """Return f (1, D, n / 4), keys (1, A, n / 4), scores (1, H, n / 4), and the memory for what comes next.

        Shapes: columns (1, F, n), zero where not shown; memory as `silence` returns it.
        """
        x = columns[:, None]
        after = []
        for layer, kept in zip(layers(self.trunk), memory, strict=True):
            x = torch.cat((kept, x), dim=-1)
            after.append(x[..., x.shape[-1] - layer.n_kept :])
            x = layer.run(x)
        f = self.trunk.norm(x)
        return f, self.key(f), self.pooling.scores(f), *after


class Reading(nn.Module):
    """Words to what the answer wants of them; needed again only when the words change."""

    def __init__(self, network: Stream) -> None:
        super().__init__()
        self.network = network
        self.training = network.training

    def forward(self, words: Tensor, word_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return queries (1, A, L) and a summary (1, S).

        Shapes: words (1, E, L), word_mask (1, L), L at least 2. Of the slots before the first word all but one change
        nothing and may be left out; where there are no words, two slots that are masked stand for all.
        """
        e, summary = self.network.read(words, word_mask)
        return self.network.attention.query(e), summary


class Judging(nn.Module):
    """What was kept of sound and words to logits and embedding."""

    def __init__(self, network: Stream) -> None:
        super().__init__()
        self.network = network
        self.training = network.training

    def forward(  # noqa: PLR0913, PLR0917  everything that was kept
        self,
        f: Tensor,
        keys: Tensor,
        scores: Tensor,
        columns: Tensor,
        queries: Tensor,
        summary: Tensor,
        word_mask: Tensor,
        word_spans: Tensor,
        speaker: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return logits (1, 3, C) and the embedding (1, P), as the network does.

        Shapes: f (1, D, N), keys (1, A, N), scores (1, H, N), columns (1, T) bool, queries (1, A, L), summary (1, S),
        word_mask (1, L) bool, word_spans (1, L, 2), speaker (1, P). What is not heard has no influence.
        """
        net = self.network
        heard = net.sound.heard(columns)
        f = torch.where(heard[:, None], f, 0.0)
        weights = net.sound_pooling.weigh(scores, heard)
        embedding = net.centred(net.sound_pooling.pool(f, weights, heard), heard)
        bias = net.time_bias(word_mask, word_spans, f)
        a = net.attention.combine(queries, word_mask, keys, heard, bias)
        return net.conclude(f, weights, a, embedding - speaker, summary), embedding


@dataclass(frozen=True, slots=True)
class Part:
    """One of the three, ready to be exported."""

    module: nn.Module
    inputs: Mapping[str, Tensor]
    """An example, in order."""
    outputs: tuple[str, ...]
    free: tuple[Any, ...]
    """Axes of each input that may vary, as torch.export wants it."""


def parts(network: nn.Module) -> Mapping[str, Part]:
    """Return the parts of a network in evaluation mode by the name of their file; none if it has no cached form."""
    if not isinstance(network, Stream):
        return {}
    step, reading, judging = Step(network), Reading(network), Judging(network)
    n_latent = (contract.N_COLUMNS - network.receptive_columns) // GRID + 1
    memory = {f"memory{i}": kept for i, kept in enumerate(step.silence())}
    new = {"picture": torch.zeros(1, contract.N_BANDS, contract.DEFAULT_HOP_COLUMNS), **memory}
    n_slots = contract.N_WORDS // 2  # anything but 1 and 40, which the exporter may take for constants
    said = {
        "words": torch.zeros(1, contract.WORD_DIMS, n_slots),
        "word_mask": torch.ones(1, n_slots, dtype=torch.bool),
    }
    with torch.inference_mode():
        f, keys, scores, *_ = step(torch.zeros(1, contract.N_BANDS, GRID * n_latent), *memory.values())
        queries, summary = reading(*said.values())
    kept = {
        "f": f,
        "keys": keys,
        "scores": scores,
        "columns": torch.ones(1, contract.N_COLUMNS, dtype=torch.bool),
        "queries": queries,
        "summary": summary,
        "word_mask": said["word_mask"],
        "word_spans": torch.zeros(1, n_slots, 2),
        "speaker": torch.zeros(1, network.embedding_size),
    }
    grids = torch.export.Dim("grids", min=1, max=contract.N_COLUMNS // GRID)
    slots = torch.export.Dim("slots", min=2, max=contract.N_WORDS)
    after = tuple(name.replace("memory", "after") for name in memory)
    per_word: dict[str, dict[int, Any]] = {"queries": {2: slots}, "word_mask": {1: slots}, "word_spans": {1: slots}}
    return {
        CACHED_STEP: Part(step, new, ("f", "keys", "scores", *after), ({2: GRID * grids}, ({},) * len(memory))),
        CACHED_WORDS: Part(reading, said, ("queries", "summary"), ({2: slots}, {1: slots})),
        CACHED_HEADS: Part(judging, kept, ("logits", "embedding"), tuple(per_word.get(name, {}) for name in kept)),
    }
