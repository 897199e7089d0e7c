"""Music made by arithmetic: tunes on several instruments, drums, and voices that sing vowels and no word. Seeded."""

from collections.abc import Callable
from typing import Final

import numpy as np

from tools.moods.noises import RATE_HZ, Floats, band, decaying, shaped, struck, times_s, wandering

SCALE: Final = (0, 2, 4, 5, 7, 9, 11)
"""Semitones of a major scale; the minor one begins at its sixth note."""

VOWELS_HZ: Final = ((730, 1_090, 2_440), (270, 2_290, 3_010), (300, 870, 2_240), (530, 1_840, 2_480), (570, 840, 2_410))
"""First three formants of a, i, u, e, o. Source: Peterson and Barney (1952), men."""

WIDTHS_HZ: Final = (80, 100, 140)


def tune(n: int, rng: np.random.Generator, low: int, high: int, notes_s: float) -> list[tuple[int, int, float]]:
    """Return a melody: start and end of each note in samples, and its frequency; now and then a rest."""
    notes, at, step = [], 0, int(rng.integers(low, high))
    key_hz = 55.0 * 2 ** (float(rng.integers(12)) / 12)
    while at < n:
        length = int(notes_s * float(rng.choice([0.5, 1.0, 1.0, 2.0])) * RATE_HZ)
        step = int(np.clip(step + rng.integers(-3, 4), low, high))
        octave, degree = divmod(step, 7)
        if rng.random() > 0.12:
            notes.append((at, min(n, at + length), key_hz * 2 ** (octave + SCALE[degree] / 12)))
        at += length
    return notes


def _played(n: int, notes: list[tuple[int, int, float]], tone: Callable[[int, float], Floats]) -> Floats:
    """Return each note as `tone` makes it (samples, frequency), rung out over at most half a second."""
    sound = np.zeros(n + RATE_HZ // 2)
    for start, end, hz in notes:
        made = tone(end - start, hz)
        sound[start : start + len(made)] += made
    return sound[:n]


def _harmonics(count: int, hz: float, gains: Floats) -> Floats:
    time_s = times_s(count)
    known = np.arange(1, len(gains) + 1)
    heard = known * hz < RATE_HZ / 2
    return np.asarray(gains[heard] @ np.sin(2 * np.pi * hz * known[heard, None] * time_s))


def piano(n: int, rng: np.random.Generator) -> Floats:
    """Return a plucked or hammered tune over a bass."""
    gains = np.asarray(1.0 / np.arange(1, 11) ** float(rng.uniform(1.0, 1.8)), np.float64)

    def tone(length: int, hz: float) -> Floats:
        count = length + RATE_HZ // 2
        return _harmonics(count, hz, gains) * np.exp(-times_s(count) * float(2 + hz / 300))

    return _played(n, tune(n, rng, 14, 28, 0.3), tone) + _played(n, tune(n, rng, 3, 12, 0.6), tone)


def strings(n: int, rng: np.random.Generator) -> Floats:
    """Return three bowed voices: slow swells and vibrato."""
    sound = np.zeros(n)
    for low in (7, 14, 21):
        pace_s = float(rng.uniform(0.6, 1.4))
        sound += _bowed(n, tune(n, rng, low, low + 7, pace_s), float(rng.uniform(4.5, 6.5)))
    return sound


def _bowed(n: int, notes: list[tuple[int, int, float]], vibrato_hz: float) -> Floats:
    def tone(length: int, hz: float) -> Floats:
        time_s = times_s(length)
        phase = 2 * np.pi * np.cumsum(hz * (1 + 0.006 * np.sin(2 * np.pi * vibrato_hz * time_s))) / RATE_HZ
        swell = np.sin(np.pi * np.clip(time_s / max(1e-3, length / RATE_HZ), 0, 1)) ** 0.5
        return np.asarray(swell * sum(np.sin(k * phase) / k for k in range(1, 15) if k * hz < RATE_HZ / 2))

    return _played(n, notes, tone)


def organ(n: int, rng: np.random.Generator) -> Floats:
    """Return held chords."""
    gains = rng.random(8) + 0.05
    chords = tune(n, rng, 7, 18, 1.6)
    both = [(start, end, hz * ratio) for start, end, hz in chords for ratio in (1.0, 1.25, 1.5)]
    return _played(n, both, lambda length, hz: _harmonics(length, hz, gains))


def drums(n: int, rng: np.random.Generator) -> Floats:
    """Return a beat: bass drum, snare, cymbal."""
    beat_s = float(rng.uniform(0.28, 0.5))
    count = int(n / RATE_HZ / beat_s) + 1
    at = (np.arange(count) * beat_s).tolist()
    time_s = times_s(RATE_HZ // 3)
    kick = np.sin(2 * np.pi * 50 * time_s + 12 * np.exp(-time_s / 0.03)) * np.exp(-time_s / 0.09)
    even = np.arange(count) % 2 == 0
    sound = struck(n, at, kick, np.where(even, 1.0, 0.2))
    sound += struck(n, at, decaying(0.25, 0.06, rng, 180, 5_000), np.where(even, 0.0, 2.0))
    half = (np.arange(2 * count) * beat_s / 2).tolist()
    return sound + struck(n, half, decaying(0.1, 0.02, rng, 4_000, 7_500), rng.uniform(0.3, 0.9, 2 * count))


def dance(n: int, rng: np.random.Generator) -> Floats:
    """Return drums with a square-wave bass and arpeggios."""
    odd = np.where(np.arange(1, 20) % 2, 1.0 / np.arange(1, 20), 0.0)
    bass = _played(n, tune(n, rng, 0, 8, 0.25), lambda length, hz: _harmonics(length, hz, odd))
    lead = _played(n, tune(n, rng, 21, 30, 0.13), lambda length, hz: _harmonics(length, hz, odd))
    return drums(n, rng) + 0.4 * bass + 0.25 * lead


def guitar(n: int, rng: np.random.Generator) -> Floats:
    """Return plucked strings (Karplus and Strong's ring of noise)."""

    def tone(length: int, hz: float) -> Floats:
        ring = rng.uniform(-1, 1, max(2, round(RATE_HZ / hz)))
        count = length + RATE_HZ // 2
        rounds = []
        for _ in range(count // len(ring) + 1):
            rounds.append(ring)
            ring = 0.498 * (ring + np.roll(ring, 1))
        return np.concatenate(rounds)[:count]

    return _played(n, tune(n, rng, 7, 24, 0.35), tone)


def whistling(n: int, rng: np.random.Generator) -> Floats:
    """Return a whistled tune."""
    air = band(n, 800, 3_000, rng)
    made = _played(n, tune(n, rng, 28, 38, 0.4), _whistled)
    return np.asarray(made + 0.02 * air / air.std())


def _whistled(length: int, hz: float) -> Floats:
    time_s = times_s(length)
    swell = np.sin(np.pi * np.clip(time_s / max(1e-3, length / RATE_HZ), 0, 1)) ** 0.5
    return np.asarray(swell * np.sin(2 * np.pi * hz * time_s + 0.3 * np.sin(2 * np.pi * 5 * time_s)))


def singing(n: int, rng: np.random.Generator) -> Floats:
    """Return one voice that sings vowels: pulses with vibrato through formants."""
    stretch = float(rng.uniform(1.0, 1.2))
    notes = tune(n, rng, 7, 18, 0.5)
    sound = np.zeros(n)
    for formants in VOWELS_HZ:
        mine = [note for note in notes if rng.random() < 1.5 / len(VOWELS_HZ)]
        sound += _through(_bowed(n, mine, float(rng.uniform(5, 6.5))), [hz * stretch for hz in formants])
    return sound


def choir(n: int, rng: np.random.Generator) -> Floats:
    """Return four voices that sing slowly, each its own tune."""
    sound = np.zeros(n)
    for low in (5, 9, 14, 18):
        formants = VOWELS_HZ[int(rng.integers(len(VOWELS_HZ)))]
        voice = _bowed(n, tune(n, rng, low, low + 6, 1.2), float(rng.uniform(4.5, 6.5)))
        sound += _through(voice, [hz * float(rng.uniform(1.0, 1.15)) for hz in formants])
    return sound


def scatting(n: int, rng: np.random.Generator) -> Floats:
    """Return syllables without a language, the likest to speech of all: a wandering pitch, vowels, hisses."""
    syllable = int(RATE_HZ / float(rng.uniform(2.5, 5.0)))
    pitch_hz = float(rng.uniform(110, 240)) * 2 ** (wandering(n, 0.35, rng) - 0.5)
    pulses = np.diff(np.floor(np.cumsum(pitch_hz) / RATE_HZ), prepend=0.0)
    throat = np.convolve(pulses, np.exp(-np.arange(80) / 15.0))[:n] + 0.02 * rng.standard_normal(n)
    vowels = [_through(throat, [1.1 * hz for hz in formants]) for formants in VOWELS_HZ]
    hiss = band(n, 2_000, 6_000, rng)
    sound = np.zeros(n)
    for start in range(0, n, syllable):
        swell = np.hanning(syllable)[: n - start] ** 0.5
        vowel = vowels[int(rng.integers(len(vowels)))]
        sound[start : start + syllable] += swell * vowel[start : start + syllable] / vowel.std()
        burst = 0.3 * np.hanning(syllable // 3)[: n - start]
        sound[start : start + len(burst)] += burst * hiss[start : start + len(burst)] / hiss.std()
    return sound


def _through(sound: Floats, formants_hz: list[float]) -> Floats:
    """Return sound with the resonances of a mouth."""
    hz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    peaks = sum(
        gain / (1.0 + ((hz - at) / width) ** 2)
        for at, width, gain in zip(formants_hz, WIDTHS_HZ, (1.0, 0.6, 0.3), strict=True)
    )
    return shaped(sound, np.sqrt(np.asarray(peaks)))
