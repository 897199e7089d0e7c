"""Pauses before the broker is tried again: growing, bounded, random, and long where asking again is no use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.sinks.reasons import Trouble
from streamer.sinks.retry import Retry


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_pauses_double_up_to_thirty_seconds() -> None:
    retry = Retry(Clock(), lambda: 1.0)
    pauses = [retry.pause_s(Trouble.ABSENT, None) for _ in range(10)]
    assert pauses == [0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0, 30.0]


@given(st.lists(st.tuples(st.sampled_from(Trouble), st.none() | st.floats(0, 100), st.floats(0, 1)), max_size=100))
def test_a_pause_is_never_shorter_than_a_fifth_of_a_second_nor_longer_than_a_minute(
    troubles: list[tuple[Trouble, float | None, float]],
) -> None:
    chances = iter([chance for *_, chance in troubles])
    retry = Retry(Clock(), lambda: next(chances))
    for trouble, online_s, _ in troubles:
        pause_s = retry.pause_s(trouble, online_s)
        assert 0.2 <= pause_s <= 30.0 or pause_s == 60.0


def test_a_link_that_held_makes_the_next_pause_short_again() -> None:
    retry = Retry(Clock(), lambda: 1.0)
    for _ in range(5):
        retry.pause_s(Trouble.ABSENT, None)
    assert retry.pause_s(Trouble.LOST, 9.9) == 12.8
    assert retry.pause_s(Trouble.LOST, 10.0) == 0.4


def test_a_refusal_waits_long_and_does_not_lengthen_other_pauses() -> None:
    retry = Retry(Clock(), lambda: 1.0)
    assert [retry.pause_s(Trouble.REFUSED, None) for _ in range(3)] == [30.0] * 3
    assert retry.pause_s(Trouble.ABSENT, None) == 0.4


def kicks(trouble: Trouble, apart_s: float, number: int) -> list[float]:
    clock = Clock()
    retry = Retry(clock, lambda: 0.0)
    pauses = []
    for _ in range(number):
        pauses.append(retry.pause_s(trouble, 1.0))
        clock.now_s += apart_s
    return pauses


@pytest.mark.parametrize(("trouble", "at"), [(Trouble.LOST, 2), (Trouble.TAKEN_OVER, 1)])
def test_a_fight_for_our_name_is_left_for_a_minute(trouble: Trouble, at: int) -> None:
    pauses = kicks(trouble, 5.0, 6)
    assert pauses.index(60.0) == at
    assert pauses.count(60.0) == 6 // (at + 1), "after the minute the count begins anew"
    assert 60.0 not in kicks(trouble, 31.0, 20)


def test_a_broker_that_restarts_is_no_fight() -> None:
    retry = Retry(Clock(), lambda: 0.0)
    for _ in range(5):
        assert retry.pause_s(Trouble.LOST, 1.0) < 60.0
        assert retry.pause_s(Trouble.ABSENT, None) < 60.0
