"""The network on the CPU, through ONNX Runtime: 4 to 10 times faster than torch there, and a quarter of its memory.

The only file that imports onnxruntime.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as faults

from streamer.engines.engine import Answer, Feed, with_said_slots
from streamer.errors import ModelError
from streamer.network import checkpoint
from streamer.network.card import FREE_AXES, MELS, SPEAKER, Card, shape_text

LOGITS, EMBEDDING = "logits", "embedding"
WEIGHTS_KEY = "weights_sha256"
"""All as streamer.network.export writes them; that file needs torch, so it is not imported."""

ERRORS_ONLY = 3
"""Severity of ONNX Runtime's log: its warnings speak of graphics cards that nobody asked for."""


class OnnxGraph:
    """An exported network, or a part of one, in ONNX Runtime."""

    def __init__(self, exported: bytes, card: Card, threads: int, file: str) -> None:
        """Make the content of `file` ready; raises ModelError if it was not exported from the card's weights."""
        onnxruntime.set_default_logger_severity(ERRORS_ONLY)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = ERRORS_ONLY
        # Between two hops the threads would otherwise burn the processor while they wait.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(exported, options, providers=["CPUExecutionProvider"])
        except (faults.Fail, faults.InvalidGraph, faults.InvalidProtobuf, faults.InvalidArgument) as error:
            message = f"model {card.name}: {file} is no network ({error!s:.120}); install the model again"
            raise ModelError(message) from error
        exported_from = self._session.get_modelmeta().custom_metadata_map.get(WEIGHTS_KEY)
        if exported_from != card.files[checkpoint.WEIGHTS_FILE].sha256:
            message = f"model {card.name}: {file} was exported from other weights; install the model again"
            raise ModelError(message)
        self.inputs = {entry.name: tuple(entry.shape) for entry in self._session.get_inputs()}
        """Shapes by name; text stands for a length that may vary."""
        self.outputs = {entry.name: tuple(entry.shape) for entry in self._session.get_outputs()}

    def __call__(self, given: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Return all outputs in their order; what is given beyond the inputs is passed over."""
        answers: list[NDArray[Any]] = self._session.run(None, {name: given[name] for name in self.inputs})
        return answers


class OnnxEngine:
    """A whole network in ONNX Runtime."""

    device = "cpu"

    def __init__(self, exported: bytes, card: Card, threads: int) -> None:
        """Make the network ready.

        Raises ModelError if the file is no network of this card: other weights, other inputs, other answers.
        """
        self._graph = OnnxGraph(exported, card, threads, checkpoint.ONNX_FILE)
        self._check(card)
        # Networks exported before the slots were free take all of them.
        self._slots_are_free = isinstance(self._graph.inputs.get("words", (0,))[-1], str)

    def run(self, feed: Feed) -> Answer:
        """Return the answer to a batch of one."""
        given = with_said_slots(feed.arrays) if self._slots_are_free else feed.arrays
        answers = dict(zip(self._graph.outputs, self._graph(given), strict=True))
        embedding = answers.get(EMBEDDING)
        return Answer(np.asarray(answers[LOGITS][0]), None if embedding is None else np.asarray(embedding[0]))

    def _check(self, card: Card) -> None:
        wanted = {**card.shapes, LOGITS: (len(card.heads), len(card.labels))}
        if SPEAKER in card.shapes:
            wanted[EMBEDDING] = card.shapes[SPEAKER]
        entries = self._graph.inputs | self._graph.outputs
        for name, (_, *shape) in entries.items():
            found = tuple(shape)
            if MELS in card.shapes and name in FREE_AXES and isinstance(found[FREE_AXES[name]], str):
                axis = FREE_AXES[name]  # takes any length
                found = (*found[:axis], wanted[name][axis], *found[axis + 1 :])
            if found != wanted.get(name):
                told = shape_text(wanted[name]) if name in wanted else "nothing of that name"
                has = f"network.onnx has {name} of {shape_text(found)}, wanted {told}"
                message = f"model {card.name}: {has}; install the model again"
                raise ModelError(message)
        missing = {LOGITS, EMBEDDING} & wanted.keys() - entries.keys()
        if missing:
            message = f"model {card.name}: network.onnx has no {', '.join(sorted(missing))}; install the model again"
            raise ModelError(message)
