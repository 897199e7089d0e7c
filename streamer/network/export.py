"""Networks to ONNX, and whole model folders written in one call. Needs torch, onnx and onnxscript.

`python -m streamer.network.export FOLDER TARGET` exports a model folder's weights to the file TARGET; the monitor runs
this in a process of its own, so that torch never enters the monitor on the CPU path.
"""

import sys
import warnings
from pathlib import Path
from typing import Final

import torch
from torch import nn

from streamer.network import checkpoint, registry
from streamer.network.card import INPUT_SHAPES, Card
from streamer.network.entries import CheckpointError

OUTPUT: Final = "logits"
WEIGHTS_KEY: Final = "weights_sha256"
"""Entry of the ONNX file's metadata that ties it to the weights it was exported from."""


def to_onnx(network: nn.Module, weights_sha256: str = "") -> bytes:
    """Return the network as one ONNX file with a free batch size.

    Inputs have the names of card.INPUT_SHAPES, though those a network does not use may be pruned; output "logits".
    The legacy exporter writes a dense layer that fails shape inference in ONNX Runtime 1.31, hence dynamo; batch 2 in
    the example, because the exporter takes a 1 for a constant.
    """
    batch = torch.export.Dim("batch", min=1, max=4096)
    names = list(INPUT_SHAPES)
    was_training = network.training
    network.eval()
    try:
        with warnings.catch_warnings():
            # The exporter calls parts of torch and copyreg that are themselves deprecated; nothing we could change.
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network,
                registry.example_inputs(2),
                dynamo=True,
                external_data=False,
                input_names=names,
                output_names=[OUTPUT],
                dynamic_shapes={name: {0: batch} for name in names},
                verbose=False,
            )
    finally:
        network.train(was_training)
    if program is None:  # typed so for the legacy exporter alone
        message = "torch exported nothing"
        raise CheckpointError(message)
    program.model.metadata_props[WEIGHTS_KEY] = weights_sha256
    return bytes(program.model_proto.SerializeToString())


def save(folder: Path, network: nn.Module, card: Card) -> Card:
    """Write weights, ONNX file and card of a trained network into `folder`; return the card as written."""
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
