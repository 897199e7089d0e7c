"""Import of word vectors: GloVe text, word2vec text and binary give the same table, which the monitor can read."""

import gzip
import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from streamer.errors import ModelError
from streamer.features.words import WordVectors
from streamer.network import contract
from streamer.vectors_import import Imported, import_vectors, quantised, usable

WORDS = ["the", "The", "happy", "n't", "New_York", "?", "sad"]
KEPT = ["the", "happy", "n't", "?", "sad"]


def table(dims: int = contract.WORD_DIMS) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.random.default_rng(0).normal(size=(len(WORDS), dims)).astype(np.float32)


def as_text(matrix: np.ndarray[tuple[int, int], np.dtype[np.float32]], *, header: bool) -> bytes:
    lines = [f"{len(matrix)} {matrix.shape[1]}"] if header else []
    lines += [" ".join([word, *map(str, row)]) for word, row in zip(WORDS, matrix, strict=True)]
    return ("\n".join(lines) + "\n").encode()


def as_binary(matrix: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> bytes:
    rows = b"".join(word.encode() + b" " + row.tobytes() + b"\n" for word, row in zip(WORDS, matrix, strict=True))
    return f"{len(matrix)} {matrix.shape[1]}\n".encode() + rows


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("glove.txt", as_text(table(), header=False)),
        ("w2v.txt", as_text(table(), header=True)),
        ("w2v.bin", as_binary(table())),
        ("w2v.bin.gz", gzip.compress(as_binary(table()))),
    ],
)
def test_every_format_becomes_a_table_that_the_monitor_reads(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    made = import_vectors(tmp_path / name, tmp_path / "mine", 100)
    assert made == Imported(tmp_path / "mine", len(KEPT), 2)
    read = WordVectors.load(tmp_path / "mine")
    for word in KEPT:
        wanted = table()[WORDS.index(word)]
        found = read.vector(word)
        assert found is not None
        np.testing.assert_allclose(found, wanted, atol=float(np.abs(wanted).max()) / 127 / 2 * 1.001)


def test_the_card_holds_the_hashes(tmp_path: Path) -> None:
    (tmp_path / "glove.txt").write_bytes(as_text(table(), header=False))
    folder = import_vectors(tmp_path / "glove.txt", tmp_path / "mine", 100).folder
    card = json.loads((folder / "card.json").read_bytes())
    assert (card["schema"], card["name"], card["rows"]) == ("emostream.vectors/1", "mine", len(KEPT))
    for name, note in card["files"].items():
        assert note["sha256"] == sha256((folder / name).read_bytes()).hexdigest()


def test_only_the_first_rows_are_read(tmp_path: Path) -> None:
    (tmp_path / "glove.txt").write_bytes(as_text(table(), header=False))
    assert import_vectors(tmp_path / "glove.txt", tmp_path / "mine", 3).rows == 2


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is no file of word vectors"),
        (b"root:x:0:0\n", "is no file of word vectors"),
        (as_text(table(50), header=False), "has 50 numbers per word, wanted 300"),
        (as_text(table(), header=True)[:-3000], "is damaged"),
        (as_binary(table())[:2000], "is damaged"),
        (as_text(table(), header=False).replace(b"happy ", b"happy x"), "is damaged"),
        (as_text(np.full((7, 300), np.inf, np.float32), header=False), "is no file of word vectors"),
    ],
)
def test_what_is_no_table_is_one_sentence(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(content)
    with pytest.raises(ModelError, match=sentence):
        import_vectors(tmp_path / "x.txt", tmp_path / "mine", 100)
    assert not (tmp_path / "mine").exists()


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        import_vectors(tmp_path / "none.txt", tmp_path / "mine", 100)


def test_words_that_nobody_can_ask_for_are_passed_over() -> None:
    assert usable(WORDS) == {"the": 0, "happy": 2, "n't": 3, "?": 5, "sad": 6}


def test_a_row_of_zeros_stays_zeros() -> None:
    vectors, scales = quantised(np.zeros((1, 300), np.float32))
    assert not (vectors * scales[:, None]).any()
