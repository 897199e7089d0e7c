"""Scenes with lines: labels and splits, either side missing at times, held-out ones that never change."""

import numpy as np
import pytest
import torch

from streamer.network import contract
from tests.harness import small_corpora
from tests.house import ROOT
from tools.training import batches, corpora, crosspairs, fit, pictures, recipe, scenepairs

VECTORS = ROOT / "models" / "words-paper"
EMPTY = 5


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> scenepairs.Stage:
    root = tmp_path_factory.mktemp("corpora")
    small_corpora.write(root / "in", clips=4)
    lines = crosspairs.read_lines(root / "in", VECTORS, len(corpora.LABELS))
    vocabulary = (VECTORS / "vocabulary.txt").read_text(encoding="utf-8").splitlines()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "N_EMPTY", EMPTY)  # the processes that make scenes are forks, and have it too
        return scenepairs.prepare(root / "in", root / "work", lines, vocabulary, 2)


def test_a_split_holds_its_own_clips_and_seven_answers(stage: scenepairs.Stage) -> None:
    for split, n_empty in (("train", EMPTY), ("valid", 0), ("test", 0)):
        data = scenepairs.ScenePairs(stage, split)
        assert np.bincount(data.labels).tolist() == [4] * contract.N_EMOTIONS + [4 + n_empty]
        recordings = [stage.store.recordings[clip] for clip in data.clips if clip >= 0]
        assert {one.split for one in recordings} == {split}


def test_held_out_pairs_never_change_and_training_ones_do(stage: scenepairs.Stage) -> None:
    rows = np.arange(12)
    for fixed in (scenepairs.ScenePairs(stage, "test"), scenepairs.ScenePairs(stage, "test", fixed="no words")):
        for one, same in zip(fixed.batch(rows, 1, 0).inputs, fixed.batch(rows, 7, 3).inputs, strict=True):
            assert torch.equal(one, same)
        assert fixed.batch(rows, 1, 0).allowed is None
    train = scenepairs.ScenePairs(stage, "train")
    first, again, later = (train.batch(rows, 1, epoch) for epoch in (0, 0, 1))
    assert all(torch.equal(one, same) for one, same in zip(first.inputs, again.inputs, strict=True))
    assert not torch.equal(first.inputs[0], later.inputs[0])


def test_without_words_there_are_none_and_the_sound_is_the_same(stage: scenepairs.Stage) -> None:
    rows = np.arange(6)
    with_words, alone = (scenepairs.ScenePairs(stage, "test", fixed=kind) for kind in ("match", "no words"))
    assert with_words.batch(rows, 0, 0).inputs[3].any()
    assert not alone.batch(rows, 0, 0).inputs[3].any()
    assert torch.equal(with_words.batch(rows, 0, 0).inputs[0], alone.batch(rows, 0, 0).inputs[0])


def test_a_side_is_missing_at_times_and_plain_voices_are_called_by_their_words(stage: scenepairs.Stage) -> None:
    train = scenepairs.ScenePairs(stage, "train")
    seen = [train.batch(np.arange(len(train.labels)), 1, epoch) for epoch in range(12)]
    heard = torch.cat([one.inputs[1].any(1) for one in seen])
    said = torch.cat([one.inputs[3].any(1) for one in seen])
    label = torch.cat([one.label for one in seen])
    plain = torch.from_numpy(np.tile(train.labels == scenepairs.NONE_INDEX, len(seen)))
    assert 0.03 < float((~heard).float().mean()) < 0.25
    assert 0.3 < float((~said).float().mean()) < 0.8  # the small corpora have no neutral lines
    called = plain & (label != scenepairs.NONE_INDEX)
    assert called.any()
    assert said[called].float().mean() > 0.9  # an unknown word may be all there is
    assert torch.equal(label[~plain], torch.from_numpy(np.tile(train.labels, len(seen)))[~plain])
    for one in seen:
        assert one.allowed is not None
        assert one.allowed[torch.arange(len(one.label)), one.label].all()


def test_an_answer_that_a_corpus_does_not_know_costs_nothing() -> None:
    logits = torch.tensor([[0.0, 9.0, 0.0]], requires_grad=True)
    allowed = torch.tensor([[True, False, True]])
    torch.autograd.backward(fit.loss_of(logits, torch.tensor([0]), allowed, 0.0))
    assert logits.grad is not None
    assert logits.grad[0].tolist() == pytest.approx([-0.5, 0.0, 0.5])
    everything = torch.ones_like(allowed)
    for smoothing in (0.0, 0.1):
        plain = fit.loss_of(logits, torch.tensor([0]), None, smoothing)
        torch.testing.assert_close(fit.loss_of(logits, torch.tensor([0]), everything, smoothing), plain)


def test_small_corpora_and_seldom_classes_are_drawn_more_often() -> None:
    corpus = np.array(["big"] * 400 + ["small"] * 100)
    labels = np.array([0] * 300 + [1] * 100 + [0] * 100)
    weights = scenepairs.weights_of(corpus, labels)
    assert weights[:400].sum() / weights[400:].sum() == pytest.approx(2.0)
    assert weights[:300].sum() == pytest.approx(weights[300:400].sum())
    rows = recipe.order(labels, recipe.Recipe(epochs=1, balanced=True, epoch_rows=9_000), 1, 0, weights)
    assert np.mean(rows >= 400) == pytest.approx(1 / 3, abs=0.03)


def test_cutting_keeps_what_is_allowed(stage: scenepairs.Stage) -> None:
    batch = scenepairs.ScenePairs(stage, "train").batch(np.arange(3), 1, 0)
    kept = batches.cut(batch).allowed
    assert kept is not None
    assert batch.allowed is not None
    assert torch.equal(kept, batch.allowed)
