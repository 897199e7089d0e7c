"""The exported network says what torch says, whatever the batch, the padding and the words."""

import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from streamer.network import checkpoint, export, registry
from streamer.network.card import INPUT_SHAPES
from tests.networks import PROFILES, answer, card, inputs, network, write_weights

EXPORTED = {**PROFILES, "stream": ("stream", {"n_classes": 7})}
del EXPORTED["shallow 1-D"]  # nothing in it that the other three do not have


def run(session: onnxruntime.InferenceSession, arrays: list[Tensor]) -> np.ndarray:
    wanted = {entry.name for entry in session.get_inputs()}
    feed = {name: array.numpy() for name, array in zip(INPUT_SHAPES, arrays, strict=True) if name in wanted}
    logits: np.ndarray = session.run([export.OUTPUT], feed)[0]
    return logits


@pytest.mark.parametrize("profile", EXPORTED)
def test_onnx_runtime_agrees_with_torch(profile: str) -> None:
    net = network(*EXPORTED[profile])
    exported = export.to_onnx(net.train())
    assert net.training  # exported without its dropout, and left as it was
    net.eval()
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    silent = inputs(1)
    silent[0] *= 0.0
    wordless = inputs(3)
    wordless[3][1] = False
    unheard = inputs(2)
    unheard[1][:] = False
    for arrays in (inputs(1), inputs(2, seed=1), silent, wordless, unheard):
        wanted = answer(net, arrays).numpy()
        assert np.isfinite(wanted).all()
        np.testing.assert_allclose(run(session, arrays), wanted, atol=1e-4, rtol=0)


def test_a_saved_model_is_whole(tmp_path: Path) -> None:
    net = network("attention", dict(card().config)).train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    made = export.save(tmp_path / "small", net, card())
    assert net.training
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert checkpoint.verify(tmp_path / "small") == made
    exported = checkpoint.read_onnx(tmp_path / "small", made)
    assert exported is not None
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map == {
        export.WEIGHTS_KEY: made.files[checkpoint.WEIGHTS_FILE].sha256
    }
    wanted = answer(registry.load(tmp_path / "small"), inputs(2)).numpy()
    np.testing.assert_allclose(run(session, inputs(2)), wanted, atol=1e-4, rtol=0)


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_weights(tmp_path)
    shutil.copy(folder / checkpoint.CARD_FILE, folder / checkpoint.WEIGHTS_FILE)
    assert export.main([str(folder), str(tmp_path / "out.onnx")]) == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "weights.safetensors" in said
    assert not (tmp_path / "out.onnx").exists()
