"""The networks by name: made from a config, filled with checked weights, taken apart into tensors again."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from streamer.network import checkpoint
from streamer.network.attention import Attention, AttentionConfig
from streamer.network.card import Card
from streamer.network.entries import CheckpointError
from streamer.network.shallow import Shallow, ShallowConfig

NETWORKS: Final[Mapping[str, tuple[type[nn.Module], type[Any]]]] = {
    "attention": (Attention, AttentionConfig),
    "shallow": (Shallow, ShallowConfig),
}
"""Name to class and frozen config dataclass; each class has `heads`, each config `n_classes`."""


def create(name: str, config: Mapping[str, Any]) -> nn.Module:
    """Return a network with fresh weights; `config` as it stands in a card, lists for tuples included."""
    if name not in NETWORKS:
        message = f"there is no network {name!r}; known are {', '.join(NETWORKS)}"
        raise CheckpointError(message)
    network_class, config_class = NETWORKS[name]
    unknown = config.keys() - {field.name for field in fields(config_class)}
    if unknown:
        message = f"network {name} has no setting {', '.join(sorted(unknown))}; train the model again"
        raise CheckpointError(message)
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in config.items()}
    try:
        return network_class(config_class(**settings))
    except (TypeError, ValueError, RuntimeError) as error:
        message = f"network {name} cannot be made from its card's config ({error}); train the model again"
        raise CheckpointError(message) from error


def tensors_of(network: nn.Module) -> dict[str, NDArray[Any]]:
    """Return the weights as arrays on the CPU, by the names of the state dict."""
    return {name: np.asarray(tensor.detach().cpu()) for name, tensor in network.state_dict().items()}


def restore(card: Card, tensors: Mapping[str, NDArray[Any]], where: str) -> nn.Module:
    """Return the network of `card` with the weights `tensors`, in evaluation mode.

    Raises CheckpointError, naming the layer, if the weights do not fit the network.
    """
    network = create(card.network, card.config)
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tensor.shape for name, tensor in tensors.items()}
    checkpoint.check_shapes(found, wanted, where, f"network {card.network}")
    if tuple(network.heads) != card.heads:  # type: ignore[arg-type]  # nn.Module types every attribute as a tensor
        message = f"{where}: network {card.network} has heads {network.heads}, its card {card.heads}; train it again"
        raise CheckpointError(message)
    network.load_state_dict({name: torch.from_numpy(np.array(tensor)) for name, tensor in tensors.items()})
    return network.eval()


def load(folder: Path) -> nn.Module:
    """Return the network of a model folder, checked, in evaluation mode on the CPU."""
    card = checkpoint.read_card(folder)
    return restore(card, checkpoint.read_tensors(folder, card), str(folder / checkpoint.WEIGHTS_FILE))
