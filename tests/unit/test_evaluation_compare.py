"""The comparison with the baselines: they learn what can be learnt, features are computed once, others' text stays."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from streamer import places
from streamer.evaluation import manifest
from streamer.evaluation.manifest import Row
from streamer.network import card, contract, registry
from tests.harness import small_corpora
from tests.signals import noise, tone
from tools import baselines, compare, egemaps
from tools.training import paperfolder

CLASSES = ("happy", "sad", "neutral")


def rows(n: int) -> list[Row]:
    return [
        Row(i, None, f"it is {CLASSES[i % 3]} here {i % 5}", CLASSES[i % 3], f"c/{i % 4}", "", split)
        for i, split in enumerate(["train"] * n + ["valid"] * n + ["test"] * n)
    ]


@pytest.mark.parametrize("fit", [baselines.logistic, baselines.svm])
def test_numbers_that_tell_the_class_are_learnt(fit: compare.Fit) -> None:
    asked = rows(30)
    rng = np.random.default_rng(0)
    table = rng.standard_normal((90, 2)).astype(np.float32)
    table[:, 0] += 9.0 * np.array([CLASSES.index(row.emotion) for row in asked])
    split = baselines.Split(asked, table)
    features, truth = split.of("test")
    fitted = fit(split)
    assert np.mean(fitted.answer(features) == truth) > 0.9
    assert fitted.n_numbers >= 2
    assert compare.recall_of(fitted, split, 0).startswith(("0.9", "1.0"))


def test_words_that_tell_the_class_are_learnt_and_the_majority_is_one_class() -> None:
    asked = rows(30)
    split = baselines.Split(asked, baselines.tokens_of(asked, plain=True))
    tokens, truth = split.of("test")
    assert np.array_equal(baselines.bag_of_words(split).answer(tokens), truth)
    assert len(set(baselines.majority(split).answer(tokens).tolist())) == 1


def test_functionals_are_computed_once(tmp_path: Path) -> None:
    for name, sound in (("a.wav", tone(16_000, 220.0)), ("b.wav", noise(16_000))):
        soundfile.write(tmp_path / name, sound, 16_000)
    (tmp_path / "manifest.csv").write_text("path,emotion\na.wav,sad\nb.wav,happy\n")
    asked = manifest.read(tmp_path / "manifest.csv").rows
    table = egemaps.functionals(asked, tmp_path / "work", "c")
    assert table.shape == (2, 88)
    assert not np.allclose(table[0], table[1])
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("a.wav", "b.wav", "manifest.csv"):
        (tmp_path / name).rename(moved / name)
    soundfile.write(moved / "a.wav", tone(16_000, 880.0), 16_000)  # of the same size, so it is not heard again
    asked = manifest.read(moved / "manifest.csv").rows
    assert np.array_equal(egemaps.functionals(asked, tmp_path / "work", "c"), table)
    soundfile.write(moved / "a.wav", tone(8_000, 880.0), 16_000)
    assert not np.array_equal(egemaps.functionals(asked, tmp_path / "work", "c"), table)


def small_model(folder: Path, name: str, *, even: bool) -> None:
    config = {"flat": True, "third_poolings": 4, "dense": [8], "even": even}
    note = card.Card(name, "attention", config, contract.EMOTIONS, ("joint",), (1.0,), (1.0,), 0.0, "none", "none")
    torch.manual_seed(0)
    paperfolder.write(folder / name, registry.create("attention", config).eval(), note)


@pytest.mark.timeout(400)
def test_every_model_and_the_control_have_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_corpora.write(tmp_path / "in", clips=2)
    for path in (tmp_path / "in").glob("*/manifest.csv"):
        if path.parent.name != "ravdess":
            path.unlink()  # the others hold no row
    small_model(tmp_path / "models", "attention", even=False)
    small_model(tmp_path / "controls", "attention-even", even=True)
    monkeypatch.setattr(compare, "CONTROLS", tmp_path / "controls")
    monkeypatch.setattr(places, "model_folders", lambda: (tmp_path / "models",))
    text = compare.report(tmp_path / "in", tmp_path / "work", 0)
    lines = text.splitlines()
    for name in ("majority", "eGeMAPS, SVM", "**attention**", "attention-even (control: a = 1)"):
        (row, *_) = (line for line in lines if line.startswith(f"| {name} |"))
        cells = [cell.strip() for cell in row.split("|")[2:-1]]
        assert all(cells), row
        assert float(cells[-2]) >= 0.0
        assert 0.0 <= float(cells[0].split()[0]) <= 1.0


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    once = compare.between_markers("# theirs\n\ntext\n", "first")
    assert once == f"# theirs\n\ntext\n\n{compare.BEGIN}\n\nfirst\n\n{compare.END}\n"
    again = compare.between_markers(once + "\ntheir end\n", "second\n")
    assert again == f"# theirs\n\ntext\n\n{compare.BEGIN}\n\nsecond\n\n{compare.END}\n\ntheir end\n"


def test_a_table_has_speed_and_size_last() -> None:
    table = compare.Table()
    table.put("a", compare.SPEED, "1")
    table.put("a", compare.SIZE, "2")
    table.put("a", "x", "3")
    table.put("b", "y", "4")
    assert compare.ordered(table).markdown().splitlines() == [
        f"| | x | y | {compare.SPEED} | {compare.SIZE} |", "|---|---|---|---|---|", "| a | 3 |  | 1 | 2 |",
        "| b |  | 4 |  |  |",
    ]  # fmt: skip
