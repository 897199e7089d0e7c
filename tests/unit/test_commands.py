"""The small commands on real model folders."""

import json
from pathlib import Path

import pytest

from streamer import commands
from streamer.errors import ModelError
from tests import networks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    networks.write_weights(tmp_path)
    return tmp_path


def test_models_are_listed_for_people_and_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.models_list([folder], as_json=False) == 0
    assert capsys.readouterr().out.startswith("small  network attention, CC BY-NC-SA 4.0, ")
    assert commands.models_list([folder], as_json=True) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert (entry["name"], entry["network"], entry["problem"]) == ("small", "attention", None)


def test_a_whole_model_is_as_its_card_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.models_verify([folder], [], as_json=False) == 0
    assert capsys.readouterr().out == "small  is as its card says\n"


def test_damage_is_told_with_code_3(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = folder / "small" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert commands.models_verify([folder], ["small"], as_json=True) == 3
    (entry,) = json.loads(capsys.readouterr().out)
    assert "install" in entry["problem"]


def test_a_card_that_cannot_be_read_is_listed_as_damaged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "small" / "card.json").write_text("{")
    commands.models_list([folder], as_json=False)
    assert capsys.readouterr().out.startswith("small  damaged: ")


def test_a_model_that_is_not_there_names_those_that_are(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"^there is no model big in .*; there are small$"):
        commands.models_verify([folder], ["big"], as_json=False)
    with pytest.raises(ModelError, match=r"^there is no model in .*; install emostream again$"):
        commands.models_verify([folder / "small"], [], as_json=False)
