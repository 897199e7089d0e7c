"""Words that are spelled alike answer for one that the table does not know."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from streamer import errors
from streamer.features.spelling import LEAST_LIKENESS, N_ALIKE, Spelling
from streamer.features.words import ALIKE, WordVectors
from streamer.network import contract

VOCABULARY = ("annoy", "annoyed", "annoying", "delight", "delightful", "the", "n't", "42000", "furious")
letters = st.text("abcdelnoy", min_size=1, max_size=12)


def nearest(word: str) -> list[str]:
    return [VOCABULARY[row] for row in Spelling(VOCABULARY).alike(word)[0]]


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("annoyingly", ["annoying"]),
        ("delightfully", ["delightful", "delight"]),
        ("furiously", ["furious"]),
        ("xylophone", []),
        ("thé", []),
        ("thy", []),
        ("42001", []),
        ("", []),
    ],
)
def test_the_most_alike_come_first(word: str, found: list[str]) -> None:
    assert nearest(word)[: len(found)] == found
    assert bool(nearest(word)) is bool(found)


@given(letters, st.lists(letters, min_size=1, max_size=30, unique=True))
def test_shares_sum_to_one_and_a_word_is_most_like_itself(word: str, vocabulary: list[str]) -> None:
    rows, shares = Spelling(vocabulary).alike(word)
    assert len(rows) <= N_ALIKE
    assert np.all(np.diff(shares) <= 0.0)
    if len(rows):
        assert shares.sum() == pytest.approx(1.0)
    if word in vocabulary and len(word) >= 4:
        assert vocabulary[rows[0]] == word
        likeness = shares / shares[0]  # a word is as like itself as can be: 1
        assert np.all(likeness > LEAST_LIKENESS)


def written(folder: Path, note: object) -> Path:
    rows = np.arange(len(VOCABULARY) * contract.WORD_DIMS).reshape(len(VOCABULARY), -1) % 100
    scales = np.linspace(0.1, 0.9, len(VOCABULARY)).astype(np.float32)
    safetensors.numpy.save_file({"vectors": rows.astype(np.int8), "scales": scales}, folder / "vectors.safetensors")
    (folder / "vocabulary.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    (folder / "card.json").write_text(json.dumps(note), encoding="utf-8")
    return folder


def test_an_unknown_word_has_the_mean_of_those_alike_where_the_card_allows_it(tmp_path: Path) -> None:
    table = WordVectors.load(written(tmp_path, {ALIKE: True}))
    rows, shares = Spelling(VOCABULARY).alike("annoyingly")
    known = [table.vector(VOCABULARY[row]) for row in rows]
    wanted = sum(share * vector for share, vector in zip(shares, known, strict=True) if vector is not None)
    found = table.vector("annoyingly")
    assert found is not None
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert found.dtype == np.float32
    assert table.vector("xylophone") is None
    assert "annoyingly" not in table


def test_without_leave_of_the_card_nobody_answers(tmp_path: Path) -> None:
    assert WordVectors.load(written(tmp_path, {})).vector("annoyingly") is None
    with pytest.raises(errors.ModelError, match="cannot be read"):
        WordVectors.load(written(tmp_path, ["a list"]))
