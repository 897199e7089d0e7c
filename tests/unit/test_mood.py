"""The mood: laws of smoothing, and a label that is hard to enter and easy to keep."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.mood import NONE, QUIET, MoodRules, Smoothed, fold, rests_on_newest
from streamer.network import contract
from streamer.records import Estimate, Stage, State, seconds
from tests.unit.test_windows import Ear, speech

HOP = 2_560
RATE = contract.STREAM_RATE_HZ
RULES = MoodRules()
NOT_SPEAKING = [State.NO_SPEECH, State.TOO_LITTLE, State.DEVICE_SILENT, State.MUTED, State.OVERLOADED]


def sure_of(emotion: str, share: float = 0.9) -> tuple[float, ...]:
    rest = (1 - share) / (contract.N_EMOTIONS - 1)
    return tuple(share if name == emotion else rest for name in contract.EMOTIONS)


def estimate(
    end: int,
    six: tuple[float, ...] | None,
    none: float = 0.0,
    state: State = State.SPEECH,
    start: int = 0,
    utterance: int = 0,
) -> Estimate:
    return Estimate(start, end, state, Stage.AUDIO, utterance, 0, six, none, 0, 0.0, 0.0, 0.0, 0.0)


def play(smoothed: Smoothed, n_hops: int, six: tuple[float, ...], none: float = 0.0, hop: int = HOP) -> Smoothed:
    for _ in range(n_hops):
        smoothed = fold(smoothed, estimate(smoothed.mood.end + hop, six, none), RULES)
    return smoothed


def test_a_steady_emotion_becomes_the_label_within_a_second() -> None:
    mood = play(QUIET, 6, sure_of("happy")).mood
    assert (mood.state, mood.label) == (State.SPEECH, "happy")
    assert mood.confidence == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize("share", [0.5, 0.9, 1.0])
def test_one_odd_hop_does_not_change_the_label_however_sure_it_is(share: float) -> None:
    happy = play(QUIET, 20, sure_of("happy"))
    assert play(happy, 1, sure_of("angry", share)).mood.label == "happy"
    assert play(QUIET, 1, sure_of("angry", share)).mood.label is None


def test_a_lasting_change_changes_the_label_without_a_gap() -> None:
    happy = play(QUIET, 20, sure_of("happy"))
    labels = []
    for _ in range(15):
        happy = play(happy, 1, sure_of("sad"))
        labels.append(happy.mood.label)
    assert labels[-1] == "sad"
    assert set(labels) == {"happy", "sad"}
    assert labels == sorted(labels, key=str), "one change, no flicker"


@pytest.mark.parametrize("state", NOT_SPEAKING)
def test_with_nobody_speaking_there_is_no_label(state: State) -> None:
    happy = play(QUIET, 20, sure_of("happy"))
    mood = fold(happy, estimate(happy.mood.end + HOP, None, state=state), RULES).mood
    assert (mood.state, mood.label, mood.probabilities) == (state, None, None)


def test_none_of_the_six_is_never_an_emotion() -> None:
    mood = play(QUIET, 30, sure_of("happy", 0.9), none=0.7).mood
    assert (mood.state, mood.label) == (State.UNSURE, None)


def test_an_even_spread_is_unsure() -> None:
    mood = play(QUIET, 30, (1 / 6,) * 6).mood
    assert (mood.state, mood.label) == (State.UNSURE, None)


def test_the_start_says_since_when_the_label_holds() -> None:
    happy = play(QUIET, 6, sure_of("happy"))
    later = play(happy, 10, sure_of("happy"))
    assert later.mood.start == happy.mood.start < happy.mood.end < later.mood.end


@given(st.lists(st.floats(0.001, 1), min_size=6, max_size=6), st.floats(0, 0.9), st.integers(1, 40))
def test_shares_stay_in_range_and_converge(weights: list[float], none: float, n_hops: int) -> None:
    six = tuple(weight / sum(weights) for weight in weights)
    smoothed = play(QUIET, n_hops, six, none)
    assert all(0 <= share <= 1 for share in smoothed.shares)
    if smoothed.mood.probabilities:
        assert sum(smoothed.mood.probabilities) == pytest.approx(1)
    settled = play(smoothed, 200, six, none)
    assert settled.shares[NONE] == pytest.approx(none, abs=1e-3)
    assert settled.shares[:NONE] == pytest.approx([p * (1 - none) for p in six], abs=1e-3)


@given(st.integers(1, 8))
def test_the_hop_does_not_change_the_time_constants(factor: int) -> None:
    """After the same time of a constant input, small hops and large hops have come equally far."""
    small = play(QUIET, 8, sure_of("fear"), hop=HOP)
    n_large = 8 // factor
    large = play(QUIET, n_large, sure_of("fear"), hop=HOP * factor)
    small = play(QUIET, n_large * factor, sure_of("fear"), hop=HOP)
    assert seconds(small.mood.end) == seconds(large.mood.end)
    assert small.shares == pytest.approx(large.shares)


def test_what_was_said_before_does_not_speak_for_a_new_utterance() -> None:
    happy = play(QUIET, 20, sure_of("happy"))
    began = happy.mood.end
    young = happy
    for _ in range(6):
        young = fold(young, estimate(young.mood.end + HOP, sure_of("sad"), utterance=1), RULES)
        assert (young.shares, young.mood.label) == (happy.shares, "happy")
    own = estimate(young.mood.end + HOP, sure_of("sad"), start=began - RATE // 4, utterance=1)
    assert fold(young, own, RULES).shares[2] > young.shares[2]


def test_an_utterance_too_short_to_be_judged_by_itself_counts_with_those_before_it() -> None:
    happy = play(QUIET, 20, sure_of("happy"))
    for _ in range(40):
        happy = fold(happy, estimate(happy.mood.end + HOP, sure_of("sad"), utterance=1), RULES)
    assert happy.mood.label == "sad"


@pytest.mark.parametrize("lead", [0.0, 0.05, 0.11, 0.16])
def test_windows_rest_on_the_newest_utterance_from_when_they_hold_nothing_older(lead: float) -> None:
    """The real windower: what counts is what begins with the second utterance, wherever in a hop that is."""
    quiet = np.zeros(int(1.2 * RATE), np.float32)
    sound = np.concatenate((quiet[: int(lead * RATE)], speech(2.0), quiet, speech(3.0)))
    second = int((lead + 3.2) * RATE)
    smoothed, counted = QUIET, []
    for window in Ear().hear(sound):
        shown = estimate(window.end, sure_of("sad"), 0.0, window.state, window.start, window.utterance)
        smoothed = fold(smoothed, shown, RULES)
        if window.utterance == 1:
            counted.append((window.start > second - RATE // 2, rests_on_newest(shown, smoothed.began)))
    assert counted == sorted(counted)
    assert {(False, False), (True, True)} == set(counted)
