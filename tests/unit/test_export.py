"""The exported network says what torch says, whatever the batch, the padding and the words."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from streamer.network import checkpoint, contract, export, registry
from streamer.network.card import INPUT_SHAPES, Shapes
from tests.networks import PROFILES, answers, card, inputs, network, write_weights

EXPORTED = {
    **PROFILES,
    "stream": ("stream", {"n_classes": 7}),
    "deep": ("deep", {"n_classes": 7}),
    "deep, with sentences": ("deep", {"n_classes": 7, "n_encoder_blocks": 1, "n_sentence_blocks": 1}),
}
del EXPORTED["shallow 1-D"]  # nothing in it that the other three do not have


def check(session: onnxruntime.InferenceSession, net: nn.Module, arrays: list[Tensor]) -> None:
    """Demand the same answers of both, all of them and each by its name."""
    shapes = registry.inputs_of(net)
    wanted = {entry.name for entry in session.get_inputs()}
    feed = {name: array.numpy() for name, array in zip(shapes, arrays, strict=True) if name in wanted}
    expected = answers(net, arrays)
    found = session.run(list(export.OUTPUTS[: len(expected)]), feed)
    assert len(session.get_outputs()) == len(found) == (2 if "speaker" in shapes else 1)
    for one, other in zip(found, expected, strict=True):
        assert np.isfinite(other.numpy()).all()
        np.testing.assert_allclose(one, other.numpy(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("profile", EXPORTED)
def test_onnx_runtime_agrees_with_torch(profile: str) -> None:
    net = network(*EXPORTED[profile])
    exported = export.to_onnx(net.train())
    assert net.training  # exported without its dropout, and left as it was
    net.eval()
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    shapes = registry.inputs_of(net)
    silent = inputs(1, 0, shapes)
    silent[0] *= 0.0
    wordless = inputs(3, 0, shapes)
    wordless[3][1] = False
    unheard = inputs(2, 0, shapes)
    unheard[1][:] = False
    for arrays in (inputs(1, 0, shapes), inputs(2, 1, shapes), silent, wordless, unheard):
        check(session, net, arrays)
    for n_columns in (8, 12, 296) if "mels" in shapes else ():
        check(session, net, inputs(1, n_columns, cropped(shapes, n_columns)))
    for n_slots in (2, 3, 27) if "mels" in shapes else ():
        check(session, net, inputs(2, n_slots, shortened(shapes, n_slots)))


def cropped(shapes: Shapes, n_columns: int) -> Shapes:
    return {**shapes, "mels": (contract.N_MELS, contract.MELS_PER_COLUMN * n_columns), "columns": (n_columns,)}


def shortened(shapes: Shapes, n_slots: int) -> Shapes:
    said = {"words": (contract.WORD_DIMS, n_slots), "word_mask": (n_slots,), "word_spans": (n_slots, 2)}
    return {**shapes, **said}


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
    check(session, registry.load(tmp_path / "small"), inputs(2))


def test_the_card_is_told_what_the_network_takes(tmp_path: Path) -> None:
    made = replace(card(), shapes={"video": (3,)})
    assert export.save(tmp_path / "small", network("attention", dict(made.config)), made).shapes == INPUT_SHAPES


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_weights(tmp_path)
    shutil.copy(folder / checkpoint.CARD_FILE, folder / checkpoint.WEIGHTS_FILE)
    assert export.main([str(folder), str(tmp_path / "out.onnx")]) == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "weights.safetensors" in said
    assert not (tmp_path / "out.onnx").exists()
