"""A sentence encoder learns what lines feel like and says so of every training line."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import MPNetConfig, MPNetModel

from streamer.network import contract
from tools.training import corpora, loop, stage_read, textdata, wordlesson
from tools.training.textdata import Texts

WORDS = ["<s>", "<pad>", "</s>", "[UNK]", "joy", "gloom", "we", "know", "?", "."]
HAPPY, SAD = corpora.LABEL_INDEX["happy"], corpora.LABEL_INDEX["sad"]


def texts() -> Texts:
    """Lines of every corpus that say joy or gloom, and one to judge by."""
    lines = []
    for corpus in corpora.TEXT_CORPORA:
        for i in range(12):
            word, label = (("joy", HAPPY), ("gloom", SAD))[i % 2]
            lines.append(corpora.Line(f"we know {'we ' * (i % 3)}{word}?", corpus, label, "train"))
        lines.append(corpora.Line("we know joy.", corpus, HAPPY, "valid"))
        lines.append(corpora.Line("we know gloom.", corpus, SAD, "valid"))
    rows = [np.zeros(0, np.int32)] * len(lines)
    return Texts([], np.zeros((1, contract.WORD_DIMS), np.float32), rows, lines)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    shape = MPNetConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    MPNetModel(shape).save_pretrained(tmp_path / stage_read.ENCODER)
    cutter = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    cutter.pre_tokenizer = Whitespace()
    cutter.save(str(tmp_path / stage_read.ENCODER / "tokenizer.json"))
    return tmp_path


def test_what_it_reads_is_kept_for_the_word_halves(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = texts()
    monkeypatch.setattr(stage_read, "N_MADE", 40)
    stage_read.run(said, folder, loop.Schedule(1, 150, 16, 5.0e-3, average=0.9), tmp_path, 1)
    lesson = wordlesson.load(tmp_path)
    shares = lesson.read.astype(np.float64)
    training = np.array([line.split == "train" for line in said.lines])
    assert not shares[:, ~training].any()
    np.testing.assert_allclose(shares[:, training].sum(axis=2), 1.0, atol=5e-3)
    right = shares.argmax(axis=2)[:, training] == [line.label for line in said.lines if line.split == "train"]
    assert right.mean() > 0.9
    assert len(lesson.made) == 40
    for word, label in (("joy", HAPPY), ("gloom", SAD)):
        other = "gloom" if word == "joy" else "joy"
        of = [i for i, line in enumerate(lesson.made) if word in line.text and other not in line.text]
        assert (lesson.read_in_made[of].argmax(axis=1) == label).mean() > 0.9


def test_halves_learn_labels_and_by_trust_what_was_read_and_of_made_lines_that_alone() -> None:
    said = texts()
    read = np.zeros((2, len(said.lines), len(corpora.LABELS)), np.float16)
    read[:, 0, HAPPY], read[0, 0, SAD] = 0.5, 0.5
    made = [corpora.Line("gloom joy", "meld", HAPPY, "made")]
    lesson = wordlesson.Lesson(read, made, np.full((1, len(corpora.LABELS)), 1 / 8, np.float16))
    wanted = wordlesson.targets(said, lesson, trust=0.75)
    labelled = textdata.targets(said)
    np.testing.assert_allclose(wanted[0], 0.25 * labelled[0] + 0.75 * read[:, 0].mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(wanted[1:-1], labelled[1:])
    assert wanted[-1].tolist() == [1 / 8] * len(corpora.LABELS)
    whole = wordlesson.beside(replace(said, vocabulary=["joy", "gloom"]), made)
    assert whole.lines[-1] == made[0]
    assert whole.rows[-1].tolist() == [2, 1]


def test_a_lesson_comes_back_from_its_folder_as_it_was(tmp_path: Path) -> None:
    said = [corpora.Line("a line\u2019s text", "meld", SAD, "made")]
    rng = np.random.default_rng(0)
    lesson = wordlesson.Lesson(rng.random((2, 3, 7)).astype(np.float16), said, rng.random((1, 7)).astype(np.float16))
    lesson.save(tmp_path)
    found = wordlesson.load(tmp_path)
    assert found.made == said
    np.testing.assert_array_equal(found.read, lesson.read)
    np.testing.assert_array_equal(found.read_in_made, lesson.read_in_made)


def test_marks_are_seen_in_one_view_and_not_in_the_other(folder: Path) -> None:
    pieces = stage_read.pieces_of(texts().lines, folder / stage_read.ENCODER)
    rows, mask = pieces.batch(np.array([0, 0, 2]), np.array([0, 1, 1]))
    assert [[WORDS[piece] for piece in row[kept]] for row, kept in zip(rows, mask, strict=True)] == [
        ["we", "know", "joy", "?"],
        ["we", "know", "joy"],
        ["we", "know", "we", "we", "joy"],
    ]


def test_a_missing_lesson_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(wordlesson.NotReadError, match=r"^found no read\.npy in .*: run --stage read of deep first$"):
        wordlesson.load(tmp_path)
