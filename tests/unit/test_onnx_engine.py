"""An exported network runs, and one that is not of its card is refused."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from streamer.engines.engine import feed_of
from streamer.engines.onnx_engine import OnnxEngine, OnnxGraph
from streamer.engines.torch_engine import TorchEngine
from streamer.errors import ModelError
from streamer.network import checkpoint, export
from streamer.network.card import LABEL_SETS, Card, FileNote
from tests.networks import card, network, window, write_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models"))


@pytest.fixture
def made(folder: Path) -> Card:
    return checkpoint.read_card(folder)


@pytest.fixture
def exported(folder: Path, made: Card) -> bytes:
    content = checkpoint.read_onnx(folder, made)
    assert content is not None
    return content


@pytest.mark.parametrize("threads", [1, 2])
def test_both_engines_agree(folder: Path, made: Card, exported: bytes, threads: int) -> None:
    on_cpu = OnnxEngine(exported, made, threads)
    in_torch = TorchEngine(checkpoint.read_tensors(folder, made), made, "cpu")
    assert (on_cpu.device, in_torch.device) == ("cpu", "cpu")
    for n_words in (0, 7):
        feed = feed_of(window(n_words=n_words), made.shapes)
        answer = on_cpu.run(feed)
        assert answer.logits.shape == (1, 6)
        assert answer.embedding is None
        np.testing.assert_allclose(in_torch.run(feed).logits, answer.logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize("n_sentence_blocks", [0, 1])
def test_deep_reads_only_the_slots_in_which_something_was_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_sentence_blocks: int
) -> None:
    config = {"n_classes": 6, "n_encoder_blocks": 1, "n_sentence_blocks": n_sentence_blocks}
    made = export.save(tmp_path / "small", network("deep", config), card("small", "deep", config))
    exported = checkpoint.read_onnx(tmp_path / "small", made)
    assert exported is not None
    engine = OnnxEngine(exported, made, 1)
    in_torch = TorchEngine(checkpoint.read_tensors(tmp_path / "small", made), made, "cpu")
    n_fed, run = [], OnnxGraph.__call__

    def noted(graph: OnnxGraph, given: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        n_fed.append(given["words"].shape[-1])
        return run(graph, given)

    monkeypatch.setattr(OnnxGraph, "__call__", noted)
    for n_words in (0, 1, 7, 39, 40):
        feed = feed_of(window(n_words=n_words), made.shapes)
        np.testing.assert_allclose(in_torch.run(feed).logits, engine.run(feed).logits, atol=1e-4, rtol=0)
    assert n_fed == [2, 2, 8, 40, 40]


def test_the_same_window_gives_the_same_bits(made: Card, exported: bytes) -> None:
    engine = OnnxEngine(exported, made, 1)
    feed = feed_of(window(), made.shapes)
    assert (engine.run(feed).logits == engine.run(feed).logits).all()


def test_an_input_that_the_network_does_not_use_may_be_pruned(made: Card, exported: bytes) -> None:
    graph = onnx.load_model_from_string(exported)
    kept = [entry for entry in graph.graph.input if entry.name != "word_spans"]
    del graph.graph.input[:]
    graph.graph.input.extend(kept)
    feed = feed_of(window(), made.shapes)
    pruned = OnnxEngine(graph.SerializeToString(), made, 1).run(feed)
    assert (pruned.logits == OnnxEngine(exported, made, 1).run(feed).logits).all()


def test_an_export_of_other_weights_is_refused(made: Card, exported: bytes) -> None:
    other = replace(made, files={**made.files, checkpoint.WEIGHTS_FILE: FileNote("0" * 64, 1)})
    with pytest.raises(ModelError) as caught:
        OnnxEngine(exported, other, 1)
    assert str(caught.value) == ("model small: network.onnx was exported from other weights; install the model again")


def test_other_answers_are_refused(made: Card, exported: bytes) -> None:
    with pytest.raises(ModelError) as caught:
        OnnxEngine(exported, replace(made, labels=LABEL_SETS[1]), 1)
    assert str(caught.value) == ("model small: network.onnx has logits of 1x6, wanted 1x7; install the model again")


def test_other_inputs_are_refused(made: Card, exported: bytes) -> None:
    graph = onnx.load_model_from_string(exported)
    spare = onnx.helper.make_tensor_value_info("colour", onnx.TensorProto.FLOAT, ["batch", 3])
    graph.graph.input.append(spare)
    with pytest.raises(ModelError, match=r"network.onnx has colour of 3, wanted nothing of that name; install"):
        OnnxEngine(graph.SerializeToString(), made, 1)


@pytest.mark.parametrize("content", [b"", b"not a network", b"\x08\x0a"])
def test_what_is_no_network_is_refused(made: Card, content: bytes) -> None:
    with pytest.raises(ModelError, match=r"^model small: network.onnx is no network \(.*; install the model again$"):
        OnnxEngine(content, made, 1)
