"""Torch as the engine; that it agrees with ONNX Runtime is in test_onnx_engine.py. No test needs a graphics card."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from streamer.engines.engine import feed_of
from streamer.engines.torch_engine import TorchEngine, has_cuda
from streamer.network import checkpoint, registry
from streamer.network.card import LABEL_SETS
from streamer.network.entries import CheckpointError
from tests.networks import SMALL, answers, card, window, write_weights


@pytest.mark.parametrize(("kind", "config"), [("attention", SMALL), ("stream", {}), ("deep", {"n_encoder_blocks": 1})])
def test_it_runs_the_network_of_the_card(tmp_path: Path, kind: str, config: dict[str, Any]) -> None:
    folder = write_weights(tmp_path, replace(card("it", kind, config), labels=LABEL_SETS[kind != "attention"]))
    made = checkpoint.read_card(folder)
    feed = feed_of(window(), made.shapes)
    answer = TorchEngine(checkpoint.read_tensors(folder, made), made, "cpu").run(feed)
    wanted = answers(registry.load(folder), [torch.from_numpy(array) for array in feed.arrays.values()])
    assert (answer.logits == wanted[0][0].numpy()).all()
    if kind == "attention":
        assert answer.embedding is None
    else:
        assert answer.embedding is not None
        assert (answer.embedding == wanted[1][0].numpy()).all()
        assert answer.embedding.shape == made.shapes["speaker"]


@pytest.mark.filterwarnings("error")
def test_a_windows_arrays_may_be_read_only(tmp_path: Path) -> None:
    folder = write_weights(tmp_path)
    made = checkpoint.read_card(folder)
    feed = feed_of(window(), made.shapes)
    engine = TorchEngine(checkpoint.read_tensors(folder, made), made, "cpu")
    wanted = engine.run(feed).logits
    for array in feed.arrays.values():
        array.flags.writeable = False
    assert (engine.run(feed).logits == wanted).all()


def test_weights_that_do_not_fit_are_refused_by_layer(tmp_path: Path) -> None:
    folder = write_weights(tmp_path)
    made = checkpoint.read_card(folder)
    tensors = checkpoint.read_tensors(folder, made)
    del tensors["e.bias"]
    with pytest.raises(CheckpointError, match=r"model small: weights.safetensors: layer e.bias is missing"):
        TorchEngine(tensors, made, "cpu")


def test_a_build_for_the_cpu_reaches_no_card() -> None:
    assert has_cuda() == (torch.version.cuda is not None and torch.cuda.device_count() > 0)
