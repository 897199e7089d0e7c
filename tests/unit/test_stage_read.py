"""A sentence encoder learns what lines feel like and says so of every training line."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import MPNetConfig, MPNetModel

from streamer.network import contract
from tools.training import corpora, loop, stage_read, textdata
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


def test_what_it_reads_in_training_lines_is_kept_for_the_word_halves(folder: Path, tmp_path: Path) -> None:
    said = texts()
    stage_read.run(said, folder, loop.Schedule(1, 150, 16, 5.0e-3, average=0.9), tmp_path, 1)
    shares = stage_read.load(tmp_path).astype(np.float64)
    training = np.array([line.split == "train" for line in said.lines])
    assert not shares[:, ~training].any()
    np.testing.assert_allclose(shares[:, training].sum(axis=2), 1.0, atol=2e-3)
    assert (shares.argmax(axis=2)[:, training] == [line.label for line in said.lines if line.split == "train"]).all()
    taught = textdata.taught(said, stage_read.load(tmp_path), trust=0.5)
    first = np.flatnonzero(training)[0]
    np.testing.assert_allclose(
        taught[first], 0.5 * textdata.targets(said)[first] + 0.5 * shares[:, first].mean(axis=0), atol=1e-3
    )
    np.testing.assert_allclose(taught[~training], textdata.targets(said)[~training])


def test_marks_are_seen_in_one_view_and_not_in_the_other(folder: Path) -> None:
    pieces = stage_read.pieces_of(texts(), folder / stage_read.ENCODER)
    rows, mask = pieces.batch(np.array([0, 0, 2]), np.array([0, 1, 1]))
    assert [[WORDS[piece] for piece in row[kept]] for row, kept in zip(rows, mask, strict=True)] == [
        ["we", "know", "joy", "?"],
        ["we", "know", "joy"],
        ["we", "know", "we", "we", "joy"],
    ]


def test_a_missing_lesson_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(stage_read.NotReadError, match=r"^found no read\.npy in .*: run --stage read of deep first$"):
        stage_read.load(tmp_path)
