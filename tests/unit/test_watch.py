"""The watchdog's arithmetic: late is not lost, drift is not lost, lost is lost; pauses grow and are random."""

import random

import pytest

from streamer.sources.watch import Lateness, pause_s


def losses(arrivals_s: list[float], block_s: float = 0.02) -> list[float]:
    lateness = Lateness()
    told = [lateness.lost_s(at_s, (number + 1) * block_s) for number, at_s in enumerate(arrivals_s)]
    return [lost_s for lost_s in told if lost_s]


def steady(n: int, block_s: float = 0.02) -> list[float]:
    return [(number + 1) * block_s for number in range(n)]


def test_steady_sound_loses_nothing() -> None:
    assert losses(steady(5_000)) == []


def test_callbacks_that_come_in_bursts_lose_nothing() -> None:
    # The server holds everything back for 1.5 s and then hands it over at once, again and again.
    held_up = [max(at_s, 1.5 * (1 + at_s // 1.5)) for at_s in steady(5_000)]

    assert losses(held_up) == []


def test_a_backlog_at_the_start_loses_nothing() -> None:
    assert losses([max(1.0, at_s) for at_s in steady(3_000)]) == []


def test_a_clock_that_drifts_by_1000_ppm_for_an_hour_loses_nothing() -> None:
    assert losses([at_s * 1.001 for at_s in steady(180_000)]) == []
    assert losses([at_s * 0.999 for at_s in steady(180_000)]) == []


@pytest.mark.parametrize("missing_s", [0.15, 0.5, 1.9])
def test_a_lasting_delay_is_told_once_and_in_full(missing_s: float) -> None:
    late = [at_s + (missing_s if at_s > 30 else 0.0) for at_s in steady(5_000)]

    # Once told, the microphone moves its positions; here the delay just stays, and is not told again.
    assert losses(late) == pytest.approx([missing_s])


def test_pauses_grow_from_1_to_30_s_and_are_random() -> None:
    rng = random.Random(5)
    for attempt, longest_s in enumerate((2, 4, 8, 16, 30, 30, 30)):
        pauses_s = [pause_s(attempt, rng) for _ in range(500)]
        assert 1.0 <= min(pauses_s) < 1.3
        assert longest_s * 0.95 < max(pauses_s) <= longest_s
    assert pause_s(5_000, rng) <= 30.0


def test_sound_that_is_held_up_and_catches_up_slowly_loses_nothing() -> None:
    # Held up by 0.8 s at second 30, then delivered half again as fast, which takes 1.6 s.
    caught_up = [at_s + (max(0.0, 0.8 - (at_s - 30.0) / 3) if at_s > 30 else 0.0) for at_s in steady(5_000)]

    assert losses(caught_up) == []
