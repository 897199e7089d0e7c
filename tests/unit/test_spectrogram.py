"""The picture against answers known by mathematics, and against scipy (and torchaudio where it imports)."""

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given
from hypothesis import strategies as st

from streamer.features import spectrogram
from streamer.features.spectrogram import bands_db, picture_columns, power_columns
from streamer.network import contract
from streamer.records import Samples


def tone(hz: float, seconds: float = 1.0, amplitude: float = 1.0) -> Samples:
    t = np.arange(int(seconds * contract.PICTURE_RATE_HZ)) / contract.PICTURE_RATE_HZ
    return (amplitude * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def noise(n: int, seed: int = 0) -> Samples:
    return (0.1 * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


@pytest.mark.parametrize("step", [contract.LIVE_STEP_SAMPLES, contract.PAPER_STEP_SAMPLES])
def test_power_equals_scipy_signal(step: int) -> None:
    sound = noise(9_000)
    _, _, theirs = scipy.signal.spectrogram(
        sound.astype(np.float64),
        window=scipy.signal.get_window("hamming", contract.SEGMENT_SAMPLES),
        noverlap=contract.SEGMENT_SAMPLES - step,
        detrend=False,
        scaling="spectrum",
        mode="complex",
    )
    unscaled = np.abs(theirs * spectrogram.taper().sum()) ** 2
    ours = power_columns(sound, step)
    assert ours.shape == unscaled.T.shape
    np.testing.assert_allclose(ours, unscaled.T, rtol=1e-5, atol=1e-9)


def test_power_equals_torchaudio_or_torch_stft() -> None:
    """torchaudio.Spectrogram is torch.stft with these arguments; where its wheel cannot load, the same call is made."""
    sound = torch.from_numpy(noise(9_000))
    hamming = torch.hamming_window(contract.SEGMENT_SAMPLES)
    try:
        transforms = __import__("torchaudio.transforms").transforms
    except (ImportError, OSError):
        spectrum = torch.stft(
            sound,
            contract.SEGMENT_SAMPLES,
            contract.LIVE_STEP_SAMPLES,
            window=hamming,
            center=False,
            return_complex=True,
        )
        theirs = spectrum.abs().square()
    else:
        theirs = transforms.Spectrogram(
            n_fft=contract.SEGMENT_SAMPLES,
            hop_length=contract.LIVE_STEP_SAMPLES,
            window_fn=torch.hamming_window,
            power=2.0,
            center=False,
        )(sound)
    ours = power_columns(sound.numpy())
    np.testing.assert_allclose(ours, theirs.numpy().T, rtol=1e-5, atol=1e-5 * float(theirs.max()))


@pytest.mark.parametrize(("hz", "band"), [(30, 1), (1_010, 50), (1_990, 99), (3_990, 199)])
def test_a_tone_lies_in_its_band(hz: float, band: int) -> None:
    assert set(bands_db(power_columns(tone(hz))).argmax(axis=1)) == {band}


def test_a_full_scale_tone_reads_zero_db() -> None:
    """Band 50 holds bins 101 and 102; a tone in the middle of bin 101 leaks a known 0.7 dB from Hamming's neighbour."""
    assert bands_db(power_columns(tone(1_010))).max() == pytest.approx(0.0, abs=0.8)


@given(st.floats(-30, 0))
def test_louder_by_x_db_moves_every_band_by_x_db(gain_db: float) -> None:
    sound = noise(1_600)
    louder = bands_db(power_columns(sound))
    quieter = bands_db(power_columns((sound * 10 ** (gain_db / 20)).astype(np.float32)))
    np.testing.assert_allclose(louder + gain_db, quieter, atol=1e-3)


def test_silence_is_zero_everywhere() -> None:
    assert not picture_columns(np.zeros(8_000, np.float32)).any()


@pytest.mark.parametrize("gain", [0.2, 0.5])
def test_the_picture_does_not_know_how_far_the_microphone_is(gain: float) -> None:
    sound = noise(16_000) * np.repeat([1, 0.1, 1, 0.3], 4_000).astype(np.float32)
    np.testing.assert_allclose(picture_columns(sound), picture_columns(sound * np.float32(gain)), atol=1e-4)


def test_a_delay_of_one_step_shifts_the_columns_by_one() -> None:
    sound = noise(4_000)
    step = contract.LIVE_STEP_SAMPLES
    np.testing.assert_array_equal(power_columns(sound)[1:], power_columns(sound[step:]))


def test_a_click_shows_in_the_columns_that_hold_it_and_in_no_other() -> None:
    sound = np.zeros(4_000, np.float32)
    sound[2_000] = 1.0
    heard = np.flatnonzero(power_columns(sound).max(axis=1) > 1e-6)
    first = (2_000 - contract.SEGMENT_SAMPLES) // contract.LIVE_STEP_SAMPLES + 1
    assert heard.tolist() == list(range(first, 2_000 // contract.LIVE_STEP_SAMPLES + 1))


def test_too_little_sound_makes_no_column() -> None:
    assert picture_columns(noise(contract.SEGMENT_SAMPLES - 1)).shape == (contract.N_BANDS, 0)
    assert picture_columns(noise(contract.SEGMENT_SAMPLES)).shape == (contract.N_BANDS, 1)
