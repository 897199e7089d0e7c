"""Parts of tools/training: schedule, going on after a kill, scores, scenes, word vectors, pairs."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from streamer.network import contract
from tools.training import (
    augment,
    config,
    corpora,
    loop,
    metrics,
    pairs,
    ship,
    sounddata,
    stage_sound,
    stage_words,
    vectors,
)
from tools.training.soundstore import Recording, voice_bounds

SCHEDULE = loop.Schedule(epochs=4, steps=5, batch=8, rate=0.1, horizon=6, cool_down=2)


def test_the_rate_rises_falls_and_cools_down() -> None:
    rates = [loop.rate_at(step, SCHEDULE) for step in range(20)]
    assert rates[1] == pytest.approx(0.1)
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[1:]))
    assert rates[19] < 0.1 * rates[9]
    uncut = loop.Schedule(epochs=6, steps=5, batch=8, rate=0.1)
    assert rates[:10] == [loop.rate_at(step, uncut) for step in range(10)]  # may be cut short without a trace


def fit(work: Path, epochs: int, file: str | None = None) -> tuple[nn.Module, list[str]]:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 1))
    said: list[str] = []

    def loss(rng: np.random.Generator, step: int) -> Tensor:
        if step >= epochs * SCHEDULE.steps:
            raise KeyboardInterrupt
        x = torch.from_numpy(rng.standard_normal((8, 3)).astype(np.float32))
        out: Tensor = module(x) - x.sum(dim=1, keepdim=True)
        return out.square().mean()

    return loop.train("t", module, SCHEDULE, loss, lambda _: {"x": 1.0}, work, 7, said.append, file=file), said


def test_a_killed_run_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole, said = fit(tmp_path / "a", 99)
    assert len(said) == 4
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "b", 2)
    resumed, said = fit(tmp_path / "b", 99)
    assert said[0] == "t: goes on after epoch 2"
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_second_training_is_kept_beside_the_first(tmp_path: Path) -> None:
    one, _ = fit(tmp_path, 99)
    other, said = fit(tmp_path, 99, "again")
    assert not any("goes on" in line for line in said)
    assert {path.name for path in tmp_path.iterdir()} == {"t.pt", "again.pt"}
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_scores() -> None:
    truth = np.array([0, 0, 1, 1, 6])
    logits = np.zeros((5, 7))
    logits[[0, 1, 2, 3, 4], [0, 1, 1, 6, 6]] = 1.0
    logits[3, 1] = 0.5  # second best: among the six it is right
    assert metrics.recall_of_six(truth, logits) == pytest.approx(0.75)
    assert metrics.recall_of_own(truth, logits) == pytest.approx((0.5 + 0.5 + 1.0) / 3)
    macro, weighted = metrics.f1_scores(truth, logits.argmax(axis=1))
    assert macro == pytest.approx((2 / 3 + 0.5 + 2 / 3) / 3)
    assert weighted == pytest.approx((2 * 2 / 3 + 2 * 0.5 + 2 / 3) / 5)
    low, high = metrics.bootstrap(truth, logits.argmax(axis=1))
    assert low < 2 / 3 < high


def test_the_temperature_undoes_a_scale() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 7))
    truth = np.array([rng.choice(7, p=p) for p in metrics.softmax(logits)])
    assert metrics.fit_temperature(truth, logits * 2.0) == pytest.approx(2.0, rel=0.1)
    assert metrics.calibration_error(truth, metrics.softmax(logits)) < 0.03
    assert metrics.calibration_error(truth, metrics.softmax(logits * 4.0)) > 0.2


def test_the_threshold_is_the_highest_that_costs_next_to_nothing() -> None:
    sure, unsure = np.full((50, 7), 0.01), np.full((50, 7), 0.1)
    sure[:, 2], unsure[:, 2], unsure[:, 6] = 0.94, 0.37, 0.13
    plain = np.full((50, 7), 0.01)
    plain[:, 6] = 0.94
    logits, even = np.log(np.concatenate((sure, unsure, plain))), np.ones(150)
    right = np.array([2] * 100 + [6] * 50)
    assert ship.threshold_of(ship.Judged(right, logits, even), 1.0) == 0.35  # above it half of the emotions are lost
    wrong = np.array([2] * 50 + [6] * 100)
    assert ship.threshold_of(ship.Judged(wrong, logits, even), 1.0) == 0.45  # who is unsure had better say so


def test_the_threshold_costs_neither_clips_nor_lines_much() -> None:
    halting, clear = np.full((2, 70, 7), 0.01)
    truth, even = np.arange(70) % 7, np.ones(70)
    halting[np.arange(70), truth], clear[np.arange(70), truth] = 0.015, 0.9
    one, other = (ship.Judged(truth, np.log(x), even) for x in (halting, clear))
    pairs = {"match": (np.log(np.stack([clear] * 3, axis=1)), truth)}
    low = ship.threshold_of(one, metrics.fit_temperature(one.truth, one.logits, one.weights))
    high = ship.threshold_of(other, metrics.fit_temperature(other.truth, other.logits, other.weights))
    assert low < high
    assert ship.calibrate(one, other, pairs).threshold == ship.calibrate(other, one, pairs).threshold == low


def test_classes_that_a_corpus_lacks_cost_nothing() -> None:
    logits = torch.zeros(1, 7)
    logits[0, 5] = 50.0
    allowed = torch.tensor([[True, True, False, False, False, False, False]])
    cost = stage_sound.allowed_cross_entropy(logits, torch.tensor([0]), allowed, 0.0)
    assert cost.item() == pytest.approx(np.log(2.0), abs=1e-5)


def test_the_hash_is_that_of_spacy() -> None:
    assert vectors.murmur("coffee") == 3197928453018144401  # as its documentation says
    assert vectors.read_map(b"\xdf\x00\x00\x00\x02\xcf" + (2**63).to_bytes(8, "big") + b"\x05\x07\xcd\x01\x00") == {
        2**63: 5,
        7: 256,
    }


def test_vectors_survive_eight_bits() -> None:
    table = np.random.default_rng(0).normal(size=(9, contract.WORD_DIMS))
    table[3] = 0.0
    rows, scales = stage_words.quantise(table)
    assert np.abs(rows * scales[:, None] - table).max() <= np.abs(table).max() / 127


def recording(speaker: str, label: int, corpus: str = "ravdess", split: str = "train") -> Recording:
    return Recording(0, 8000, 0, 8000, corpus, speaker, label, split, leaks_words=False)


def test_clips_are_drawn_evenly_over_classes_then_speakers() -> None:
    clips = (
        *(recording("a", 0) for _ in range(3)),
        recording("b", 0),
        recording("b", 1),
        recording("c", 1, split="test"),
    )
    weights = sounddata.clip_weights(clips, {})
    np.testing.assert_allclose(weights, [1 / 12, 1 / 12, 1 / 12, 1 / 4, 1 / 2, 0])


def test_pictures_are_warped_and_shifted_and_masked_where_nothing_was_heard() -> None:
    picture, columns = np.full((16, 60, 200), 128, np.uint8), np.ones((16, 60), np.bool_)
    picture[:, :, 100:] = 0
    columns[:, :20] = False
    found = sounddata.suffer(picture, columns, np.random.default_rng(3))
    assert found.shape == (16, 200, 60)
    assert not found[..., :20].any()
    edges = (found[..., 30] > 0.3).sum(dim=1).tolist()
    assert 85 <= min(edges) < 100 < max(edges) <= 115, "a band is heard up to a tenth off"
    assert found[:, 0, 30].std() > 0.01


@pytest.mark.parametrize("kind", augment.NOISE_KINDS)
def test_noise_stands_where_it_should(kind: str) -> None:
    rng = np.random.default_rng(1)
    voice = rng.standard_normal(4000, dtype=np.float32)
    silence = np.zeros(8000, np.float32)
    mixed = augment.add_noise(silence, augment.noise(kind, 8000, rng, [voice, voice]), 10.0, 0.1)
    assert 20 * np.log10(augment.rms(mixed)) == pytest.approx(-30.0, abs=0.1)
    again = augment.noise(kind, 8000, np.random.default_rng(2), [voice])
    np.testing.assert_array_equal(again, augment.noise(kind, 8000, np.random.default_rng(2), [voice]))


def test_the_voice_is_found_between_silences() -> None:
    sound = np.zeros(8000, np.float32)
    sound[3200:4800] = np.random.default_rng(0).standard_normal(1600)
    assert voice_bounds(sound) == (3200, 4800)


def test_words_of_a_pair_fit_its_kind() -> None:
    rng = np.random.default_rng(0)
    lines = [np.array([label]) for label in range(len(corpora.LABELS))]
    said, called = pairs.draw(
        np.array([2, 2, 2, 6]),
        ["match", "plain words", "no words", "plain voice"],
        lines,
        lambda line, _: np.array([line], np.int32),
        rng,
    )
    assert said[0].tolist() == [2]
    assert said[1].tolist() == [6]
    assert said[2].tolist() == []
    assert called[:3].tolist() == [2, 2, 2]
    assert called[3] == said[3][0] != 6


def test_the_plan_of_the_shipped_network_can_be_read() -> None:
    plan = config.read(Path(__file__).parents[2] / "tools" / "configs" / "stream.toml")
    assert plan.network == "stream"
    assert plan.sound.steps > 0
