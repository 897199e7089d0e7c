"""Networks to ONNX, and whole model folders written in one call. Needs torch, onnx and onnxscript.

`python -m streamer.network.export FOLDER TARGET` exports a model folder's weights to the file TARGET; the monitor runs
this in a process of its own, so that torch never enters the monitor on the CPU path.
"""

import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from streamer.network import checkpoint, contract, registry
from streamer.network.card import CROPPED_INPUTS, MELS, Card, Shapes
from streamer.network.entries import CheckpointError

OUTPUTS: Final = ("logits", "embedding")
"""Of networks that have both; the paper's have the first."""

SHORTEST_COLUMNS: Final = 2 * contract.POOLING_GRID_COLUMNS
"""Columns of the shortest sound that may be fed where the time axis is free."""

WEIGHTS_KEY: Final = "weights_sha256"
"""Entry of the ONNX file's metadata that ties it to the weights it was exported from."""


def to_onnx(network: nn.Module, weights_sha256: str = "") -> bytes:
    """Return the network as one ONNX file with a free batch size, and a free time axis where it takes mels.

    Inputs have the names of registry.inputs_of, though those a network does not use may be pruned; outputs `OUTPUTS`.
    The legacy exporter writes a dense layer that fails shape inference in ONNX Runtime 1.31, hence dynamo; batch 2 in
    the example, because the exporter takes a 1 for a constant.
    """
    shapes = registry.inputs_of(network)
    example = registry.example_inputs(shapes, 2)
    was_training = network.training
    network.eval()
    try:
        with warnings.catch_warnings():
            # The exporter calls parts of torch and copyreg that are themselves deprecated; nothing we could change.
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network,
                example,
                dynamo=True,
                external_data=False,
                input_names=list(shapes),
                output_names=OUTPUTS[: len(registry.answers_of(network, example))],
                dynamic_shapes=free_axes(shapes),
                verbose=False,
            )
    finally:
        network.train(was_training)
    if program is None:  # typed so for the legacy exporter alone
        message = "torch exported nothing"
        raise CheckpointError(message)
    program.model.metadata_props[WEIGHTS_KEY] = weights_sha256
    return bytes(program.model_proto.SerializeToString())


def free_axes(shapes: Shapes) -> tuple[dict[int, Any], ...]:
    """Return which axes of each input may vary, as torch.export wants it."""
    batch = torch.export.Dim("batch", min=1, max=4096)
    n_latent = torch.export.Dim("n_latent", min=2, max=contract.N_COLUMNS // contract.POOLING_GRID_COLUMNS)
    columns = contract.POOLING_GRID_COLUMNS * n_latent
    time = {MELS: {2: contract.MELS_PER_COLUMN * columns}, "columns": {1: columns}}
    return tuple({0: batch, **(time[name] if MELS in shapes and name in CROPPED_INPUTS else {})} for name in shapes)


def save(folder: Path, network: nn.Module, card: Card) -> Card:
    """Write weights, ONNX file and card of a trained network into `folder`; return the card as written.

    The card's inputs are filled in.
    """
    card = replace(card, shapes=registry.inputs_of(network))
    network_on_cpu = registry.restore(card, registry.tensors_of(network), f"model {card.name}")
    tensors = registry.tensors_of(network_on_cpu)
    card = checkpoint.write(folder, card, tensors)
    exported = to_onnx(network_on_cpu, card.files[checkpoint.WEIGHTS_FILE].sha256)
    return checkpoint.write(folder, card, tensors, exported)


def main(arguments: list[str]) -> int:
    """Export FOLDER to TARGET; on trouble say so in one sentence and return 3."""
    folder, target = Path(arguments[0]), Path(arguments[1])
    try:
        card = checkpoint.read_card(folder)
        network = registry.load(folder)
        checkpoint.write_whole(target, to_onnx(network, card.files[checkpoint.WEIGHTS_FILE].sha256))
    except CheckpointError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
