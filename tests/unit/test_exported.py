"""A model that comes without network.onnx is exported once, in a process of its own, and kept."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from streamer.engines.exported import check_needs, exported_once, key
from streamer.engines.onnx_engine import OnnxEngine
from streamer.errors import ModelError
from streamer.network import checkpoint
from streamer.network.card import input_shapes
from tests.networks import card, write_weights


def test_it_is_exported_once_and_a_damaged_copy_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder, cache = write_weights(tmp_path), tmp_path / "cache"
    made = checkpoint.read_card(folder)
    damaged = cache / f"{key(made)}-{'0' * 64}.onnx"
    cache.mkdir()
    damaged.write_bytes(b"damaged")
    with caplog.at_level(logging.INFO):
        content = exported_once(folder, made, cache)
        assert exported_once(folder, made, cache) == content
    assert [record.message for record in caplog.records] == [
        f"{damaged} is damaged and is made again",
        "model small comes without network.onnx; exporting it once",
    ]
    OnnxEngine(content, made, 1)
    assert [path.name for path in cache.iterdir()] == [f"{key(made)}-{checkpoint.sha256(content)}.onnx"]


def test_other_weights_or_settings_are_another_network(tmp_path: Path) -> None:
    first = checkpoint.read_card(write_weights(tmp_path, card("a"), seed=1))
    second = checkpoint.read_card(write_weights(tmp_path, card("b"), seed=2))
    assert key(first) != key(second)
    assert key(first) != key(replace(first, config={}))
    assert key(first) != key(replace(first, shapes=input_shapes("picture", 4)))
    assert key(first) == key(replace(first, name="b", threshold=0.1))


def test_what_is_not_installed_is_named() -> None:
    with pytest.raises(ModelError) as caught:
        check_needs("mine", lambda library: library == "onnx")
    assert str(caught.value) == (
        "model mine comes without network.onnx, and to make one torch, onnxscript must be installed; "
        "run pip install 'emostream[train]', or choose another model with --model"
    )
    check_needs("mine")
