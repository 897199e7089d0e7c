"""Resampling: whatever the blocks, the same samples; the right length, pitch and level; and cutting to chunks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.records import Samples
from streamer.sources.resample import Resampler, Slicer, chunk_samples, from_int16, to_mono
from tests import signals

RATES_HZ = (8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 192_000)


def resampled(sound: Samples, rate_hz: int, cuts: list[int]) -> Samples:
    resampler = Resampler(rate_hz)
    blocks = [resampler.process(block) for block in np.split(sound, sorted(cuts))]
    return np.concatenate([*blocks, resampler.finish()])


@settings(max_examples=40, deadline=None)
@given(rate_hz=st.sampled_from(RATES_HZ), cuts=st.lists(st.integers(0, 9_000), max_size=12))
def test_any_cutting_into_blocks_gives_the_same_samples(rate_hz: int, cuts: list[int]) -> None:
    sound = signals.noise(9_000, seed=1)

    assert np.array_equal(resampled(sound, rate_hz, cuts), resampled(sound, rate_hz, []))


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_length_pitch_and_level_stay(rate_hz: int) -> None:
    heard = resampled(signals.tone(rate_hz, 1_000.0, rate_hz=rate_hz), rate_hz, [])
    wanted = signals.tone(16_000, 1_000.0)

    assert abs(len(heard) - 16_000) <= 1
    # The edges ring, as those of any filter; the middle is the same tone at the same place.
    assert np.abs(heard[800:15_000] - wanted[800:15_000]).max() < 1e-3


def test_what_lies_above_the_streams_own_half_rate_is_gone() -> None:
    heard = resampled(signals.tone(48_000, 12_000.0, rate_hz=48_000), 48_000, [])

    assert np.abs(heard[800:15_000]).max() < 1e-4


def test_at_the_stream_rate_samples_pass_untouched() -> None:
    sound = signals.noise(100)

    assert np.array_equal(resampled(sound, 16_000, [33]), sound)


def test_channels_are_averaged_and_clipped_to_full_scale() -> None:
    frames = np.array([[0.5, -0.5], [1.0, 0.5], [3.0, 1.5], [np.inf, 1.0]], np.float32)

    assert to_mono(frames).tolist() == [0.0, 0.75, 1.0, 1.0]


@given(st.integers(1, 300), st.integers(1, 17))
def test_averaging_does_not_depend_on_the_size_of_the_block(n: int, channels: int) -> None:
    frames = np.random.default_rng(n).uniform(-1, 1, (n, channels)).astype(np.float32)

    assert np.array_equal(to_mono(frames), np.concatenate([to_mono(frame[None]) for frame in frames]))


def test_16_bit_samples_are_little_endian_and_reach_full_scale() -> None:
    assert from_int16(b"\x00\x80\x00\x00\x01\x00\xff\x7f").tolist() == [-1.0, 0.0, 1 / 32_768, 32_767 / 32_768]


@given(st.lists(st.integers(0, 50), max_size=20), st.integers(1, 40))
def test_slices_are_whole_and_nothing_is_lost(sizes: list[int], size: int) -> None:
    sound = np.arange(sum(sizes), dtype=np.float32)
    slicer = Slicer(size)
    pieces = [piece for block in np.split(sound, np.cumsum(sizes)) for piece in slicer.cut(block)]
    rest = slicer.rest()

    assert all(len(piece) == size for piece in pieces)
    assert sum(len(piece) for piece in rest) < size
    assert np.array_equal(np.concatenate([*pieces, *rest, sound[:0]]), sound)


def test_a_chunk_of_20_ms_is_320_samples() -> None:
    assert chunk_samples(20) == 320


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 192_000])
def test_the_whole_picture_comes_through_from_any_rate(rate_hz: int) -> None:
    """A tone near the top of the picture keeps its level; from 8 kHz that is 3.6 kHz, the top of a telephone's band."""
    tone_hz = 3_600
    sound = np.sin(2 * np.pi * tone_hz * np.arange(rate_hz) / rate_hz).astype(np.float32)
    resampler = Resampler(rate_hz)
    heard = np.concatenate((resampler.process(sound), resampler.finish()))[2_000:-2_000]
    assert 20 * np.log10(heard.std() * np.sqrt(2)) == pytest.approx(0, abs=0.5)
