"""The mood: laws of smoothing, and a label that is hard to enter and easy to keep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.mood import NONE, QUIET, MoodRules, Smoothed, fold
from streamer.network import contract
from streamer.records import Estimate, Stage, State, seconds

HOP = 2_560
RULES = MoodRules()
NOT_SPEAKING = [State.NO_SPEECH, State.TOO_LITTLE, State.DEVICE_SILENT, State.MUTED, State.OVERLOADED]


def sure_of(emotion: str, share: float = 0.8) -> tuple[float, ...]:
    rest = (1 - share) / (contract.N_EMOTIONS - 1)
    return tuple(share if name == emotion else rest for name in contract.EMOTIONS)


def estimate(end: int, six: tuple[float, ...] | None, none: float = 0.0, state: State = State.SPEECH) -> Estimate:
    return Estimate(0, end, state, Stage.AUDIO, 0, 0, six, none, 0, 0.0, 0.0, 0.0, 0.0)


def play(smoothed: Smoothed, n_hops: int, six: tuple[float, ...], none: float = 0.0, hop: int = HOP) -> Smoothed:
    for _ in range(n_hops):
        smoothed = fold(smoothed, estimate(smoothed.mood.end + hop, six, none), RULES)
    return smoothed


def test_a_steady_emotion_becomes_the_label_within_a_second() -> None:
    mood = play(QUIET, 6, sure_of("happy")).mood
    assert (mood.state, mood.label) == (State.SPEECH, "happy")
    assert mood.confidence == pytest.approx(0.8)


def test_one_odd_hop_does_not_change_the_label() -> None:
    happy = play(QUIET, 20, sure_of("happy"))
    assert play(happy, 1, sure_of("angry")).mood.label == "happy"


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
