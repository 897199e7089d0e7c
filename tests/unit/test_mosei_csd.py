"""Computational sequences: found by root, read per video, refused in a sentence when damaged."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from streamer.errors import SourceError
from tests.harness import mosei_files as files
from tools.mosei import csd, labels, speech

VIDEOS = [
    files.Video(
        "-ab_cdEFgh0",
        [(0.0, 4.0, {"happy": 2.0}), (5.0, 9.0, {"sad": 1.0})],
        [("sp", 0.0, 0.3), ("well", 0.3, 0.6), ("yes", 0.6, 1.0)],
    )
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files.write(tmp_path / "csd", VIDEOS)
    return tmp_path / "csd"


def test_files_are_found_by_their_root_whatever_they_are_called(folder: Path) -> None:
    (folder / "b.csd").rename(folder / "labels" / "CMU_MOSEI_Labels.csd")
    assert {root: path.name for root, path in csd.find(folder).items()} == {
        "All Labels": "a.csd",
        "words": "CMU_MOSEI_Labels.csd",
        "COVAREP": "c.csd",
        "glove_vectors": "d.csd",
    }


def test_metadata_is_decoded_with_its_fused_key_and_whatever_is_no_json(folder: Path) -> None:
    with h5py.File(folder / "b.csd", "r+") as file:
        file["words/metadata"].create_dataset("contact", (1,), dtype=h5py.string_dtype())[0] = "no {json"
        file["words/metadata"].create_dataset("odd", data=np.zeros(3))
    with csd.Sequence(folder / "b.csd") as words, csd.Sequence(folder / "labels" / "a.csd") as labelled:
        assert words.metadata()["contact"] == "no {json"
        assert "odd" not in words.metadata()
        assert labelled.metadata()[files.FUSED] == list(files.PUBLISHED)


def test_numbered_entries_are_pieces_of_one_video_in_order(tmp_path: Path) -> None:
    entries = {
        f"vid[{i}]": files.labels_entry([(float(i), i + 1.0, {"fear": 1.0})], files.PUBLISHED) for i in (10, 2, 1)
    }
    files.write_sequence(tmp_path / "x.csd", "All Labels", entries, {})
    with csd.Sequence(tmp_path / "x.csd") as sequence:
        assert sequence.videos == ["vid"]
        assert [piece.name for piece in sequence.pieces("vid", 7)] == ["vid[1]", "vid[2]", "vid[10]"]
        found = labels.segments(sequence, "vid", labels.order({}, "")[0], labels.Faults())
    assert [(one.start_s, one.number) for one in found] == [(1.0, 0), (2.0, 1), (10.0, 2)]


def test_an_entry_without_rows_is_no_damage(tmp_path: Path) -> None:
    nothing = (np.zeros((0, 1)), np.zeros((0, 2)))
    files.write_sequence(tmp_path / "w.csd", "words", {"v": nothing}, {})
    with csd.Sequence(tmp_path / "w.csd") as sequence:
        assert speech.read(sequence, "v") == speech.read(sequence, "another") == speech.Speech()


def test_words_come_as_padded_bytes_strings_or_their_python_form(tmp_path: Path) -> None:
    intervals = np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 3.0], [3.0, 4.0]])
    forms: dict[str, Any] = {
        "bytes": np.array([[b"Don't"], [b"sp"], [b"caf\xc3\xa9"], [b"{LG}"]], "S40"),
        "python": np.array([[b"b'don't'"], [b"b'sp'"], ["b'café'".encode()], [b""]], "S40"),
    }
    files.write_sequence(tmp_path / "w.csd", "words", {name: (form, intervals) for name, form in forms.items()}, {})
    with h5py.File(tmp_path / "w.csd", "r+") as file:
        group = file["words/data"].create_group("strings")
        column = group.create_dataset("features", (4, 1), dtype=h5py.string_dtype())
        column[:, 0] = ["don't", "sp", "café", " sp "]
        group.create_dataset("intervals", data=intervals)
    with csd.Sequence(tmp_path / "w.csd") as sequence:
        for video in (*forms, "strings"):
            said = speech.read(sequence, video)
            assert [(word.text, word.start_s) for word in said.words] == [("don't", 0.0), ("café", 2.0)], video
            assert said.n_pauses == 2


def edit(path: Path, change: Callable[[h5py.File], None]) -> None:
    with h5py.File(path, "r+") as file:
        change(file)


def replace(name: str, data: object) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        if data is not None:
            file[name] = data

    return change


ENTRY = "All Labels/data/-ab_cdEFgh0"

DAMAGES: dict[str, tuple[Callable[[h5py.File], None], str]] = {
    "no features": (replace(f"{ENTRY}/features", None), "has no features"),
    "no intervals": (replace(f"{ENTRY}/intervals", None), "has no intervals"),
    "six columns": (replace(f"{ENTRY}/features", np.zeros((2, 6))), r"features \(2, 6\).*wanted \(n, 7\)"),
    "flat": (replace(f"{ENTRY}/features", np.zeros(14)), r"features \(14,\)"),
    "scalar": (replace(f"{ENTRY}/features", 3.0), r"features \(\)"),
    "fewer intervals": (replace(f"{ENTRY}/intervals", np.zeros((1, 2))), r"intervals \(1, 2\)"),
    "three times": (replace(f"{ENTRY}/intervals", np.zeros((2, 3))), r"intervals \(2, 3\)"),
    "bytes for numbers": (replace(f"{ENTRY}/features", np.full((2, 7), b"x")), "wanted numbers"),
    "not finite": (replace(f"{ENTRY}/features", np.full((2, 7), np.nan)), "not finite"),
    "endless": (replace(f"{ENTRY}/intervals", np.array([[0, 1], [2, np.inf]])), "not finite"),
    "backwards": (replace(f"{ENTRY}/intervals", np.array([[0, 1], [9.0, 5.0]])), "9 to 5 s, wanted a start before"),
    "before zero": (replace(f"{ENTRY}/intervals", np.array([[0, 1], [-9.0, -5.0]])), "-9 to -5 s"),
    "dataset for group": (replace(ENTRY, np.zeros((2, 7))), "has no features"),
    "no data": (replace("All Labels/data", None), "no group 'data'"),
    "two roots": (lambda file: file.create_group("other"), "2 root groups"),
    "no root": (replace("All Labels", None), "0 root groups"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_wrong_structure_is_refused_with_place_and_wish(folder: Path, damage: str) -> None:
    path = folder / "labels" / "a.csd"
    change, sentence = DAMAGES[damage]
    edit(path, change)
    with pytest.raises(SourceError, match=sentence) as caught, csd.Sequence(path) as sequence:
        labels.segments(sequence, "-ab_cdEFgh0", labels.order({}, "")[0], labels.Faults())
    assert str(path) in str(caught.value)
    assert str(caught.value).endswith("download the file again")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_truncated_files_are_refused_wherever_they_break_off(folder: Path, share: float) -> None:
    path = folder / "labels" / "a.csd"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(SourceError, match="cannot be opened as HDF5"):
        csd.find(folder)


def test_garbage_inside_is_refused_or_read_but_never_crashes(folder: Path) -> None:
    path = folder / "labels" / "a.csd"
    whole = path.read_bytes()
    rng = np.random.default_rng(3)
    refused = 0
    for _ in range(60):
        broken = bytearray(whole)
        at = int(rng.integers(len(whole)))
        broken[at : at + 64] = rng.bytes(len(broken[at : at + 64]))
        path.write_bytes(broken)
        try:
            with csd.Sequence(path) as sequence:
                names, _ = labels.order(sequence.metadata(), "")
                for video in sequence.videos:
                    labels.segments(sequence, video, names, labels.Faults())
        except SourceError:
            refused += 1
    assert refused > 10


def test_a_text_file_called_csd_is_refused(folder: Path) -> None:
    (folder / "page.csd").write_text("<html>404</html>")
    with pytest.raises(SourceError, match=r"page\.csd.*cannot be opened as HDF5"):
        csd.find(folder)


def test_two_files_with_one_root_are_refused(folder: Path) -> None:
    shutil.copy(folder / "b.csd", folder / "old.csd")
    with pytest.raises(SourceError, match=r"b\.csd.*old\.csd.*both hold 'words'"):
        csd.find(folder)


def test_a_folder_without_sequences_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"holds no \.csd file"):
        csd.find(tmp_path)
    with pytest.raises(SourceError, match="is no folder"):
        csd.find(tmp_path / "nowhere")
