"""Halving the rate: level kept in the passband, aliases gone, times kept, bits independent of the pieces."""

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from streamer.features.decimate import HALF_TAPS, Decimator
from streamer.network import contract
from streamer.records import Samples


def tone(hz: float, n: int = 32_000) -> Samples:
    return np.sin(2 * np.pi * hz * np.arange(n) / contract.STREAM_RATE_HZ).astype(np.float32)


@pytest.mark.parametrize("hz", [60, 440, 1_000, 3_000, 3_700])
def test_a_voice_band_tone_keeps_level_and_phase(hz: float) -> None:
    out = Decimator().push(tone(hz))[200:-200]
    np.testing.assert_allclose(out, tone(hz)[400::2][: len(out)], atol=2e-3)


@pytest.mark.parametrize("hz", [4_300, 5_000, 6_500, 7_900])
def test_what_would_alias_is_gone(hz: float) -> None:
    assert np.abs(Decimator().push(tone(hz))[200:-200]).max() < 1e-3


def test_it_agrees_with_soxr_in_the_voice_band() -> None:
    sound = (tone(200) + tone(900) + tone(2_500)) / np.float32(3)
    theirs = soxr.resample(sound, contract.STREAM_RATE_HZ, contract.PICTURE_RATE_HZ, quality="HQ")
    np.testing.assert_allclose(Decimator().push(sound)[500:15_000], theirs[500:15_000], atol=1e-3)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=20), st.integers(0, 2**32 - 1))
def test_any_split_gives_the_same_bits(lengths: list[int], seed: int) -> None:
    sound = np.random.default_rng(seed).standard_normal(sum(lengths)).astype(np.float32)
    whole, pieces = Decimator(), Decimator()
    expected = np.concatenate((whole.push(sound), whole.flush()))
    got = [pieces.push(piece) for piece in np.split(sound, np.cumsum(lengths)[:-1])]
    np.testing.assert_array_equal(np.concatenate((*got, pieces.flush())), expected)


def test_it_holds_back_no_more_than_its_look_ahead() -> None:
    decimator = Decimator()
    out = sum(len(decimator.push(np.zeros(320, np.float32))) for _ in range(10))
    assert 2 * out >= 3_200 - HALF_TAPS - 1
