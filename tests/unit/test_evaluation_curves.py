"""The curves behind the figures: bins that make up the calibration error, errors by coverage, speakers by name."""

import numpy as np
import pytest

from streamer.evaluation import answers, curves, metrics
from streamer.evaluation.answers import Answer


def test_the_bins_make_up_the_calibration_error() -> None:
    rng = np.random.default_rng(3)
    probabilities, truth = rng.dirichlet(np.ones(6), 97), rng.integers(6, size=97)
    bins = curves.reliability(truth, probabilities)
    confidences = [one["confidence"] for one in bins]
    assert confidences == sorted(confidences)
    assert sum(one["n"] for one in bins) == 97
    error = sum(abs(one["confidence"] - one["accuracy"]) * one["n"] for one in bins) / 97
    assert error == pytest.approx(metrics.calibration_error(truth, probabilities))


def test_the_most_confident_are_answered_first() -> None:
    truth, answer = np.array([0, 1, 1, 0]), np.array([0, 1, 0, 1])
    confidence = np.array([0.5, 0.9, 0.7, 0.2])
    assert curves.risk_coverage(truth, answer, confidence, n_points=4) == [
        {"coverage": 0.25, "risk": 0.0, "confidence": 0.9},
        {"coverage": 0.5, "risk": 0.5, "confidence": 0.7},
        {"coverage": 0.75, "risk": pytest.approx(1 / 3), "confidence": 0.5},
        {"coverage": 1.0, "risk": 0.5, "confidence": 0.2},
    ]


def test_few_rows_give_as_many_points() -> None:
    one = np.array([2])
    assert curves.risk_coverage(one, one, np.array([0.4])) == [{"coverage": 1.0, "risk": 0.0, "confidence": 0.4}]
    assert curves.risk_coverage(one[:0], one[:0], np.array([])) == []


def test_speakers_are_judged_by_name_and_nobody_is_left_out_of_nothing() -> None:
    truth, answer = np.array([0, 1, 0, 1, 2]), np.array([0, 1, 0, 0, 2])
    speakers = np.array(["c/b", "c/b", "c/a", "c/a", ""], object)
    found = curves.by_speaker(truth, answer, speakers)
    assert found == {"c/a": {"uar": 0.5, "n": 2}, "c/b": {"uar": 1.0, "n": 2}}
    assert list(found) == ["c/a", "c/b"]


def test_an_evaluation_holds_the_curves_and_neutral_clips_count_in_the_second() -> None:
    sure, unsure = (0.8, 0.1, 0.0, 0.0, 0.0, 0.0, 0.1), (0.3, 0.1, 0.0, 0.0, 0.0, 0.0, 0.6)
    rows = [Answer(0, sure, True, "c/a", ""), Answer(1, unsure, False, "c/a", ""), Answer(6, sure, True, "c/b", "")]
    found = answers.figures(rows, seed=0)
    assert found["uar_by_speaker"] == {"c/a": {"uar": 0.5, "n": 2}}
    assert found["risk_coverage"] == [
        {"coverage": 0.5, "risk": 0.0, "confidence": 0.8}, {"coverage": 1.0, "risk": 0.5, "confidence": 0.3},
    ]  # fmt: skip
    seven = found["risk_coverage_7"]
    assert isinstance(seven, list)
    assert [point["risk"] for point in seven] == [0.0, 0.5, pytest.approx(2 / 3)]
    calm = answers.figures(rows[:2], seed=0)
    assert calm["risk_coverage_7"] is None
    assert answers.figures(rows[2:], seed=0)["reliability"] is None
