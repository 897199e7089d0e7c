"""The networks by name: made from a config, filled with checked weights, taken apart into tensors again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from streamer.network import checkpoint, sides
from streamer.network.attention import Attention, AttentionConfig
from streamer.network.card import BOOLEAN_INPUTS, INPUT_SHAPES, Card, Shapes, input_shapes, shape_text
from streamer.network.deep import Deep
from streamer.network.entries import CheckpointError
from streamer.network.shallow import Shallow, ShallowConfig
from streamer.network.stream import Stream


@dataclass(frozen=True, slots=True)
class Kind:
    """One network architecture."""

    make: Callable[..., nn.Module]
    """Takes a card's config as keyword arguments."""
    heads: tuple[str, ...]
    """Rows of its logits."""


def _attention(**config: Any) -> Attention:  # noqa: ANN401  as it stands in a card; the dataclass checks the names
    return Attention(AttentionConfig(**config))


def _shallow(**config: Any) -> Shallow:  # noqa: ANN401  as above
    return Shallow(ShallowConfig(**config))


NETWORKS: Final[Mapping[str, Kind]] = {
    "attention": Kind(_attention, ("joint",)),
    "shallow": Kind(_shallow, ("joint",)),
    "stream": Kind(Stream, sides.HEADS),
    "deep": Kind(Deep, sides.HEADS),
}


def create(name: str, config: Mapping[str, Any]) -> nn.Module:
    """Return a network with fresh weights; `config` as it stands in a card, lists for tuples included.

    Raises CheckpointError if there is no such network, or it cannot be made so.
    """
    if name not in NETWORKS:
        message = f"there is no network {name!r}, known are {', '.join(NETWORKS)}; install or train the model again"
        raise CheckpointError(message)
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in config.items()}
    try:
        return NETWORKS[name].make(**settings)
    except (TypeError, ValueError, RuntimeError) as error:
        message = f"network {name} cannot be made from its card's config ({error}); train the model again"
        raise CheckpointError(message) from error


def tensors_of(network: nn.Module) -> dict[str, NDArray[Any]]:
    """Return the weights as arrays on the CPU, by the names of the state dict."""
    return {name: np.asarray(tensor.detach().cpu()) for name, tensor in network.state_dict().items()}


def inputs_of(network: nn.Module) -> Shapes:
    """Return what the network takes, by name, in its order, without the batch."""
    if isinstance(network, sides.TwoSided):
        return input_shapes(network.inputs[0], network.embedding_size, network.n_columns)
    return INPUT_SHAPES


def example_inputs(shapes: Shapes, batch: int) -> tuple[Tensor, ...]:
    """Return inputs of these shapes: zeros, with every column and word held."""
    return tuple(
        torch.ones((batch, *shape), dtype=torch.bool) if name in BOOLEAN_INPUTS else torch.zeros((batch, *shape))
        for name, shape in shapes.items()
    )


def answers_of(network: nn.Module, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the logits (B, H, C) and, from networks that have one, the embedding of the sound (B, P)."""
    answers: Tensor | tuple[Tensor, ...] = network(*inputs)
    return (answers,) if isinstance(answers, Tensor) else answers


def restore(card: Card, tensors: Mapping[str, NDArray[Any]], where: str) -> nn.Module:
    """Return the network of `card` with the weights `tensors`, in evaluation mode.

    Raises CheckpointError, naming the layer, if the weights do not fit the network, or the network not the card.
    """
    network = create(card.network, card.config)
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tensor.shape for name, tensor in tensors.items()}
    checkpoint.check_shapes(found, wanted, where, f"network {card.network}")
    heads = NETWORKS[card.network].heads
    if heads != card.heads:
        message = f"{where}: network {card.network} has heads {heads}, its card says {card.heads}; train it again"
        raise CheckpointError(message)
    shapes = inputs_of(network)
    if dict(shapes) != dict(card.shapes):
        message = f"{where}: network {card.network} takes {_told(shapes)}, its card says {_told(card.shapes)}; "
        raise CheckpointError(message + "train it again")
    network.load_state_dict({name: torch.from_numpy(np.array(tensor)) for name, tensor in tensors.items()})
    network.eval()
    with torch.inference_mode():
        answer = tuple(answers_of(network, example_inputs(shapes, 1))[0].shape[1:])
    if answer != (len(card.heads), len(card.labels)):
        told = f"{len(card.heads)} heads and {len(card.labels)} labels"
        message = f"{where}: network {card.network} answers {shape_text(answer)}, its card says {told}; train it again"
        raise CheckpointError(message)
    return network


def _told(shapes: Shapes) -> str:
    return ", ".join(f"{name} {shape_text(shape)}" for name, shape in shapes.items())


def load(folder: Path) -> nn.Module:
    """Return the network of a model folder, checked, in evaluation mode on the CPU."""
    card = checkpoint.read_card(folder)
    return restore(card, checkpoint.read_tensors(folder, card), str(folder / checkpoint.WEIGHTS_FILE))
