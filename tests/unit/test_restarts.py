"""When a lost child may start again."""

from random import Random

from streamer.engines.restarts import Restarts


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def fail(restarts: Restarts, clock: Clock, *, after_s: float) -> float:
    restarts.started()
    clock.now_s += after_s
    return restarts.pause_s()


def test_five_failures_in_a_minute_are_answered_at_once_and_then_come_growing_pauses() -> None:
    clock = Clock()
    restarts = Restarts(clock, Random(1))
    pauses = [fail(restarts, clock, after_s=1.0) for _ in range(5)]
    assert pauses == [0.0] * 5
    for wanted_s in (60.0, 300.0, 900.0, 900.0):
        pause_s = fail(restarts, clock, after_s=1.0)
        assert 0.8 * wanted_s <= pause_s <= 1.2 * wanted_s
        assert pause_s != wanted_s
        clock.now_s += pause_s


def test_failures_far_apart_never_pause() -> None:
    clock = Clock()
    restarts = Restarts(clock, Random(1))
    assert {fail(restarts, clock, after_s=13.0) for _ in range(50)} == {0.0}


def test_a_child_that_lasted_makes_good_for_earlier_pauses() -> None:
    clock = Clock()
    restarts = Restarts(clock, Random(1))
    pauses = [fail(restarts, clock, after_s=0.0) for _ in range(7)]
    assert pauses[-1] > pauses[-2] > 0
    assert fail(restarts, clock, after_s=61.0) == 0.0
    assert [fail(restarts, clock, after_s=0.0) for _ in range(4)] == [0.0] * 4
    assert 48.0 <= fail(restarts, clock, after_s=0.0) <= 72.0


def test_the_same_seed_gives_the_same_pauses() -> None:
    def pauses(seed: int) -> list[float]:
        clock = Clock()
        restarts = Restarts(clock, Random(seed))
        return [fail(restarts, clock, after_s=0.0) for _ in range(9)]

    assert pauses(3) == pauses(3) != pauses(4)
