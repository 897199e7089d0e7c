"""Tokens, the vector table and the word matrix."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from streamer import errors
from streamer.features.words import WordVectors, tokens, word_matrix
from streamer.network import contract
from streamer.records import Word

RATE = contract.STREAM_RATE_HZ
COLUMN = contract.LIVE_STEP_SAMPLES * contract.SAMPLES_PER_PICTURE_SAMPLE
SPAN = contract.samples_of(contract.N_COLUMNS) * contract.SAMPLES_PER_PICTURE_SAMPLE
VOCABULARY = ("do", "n't", "stop", "?", "i", "'m")


def table() -> WordVectors:
    rows = np.arange(len(VOCABULARY) * contract.WORD_DIMS).reshape(len(VOCABULARY), contract.WORD_DIMS) % 100
    return WordVectors({w: i for i, w in enumerate(VOCABULARY)}, rows.astype(np.int8), np.full(6, 0.5, np.float32))


def word(text: str, start_s: float, end_s: float) -> Word:
    return Word(text, round(start_s * RATE), round(end_s * RATE), 1.0, final=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I don't KNOW", ["i", "do", "n't", "know"]),
        ("I\u2019m fine.", ["i", "'m", "fine", "."]),
        ("can't, won't; they'll", ["ca", "n't", ",", "wo", "n't", "they", "'ll"]),
        ("What?!  No...", ["what", "?", "!", "no", "."]),
        ("cannot gonna", ["can", "not", "gon", "na"]),
        ("n't", ["n't"]),
        ("the dogs' 42", ["the", "dogs", "42"]),
        ("\u2014 \u00e9 \U0001f600", []),
        ("", []),
    ],
)
def test_tokens(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


def test_the_newest_word_is_last_and_spans_are_columns() -> None:
    end = 20 * RATE
    matrix, mask, spans = word_matrix([word("don't", 19.0, 19.5), word("stop", 19.5, 19.9)], table(), end - SPAN, end)
    assert matrix.shape == contract.WORDS_SHAPE
    assert matrix.dtype == np.float32
    assert mask.nonzero()[0].tolist() == [37, 38, 39]
    np.testing.assert_array_equal(matrix[:, 39], table().vector("stop"))
    np.testing.assert_array_equal(spans[37], spans[38])  # do and n't share the word's time
    # A column stands for the middle of its 100 ms, so 0.1 s before the end lies 2.5 - 0.5 steps further left.
    left = contract.samples_of(contract.N_COLUMNS) / contract.LIVE_STEP_SAMPLES
    assert spans[39, 1] == pytest.approx(left - 0.1 * RATE / COLUMN - 2.0, abs=0.01)
    assert np.all(matrix[:, :37] == 0)
    assert np.all(spans[:37] == 0)


def test_an_unknown_word_keeps_its_slot_masked_and_zero() -> None:
    end = 20 * RATE
    matrix, mask, spans = word_matrix([word("stop zyzzyva stop", 19.0, 19.5)], table(), end - SPAN, end)
    assert mask[-3:].tolist() == [True, False, True]
    assert np.all(matrix[:, 38] == 0)
    assert np.all(spans[38] == 0)


def test_words_outside_the_window_do_not_count_and_marks_have_no_length() -> None:
    end = 20 * RATE
    start = end - SPAN
    inside = [word("stop", 15.0, 15.5), word("?", 15.5, 15.5)]
    outside = [word("do", 1.0, 2.0), Word("do", end, end + 5, 1.0, final=False)]
    few, many = (word_matrix(w, table(), start, end) for w in (inside, [outside[0], *inside, outside[1]]))
    for one, other in zip(few, many, strict=True):
        np.testing.assert_array_equal(one, other)
    assert few[1].sum() == 2


def test_only_the_last_forty_tokens_are_kept() -> None:
    end = 20 * RATE
    said = [word("do", 13.0, 13.1), *(word("stop", 14.0 + i / 10, 14.1 + i / 10) for i in range(40))]
    matrix, mask, _ = word_matrix(said, table(), end - SPAN, end)
    assert mask.all()
    assert np.all(matrix == matrix[:, -1:])


def test_a_pause_ages_what_was_said_before_it() -> None:
    end = 20 * RATE
    said = [word("do", 15.0, 15.3), word("n't", 15.7, 16.0), word("stop", 16.5, 17.0), word("i", 17.0, 17.2)]
    matrix, mask, spans = word_matrix(said, table(), end - SPAN, end, pause_slots=5)
    assert mask.nonzero()[0].tolist() == [31, 32, 38, 39]  # 0.4 s are no pause, half a second is one
    assert not matrix[:, 33:38].any()
    assert not spans[33:38].any()
    together, _, when = word_matrix(said, table(), end - SPAN, end)
    np.testing.assert_array_equal(matrix[:, mask], together[:, -4:])
    np.testing.assert_array_equal(spans[mask], when[-4:])


def test_what_pauses_leave_no_room_for_is_dropped() -> None:
    end = 20 * RATE
    said = [word("do", 12.0 + i, 12.4 + i) for i in range(6)]
    _, mask, _ = word_matrix(said, table(), end - SPAN, end, pause_slots=16)
    assert mask.nonzero()[0].tolist() == [5, 22, 39]


def test_no_words() -> None:
    matrix, mask, spans = word_matrix([], table(), 0, SPAN)
    assert not mask.any()
    assert not matrix.any()
    assert not spans.any()


def write(folder: Path, words: int = 2, rows: int = 2, dtype: type = np.int8) -> None:
    tensors = {"vectors": np.ones((rows, contract.WORD_DIMS), dtype), "scales": np.full(rows, 0.25, np.float32)}
    (folder / "vectors.safetensors").write_bytes(safetensors.numpy.save(tensors))
    (folder / "vocabulary.txt").write_text("\n".join(("stop", "do", "go")[:words]) + "\n")


def test_the_table_is_mapped_and_scaled(tmp_path: Path) -> None:
    write(tmp_path)
    vectors = WordVectors.load(tmp_path)
    assert len(vectors) == 2
    assert "stop" in vectors
    assert "go" not in vectors
    assert vectors.vector("go") is None
    found = vectors.vector("do")
    assert found is not None
    assert found.dtype == np.float32
    assert np.all(found == 0.25)
    assert isinstance(vectors._vectors, np.memmap)


@pytest.mark.parametrize("damage", ["missing", "no vocabulary", "short", "garbage", "rows", "type"])
def test_a_damaged_table_is_a_model_error(tmp_path: Path, damage: str) -> None:
    write(tmp_path, words=3 if damage == "rows" else 2, dtype=np.float32 if damage == "type" else np.int8)
    path = tmp_path / "vectors.safetensors"
    if damage == "missing":
        path.unlink()
    elif damage == "no vocabulary":
        (tmp_path / "vocabulary.txt").unlink()
    elif damage == "short":
        path.write_bytes(path.read_bytes()[:-50])
    elif damage == "garbage":
        path.write_bytes(b"\xff" * 1000)
    with pytest.raises(errors.ModelError, match="install the model again"):
        WordVectors.load(tmp_path)


@pytest.mark.parametrize("text", ["happy", "sad", "angry", "n't", "?", "the"])
def test_the_shipped_table_knows_what_speech_needs(text: str) -> None:
    vectors = WordVectors.load(Path(__file__).parents[2] / "models" / "words-en")
    found = vectors.vector(text)
    assert found is not None
    assert np.linalg.norm(found) > 0.1


def test_a_network_that_hears_sound_alone_has_a_table_that_knows_no_word() -> None:
    table = WordVectors.load(None)
    assert len(table) == 0
    assert table.vector("happy") is None
