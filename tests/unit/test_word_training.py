"""Windows of words, their targets, the fast pass and the bags that teach."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from streamer.features import words
from streamer.network import contract
from streamer.network.words import WordEncoder
from tools.training import corpora, metrics, stage_words, textdata, wordfast, wordoffsets
from tools.training.stage_words import Reader, WordHalf
from tools.training.textdata import Spoiling, Texts, WordWindows

MARK = 1
"""Row of the only mark."""

AS_THEY_STAND = Spoiling(alone=1.0, full=0.0, plain=0.0, cut=0.0, clean=1.0)


def texts(n: int = 12, corpus: str = "meld", split: str = "train") -> Texts:
    """Lines 2 .. of growing length: line i holds the rows 2 .. 2 + i % 5, then a mark."""
    lines = [corpora.Line("", corpus, i % 3, split) for i in range(n)]
    rows = [np.array([*range(2, 3 + i % 5), MARK], np.int32) for i in range(n)]
    vocabulary = ["?", *"abcdefgh"]
    table = np.random.default_rng(0).standard_normal((10, contract.WORD_DIMS)).astype(np.float32)
    table[0] = 0.0
    # Every corpus needs a line, as in real life.
    for other in corpora.TEXT_CORPORA:
        lines.append(corpora.Line("", other, 0, "train"))
        rows.append(np.array([2], np.int32))
    return Texts(vocabulary, table, rows, lines)


def test_places_run_back_through_the_lines_from_the_newest_word() -> None:
    lengths, ends = np.array([[2, 3, 0], [45, 1, 1]]), np.array([[12, 5, 99], [145, 9, 9]])
    found = textdata.places(lengths, ends, nothing=-1)
    assert found.shape == (2, contract.N_WORDS)
    assert found[0].tolist() == [-1] * 35 + [2, 3, 4, 10, 11]
    assert found[1].tolist() == list(range(105, 145))


def test_a_window_alone_is_its_line_with_the_newest_word_last() -> None:
    windows = WordWindows(texts(), spoiling=AS_THEY_STAND)
    rows = windows.rows(np.array([0, 3]), np.random.default_rng(0))
    assert rows[0].tolist() == [0] * 38 + [2, 1]
    assert rows[1, -5:].tolist() == [2, 3, 4, 5, 1]


def test_plain_windows_have_no_marks() -> None:
    windows = WordWindows(texts(), spoiling=replace(AS_THEY_STAND, plain=1.0))
    rows = windows.rows(np.array([3]), np.random.default_rng(0))
    assert rows[0].tolist() == [0] * 36 + [2, 3, 4, 5]


def test_a_pause_leaves_slots_empty_before_the_newest_line() -> None:
    windows = WordWindows(texts(), spoiling=replace(AS_THEY_STAND, alone=0.0, full=1.0, paused=1.0))
    rows = windows.rows(np.array([11]), np.random.default_rng(0))[0]
    assert rows[-3:].tolist() == [2, 3, 1]
    assert not rows[-3 - words.PAUSE_SLOTS : -3].any()
    assert rows[-6 - words.PAUSE_SLOTS : -3 - words.PAUSE_SLOTS].all()


def test_a_full_window_holds_the_lines_that_were_said_before() -> None:
    said = texts()
    windows = WordWindows(said, spoiling=replace(AS_THEY_STAND, alone=0.0, full=1.0))
    rows = windows.rows(np.array([11]), np.random.default_rng(0))
    whole = np.concatenate(said.rows[4:12])
    assert rows[0, -len(whole) :].tolist() == whole[-contract.N_WORDS :].tolist()


def test_a_line_being_spoken_loses_its_end_not_its_beginning() -> None:
    said = texts()
    said.rows[0] = np.arange(2, 10, dtype=np.int32)
    windows = WordWindows(said, spoiling=replace(AS_THEY_STAND, cut=1.0))
    rows = windows.rows(np.zeros(50, np.int64), np.random.default_rng(0))
    lengths = (rows > 0).sum(axis=1)
    assert 4 <= lengths.min() < lengths.max() <= 8
    for row, n in zip(rows, lengths, strict=True):
        assert row[contract.N_WORDS - n :].tolist() == list(range(2, 2 + n))


def test_words_are_lost_and_misheard_at_the_stated_rates() -> None:
    windows = WordWindows(texts(), spoiling=replace(AS_THEY_STAND, clean=0.0, lost=0.3, wrong=0.2))
    rows = windows.rows(np.full(4000, 4), np.random.default_rng(0))[:, -6:]
    assert (rows == 0).mean() == pytest.approx(0.3, abs=0.02)
    changed = (rows > 0) & (rows != np.array([2, 3, 4, 5, 6, MARK]))
    assert changed.mean() == pytest.approx(0.2 * 8 / 9, abs=0.02)


def test_only_training_lines_of_a_dialogue_stand_before_another() -> None:
    line = corpora.Line("", "meld", 0, "train")
    lines = [line, line, replace(line, split="valid"), line, replace(line, corpus="isear")]
    assert textdata.lines_before(lines).tolist() == [0, 1, 2, 0, 0]


def test_batches_draw_favoured_corpora_more_often() -> None:
    said = texts(n=6)
    windows = WordWindows(said, favour={"isear": 0.0, "goemotions": 0.0})
    drawn = windows.batches(64, 2, np.random.default_rng(0))
    assert [len(batch.rows) for batch in drawn] == [64, 64]
    only_happy = (drawn[0].target > 0).sum(dim=1) == 1
    assert 0 < int(only_happy.sum()) < 64


def test_targets_weigh_what_is_seldom_and_know_what_a_corpus_has() -> None:
    said = texts(n=12)
    said.lines[11] = replace(said.lines[11], label=0)
    weights = textdata.class_weights(said)[0]
    counts = np.array([6.0, 4.0, 3.0])  # one meld line was added by `texts`
    np.testing.assert_allclose(weights[:3], (counts.mean() / counts) ** 0.5, rtol=1e-6)
    assert not weights[3:].any()
    hard = textdata.targets(said, smoothing=0.0)
    assert hard[1].tolist() == pytest.approx([0, weights[1], 0, 0, 0, 0, 0])
    soft = textdata.targets(said, smoothing=0.3)
    assert soft[1].tolist() == pytest.approx([0.1 * weights[0], 0.8 * weights[1], 0.1 * weights[2], 0, 0, 0, 0])


def test_the_fast_pass_says_what_the_network_says() -> None:
    torch.manual_seed(0)
    half = WordHalf(WordEncoder(16, 2), 8)
    for values in half.parameters():
        torch.nn.init.normal_(values, std=0.3)
    reader = Reader(half, torch.from_numpy(texts().table)).eval()
    rows = torch.tensor([[0, 0, 3, 0, 4, 9], [2, 3, 4, 5, 6, 7], [0, 0, 0, 0, 0, 0]])
    with torch.no_grad():
        torch.testing.assert_close(wordfast.answer(reader, rows), reader(rows), atol=1e-5, rtol=1e-4)


def test_answers_come_back_in_the_order_of_the_lines() -> None:
    said = texts()
    reader = Reader(WordHalf(WordEncoder(8, 1), 8), torch.from_numpy(said.table)).eval()
    lines = [4, 0, 3]
    together = stage_words.word_logits(reader, said, lines, None)
    for line, row in zip(lines, together, strict=True):
        np.testing.assert_allclose(stage_words.word_logits(reader, said, [line], None)[0], row, atol=1e-5)


def test_a_full_window_stays_in_its_split() -> None:
    said = texts()
    said.lines[3] = replace(said.lines[3], split="test")
    window = stage_words.window_of(said, 5, np.array([MARK]), full=True)
    assert window.tolist() == [*said.rows[4][:-1], *said.rows[5][:-1]]


def test_offsets_bring_back_a_class_that_is_named_too_seldom_and_leave_a_balanced_one_alone() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=3000)
    logits = np.log(rng.dirichlet(np.ones(3), 3000)) + 2.0 * np.eye(3)[truth]
    assert np.abs(wordoffsets.best([(truth, logits, 0)])).max() <= 0.2
    seldom = logits - np.array([0.0, 1.5, 0.0])
    found = wordoffsets.best([(truth, seldom, 0)])
    assert found[1] - found[[0, 2]].mean() > 0.5
    before, after = (metrics.f1_scores(truth, (seldom + offsets).argmax(axis=1))[0] for offsets in (np.zeros(3), found))
    assert after > before
