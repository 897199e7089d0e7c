"""Lines that nobody has said: of words that were, or of ones like them."""

import numpy as np

from tools.training import corpora, madelines
from tools.training.textdata import Texts

VOCABULARY = ["glad", "happy", "sad", "?", "we"]
DIRECTIONS = np.array([[1.0, 0.1], [1.0, 0.0], [-1.0, 0.2], [1.0, 0.05], [0.0, -1.0]])


def texts() -> Texts:
    """Glad and happy lie together; so does a mark, which is no word. Too few words for as many neighbours as asked."""
    filler = [f"w{i}" for i in range(12)]
    table = np.zeros((1 + len(VOCABULARY) + len(filler), 300), np.float32)
    table[1:6, :2] = DIRECTIONS
    table[6:, 2:14] = np.eye(12)
    lines = [
        corpora.Line("we happy?", "meld", 0, "train"),
        corpora.Line("we go", "meld", 0, "train"),
        corpora.Line("sad", "isear", 2, "train"),
        corpora.Line("never seen", "isear", 2, "valid"),
    ]
    return Texts([*VOCABULARY, *filler], table, [], lines)


def test_words_give_way_to_words_like_them_and_marks_to_nothing() -> None:
    near, rng = madelines.alike(texts()), np.random.default_rng(0)
    assert {near.instead("glad", rng) for _ in range(200)} == {"glad", "happy"}
    for word in ("sad", "we", "?", "unknown"):
        assert {near.instead(word, rng) for _ in range(50)} == {word}


def test_lines_are_made_of_training_lines_of_one_corpus_alone() -> None:
    made = madelines.make(texts(), 400, np.random.default_rng(1))
    assert len(made) == 400
    assert {line.split for line in made} == {"made"}
    assert {line.corpus for line in made} == {"meld", "isear"}
    said: dict[str, set[str]] = {line.corpus: set() for line in made}
    for line in made:
        said[line.corpus] |= set(madelines.tokens_of(line))
    assert said["isear"] == {"sad"}
    assert said["meld"] == {"we", "happy", "glad", "?", "go"}
    spliced = {line.text for line in made if "happy" in line.text and "go" in line.text}
    assert spliced
    assert len({line.text for line in made}) > 10


def test_short_forms_and_marks_stand_close() -> None:
    assert madelines.spoken(["i", "do", "n't", "know", ",", "it", "'s", "late", "."]) == "i don't know, it's late."
