"""The small measures, against answers known by arithmetic."""

import numpy as np
import pytest

from streamer.gauges import SILENCE_DB, History, Latencies, Meter, Overload, level_db
from streamer.network import contract
from streamer.records import Estimate, Mood, Stage, State

RATE = contract.STREAM_RATE_HZ


def estimate(end_s: float) -> Estimate:
    return Estimate(0, round(end_s * RATE), State.SPEECH, Stage.AUDIO, 0, 0, None, 0.0, 0, 0.0, 0.0, 0.0, 0.0)


def mood(end_s: float, probabilities: tuple[float, ...] | None) -> Mood:
    return Mood(State.SPEECH, "happy", 0.5, probabilities, 0, round(end_s * RATE))


def test_a_full_scale_square_wave_is_zero_db_and_a_tenth_is_minus_twenty() -> None:
    square = np.where(np.arange(1_600) % 2, 1, -1).astype(np.float32)
    assert level_db(square) == pytest.approx(0, abs=1e-6)
    assert level_db(square / np.float32(10)) == pytest.approx(-20, abs=1e-4)


def test_silence_reads_the_floor_and_nothing_reads_it_too() -> None:
    assert level_db(np.zeros(100, np.float32)) == SILENCE_DB
    assert level_db(np.zeros(0, np.float32)) == SILENCE_DB


def test_the_meter_shows_the_last_moment_and_keeps_the_peak_for_a_while() -> None:
    meter = Meter(level_s=0.1, peak_s=1.0)
    assert meter.level_db is None
    assert meter.peak_db is None
    loud, quiet = np.full(1_600, 0.5, np.float32), np.full(1_600, 0.005, np.float32)
    meter.push(loud, 1_600)
    meter.push(quiet, 3_200)
    assert meter.level_db == pytest.approx(-46, abs=0.1)
    assert meter.peak_db == pytest.approx(-6, abs=0.1)
    meter.push(quiet, 3_200 + 2 * RATE)
    assert meter.peak_db == pytest.approx(-46, abs=0.1)


def test_percentiles_are_those_of_the_kept_latencies() -> None:
    latencies = Latencies(kept=100)
    assert latencies.percentile_ms(50) is None
    assert latencies.newest_ms is None
    for ms in range(1_000):
        latencies.push(ms / 1_000)
    assert latencies.percentile_ms(50) == pytest.approx(949.5)
    assert latencies.newest_ms == pytest.approx(999)


def test_the_history_keeps_two_rows_a_second_whatever_the_hop() -> None:
    history = History(every_s=0.5, kept=60)
    for hop in range(1_000):
        history.push(mood(hop * 0.16, (0.5, 0.1, 0.1, 0.1, 0.1, 0.1)))
    assert len(history.curves) == contract.N_EMOTIONS
    assert len(history.curves[0]) == 60
    assert history.curves[0][-1] == 0.5


def test_the_history_has_holes_where_there_was_no_answer() -> None:
    history = History()
    history.push(mood(1, None))
    assert history.curves == ((None,),) * contract.N_EMOTIONS


def test_every_hop_in_time_is_no_overload_and_every_third_is() -> None:
    in_time, late = Overload(hop_s=0.16), Overload(hop_s=0.16)
    assert not any(in_time.push(estimate(hop * 0.16)) for hop in range(100))
    assert late.push(estimate(0)) is False
    assert all([late.push(estimate(hop * 0.48)) for hop in range(1, 30)][2:])
