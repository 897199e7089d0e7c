"""Sound without speech, made by arithmetic: noise, machines, weather, tones, hands. Seeded; levels are set elsewhere.

Each maker takes a number of samples at the stream rate and a source of chance, and returns (n,) samples of any level.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamer.network import contract

Floats = NDArray[np.float64]

RATE_HZ: Final = contract.STREAM_RATE_HZ


def times_s(n: int) -> Floats:
    """Return (n,) the time of each sample."""
    return np.arange(n) / RATE_HZ


def white(n: int, rng: np.random.Generator) -> Floats:
    """Return white noise."""
    return rng.standard_normal(n)


def pink(n: int, rng: np.random.Generator) -> Floats:
    """Return noise that falls by 3 dB an octave."""
    return coloured(n, -0.5, rng)


def brown(n: int, rng: np.random.Generator) -> Floats:
    """Return noise that falls by 6 dB an octave."""
    return coloured(n, -1.0, rng)


def coloured(n: int, power: float, rng: np.random.Generator) -> Floats:
    """Return noise whose amplitude goes with frequency to the `power`, nothing under 20 Hz."""
    hz = np.fft.rfftfreq(n, 1 / RATE_HZ)
    gains = np.where(hz >= 20.0, np.maximum(hz, 20.0) ** power, 0.0)
    return shaped(rng.standard_normal(n), gains)


def band(n: int, low_hz: float, high_hz: float, rng: np.random.Generator) -> Floats:
    """Return noise between two frequencies, with soft edges a third of an octave wide."""
    hz = np.maximum(np.fft.rfftfreq(n, 1 / RATE_HZ), 1.0)
    rise, fall = np.log2(hz / low_hz) * 6.0, np.log2(high_hz / hz) * 6.0
    return shaped(rng.standard_normal(n), 1.0 / (1.0 + np.exp(-rise)) / (1.0 + np.exp(-fall)))


def shaped(sound: Floats, gains: Floats) -> Floats:
    """Return sound with each frequency of its spectrum multiplied."""
    return np.fft.irfft(np.fft.rfft(sound) * gains, len(sound))


def wandering(n: int, every_s: float, rng: np.random.Generator) -> Floats:
    """Return (n,) a smooth random curve in [0, 1] with a new aim `every_s` seconds."""
    aims = rng.random(int(n / RATE_HZ / every_s) + 3)
    at = times_s(n) / every_s
    i, part = at.astype(int), 0.5 - 0.5 * np.cos(np.pi * (at % 1.0))
    return np.asarray(aims[i] * (1 - part) + aims[i + 1] * part)


def struck(n: int, starts: list[float], blow: Floats, gains: Floats) -> Floats:
    """Return one short sound again and again, at `starts` seconds."""
    sound = np.zeros(n + len(blow))
    for start_s, gain in zip(starts, gains, strict=True):
        at = int(start_s * RATE_HZ)
        if 0 <= at < n:
            sound[at : at + len(blow)] += gain * blow
    return sound[:n]


def decaying(length_s: float, fall_s: float, rng: np.random.Generator, low_hz: float, high_hz: float) -> Floats:
    """Return one blow: band-limited noise that dies away."""
    n = int(length_s * RATE_HZ)
    return band(n, low_hz, high_hz, rng) * np.exp(-times_s(n) / fall_s)


def intervals(n: int, mean_s: float, least_s: float, rng: np.random.Generator) -> list[float]:
    """Return instants with irregular distances."""
    count = int(n / RATE_HZ / mean_s * 2) + 4
    return [float(at) for at in np.cumsum(least_s + rng.exponential(mean_s - least_s, count))]


def keyboard(n: int, rng: np.random.Generator) -> Floats:
    """Return somebody typing: bursts of presses and releases, now and then a space bar, pauses to think."""
    presses = np.array(intervals(n, 0.17, 0.06, rng))
    thinking = np.repeat(rng.random(len(presses) // 12 + 1) < 0.4, 12)[: len(presses)]
    presses = presses + np.cumsum(np.where(np.diff(thinking, prepend=False) & thinking, rng.uniform(0.5, 3.0), 0.0))
    presses = presses[presses < n / RATE_HZ]
    sound = np.zeros(n)
    for _ in range(6):  # six kinds of keys
        mine = presses[rng.random(len(presses)) < 1 / 6]
        low = float(rng.uniform(300, 2_500))
        down, up = (decaying(0.06, fall, rng, low, low * 3) for fall in (0.008, 0.004))
        sound += struck(n, mine.tolist(), down, rng.uniform(0.5, 1.0, len(mine)))
        sound += struck(n, (mine + rng.uniform(0.06, 0.11)).tolist(), up, rng.uniform(0.2, 0.5, len(mine)))
    return sound


def clapping(n: int, rng: np.random.Generator) -> Floats:
    """Return one pair of hands, then applause of many."""
    alone = intervals(n // 2, 0.45, 0.3, rng)
    sound = struck(n, alone, decaying(0.12, 0.012, rng, 700, 2_500), rng.uniform(0.7, 1.0, len(alone)))
    for _ in range(12):
        many = [n / 2 / RATE_HZ + at for at in intervals(n - n // 2, 0.28, 0.2, rng)]
        low = float(rng.uniform(500, 1_500))
        sound += struck(n, many, decaying(0.08, 0.01, rng, low, low * 3), rng.uniform(0.2, 0.5, len(many)))
    return sound


def knocking(n: int, rng: np.random.Generator) -> Floats:
    """Return knocks on wood and footsteps."""
    at = intervals(n, 0.55, 0.25, rng)
    low, high = rng.uniform(80, 150), rng.uniform(400, 900)
    return struck(n, at, decaying(0.25, 0.035, rng, float(low), float(high)), rng.uniform(0.3, 1.0, len(at)))


def hum(n: int, rng: np.random.Generator) -> Floats:
    """Return a mains hum of 50 or 60 Hz with its harmonics."""
    mains_hz = float(rng.choice([50.0, 60.0]))
    gains = rng.uniform(0.1, 1.0, 12) / np.arange(1, 13)
    phases = 2 * np.pi * mains_hz * times_s(n)
    tones = sum(gain * np.sin((k + 1) * phases + k) for k, gain in enumerate(gains.tolist()))
    return np.asarray(tones) + 0.01 * white(n, rng)


def fan(n: int, rng: np.random.Generator) -> Floats:
    """Return a fan: broad noise beaten by the blades, and the motor's tone."""
    blades_hz = float(rng.uniform(15, 90))
    beat = 1.0 + 0.3 * np.sin(2 * np.pi * blades_hz * times_s(n))
    motor = 0.3 * np.sin(2 * np.pi * float(rng.uniform(100, 400)) * times_s(n))
    air = coloured(n, -0.6, rng)
    return np.asarray(air / air.std() * beat + motor)


def wind(n: int, rng: np.random.Generator) -> Floats:
    """Return gusts, with a whistle that follows them."""
    gusts = wandering(n, 1.3, rng) ** 2
    low, howl = brown(n, rng), band(n, 350, 700, rng)
    return np.asarray(gusts * low / low.std() + 0.3 * wandering(n, 0.7, rng) ** 2 * gusts * howl / howl.std())


def traffic(n: int, rng: np.random.Generator) -> Floats:
    """Return a road: far rumble, cars that pass with engine and tyres."""
    far = coloured(n, -0.9, rng)
    sound = 0.3 * far / far.std()
    for at_s in intervals(n, 5.0, 1.5, rng):
        apart_s = times_s(n) - at_s
        near = 1.0 / (1.0 + (apart_s / float(rng.uniform(0.6, 1.6))) ** 2)
        tyres = band(n, 150, 1_500, rng)
        engine_hz = float(rng.uniform(40, 110)) * (1.0 - 0.04 * np.tanh(apart_s))
        phase = 2 * np.pi * np.cumsum(engine_hz) / RATE_HZ
        engine = sum(np.sin(k * phase) / k for k in range(1, 9))
        sound += float(rng.uniform(0.4, 1.0)) * near * (tyres / tyres.std() + 0.5 * np.asarray(engine))
    return np.asarray(sound)


def rain(n: int, rng: np.random.Generator) -> Floats:
    """Return rain: many drops over a hiss."""
    drops = np.where(rng.random(n) < 150 / RATE_HZ, rng.exponential(1.0, n), 0.0)
    hiss = band(n, 1_000, 7_000, rng)
    return shaped(drops, np.abs(np.fft.rfft(decaying(1.0, 0.004, rng, 800, 5_000), n))) + 0.2 * hiss


def tones(n: int, rng: np.random.Generator) -> Floats:
    """Return steady tones, a new one every two to six seconds."""
    places = np.minimum(np.cumsum(rng.uniform(2, 6, n // RATE_HZ + 2)) * RATE_HZ, n).astype(int)
    hz = np.exp(rng.uniform(np.log(100), np.log(3_500), len(places)))
    return np.sin(2 * np.pi * np.cumsum(hz[np.searchsorted(places[:-1], np.arange(n), "right")]) / RATE_HZ)


def beeps(n: int, rng: np.random.Generator) -> Floats:
    """Return telephone keys and alarms: pairs of tones, switched on and off."""
    low, high = rng.choice([697.0, 770.0, 852.0, 941.0], 400), rng.choice([1_209.0, 1_336.0, 1_477.0], 400)
    on_s = float(rng.uniform(0.08, 0.5))
    i = (times_s(n) / (2 * on_s)).astype(int) % 400
    gate = (times_s(n) % (2 * on_s)) < on_s
    return np.asarray(gate * sum(np.sin(2 * np.pi * hz[i] * times_s(n)) for hz in (low, high)))


def sweeps(n: int, rng: np.random.Generator) -> Floats:
    """Return tones that glide up and down, as sirens do."""
    period_s = float(rng.uniform(0.8, 8.0))
    up_and_down = 0.5 - 0.5 * np.cos(2 * np.pi * times_s(n) / period_s)
    low, high = float(rng.uniform(100, 600)), float(rng.uniform(900, 3_500))
    phase = 2 * np.pi * np.cumsum(low * (high / low) ** up_and_down) / RATE_HZ
    return np.sin(phase) + 0.3 * np.sin(2 * phase)
