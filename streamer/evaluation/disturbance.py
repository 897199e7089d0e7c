"""What may lie between a voice and the network: noise at a stated distance, and a telephone. Pure arithmetic.

SNR here is meant where the picture looks, in 0 to 4 kHz, and while somebody speaks: the mean power of the speech's
20 ms frames within 30 dB of the loudest, over the mean power of the noise.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamer.features.decimate import HALF_TAPS, Decimator, half_band
from streamer.network import contract
from streamer.records import Samples

FRAME_SAMPLES: Final = contract.PICTURE_RATE_HZ // 50
ACTIVE_DB: Final = 30.0
"""Frames this far under the loudest still count as speech."""

FAINTEST_POWER: Final = 1e-12
"""Power of sound that counts as silence, -120 dB re full scale."""

MU_LAW_BIAS: Final = 132
MU_LAW_CLIP: Final = 32_635
LEAST_SEGMENT: Final = 7
"""Position of the highest bit in the lowest of the eight segments."""

TELEPHONE_BAND_HZ: Final = ((0.0, 200.0, 300.0, 3_400.0, 3_700.0, 4_000.0), (-60.0, -30.0, 0.0, 0.0, -30.0, -60.0))
"""Corner frequencies and gains in dB."""


def in_band(sound: Samples) -> Samples:
    """Return what the picture sees of sound at the stream rate: its samples at the picture rate."""
    decimator = Decimator()
    return np.concatenate((decimator.push(sound), decimator.flush()))


def active_frames(sound: Samples) -> NDArray[np.bool_]:
    """Return which whole frames of sound at the picture rate lie within `ACTIVE_DB` of the loudest."""
    powers = _frame_powers(sound)
    return np.asarray(powers > max(powers.max(initial=0.0) * 10.0 ** (-ACTIVE_DB / 10.0), FAINTEST_POWER))


def speech_power(sound: Samples) -> float:
    """Return the mean power of the active part of sound at the stream rate, in band; 0 for silence."""
    heard = in_band(sound)
    powers, active = _frame_powers(heard), active_frames(heard)
    return float(powers[active].mean()) if active.any() else 0.0


def mean_power(sound: Samples) -> float:
    """Return the mean power of sound at the stream rate, in band."""
    heard = in_band(sound)
    return float(np.mean(np.square(heard, dtype=np.float64))) if len(heard) else 0.0


def with_noise(sound: Samples, noise: Samples, snr_db: float) -> Samples:
    """Return sound and noise of the same length added, `snr_db` apart.

    Silence stays as it is: it has no speech from which the noise could keep a distance. What would be louder than full
    scale is turned down, noise included.
    """
    power, of_noise = speech_power(sound), mean_power(noise)
    if power <= FAINTEST_POWER or of_noise <= FAINTEST_POWER:
        return sound
    gain = np.sqrt(power / of_noise) * 10.0 ** (-snr_db / 20.0)
    mixed = sound.astype(np.float64) + gain * noise
    return np.asarray(mixed / max(1.0, float(np.abs(mixed).max(initial=0.0))), np.float32)


def white(n: int, rng: np.random.Generator) -> Samples:
    """Return `n` samples of white noise."""
    return rng.standard_normal(n, dtype=np.float32)


def looped(sound: Samples, n: int, rng: np.random.Generator) -> Samples:
    """Return `n` samples of sound that goes round, from a random place on."""
    start = int(rng.integers(len(sound)))
    return np.take(sound, np.arange(start, start + n), mode="wrap")


def babble(n: int, voices: Sequence[Samples], rng: np.random.Generator) -> Samples:
    """Return `n` samples of several voices at once, all equally loud."""
    powers = [speech_power(voice) for voice in voices]
    loud = [voice / np.float32(np.sqrt(p)) for voice, p in zip(voices, powers, strict=True) if p > FAINTEST_POWER]
    return np.sum([looped(voice, n, rng) for voice in loud], axis=0, dtype=np.float32) if loud else np.zeros(n, "f4")


def telephone(sound: Samples) -> Samples:
    """Return sound at the stream rate as it comes out of a telephone: 8 kHz, 300 to 3400 Hz, 8-bit mu-law (G.711)."""
    narrow = _telephone_band(in_band(sound))
    coded = mu_law_encoded(np.clip(np.round(narrow * 32_768.0), -32_768, 32_767).astype(np.int16))
    return _doubled(mu_law_decoded(coded).astype(np.float32) / np.float32(32_768.0), len(sound))


def mu_law_encoded(pcm: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Return 16-bit samples as G.711 mu-law bytes.

    Source: ITU-T G.711, with the bias of 132 that makes every segment a power of two.
    """
    wide = pcm.astype(np.int32)
    size = np.minimum(np.abs(wide), MU_LAW_CLIP) + MU_LAW_BIAS
    exponent = np.frexp(size.astype(np.float64))[1] - 1 - LEAST_SEGMENT
    mantissa = (size >> (exponent + 3)) & 0x0F
    sign = np.where(wide < 0, 0x80, 0)
    return np.asarray(~(sign | (exponent << 4) | mantissa) & 0xFF, np.uint8)


def mu_law_decoded(coded: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Return the 16-bit samples that G.711 mu-law bytes stand for."""
    bits = ~coded.astype(np.int32) & 0xFF
    size = (((bits & 0x0F) << 3) + MU_LAW_BIAS) << ((bits >> 4) & 0x07)
    return np.asarray(np.where(bits & 0x80, MU_LAW_BIAS - size, size - MU_LAW_BIAS), np.int16)


def _frame_powers(sound: Samples) -> NDArray[np.float64]:
    frames = sound[: len(sound) - len(sound) % FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return np.asarray(np.mean(np.square(frames, dtype=np.float64), axis=1))


def _telephone_band(sound: Samples) -> Samples:
    n = max(2, len(sound))
    spectrum = np.fft.rfft(sound, n)
    corners_hz, gains_db = TELEPHONE_BAND_HZ
    gains = np.interp(np.fft.rfftfreq(n, 1.0 / contract.PICTURE_RATE_HZ), corners_hz, gains_db)
    return np.asarray(np.fft.irfft(spectrum * 10.0 ** (gains / 20.0), n)[: len(sound)], np.float32)


def _doubled(sound: Samples, n: int) -> Samples:
    """Return `n` samples at twice the rate: the decimator's own filter run backwards, so nothing is shifted."""
    if n == 0:
        return np.zeros(0, np.float32)
    taps = np.zeros(2 * HALF_TAPS + 1)
    side = half_band()
    taps[HALF_TAPS] = 0.5
    taps[HALF_TAPS + 1 :: 2] = side
    taps[HALF_TAPS - 1 :: -2] = side
    wide = np.zeros(2 * len(sound))
    wide[::2] = sound
    full = np.convolve(wide, 2.0 * taps)[HALF_TAPS : HALF_TAPS + n]
    return np.asarray(np.pad(full, (0, n - len(full))), np.float32)
