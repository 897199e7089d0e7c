"""What may happen to a voice on its way to the microphone. Pure functions of sound and a random generator."""

import numpy as np
import scipy.fft
import soxr
from numpy.typing import NDArray

from streamer.network import contract

Sound = NDArray[np.float32]
Rng = np.random.Generator

RATE = contract.PICTURE_RATE_HZ

NOISE_KINDS = ("white", "pink", "brown", "hum", "babble", "music")


def seconds(duration_s: float) -> int:
    """Return how many picture samples last `duration_s`."""
    return round(duration_s * RATE)


def rms(sound: Sound) -> float:
    """Return the root mean square, never zero."""
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)) + 1e-12)) if len(sound) else 1e-6


def change_speed(sound: Sound, factor: float) -> Sound:
    """Return the sound played `factor` times as fast; pitch moves along."""
    return np.asarray(soxr.resample(sound, RATE * factor, RATE, quality="MQ"), np.float32)


def shape_spectrum(sound: Sound, frequencies_hz: list[float], gains_db: list[float]) -> Sound:
    """Return the sound with a smooth gain over frequency, given at some frequencies."""
    n = scipy.fft.next_fast_len(max(len(sound), 2), real=True)
    spectrum = scipy.fft.rfft(sound, n)
    grid = np.arange(len(spectrum), dtype=np.float32) * (RATE / n)
    gain = 10.0 ** (np.interp(grid, frequencies_hz, gains_db) / 20.0)
    return np.asarray(scipy.fft.irfft(spectrum * gain.astype(np.float32), n)[: len(sound)], np.float32)


def equalise(sound: Sound, rng: Rng) -> Sound:
    """Return the sound through a random microphone and room: +-8 dB, smooth."""
    points = [0.0, 120.0, 300.0, 700.0, 1500.0, 2500.0, 4000.0]
    return shape_spectrum(sound, points, rng.uniform(-8.0, 8.0, len(points)).tolist())


def band_limit(sound: Sound, rng: Rng) -> Sound:
    """Return the sound through a telephone (300 to 3400 Hz) or a dull microphone (low pass at 1.8 to 3.6 kHz)."""
    if rng.random() < 0.5:
        edges, gains = [0.0, 200.0, 320.0, 3300.0, 3600.0, 4000.0], [-50.0, -30.0, 0.0, 0.0, -30.0, -50.0]
        return shape_spectrum(sound, edges, gains)
    edge = float(rng.uniform(1800.0, 3600.0))
    return shape_spectrum(sound, [0.0, edge, edge + 300.0, 4000.0], [0.0, 0.0, -25.0, -40.0])


def reverberate(sound: Sound, rng: Rng) -> Sound:
    """Return the sound in a room: a decaying noise as its impulse response (choice: no measured rooms)."""
    decay_s = float(rng.uniform(0.15, 0.7))
    n = seconds(decay_s)
    tail = rng.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n)
    tail[0] = 0.0
    tail *= 10.0 ** (-float(rng.uniform(2.0, 14.0)) / 20.0) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    size = scipy.fft.next_fast_len(len(sound) + n, real=True)
    wet = scipy.fft.irfft(scipy.fft.rfft(sound, size) * scipy.fft.rfft(tail.astype(np.float32), size), size)
    return np.asarray(wet[: len(sound)], np.float32)


def coloured(n: int, slope_db_per_octave: float, rng: Rng) -> Sound:
    """Return `n` samples of noise whose spectrum falls by `slope_db_per_octave`."""
    if slope_db_per_octave == 0.0:
        return rng.standard_normal(n, dtype=np.float32)
    size = scipy.fft.next_fast_len(max(n, 2), real=True)
    spectrum = scipy.fft.rfft(rng.standard_normal(size, dtype=np.float32))
    octave = np.log2(np.maximum(np.arange(len(spectrum)) * (RATE / size), 40.0) / 40.0)
    gain = (10.0 ** (-slope_db_per_octave * octave / 20.0)).astype(np.float32)
    return np.asarray(scipy.fft.irfft(spectrum * gain, size)[:n], np.float32)


def hum(n: int, rng: Rng) -> Sound:
    """Return mains hum with harmonics over a little pink noise."""
    t = np.arange(n, dtype=np.float32) / np.float32(RATE)
    mains = 50.0 if rng.random() < 0.5 else 60.0
    harmonics = np.zeros(n, np.float32)
    for k in range(1, 12):
        loud, phase = np.float32(rng.random() / k), np.float32(6.3 * rng.random())
        harmonics += loud * np.sin(np.float32(2 * np.pi * mains * k) * t + phase)
    return np.asarray(harmonics + 0.1 * coloured(n, 3.0, rng), np.float32)


def music(n: int, rng: Rng) -> Sound:
    """Return chords of decaying harmonic tones with a beat (choice: synthetic, so that nothing is licensed)."""
    sound = np.zeros(n, np.float32)
    beat = seconds(float(rng.uniform(0.25, 0.7)))
    root = float(rng.uniform(55.0, 220.0))
    for start in range(0, n, beat):
        length = min(n - start, beat * 2)
        t = np.arange(length, dtype=np.float32) / np.float32(RATE)
        for interval in rng.choice([0, 3, 4, 5, 7, 9, 12, 16, 19], size=3, replace=False):
            pitch = root * 2.0 ** (interval / 12.0)
            tones = [k for k in range(1, 6) if pitch * k < RATE / 2]
            tone = sum(np.sin(np.float32(2 * np.pi * pitch * k) * t) / np.float32(k**1.2) for k in tones)
            sound[start : start + length] += tone * np.exp(-t * np.float32(rng.uniform(1.0, 6.0)))
    return sound


def noise(kind: str, n: int, rng: Rng, voices: list[Sound]) -> Sound:
    """Return `n` samples of background of one of `NOISE_KINDS`; `voices` are what babble is made of."""
    match kind:
        case "white":
            return coloured(n, 0.0, rng)
        case "pink":
            return coloured(n, 3.0, rng)
        case "brown":
            return coloured(n, 6.0, rng)
        case "hum":
            return hum(n, rng)
        case "music":
            return music(n, rng)
        case "babble":
            mixed = np.zeros(n, np.float32)
            for voice in voices:
                looped = np.resize(voice, n + len(voice))
                at = int(rng.integers(len(voice)))
                mixed += looped[at : at + n] / rms(voice)
            return mixed
    message = f"no noise is called {kind}"
    raise ValueError(message)


def add_noise(sound: Sound, background: Sound, snr_db: float, level: float) -> Sound:
    """Return both together; `level` is the voice's RMS, `snr_db` how far the background stands under it."""
    return sound + background * np.float32(level / rms(background) * 10.0 ** (-snr_db / 20.0))
