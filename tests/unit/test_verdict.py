"""Calibration, the sum over heads, and when the answer is "unsure": worked by hand, and as laws."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.engines.verdict import Calibration, heads_in_use, judge
from streamer.records import State
from tests.networks import card

THREE = ("joint", "sound", "words")
LONE = Calibration(("joint",), (1.0,), (1.0,), 0.4)
TRIO = Calibration(THREE, (2.0, 1.0, 4.0), (0.5, 1.0, 2.0), 0.4)


def logits_of(*shares: float) -> np.ndarray:
    return np.log(np.array([shares], np.float32))


def test_the_six_are_given_as_they_are_without_none() -> None:
    verdict = judge(logits_of(0.5, 0.1, 0.1, 0.1, 0.1, 0.1), LONE, heard=True, said=True)
    assert verdict.state is State.SPEECH
    assert verdict.probabilities == pytest.approx((0.5, 0.1, 0.1, 0.1, 0.1, 0.1))
    assert verdict.none_probability == 0.0


def test_none_is_split_off_and_the_six_are_renormalised() -> None:
    verdict = judge(logits_of(0.45, 0.05, 0.0625, 0.0625, 0.0625, 0.0625, 0.25), LONE, heard=True, said=True)
    assert verdict.state is State.SPEECH
    assert verdict.none_probability == pytest.approx(0.25)
    assert verdict.probabilities is not None
    assert verdict.probabilities[0] == pytest.approx(0.6)
    assert sum(verdict.probabilities) == pytest.approx(1.0)


def test_none_as_the_likeliest_answer_is_unsure() -> None:
    rule = replace(LONE, threshold=0.0)
    verdict = judge(logits_of(0.3, 0.1, 0.1, 0.05, 0.05, 0.05, 0.35), rule, heard=True, said=True)
    assert verdict.state is State.UNSURE
    assert verdict.probabilities is not None
    assert judge(logits_of(0.36, 0.1, 0.1, 0.05, 0.04, 0.01, 0.34), rule, heard=True, said=True).state is State.SPEECH


def test_a_share_under_the_threshold_is_unsure_though_it_leads_the_six() -> None:
    shares = (0.39, 0.05, 0.05, 0.05, 0.05, 0.05, 0.36)
    assert judge(logits_of(*shares), LONE, heard=True, said=True).state is State.UNSURE
    assert judge(logits_of(*shares), replace(LONE, threshold=0.38), heard=True, said=True).state is State.SPEECH


def test_heads_are_calibrated_weighed_and_summed() -> None:
    rows = np.zeros((3, 6), np.float32)
    rows[:, 0] = (2.0, 3.0, 4.0)
    verdict = judge(rows, TRIO, heard=True, said=True)
    total = 0.5 * 2.0 / 2.0 + 1.0 * 3.0 / 1.0 + 2.0 * 4.0 / 4.0
    assert verdict.probabilities is not None
    assert verdict.probabilities[0] == pytest.approx(math.exp(total) / (math.exp(total) + 5))


def test_without_words_the_sound_head_answers_alone() -> None:
    rows = np.array([[9, 0, 0, 0, 0, 0], [0, 3, 0, 0, 0, 0], [0, 0, 9, 0, 0, 0]], np.float32)
    verdict = judge(rows, replace(TRIO, weights=(1.0, 7.0, 1.0)), heard=True, said=False)
    assert verdict.probabilities is not None
    assert verdict.probabilities[1] == pytest.approx(math.exp(3) / (math.exp(3) + 5))


def test_which_heads_answer() -> None:
    assert heads_in_use(THREE, heard=True, said=True) == THREE
    assert heads_in_use(THREE, heard=True, said=False) == ("sound",)
    assert heads_in_use(THREE, heard=False, said=True) == ("words",)
    assert heads_in_use(("joint",), heard=True, said=False) == ("joint",)
    assert heads_in_use(("joint", "words"), heard=True, said=False) == ("joint", "words")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_gives_no_probabilities(bad: float) -> None:
    rows = np.zeros((1, 6), np.float32)
    rows[0, 3] = bad
    verdict = judge(rows, LONE, heard=True, said=True)
    assert verdict.state is State.UNSURE
    assert verdict.probabilities is None


def test_a_head_that_is_not_asked_may_answer_anything() -> None:
    rows = np.zeros((3, 6), np.float32)
    rows[2] = math.nan
    assert judge(rows, TRIO, heard=True, said=False).probabilities is not None
    assert judge(rows, TRIO, heard=True, said=True).probabilities is None


@given(st.lists(st.floats(-80, 80, width=32), min_size=7, max_size=7), st.floats(0.1, 10), st.floats(0, 0.99))
def test_probabilities_sum_to_one_and_a_temperature_moves_no_order(
    row: list[float], temperature: float, threshold: float
) -> None:
    rows = np.array([row], np.float32)
    verdict = judge(rows, Calibration(("joint",), (temperature,), (1.0,), threshold), heard=True, said=True)
    assert verdict.probabilities is not None
    assert sum(verdict.probabilities) == pytest.approx(1.0)
    assert 0.0 <= verdict.none_probability <= 1.0
    assert verdict.probabilities[int(np.argmax(row[:6]))] == max(verdict.probabilities)
    if row[6] > max(row[:6]) + 1e-3:
        assert verdict.state is State.UNSURE


def test_the_card_holds_the_calibration_and_the_user_may_move_the_threshold() -> None:
    assert Calibration.of(card()) == Calibration(("joint",), (1.5,), (1.0,), 0.4)
    assert Calibration.of(card(), 0.0).threshold == 0.0
