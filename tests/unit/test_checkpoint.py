"""Model folders: what was written is read, and whatever was changed since is refused before it is used."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from numpy.typing import NDArray

from streamer.network import checkpoint
from streamer.network.card import FileNote
from streamer.network.entries import CheckpointError
from tests.networks import card, rewrite_card, write_weights

TENSORS: dict[str, NDArray[Any]] = {
    "scale": np.array(2.0, np.float32),
    "f.weight": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "steps": np.array([3], np.int64),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    checkpoint.write(tmp_path / "small", card(), TENSORS, b"an exported network")
    return tmp_path / "small"


def refusal(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        checkpoint.verify(folder)
    return str(caught.value).replace(f"{folder}/", "")


def put_weights(folder: Path, content: bytes) -> None:
    """Replace the weights and let the card vouch for them, shapes aside."""
    (folder / checkpoint.WEIGHTS_FILE).write_bytes(content)
    note = FileNote(checkpoint.sha256(content), len(content))
    rewrite_card(folder, files={**checkpoint.read_card(folder).files, checkpoint.WEIGHTS_FILE: note})


def test_what_was_written_is_read(folder: Path) -> None:
    made = checkpoint.read_card(folder)
    tensors = checkpoint.read_tensors(folder, made)
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert tensors[name].shape == made.tensors[name] == tensor.shape
        assert (tensors[name] == tensor).all()
    assert checkpoint.read_onnx(folder, made) == b"an exported network"
    assert checkpoint.verify(folder) == made
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "network.onnx", "weights.safetensors"]


def test_new_weights_take_the_old_export_away(folder: Path) -> None:
    made = checkpoint.write(folder, card(), TENSORS)
    assert checkpoint.read_onnx(folder, made) is None
    assert not (folder / checkpoint.ONNX_FILE).exists()


@pytest.mark.parametrize("name", [checkpoint.WEIGHTS_FILE, checkpoint.ONNX_FILE])
def test_one_changed_bit_is_noticed(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    note = checkpoint.read_card(folder).files[name]
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    assert refusal(folder) == (
        f"{name} has SHA-256 {checkpoint.sha256(bytes(content))[:12]}…, but its card says {note.sha256[:12]}…: "
        "the file is damaged or not the one that was trained; install the model again"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t | {"f.weight": np.zeros((3, 3), np.float32)}, "layer f.weight is 3x3, but its card wants 3x2"),
        (lambda t: t | {"g": np.zeros(4, np.float32)}, "layer g is 4, but its card has no such layer"),
        (lambda t: {"scale": t["scale"], "steps": t["steps"]}, "layer f.weight is missing, but its card wants 3x2"),
    ],
)
def test_other_shapes_are_refused_by_the_name_of_the_layer(
    folder: Path, change: Callable[[dict[str, NDArray[Any]]], dict[str, NDArray[Any]]], said: str
) -> None:
    tensors = {name: np.array(tensor, order="C") for name, tensor in TENSORS.items()}
    put_weights(folder, safetensors.numpy.save(change(tensors)))
    assert refusal(folder) == f"weights.safetensors: {said}; install or train the model again"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(folder: Path, bad: float) -> None:
    tensors = {name: np.array(tensor, order="C") for name, tensor in TENSORS.items()}
    tensors["scale"] = np.array(bad, np.float32)
    put_weights(folder, safetensors.numpy.save(tensors))
    said = "layer scale holds numbers that are not finite; train or install the model again"
    assert refusal(folder) == f"weights.safetensors: {said}"
    with pytest.raises(CheckpointError, match="model small: layer scale holds numbers that are not finite"):
        checkpoint.write(folder, card(), tensors)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x00", "its header claims 0 bytes"),
        ((1 << 40).to_bytes(8, "little") + b"{}", "its header claims 1099511627776 bytes"),
        ((2).to_bytes(8, "little") + b"[]", "its header is not that of a safetensors file"),
        ((4).to_bytes(8, "little") + b"gggg", "its header is not that of a safetensors file"),
        ((10).to_bytes(8, "little") + b'{"a": {}}  ', "its header is not that of a safetensors file"),
        (b"not a model, and long enough", "its header claims 8029109312199880558 bytes"),
    ],
)
def test_what_is_no_safetensors_file_is_refused(folder: Path, content: bytes, said: str) -> None:
    put_weights(folder, content)
    assert refusal(folder) == f"weights.safetensors is damaged ({said}); install the model again"


def test_a_header_that_lies_about_its_data_is_refused(folder: Path) -> None:
    content = (folder / checkpoint.WEIGHTS_FILE).read_bytes()
    put_weights(folder, content[:-4])
    assert refusal(folder).startswith("weights.safetensors is damaged (")


def test_too_many_tensors_are_refused(folder: Path) -> None:
    header = json.dumps({str(i): {"shape": []} for i in range(checkpoint.TENSOR_CAP + 1)}).encode()
    put_weights(folder, len(header).to_bytes(8, "little") + header)
    assert "it holds 4097 tensors, and 4096 at most are read" in refusal(folder)


def test_a_file_longer_than_its_card_says_is_not_read_to_its_end(folder: Path) -> None:
    with (folder / checkpoint.ONNX_FILE).open("ab") as file:
        file.write(b"more")
    assert refusal(folder) == (
        "network.onnx is damaged (it is larger than the 19 bytes it may have); install the model again"
    )


def test_missing_files_are_named(folder: Path) -> None:
    (folder / checkpoint.WEIGHTS_FILE).unlink()
    assert refusal(folder) == (
        "weights.safetensors cannot be read (No such file or directory); install the model again"
    )
    (folder / checkpoint.CARD_FILE).unlink()
    assert refusal(folder).startswith("card.json cannot be read (No such file or directory)")


def test_a_card_without_weights_is_refused(folder: Path) -> None:
    rewrite_card(folder, files={})
    assert refusal(folder) == "card.json lists no weights.safetensors; install or train the model again"


def test_models_are_listed_in_the_order_in_which_they_are_found(tmp_path: Path) -> None:
    mine, shipped = tmp_path / "mine", tmp_path / "shipped"
    write_weights(mine)
    shutil.copytree(mine / "small", shipped / "small")
    shutil.copytree(mine / "small", shipped / "broken")
    (shipped / "broken" / checkpoint.CARD_FILE).write_text("{")
    (shipped / "words-en").mkdir()
    (shipped / "words-en" / checkpoint.CARD_FILE).write_text('{"schema": "emostream.vectors/1"}')
    entries = checkpoint.installed([mine, shipped, tmp_path / "nowhere"])
    assert [(entry.name, entry.folder) for entry in entries] == [
        ("small", mine / "small"),
        ("broken", shipped / "broken"),
    ]
    assert entries[0].card == checkpoint.read_card(mine / "small")
    assert entries[0].problem is None
    assert entries[1].card is None
    assert "broken/card.json is not JSON" in str(entries[1].problem)


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(TypeError):
        checkpoint.write_whole(tmp_path / "file", "text")  # type: ignore[arg-type]  # that is what fails
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]
