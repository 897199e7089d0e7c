"""Large weights kept as float16: half the size on disk, widened again when they are loaded.

Only the numbers in the files are half as long; every computation is in float32, with the rounded weights.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from streamer.network import checkpoint, export, registry
from streamer.network.card import Card

LARGE: Final = 1 << 16
"""Numbers from which on a tensor is worth halving; the small ones stay as they are."""


def halved(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the tensors with the large ones in float16; a number too large for it becomes infinite, and is refused."""
    with np.errstate(over="ignore"):
        return {name: tensor.astype(np.float16) if is_large(tensor) else tensor for name, tensor in tensors.items()}


def save(folder: Path, network: nn.Module, card: Card) -> Card:
    """Write weights, ONNX file and card as export.save does, in half the size; return the card as written.

    The large weights of `network` are rounded, so that every figure after this is of what is shipped.
    """
    tensors = halved(registry.tensors_of(network))
    with torch.no_grad():
        for name, tensor in tensors.items():
            network.state_dict()[name].copy_(torch.from_numpy(np.array(tensor)))
    card = replace(card, shapes=registry.inputs_of(network))
    card = checkpoint.write(folder, card, tensors)
    exported = export.to_onnx(network, card.files[checkpoint.WEIGHTS_FILE].sha256)
    return checkpoint.write(folder, card, tensors, halved_onnx(exported))


def is_large(tensor: NDArray[Any]) -> bool:
    """Say whether a tensor is worth halving."""
    return bool(tensor.dtype == np.float32 and tensor.size >= LARGE)


def halved_onnx(exported: bytes) -> bytes:
    """Return an ONNX file with its large weights in float16, each followed by a cast to float32.

    The cast is done once, when a session is made: nothing is slower afterwards, and nothing is rounded anew where the
    weights were already numbers of float16.
    """
    model = onnx.load_model_from_string(exported)
    graph = model.graph
    casts = []
    for entry in graph.initializer:
        values = numpy_helper.to_array(entry)
        if not is_large(values):
            continue
        name = entry.name
        entry.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
