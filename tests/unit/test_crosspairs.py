"""Data of the paper's networks: synthetic pairs and prepared CMU-MOSEI, and a network trained on each."""

from pathlib import Path

import numpy as np
import pytest
import torch

from streamer.engines.classifier import Choice, Classifier
from streamer.errors import SourceError
from streamer.network import checkpoint, contract, registry
from tests.harness import mosei_files, small_corpora
from tests.house import ROOT
from tests.networks import answer, window
from tools.mosei import prepare
from tools.training import clipstore, corpora, crosspairs, fit, moseiwindows, paper, parallel, recipe, variants

VECTORS = ROOT / "models" / "words-paper"
CPU = parallel.Place(torch.device("cpu"))


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> crosspairs.Material:
    root = tmp_path_factory.mktemp("corpora")
    small_corpora.write(root / "in", clips=4)
    return crosspairs.prepare(root / "in", root / "work", VECTORS, contract.LIVE_STEP_SAMPLES)


def line_of(data: crosspairs.CrossPairs, row: int, epoch: int) -> corpora.Line:
    return data.material.lines.lines[int(data.partners(1, epoch)[row])]


def test_pairs_share_a_label_and_a_split_and_nothing_else(material: crosspairs.Material) -> None:
    for split in ("train", "valid", "test"):
        data = crosspairs.CrossPairs(material, split)
        assert np.bincount(data.labels).tolist() == [4] * contract.N_EMOTIONS  # neutral clips are left out
        for row, label in enumerate(data.labels):
            line = line_of(data, row, 0)
            assert (line.label, line.split) == (label, split)
        assert all(speaker.startswith(f"ravdess/{split}") for speaker in data.speakers)


def test_training_lines_change_with_the_epoch_and_held_out_ones_never(material: crosspairs.Material) -> None:
    train, test = (crosspairs.CrossPairs(material, split, per_clip=3) for split in ("train", "test"))
    assert not np.array_equal(train.partners(1, 0), train.partners(1, 1))
    assert not np.array_equal(train.partners(1, 0), train.partners(2, 0))
    np.testing.assert_array_equal(
        train.partners(1, 0), crosspairs.CrossPairs(material, "train", per_clip=3).partners(1, 0)
    )
    np.testing.assert_array_equal(test.partners(1, 0), test.partners(2, 5))
    rows = np.arange(5)
    for one, same in zip(test.batch(rows, 1, 0).inputs, test.batch(rows, 9, 9).inputs, strict=True):
        assert torch.equal(one, same)


def test_a_pair_is_newest_last(material: crosspairs.Material) -> None:
    data = crosspairs.CrossPairs(material, "test")
    picture, columns, words, mask, spans = data.batch(np.array([0]), 0, 0).inputs
    n_columns = int(columns.sum())
    assert n_columns == np.diff(material.clips.bounds)[data.clips[0]]
    assert columns[0, -n_columns:].all()
    assert not picture[0, :, :-n_columns].any()
    held = mask[0].nonzero()[:, 0].tolist()
    assert held[-1] == contract.N_WORDS - 1  # the mark at the end
    assert contract.N_WORDS - 2 not in held  # xqzt is unknown: it keeps its slot, masked
    assert words[0][:, ~mask[0]].abs().sum() == 0
    assert (spans[0, held, 1] > contract.N_COLUMNS - n_columns - 20).all()


def test_shuffled_and_hidden_words(material: crosspairs.Material) -> None:
    shuffled = crosspairs.CrossPairs(material, "test", mode="shuffled")
    labels = [line_of(shuffled, row, 0).label for row in range(len(shuffled.labels))]
    assert sorted(labels) == sorted(shuffled.labels.tolist())
    assert np.mean(np.array(labels) == shuffled.labels) < 0.6
    assert not crosspairs.CrossPairs(material, "test", mode="none").batch(np.arange(3), 0, 0).inputs[3].any()


def test_columns_are_computed_once(material: crosspairs.Material, tmp_path: Path) -> None:
    first = clipstore.load(material.store, tmp_path, contract.PAPER_STEP_SAMPLES)
    made = (tmp_path / f"clips-{contract.PAPER_STEP_SAMPLES}.u8").stat().st_mtime_ns
    again = clipstore.load(material.store, tmp_path, contract.PAPER_STEP_SAMPLES)
    assert (tmp_path / f"clips-{contract.PAPER_STEP_SAMPLES}.u8").stat().st_mtime_ns == made
    np.testing.assert_array_equal(first.picture(0), again.picture(0))


@pytest.mark.timeout(300)
def test_a_trained_network_becomes_a_model_folder(material: crosspairs.Material, tmp_path: Path) -> None:
    root = tmp_path / "in"
    small_corpora.write(root, clips=2)
    plan = paper.Plan(
        "attention-tiny",
        "attention",
        recipe.Recipe(epochs=1, batch=8),
        profile="1-D",
        settings={"kernels": 4, "dense": [8]},
    )
    places = paper.Places(tmp_path / "work", VECTORS, tmp_path / "models", root)
    trained = paper.train(plan, places, CPU)
    loaded = registry.load(tmp_path / "models" / "attention-tiny")
    for name, tensor in trained.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name])
    choice = Choice("attention-tiny", "cpu", unsure_below=0.0)
    with Classifier.open([tmp_path / "models", ROOT / "models"], choice, cache=tmp_path / "cache") as opened:
        seen = window(seed=3)
        shares = opened.classify(seen).probabilities
    feed = (seen.picture, seen.columns, seen.words, seen.word_mask, seen.word_spans)
    logits = answer(loaded, [torch.from_numpy(np.array(array)).unsqueeze(0) for array in feed])[0, 0]
    temperature = checkpoint.read_card(tmp_path / "models" / "attention-tiny").temperatures[0]
    assert shares is not None
    np.testing.assert_allclose(shares, torch.softmax(logits / temperature, dim=0).numpy(), atol=1e-4)


MOSEI = [
    mosei_files.Video(
        "train000000",
        [
            (0.0, 3.0, {"happy": 2.0, "sad": 1.0}),
            (4.0, 6.0, {}),
            (6.0, 8.0, {"anger": 1.0}),
            (30.0, 32.0, {"sad": 1.0}),  # after the end of the recording
        ],
        [("glad", 0.5, 1.0), ("cross", 6.5, 7.0)],
    ),
    mosei_files.Video("train_mute0", [(0.0, 2.0, {"fear": 3.0})]),
    mosei_files.Video("valid000000", [(0.0, 2.0, {"fear": 1.0, "disgust": 1.0}), (2.0, 4.0, {"surprise": 0.5})]),
    mosei_files.Video("test0000000", [(0.0, 2.0, {"fear": 1.0})], [("no", 0.5, 1.0)]),
]


def test_a_network_trains_on_prepared_mosei(tmp_path: Path) -> None:
    mosei_files.write(tmp_path / "csd", MOSEI)
    splits = {"train000000": "train", "train_mute0": "train", "valid000000": "valid", "test0000000": "test"}
    mosei_files.write_folds(tmp_path / "csd" / "folds.csv", splits)
    for name in set(splits) - {"train_mute0"}:
        mosei_files.write_tones(tmp_path / "wav" / f"{name}.wav", 9.0, [(0.0, 8.0, 800.0)])
    prepare.prepare(prepare.Job(tmp_path / "csd", tmp_path / "wav", tmp_path / "out"), lambda _done, _of: None)
    plan = paper.Plan("tiny", "shallow", recipe.Recipe(epochs=1, batch=2), data="mosei", profile="1-D")
    places = paper.Places(tmp_path, VECTORS, tmp_path, mosei=tmp_path / "out")
    sets = paper.data_sets(plan, places)
    train, valid = sets["train"], sets["valid"]
    assert isinstance(train, moseiwindows.MoseiWindows)
    assert isinstance(valid, moseiwindows.MoseiWindows)
    assert [contract.EMOTIONS[label] for label in train.labels] == ["happy", "angry"]
    assert (train.n_segments, train.n_none, train.n_silent, train.vectors) == (5, 1, 2, "glove_vectors")
    assert (valid.n_ties, valid.n_silent) == (1, 0)
    assert train.segments.tolist() == [0, 2]
    assert train.batch(np.arange(2), 0, 0).inputs[1].any(1).all()
    assert [contract.EMOTIONS[label] for label in valid.labels] == ["surprised"]
    network = variants.make(variants.settings("shallow", "1-D", {"dense": [8]}))
    before = [p.clone() for p in network.parameters()]
    fit.fit(network, fit.Job(train, plan.recipe, 1, tmp_path / "t.pt"), lambda _: {}, CPU, fit.Ears(row=lambda _: None))
    assert any(not torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True))
    assert fit.logits_of(network, sets["test"], CPU.device).shape == (1, contract.N_EMOTIONS)
    with pytest.raises(SourceError, match="holds no whole train"):
        moseiwindows.MoseiWindows(tmp_path, "train")


def test_a_network_of_mosei_runs_in_the_monitor(tmp_path: Path) -> None:
    mosei_files.write(tmp_path / "csd", MOSEI)
    splits = {"train000000": "train", "valid000000": "valid", "test0000000": "test"}
    mosei_files.write_folds(tmp_path / "csd" / "folds.csv", splits)
    for name in splits:
        mosei_files.write_tones(tmp_path / "wav" / f"{name}.wav", 9.0, [(0.0, 8.0, 800.0)])
    prepare.prepare(prepare.Job(tmp_path / "csd", tmp_path / "wav", tmp_path / "out"), lambda _done, _of: None)
    small = {"kernels": 4, "dense": [8]}
    pairs = paper.Plan("tiny", "attention", recipe.Recipe(epochs=1, batch=2), profile="1-D", settings=small)
    paper.train(pairs, paper.Places(tmp_path, VECTORS, tmp_path / "models", mosei=tmp_path / "out"), CPU)
    card = checkpoint.verify(tmp_path / "models" / "tiny-mosei")
    assert (card.config["step_samples"], card.vectors) == (contract.PAPER_STEP_SAMPLES, None)
    assert card.trained_on[0].corpus == "CMU-MOSEI"
    with Classifier.open([tmp_path / "models"], Choice("tiny-mosei", "cpu", unsure_below=0.0)) as opened:
        shares = opened.classify(window(seed=3)).probabilities
    assert shares is not None
    assert sum(shares) == pytest.approx(1.0)


def test_words_of_other_segments_and_no_words(tmp_path: Path) -> None:
    said = [(f"word{at}", at + 0.2, at + 0.6) for at in range(8)]
    video = mosei_files.Video("test0000000", [(at + 0.0, at + 0.9, {"fear": 1.0}) for at in range(8)], said)
    mosei_files.write(tmp_path / "csd", [video])
    mosei_files.write_folds(tmp_path / "csd" / "folds.csv", {"test0000000": "test"})
    mosei_files.write_tones(tmp_path / "wav" / "test0000000.wav", 9.0, [(0.0, 8.0, 800.0)])
    prepare.prepare(prepare.Job(tmp_path / "csd", tmp_path / "wav", tmp_path / "out"), lambda _done, _of: None)
    own, others, none = (
        moseiwindows.MoseiWindows(tmp_path / "out", "test", mode=mode) for mode in ("match", "shuffled", "none")
    )
    rows = np.arange(8)
    own_words, other_words = (data.batch(rows, 0, 0).inputs[2] for data in (own, others))
    assert not torch.equal(own_words, other_words)
    assert torch.equal(own_words[others.partners(0, 0)], other_words)
    assert torch.equal(others.batch(rows, 5, 6).inputs[2], other_words)
    assert torch.equal(own.batch(rows, 0, 0).inputs[0], others.batch(rows, 0, 0).inputs[0])
    assert not none.batch(rows, 0, 0).inputs[3].any()
    assert own.texts == [f"word{at}" for at in range(8)]


def test_mosei_without_sound_is_refused(tmp_path: Path) -> None:
    mosei_files.write(tmp_path / "csd", MOSEI)
    mosei_files.write_folds(tmp_path / "csd" / "folds.csv", {"train000000": "train"})
    prepare.prepare(prepare.Job(tmp_path / "csd", None, tmp_path / "out"), lambda _done, _of: None)
    with pytest.raises(SourceError, match="prepared without sound"):
        moseiwindows.MoseiWindows(tmp_path / "out", "train")
