"""Weights in half precision: half the file, the same answers, and a network that loads without being told."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from streamer.engines.classifier import Choice, Classifier
from streamer.engines.engine import feed_of
from streamer.engines.onnx_engine import OnnxEngine
from streamer.network import card, checkpoint, contract, export, registry
from streamer.network.entries import CheckpointError
from tests.networks import answer, window
from tools.training import halves, paperfolder

CONFIG = {"flat": True, "poolings": 2, "third_poolings": 2, "dense": [128, 16], "step_samples": 400}


def note() -> card.Card:
    return card.Card(
        "half", "attention", CONFIG, contract.EMOTIONS, ("joint",), (1.0,), (1.0,), 0.0, "none", "python tools/train.py"
    )


def test_a_folder_in_half_precision_answers_as_the_rounded_network(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = registry.create("attention", CONFIG).eval()
    before = {name: tensor.copy() for name, tensor in registry.tensors_of(network).items()}
    paperfolder.halved(network)
    after = registry.tensors_of(network)
    (changed,) = (name for name in before if not np.array_equal(before[name], after[name]))
    assert changed == "head.hidden.0.weight"
    np.testing.assert_allclose(after[changed], before[changed], rtol=1e-3, atol=1e-6)
    written = paperfolder.write(tmp_path / "half", network, note())
    assert checkpoint.verify(tmp_path / "half") == written
    whole = sum(4 * tensor.size for tensor in after.values())
    for name in (checkpoint.WEIGHTS_FILE, checkpoint.ONNX_FILE):
        assert written.files[name].bytes < 0.65 * whole
    loaded = registry.load(tmp_path / "half")
    for name, tensor in registry.tensors_of(loaded).items():
        assert tensor.dtype == np.float32
        assert np.array_equal(tensor, after[name])
    seen = window(seed=5)
    feed = (seen.picture, seen.columns, seen.words, seen.word_mask, seen.word_spans)
    wanted = torch.softmax(answer(loaded, [torch.from_numpy(np.array(x)).unsqueeze(0) for x in feed])[0, 0], dim=0)
    with Classifier.open([tmp_path], Choice("half", "cpu", unsure_below=0.0)) as opened:
        shares = opened.classify(seen).probabilities
    assert shares is not None
    np.testing.assert_allclose(shares, wanted.numpy(), atol=1e-5)


def test_a_model_saved_in_half_the_size_is_whole_and_says_what_the_network_says(tmp_path: Path) -> None:
    torch.manual_seed(4)
    network = registry.create("attention", CONFIG).eval()
    before = registry.tensors_of(network)["head.hidden.0.weight"].copy()
    made = halves.save(tmp_path / "half", network, replace(note(), shapes={}))
    assert checkpoint.verify(tmp_path / "half") == made
    assert made.shapes == card.INPUT_SHAPES
    rounded = registry.tensors_of(network)["head.hidden.0.weight"]
    assert (rounded == before.astype(np.float16)).all()
    exported = checkpoint.read_onnx(tmp_path / "half", made)
    assert exported is not None
    feed = feed_of(window(), made.shapes)
    wanted = answer(network, [torch.from_numpy(array) for array in feed.arrays.values()])[0].numpy()
    np.testing.assert_allclose(OnnxEngine(exported, made, 1).run(feed).logits, wanted, atol=1e-4, rtol=0)


def test_only_large_float32_tensors_are_halved() -> None:
    tensors: dict[str, NDArray[Any]] = {
        "large": np.full(halves.LARGE, 0.1, np.float32),
        "small": np.full(halves.LARGE - 1, 0.1, np.float32),
        "counts": np.zeros(halves.LARGE, np.int64),
    }
    kinds = {name: tensor.dtype.name for name, tensor in halves.halved(tensors).items()}
    assert kinds == {"large": "float16", "small": "float32", "counts": "int64"}


def test_the_export_names_its_weights_and_holds_no_large_single() -> None:
    network = registry.create("attention", CONFIG).eval()
    model = onnx.load_model_from_string(halves.halved_onnx(export.to_onnx(network, "abc")))
    assert {entry.key: entry.value for entry in model.metadata_props}["weights_sha256"] == "abc"
    large = [one for one in model.graph.initializer if np.prod(one.dims) >= halves.LARGE]
    assert large
    assert {one.data_type for one in large} == {onnx.TensorProto.FLOAT16}


@pytest.mark.filterwarnings("error")
def test_a_number_too_large_for_half_precision_is_refused(tmp_path: Path) -> None:
    network = registry.create("attention", CONFIG)
    with torch.no_grad():
        network.state_dict()["head.hidden.0.weight"][0, 0] = 1e6
    with pytest.raises(CheckpointError, match="not finite"):
        paperfolder.write(tmp_path / "half", network, note())
