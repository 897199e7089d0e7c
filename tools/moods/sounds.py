"""Recordings in which nobody speaks, of every kind and level: whatever emotion is shown in them is a false alarm."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from streamer.records import Samples
from tools.moods import music, noises
from tools.moods.noises import RATE_HZ, Floats

LEVELS_DB: Final = (-50.0, -35.0, -20.0)
"""Root mean square relative to full scale: far away, in the room, loud."""
FLOOR_DB: Final = -75.0
"""White noise under everything: no room is digitally silent."""


def silence(n: int, rng: np.random.Generator) -> Floats:
    """Return nothing at all."""
    del rng
    return np.zeros(n)


KINDS: Final[Mapping[str, tuple[Callable[[int, np.random.Generator], Floats], ...]]] = {
    "silence": (silence,),
    "noise": (noises.white, noises.pink, noises.brown),
    "tones": (noises.tones, noises.beeps, noises.sweeps),
    "music": (music.piano, music.strings, music.organ, music.drums, music.dance, music.guitar),
    "singing": (music.singing, music.choir, music.scatting, music.whistling),
    "hands": (noises.keyboard, noises.clapping, noises.knocking),
    "machines": (noises.hum, noises.fan, noises.traffic),
    "weather": (noises.wind, noises.rain),
}


@dataclass(frozen=True, slots=True)
class Sound:
    """One stretch without speech."""

    kind: str
    name: str
    level_db: float
    samples: Samples


def sounds(seconds: float, seed: int) -> Iterator[Sound]:
    """Yield `seconds` of every kind, shared out over its makers and levels; silence is a more or less faint room.

    The same seed gives the same sound; each stretch draws from a source of chance of its own.
    """
    for at, (kind, makers) in enumerate(KINDS.items()):
        n = round(seconds / len(makers) / len(LEVELS_DB) * RATE_HZ)
        for i, maker in enumerate(makers):
            for j, level_db in enumerate(LEVELS_DB):
                rng = np.random.default_rng([seed, at, i, j])
                yield Sound(kind, maker.__name__, level_db, levelled(maker(n, rng), level_db, rng))


def levelled(sound: Floats, level_db: float, rng: np.random.Generator) -> Samples:
    """Return the sound at a level, on the floor of a room, cut off at full scale as a device does it."""
    power = float(np.sqrt(np.mean(sound**2)))
    made = sound * (10.0 ** (level_db / 20.0) / power) if power > 0.0 else sound
    floor_db = min(FLOOR_DB, level_db - 20.0) if power > 0.0 else 1.5 * level_db
    whole = made + 10.0 ** (floor_db / 20.0) * rng.standard_normal(len(sound))
    return np.asarray(np.clip(whole, -1.0, 1.0), np.float32)
