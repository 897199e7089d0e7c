"""The scores: scikit-learn's where it has them, hand-made cases where it has not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as theirs

from streamer.evaluation import metrics

N = 6


@st.composite
def cases(draw: st.DrawFn) -> tuple[metrics.Ints, metrics.Floats]:
    """Random truths and probabilities, some classes often missing."""
    n, classes = draw(st.integers(1, 60)), draw(st.integers(1, N))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    truth = rng.choice(rng.permutation(N)[:classes], n).astype(np.int64)
    return truth, rng.dirichlet(np.full(N, 0.5), n)


@settings(deadline=None)
@given(cases())
def test_scores_equal_those_of_scikit_learn(case: tuple[metrics.Ints, metrics.Floats]) -> None:
    truth, probabilities = case
    answer = probabilities.argmax(axis=1).astype(np.int64)
    labels = np.unique(truth)
    asked = {"labels": labels, "zero_division": 0.0}
    precision, recall, f1, support = theirs.precision_recall_fscore_support(truth, answer, **asked)
    found = metrics.class_scores(truth, answer)
    assert list(found) == labels.tolist()
    assert [one.precision for one in found.values()] == pytest.approx(precision.tolist())
    assert [one.recall for one in found.values()] == pytest.approx(recall.tolist())
    assert [one.f1 for one in found.values()] == pytest.approx(f1.tolist())
    assert [one.support for one in found.values()] == support.tolist()
    assert metrics.accuracy(truth, answer) == pytest.approx(theirs.accuracy_score(truth, answer))
    assert metrics.uar(truth, answer) == pytest.approx(theirs.recall_score(truth, answer, average="macro", **asked))
    assert metrics.macro_f1(truth, answer) == pytest.approx(theirs.f1_score(truth, answer, average="macro", **asked))
    weighted = theirs.f1_score(truth, answer, average="weighted", **asked)
    assert metrics.weighted_f1(truth, answer) == pytest.approx(weighted)
    table = theirs.confusion_matrix(truth, answer, labels=range(N))
    assert metrics.confusion(truth, answer, N).tolist() == table.tolist()
    loss = theirs.log_loss(truth, probabilities, labels=range(N))
    assert metrics.log_loss(truth, probabilities) == pytest.approx(loss, rel=1e-6)


def test_a_score_known_by_hand() -> None:
    truth, answer = np.array([0, 0, 0, 1, 1, 3]), np.array([0, 0, 1, 1, 0, 0])
    found = metrics.class_scores(truth, answer)
    assert found[0] == metrics.ClassScores(precision=0.5, recall=2 / 3, f1=4 / 7, support=3)
    assert found[3] == metrics.ClassScores(precision=0.0, recall=0.0, f1=0.0, support=1)
    assert metrics.uar(truth, answer) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)


def test_the_calibration_error_of_hand_made_cases() -> None:
    truth = np.array([0, 0, 1, 1])
    sure = np.array([[1.0, 0.0]] * 4)
    assert metrics.calibration_error(truth, sure, n_bins=1) == pytest.approx(0.5)
    honest = np.array([[0.5, 0.5]] * 4)
    assert metrics.calibration_error(truth, honest, n_bins=1) == pytest.approx(0.0)
    # Two bins of two rows: 0.6 and always right, 0.9 and always wrong.
    mixed = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    assert metrics.calibration_error(np.array([1, 1, 0, 0]), mixed, n_bins=2) == pytest.approx((0.4 + 0.9) / 2)


def test_bins_hold_equal_numbers_of_rows() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), 31)
    truth = rng.integers(3, size=31)
    order = np.argsort(probabilities.max(axis=1))
    hit = probabilities.argmax(axis=1) == truth
    slow = 0.0
    for part in np.array_split(order, 15):
        assert len(part) in {2, 3}
        slow += abs(float(np.mean(probabilities.max(axis=1)[part]) - np.mean(hit[part]))) * len(part) / 31
    assert metrics.calibration_error(truth, probabilities) == pytest.approx(slow)


def test_the_floor_of_the_calibration_error_is_what_true_confidences_are_measured_as() -> None:
    rng = np.random.default_rng(0)
    first = rng.uniform(0.5, 1.0, 400)
    probabilities = np.stack((first, 1.0 - first), axis=1)
    measured = [
        metrics.calibration_error((rng.random(400) > first).astype(np.int64), probabilities) for _ in range(300)
    ]
    assert metrics.calibration_floor(probabilities) == pytest.approx(np.mean(measured), rel=0.05)
    many = np.repeat(probabilities, 100, axis=0)
    assert metrics.calibration_floor(many) == pytest.approx(metrics.calibration_floor(probabilities) / 10, rel=0.05)
    assert metrics.calibration_floor(np.array([[1.0, 0.0]] * 5)) == 0.0


def test_brier_of_hand_made_cases() -> None:
    assert metrics.brier(np.array([0]), np.array([[1.0, 0.0, 0.0]])) == 0.0
    assert metrics.brier(np.array([1]), np.array([[1.0, 0.0, 0.0]])) == 2.0
    assert metrics.brier(np.array([0, 1]), np.array([[0.5, 0.5], [0.5, 0.5]])) == pytest.approx(0.5)


def test_own_answers_are_among_the_classes_that_occur() -> None:
    probabilities = np.array([[0.1, 0.2, 0.7], [0.3, 0.3001, 0.3999]])
    assert metrics.own_answers(np.array([0, 1]), probabilities).tolist() == [1, 1]
    assert metrics.own_answers(np.array([0, 2]), probabilities).tolist() == [2, 2]


def test_the_interval_is_drawn_over_whole_speakers() -> None:
    """One speaker always right, one always wrong: draws are 0, 1/2 or 1, however many rows there are."""
    truth = np.tile([0, 1], 200)
    speaker = np.repeat([0, 1], 200)
    answer = np.where(speaker == 0, truth, 1 - truth)
    assert metrics.recall_interval(truth, answer, speaker, seed=0) == (0.0, 1.0)
    low, high = metrics.recall_interval(truth, answer, np.arange(400), seed=0)
    assert 0.43 < low < 0.5 < high < 0.57


def test_a_gain_is_drawn_on_the_same_speakers_on_both_sides() -> None:
    """Speakers differ and the gain is the same for each: its interval is a point, though the recalls' are wide."""
    truth, speaker = np.tile([0, 1], 40), np.repeat(np.arange(8), 10)
    place = np.tile(np.arange(10), 8)
    answer = np.where(place < speaker, truth, 1 - truth)
    better = np.where(place < speaker + 2, truth, 1 - truth)
    low, high = metrics.gain_interval(truth, better, answer, speaker, seed=0)
    assert (low, high) == pytest.approx((0.2, 0.2))
    wide = metrics.recall_interval(truth, answer, speaker, seed=0)
    assert wide[1] - wide[0] > 0.2
    assert metrics.gain_interval(truth, answer, answer, speaker, seed=0) == (0.0, 0.0)


def test_the_interval_of_one_speaker_is_a_point() -> None:
    truth, answer = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    assert metrics.recall_interval(truth, answer, np.zeros(4, np.int64), seed=3) == (0.75, 0.75)


def test_a_class_that_a_draw_misses_is_left_out_of_it() -> None:
    """Each speaker has one class, both always right: every draw is 1, also where a class is missing."""
    truth = np.array([0, 0, 1, 1])
    assert metrics.recall_interval(truth, truth, np.array([0, 0, 1, 1]), seed=0) == (1.0, 1.0)


def test_the_same_seed_gives_the_same_interval() -> None:
    rng = np.random.default_rng(1)
    truth, answer = rng.integers(3, size=(2, 90))
    speaker = rng.integers(30, size=90)
    once = metrics.recall_interval(truth, answer, speaker, seed=5)
    assert once == metrics.recall_interval(truth, answer, speaker, seed=5)
    assert once != metrics.recall_interval(truth, answer, speaker, seed=6)
