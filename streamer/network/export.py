"""Networks to ONNX, and whole model folders written in one call. Needs torch, onnx and onnxscript.

`python -m streamer.network.export FOLDER TARGET` exports a model folder's weights to the file TARGET; the monitor runs
this in a process of its own, so that torch never enters the monitor on the CPU path.
"""

import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from streamer.network import cached, checkpoint, contract, registry
from streamer.network.card import FEWEST_SLOTS, FREE_AXES, MELS, SHORTEST_COLUMNS, WORD_SHAPES, Card, Shapes
from streamer.network.entries import CheckpointError

OUTPUTS: Final = ("logits", "embedding")
"""Of networks that have both; the paper's have the first."""

WEIGHTS_KEY: Final = "weights_sha256"
"""Entry of the ONNX file's metadata that ties it to the weights it was exported from."""


def to_onnx(network: nn.Module, weights_sha256: str = "") -> bytes:
    """Return the network as one ONNX file with a free batch size and, where it takes mels, free time and word slots.

    Inputs have the names of registry.inputs_of, though those a network does not use may be pruned; outputs `OUTPUTS`.
    Batch 2 in the example, because the exporter takes a 1 for a constant.
    """
    shapes = registry.inputs_of(network)
    example = registry.example_inputs(shapes, 2)
    with _evaluating(network):
        outputs = OUTPUTS[: len(registry.answers_of(network, example))]
        return _exported(network, dict(zip(shapes, example, strict=True)), outputs, free_axes(shapes), weights_sha256)


def cached_to_onnx(network: nn.Module, weights_sha256: str = "") -> dict[str, bytes]:
    """Return the parts of the network's cached form by the names of their files; none if it has no cached form."""
    with _evaluating(network):
        return {
            name: _exported(part.module, part.inputs, part.outputs, part.free, weights_sha256)
            for name, part in cached.parts(network).items()
        }


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Switch dropout and running statistics off for a while."""
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)


def _exported(
    network: nn.Module, example: Mapping[str, Tensor], outputs: Sequence[str], free: tuple[Any, ...], sha256: str
) -> bytes:
    """Return a network that is in evaluation mode as an ONNX file.

    The legacy exporter writes a dense layer that fails shape inference in ONNX Runtime 1.31, hence dynamo.
    """
    with warnings.catch_warnings():
        # The exporter calls parts of torch and copyreg that are themselves deprecated; nothing we could change.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            tuple(example.values()),
            dynamo=True,
            external_data=False,
            input_names=list(example),
            output_names=outputs,
            dynamic_shapes=free,
            verbose=False,
        )
    if program is None:  # typed so for the legacy exporter alone
        message = "torch exported nothing"
        raise CheckpointError(message)
    program.model.metadata_props[WEIGHTS_KEY] = sha256
    # The exporter notes where each node came from, with the paths of the machine that exported it.
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()
    return bytes(program.model_proto.SerializeToString())


def free_axes(shapes: Shapes) -> tuple[dict[int, Any], ...]:
    """Return which axes of each input may vary, as torch.export wants it."""
    batch = torch.export.Dim("batch", min=1, max=4096)
    grid = contract.POOLING_GRID_COLUMNS
    columns = grid * torch.export.Dim("n_latent", min=SHORTEST_COLUMNS // grid, max=shapes["columns"][0] // grid)
    slots = torch.export.Dim("slots", min=FEWEST_SLOTS, max=contract.N_WORDS)
    lengths = {MELS: contract.MELS_PER_COLUMN * columns, "columns": columns, **dict.fromkeys(WORD_SHAPES, slots)}
    free = {name: {axis + 1: lengths[name]} for name, axis in FREE_AXES.items()} if MELS in shapes else {}
    return tuple({0: batch, **free.get(name, {})} for name in shapes)


def save(folder: Path, network: nn.Module, card: Card) -> Card:
    """Write weights, ONNX file and card of a trained network into `folder`; return the card as written.

    The card's inputs are filled in.
    """
    card = replace(card, shapes=registry.inputs_of(network))
    network_on_cpu = registry.restore(card, registry.tensors_of(network), f"model {card.name}")
    tensors = registry.tensors_of(network_on_cpu)
    card = checkpoint.write(folder, card, tensors)
    made_from = card.files[checkpoint.WEIGHTS_FILE].sha256
    whole, parts = to_onnx(network_on_cpu, made_from), cached_to_onnx(network_on_cpu, made_from)
    return checkpoint.write(folder, card, tensors, whole, parts)


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
