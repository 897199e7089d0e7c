"""Blocks to chunks: exact sound inside a stretch, holes between stretches, silence of the device; and openings."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.records import Chunk
from streamer.sources.hearing import Block, Hearing, Raw
from streamer.sources.opening import Before, Opening
from tests import signals


def raw(held: NDArray[np.int16], rate_hz: int = 16_000, channels: int = 1) -> Raw:
    return Raw(held.astype("<i2").tobytes(), len(held) // channels, channels, rate_hz)


def opened(number: int = 1, before: Before | None = None, *, at_s: float = 0.0, after_pause: bool = False) -> Opening:
    return Opening(number, before, opened_s=at_s, patience_s=0.0, after_pause=after_pause)


def blocks_of(
    held: NDArray[np.int16], size: int, *, rate_hz: int = 16_000, opening: Opening | None = None, from_s: float = 0.0
) -> list[Block]:
    opening = opening or opened()
    return [
        opening.block(raw(held[at : at + size], rate_hz), from_s + min(at + size, len(held)) / rate_hz)
        for at in range(0, len(held), size)
    ]


def heard(hearing: Hearing, blocks: list[Block]) -> list[Chunk]:
    return [chunk for block in blocks for chunk in hearing.take(block)]


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_the_size_of_blocks_does_not_change_the_sound(rate_hz: int) -> None:
    held = signals.as_int16(signals.noise(rate_hz, seed=3))
    joined = []
    for size in (441, 1_600, 20_000):
        hearing = Hearing()
        chunks = [*heard(hearing, blocks_of(held, size, rate_hz=rate_hz)), *hearing.finish()]
        assert all(before.end == after.start for before, after in pairwise(chunks))
        assert (hearing.holes, hearing.lost_samples) == (0, 0)
        joined.append(np.concatenate([chunk.samples for chunk in chunks]))

    assert abs(len(joined[0]) - 16_000) <= 1
    assert all(np.array_equal(joined[0], other) for other in joined[1:])


def test_stereo_is_averaged() -> None:
    block = opened().block(raw(np.array([100, 300, -50, -150], np.int16), channels=2), 0.0)

    assert (Hearing().take(block)[0].samples * 32_768).tolist() == [200.0, -100.0]


def test_what_the_resampler_holds_back_counts_as_captured_later() -> None:
    rate_hz = 48_000
    chunks = heard(Hearing(), blocks_of(signals.as_int16(signals.noise(rate_hz)), 960, rate_hz=rate_hz, from_s=5.0))

    for chunk in chunks:
        assert chunk.captured_s == pytest.approx(5.0 + chunk.end / 16_000, abs=1e-3)


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_a_dropped_block_is_a_hole_and_the_sound_after_it_keeps_its_place(rate_hz: int) -> None:
    held = signals.as_int16(signals.noise(rate_hz, seed=4))
    blocks = blocks_of(held, rate_hz // 50, rate_hz=rate_hz)
    whole = Hearing()
    reference = np.concatenate([chunk.samples for chunk in [*heard(whole, blocks), *whole.finish()]])
    hearing = Hearing()
    chunks = [*heard(hearing, blocks[:10] + blocks[13:]), *hearing.finish()]

    assert (hearing.holes, hearing.lost_samples) == (1, 960)
    assert [after.start - before.end for before, after in pairwise(chunks) if after.start != before.end] == [960]
    assert chunks[-1].end == 16_000
    last = chunks[-2]  # far from the edges of the hole, where the filter rings
    assert np.allclose(last.samples, reference[last.start : last.end], atol=1e-5)


def test_the_time_between_two_openings_is_a_hole() -> None:
    hearing = Hearing()
    first = opened()
    chunks = heard(hearing, blocks_of(np.ones(16_000, np.int16), 320, opening=first))
    second = opened(2, first.so_far(), at_s=3.0)
    chunks += heard(hearing, blocks_of(np.ones(16_000, np.int16), 320, opening=second, from_s=3.5))

    assert (hearing.holes, hearing.lost_samples) == (1, 40_000)
    assert [after.start - before.end for before, after in pairwise(chunks) if after.start != before.end] == [40_000]


def test_a_pause_that_was_asked_for_is_a_jump_and_no_loss() -> None:
    hearing = Hearing()
    first = opened()
    heard(hearing, blocks_of(np.ones(16_000, np.int16), 320, opening=first))
    second = opened(2, first.so_far(), at_s=3.0, after_pause=True)
    chunks = heard(hearing, blocks_of(np.ones(16_000, np.int16), 320, opening=second, from_s=3.5))

    assert chunks[0].start == 56_000
    assert (hearing.holes, hearing.lost_samples) == (0, 0)


def test_an_opening_that_heard_nothing_passes_on_what_was_before() -> None:
    before = Before(1_234, 5.0)

    assert opened(2, before).so_far() == before
    assert opened(1).so_far() is None


def test_sound_that_is_missing_against_the_clock_becomes_a_hole() -> None:
    hearing, opening = Hearing(), opened()
    held = np.ones(320, np.int16)
    times_s = [number * 0.02 + (0.5 if number > 600 else 0.0) for number in range(1, 1_200)]
    chunks = heard(hearing, [opening.block(raw(held), at_s) for at_s in times_s])

    assert hearing.holes == 1
    assert hearing.lost_samples == pytest.approx(8_000, abs=1)
    assert chunks[-1].end == pytest.approx(times_s[-1] * 16_000, abs=1)


def test_digital_silence_of_the_device_is_told_after_two_seconds_and_ends_with_the_first_sound() -> None:
    hearing = Hearing()
    held = np.concatenate((np.ones(1_600), np.zeros(3 * 16_000), np.ones(1_600))).astype(np.int16)
    chunks = heard(hearing, blocks_of(held, 320))

    silent = [chunk for chunk in chunks if chunk.silent_device]
    assert (silent[0].start, silent[-1].end) == (1_600 + 32_000, 1_600 + 48_000)
    assert not hearing.silent


def test_sound_is_overdue_two_seconds_after_the_last_and_four_after_opening() -> None:
    opening = opened(at_s=10.0)
    assert opening.overdue_s(13.9) is None
    assert opening.overdue_s(14.1) == pytest.approx(4.1)
    opening.block(raw(np.ones(320, np.int16)), 20.0)
    assert opening.overdue_s(21.9) is None
    assert opening.overdue_s(22.5) == pytest.approx(2.5)
