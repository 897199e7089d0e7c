"""The cached form of a network run by torch, beside the whole network: what laws about it are tried on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from streamer.engines.cached_engine import CachedEngine, Graph
from streamer.engines.engine import Answer, Feed
from streamer.network import checkpoint, registry
from streamer.network.cached import Part, parts
from streamer.network.stream import Stream

TOLERANCE = 1e-4

SMALL: dict[str, Any] = {
    "kernels": [3, 4, 4],
    "sound_channels": 16,
    "n_blocks": 2,
    "word_channels": 28,
    "n_word_blocks": 1,
    "n_word_pairs": 3,
    "attention_width": 8,
    "summary": 8,
}
"""A `stream` of 48,000 parameters, as a card has it."""

Arrays = Mapping[str, NDArray[Any]]


def small_stream(seed: int = 0) -> Stream:
    """Return a small `stream` in which every weight and every running statistic counts."""
    torch.manual_seed(seed)
    net = registry.create("stream", SMALL)
    assert isinstance(net, Stream)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
        for name, statistic in net.named_buffers():
            if name.endswith(("running_var", "spread")):
                statistic.uniform_(0.2, 2.0)
            elif name.endswith(("running_mean", "centre")):
                statistic.normal_(0.0, 0.3)
    return net.eval()


def graph(module: nn.Module) -> Graph:
    def run(given: Arrays) -> Sequence[NDArray[Any]]:
        with torch.inference_mode():
            answers = module(*(torch.from_numpy(np.ascontiguousarray(array)) for array in given.values()))
        return [answer.numpy() for answer in answers]

    return run


def engine_of(net: Stream) -> CachedEngine:
    made = parts(net)
    step, words, heads = (graph(made[name].module) for name in checkpoint.CACHED_FILES)
    return CachedEngine(step, words, heads, shapes_of(made))


def shapes_of(made: Mapping[str, Part]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for part in made.values() for name, tensor in part.inputs.items()}


class Judge:
    """Asks a cached engine and the whole network about the same windows, and compares."""

    def __init__(self, net: Stream) -> None:
        self._whole = graph(net)
        self._engine = engine_of(net)
        self._inputs = net.inputs
        self.n_asked = 0
        self.furthest = 0.0

    def ask(self, feed: Feed) -> Answer:
        found = self._engine.run(feed)
        assert found.embedding is not None
        logits, embedding = self._whole({name: feed.arrays[name] for name in self._inputs})
        apart = max(np.abs(found.logits - logits[0]).max(), np.abs(found.embedding - embedding[0]).max())
        assert apart <= TOLERANCE  # also false where one of them is no number
        self.furthest = max(self.furthest, float(apart))
        self.n_asked += 1
        return found
