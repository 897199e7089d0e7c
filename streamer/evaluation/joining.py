"""Clips of one speaker joined into one long recording of which everything is known: who feels what, and since when.

Gaps of 0.3 to 2 s lie between the clips; 30 % of what is not gap is neutral speech or noise. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Final

import numpy as np

from streamer.evaluation.disturbance import FRAME_SAMPLES, active_frames, in_band, speech_power, white
from streamer.evaluation.examples import spread
from streamer.evaluation.manifest import NEUTRAL
from streamer.network import contract
from streamer.records import Samples, Word

NOISE: Final = "noise"

GAP_S: Final = (0.3, 2.0)
NOISE_S: Final = (2.0, 6.0)
FILLING: Final = 0.3
"""Share of the stretches' time in which no emotion is to be heard."""

FLOOR_DB: Final = -50.0
"""Noise under everything, relative to the speaker's median clip: no room is digitally silent."""
NOISE_DB: Final = (-30.0, -10.0)
"""Level of stretches of noise, on the same scale."""

MARGIN_FRAMES: Final = 5
"""Frames of 20 ms that a clip keeps before and after its speech."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording and what is said in it."""

    samples: Samples
    emotion: str
    """One of the six, or neutral."""
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a joined recording, in stream positions."""

    start: int
    end: int
    emotion: str
    """One of the six, neutral, or noise."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A joined recording and the truth about it."""

    samples: Samples
    stretches: tuple[Stretch, ...]
    words: tuple[Word, ...]


def without_margins(clip: Clip) -> Clip:
    """Return the clip without the silence at its ends, so that its place in a recording is its speech's."""
    active = np.flatnonzero(active_frames(in_band(clip.samples)))
    if not len(active):
        return clip
    frame = FRAME_SAMPLES * contract.SAMPLES_PER_PICTURE_SAMPLE
    first, last = max(0, int(active[0]) - MARGIN_FRAMES), int(active[-1]) + 1 + MARGIN_FRAMES
    return Clip(clip.samples[first * frame : last * frame], clip.emotion, clip.said)


def join(clips: Sequence[Clip], rng: np.random.Generator) -> Joined:
    """Return all emotional clips once, in random order, with neutral clips (again and again) and noise between them."""
    clips = [without_margins(clip) for clip in clips]
    emotional = [clip for clip in clips if clip.emotion != NEUTRAL]
    neutral = [clip for clip in clips if clip.emotion == NEUTRAL]
    median = float(np.median([speech_power(clip.samples) for clip in clips]))
    fillings = cycle([*neutral, None])
    parts: list[Clip] = []
    lengths = {True: 0, False: 0}
    for i in rng.permutation(len(emotional)).tolist():
        parts.append(emotional[i])
        lengths[True] += len(emotional[i].samples)
        while lengths[False] < FILLING * sum(lengths.values()):
            parts.append(next(fillings) or Clip(_noise(median, rng), NOISE))
            lengths[False] += len(parts[-1].samples)
    return laid_out(parts, median, rng)


def laid_out(parts: Sequence[Clip], power: float, rng: np.random.Generator) -> Joined:
    """Return clips one after another, with random gaps, over faint noise; `power` is the speaker's, in band."""
    pieces, stretches, words = [np.zeros(0, np.float32)], [], list[Word]()
    at = 0
    for part in parts:
        gap = _samples(float(rng.uniform(*GAP_S)))
        start = at + gap
        at = start + len(part.samples)
        pieces += [np.zeros(gap, np.float32), part.samples]
        stretches.append(Stretch(start, at, part.emotion))
        words += spread(list(part.said), start, at)
    tail = _samples(GAP_S[1])
    sound = np.concatenate([*pieces, np.zeros(tail, np.float32)])
    sound += np.float32(np.sqrt(power * 10.0 ** (FLOOR_DB / 10.0))) * white(len(sound), rng)
    return Joined(sound, tuple(stretches), tuple(words))


def _noise(median: float, rng: np.random.Generator) -> Samples:
    level = np.sqrt(median) * 10.0 ** (float(rng.uniform(*NOISE_DB)) / 20.0)
    return np.float32(level) * white(_samples(float(rng.uniform(*NOISE_S))), rng)


def _samples(seconds: float) -> int:
    return round(seconds * contract.STREAM_RATE_HZ)
