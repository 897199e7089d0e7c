"""Noise at the asked distance, and the telephone."""

import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.evaluation import disturbance
from streamer.records import Samples
from tests.signals import silence, tone

RATE = 16_000


def power_below_4_khz(sound: Samples) -> float:
    """Return the mean power in band, told by a spectrum and not by the decimator."""
    spectrum = np.fft.rfft(sound.astype(np.float64))
    spectrum[np.fft.rfftfreq(len(sound), 1 / RATE) > 4_000.0] = 0.0
    return float(np.mean(np.square(np.fft.irfft(spectrum, len(sound)))))


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 10.0, 25.0])
def test_white_noise_is_as_far_as_asked(snr_db: float) -> None:
    speech = tone(4 * RATE, 1_000.0, level_db=-20.0)
    noise = disturbance.white(len(speech), np.random.default_rng(0))
    added = disturbance.with_noise(speech, noise, snr_db) - speech
    found = 10 * np.log10(power_below_4_khz(speech) / power_below_4_khz(added))
    assert found == pytest.approx(snr_db, abs=0.15)


def test_pauses_do_not_make_the_speech_weaker() -> None:
    speech = tone(2 * RATE, 1_000.0)
    with_pauses = np.concatenate((silence(3 * RATE), speech, silence(3 * RATE)))
    assert disturbance.speech_power(with_pauses) == pytest.approx(disturbance.speech_power(speech), rel=0.02)


def test_what_would_be_too_loud_is_turned_down_together() -> None:
    speech = tone(RATE, 1_000.0, level_db=-1.0)
    noise = disturbance.white(RATE, np.random.default_rng(0))
    mixed = disturbance.with_noise(speech, noise, 0.0)
    assert float(np.abs(mixed).max()) == pytest.approx(1.0)
    quiet = disturbance.with_noise(speech / np.float32(100), noise, 0.0)
    assert np.corrcoef(mixed, quiet)[0, 1] == pytest.approx(1.0, abs=1e-6)


def test_silence_gets_no_noise() -> None:
    noise = disturbance.white(RATE, np.random.default_rng(0))
    assert not disturbance.with_noise(silence(RATE), noise, 0.0).any()


def test_all_voices_of_babble_are_equally_loud() -> None:
    loud, faint = tone(RATE, 500.0, level_db=-6.0), tone(RATE, 1_500.0, level_db=-46.0)
    mixed = disturbance.babble(RATE, [loud, faint, silence(RATE)], np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(mixed))
    assert spectrum[500] == pytest.approx(spectrum[1_500], rel=0.02)


def test_a_loop_goes_round() -> None:
    sound = np.arange(5, dtype=np.float32)
    found = disturbance.looped(sound, 12, np.random.default_rng(0))
    assert set(np.diff(found).tolist()) == {1.0, -4.0}


@pytest.mark.parametrize(
    ("pcm", "coded", "back"),
    [
        (0, 0xFF, 0),
        (8, 0xFE, 8),
        (100, 0xF2, 104),
        (1_000, 0xCE, 988),
        (8_031, 0xA0, 7_932),
        (32_767, 0x80, 32_124),
        (-32_768, 0x00, -32_124),
        (-1_000, 0x4E, -988),
    ],
)
def test_mu_law_of_known_values(pcm: int, coded: int, back: int) -> None:
    found = disturbance.mu_law_encoded(np.array([pcm], np.int16))
    assert found.tolist() == [coded]
    assert disturbance.mu_law_decoded(found).tolist() == [back]


def test_every_byte_comes_back_as_itself() -> None:
    """But for the two zeros: 0x7F is minus zero."""
    every: NDArray[np.uint8] = np.arange(256, dtype=np.uint8)
    again = disturbance.mu_law_encoded(disturbance.mu_law_decoded(every))
    assert again[every != 0x7F].tolist() == every[every != 0x7F].tolist()


def test_a_telephone_keeps_the_voice_in_its_place_and_loses_the_rest() -> None:
    inside = tone(RATE, 1_000.0)
    heard = disturbance.telephone(inside)
    assert len(heard) == len(inside)
    middle = slice(1_000, -1_000)
    assert float(np.abs(heard - inside)[middle].max()) < 0.01
    for outside_hz in (60.0, 3_950.0, 6_000.0):
        gone = disturbance.telephone(tone(RATE, outside_hz))[middle]
        assert float(np.sqrt(np.mean(gone**2))) < 0.03 * 0.25 / np.sqrt(2)


def test_a_telephone_takes_any_length() -> None:
    for n in (0, 1, 2, 3, 1_001):
        assert len(disturbance.telephone(tone(n, 500.0))) == n
