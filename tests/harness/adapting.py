"""A made-up network that adapts to speakers, for tests of the whole program; `never` is the same without."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from streamer.network import checkpoint, contract, export
from streamer.network.card import INPUT_SHAPES, LABEL_SETS, SPEAKER, AdaptationNote, FileNote, card_to_json
from tests.networks import card

P, N_CLASSES = contract.N_BANDS, len(LABEL_SETS[1])


def write_adapting(home: Path) -> None:
    """Write the models `adapting` and `never` where the program looks for the user's own.

    The embedding is the mean of the picture's columns; logits are random sums of what it differs from the speaker's.
    """
    models = home / ".local/share/emostream/models"
    weights = np.random.default_rng(0).normal(size=(P, N_CLASSES)).astype(np.float32)
    shapes = {**INPUT_SHAPES, SPEAKER: (P,)}
    made = replace(card("adapting"), labels=LABEL_SETS[1], threshold=0.0, temperatures=(1.0,), shapes=shapes)
    for name, note in (("adapting", AdaptationNote(0.5, 1.0, 1)), ("never", None)):
        named = replace(made, name=name, adaptation=note)
        written = checkpoint.write(models / name, named, {"weights": weights})
        content = exported(weights, written.files[checkpoint.WEIGHTS_FILE].sha256)
        (models / name / checkpoint.ONNX_FILE).write_bytes(content)
        notes = {**written.files, checkpoint.ONNX_FILE: FileNote(checkpoint.sha256(content), len(content))}
        (models / name / checkpoint.CARD_FILE).write_bytes(card_to_json(replace(written, files=notes)))


def exported(weights: np.ndarray, sha256: str) -> bytes:
    """Return the network as an ONNX file."""
    nodes = [
        helper.make_node("ReduceMean", ["picture", "time"], ["embedding"], keepdims=0),
        helper.make_node("Sub", ["embedding", "speaker"], ["difference"]),
        helper.make_node("MatMul", ["difference", "weights"], ["row"]),
        helper.make_node("Unsqueeze", ["row", "head"], ["logits"]),
    ]

    def value(name: str, *shape: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])

    graph = helper.make_graph(
        nodes,
        "adapting",
        [value("picture", *contract.PICTURE_SHAPE), value("speaker", P)],
        [value("logits", 1, N_CLASSES), value("embedding", P)],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([2]), "time"),
            numpy_helper.from_array(np.array([1]), "head"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {export.WEIGHTS_KEY: sha256})
    return bytes(model.SerializeToString())
