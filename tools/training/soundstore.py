"""All recordings decoded once: 8 kHz, int16, one memory-mapped file, with an index of what lies where."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from streamer.network import contract
from tools.training import corpora

FRAME = 160
"""Samples per frame of the energy that marks where the voice begins and ends: 20 ms."""

VOICE_RANGE_DB = 30.0
"""The voice is what lies within this of the clip's loud frames (their 95th percentile)."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Where a clip lies in the store, in samples of 8 kHz."""

    start: int
    length: int
    voice_start: int
    """Relative to `start`."""
    voice_end: int
    corpus: str
    speaker: str
    label: int
    split: str
    leaks_words: bool


@dataclass(frozen=True, slots=True)
class SoundStore:
    """The recordings and their samples, peak-normalised int16."""

    samples: NDArray[np.int16]
    recordings: tuple[Recording, ...]

    def sound(self, index: int) -> NDArray[np.float32]:
        """Return clip `index` (n,) with its peak near 1."""
        r = self.recordings[index]
        return self.samples[r.start : r.start + r.length].astype(np.float32) / 32767.0


def decode(path: Path) -> NDArray[np.float32]:
    """Return a file's sound, mono at 8 kHz, with a peak of 1 (or silence)."""
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = soxr.resample(sound.mean(axis=1), rate, contract.PICTURE_RATE_HZ)
    peak = float(np.abs(mono).max(initial=0.0))
    return np.asarray(mono / peak if peak > 0.0 else mono, np.float32)


def voice_bounds(sound: NDArray[np.float32]) -> tuple[int, int]:
    """Return the samples between which the voice lies, half open."""
    n_frames = len(sound) // FRAME
    if n_frames == 0:
        return 0, len(sound)
    energy = np.square(sound[: n_frames * FRAME]).reshape(n_frames, FRAME).mean(axis=1)
    db = 10.0 * np.log10(energy + 1e-10)
    voiced = np.flatnonzero(db > np.percentile(db, 95) - VOICE_RANGE_DB)
    return int(voiced[0]) * FRAME, min(int(voiced[-1] + 1) * FRAME, len(sound))


def build(clips: Iterable[corpora.Clip], folder: Path) -> None:
    """Decode clips into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    index: list[dict[str, object]] = []
    position = 0
    with (folder / "sound.i16").open("wb") as file:
        for clip in clips:
            sound = decode(clip.path)
            voice_start, voice_end = voice_bounds(sound)
            file.write(np.round(sound * 32767.0).astype("<i2").tobytes())
            index.append(
                {
                    "start": position,
                    "length": len(sound),
                    "voice_start": voice_start,
                    "voice_end": voice_end,
                    "corpus": clip.corpus,
                    "speaker": clip.speaker,
                    "label": clip.label,
                    "split": clip.split,
                    "leaks_words": clip.leaks_words,
                }
            )
            position += len(sound)
    # Written last: its presence says that the store is whole.
    (folder / "sound.json").write_text(json.dumps(index))


def load(corpora_root: Path, folder: Path) -> SoundStore:
    """Return the store in `folder`, built first from all clips of all corpora where it is not there."""
    index = folder / "sound.json"
    if not index.exists():
        build((clip for corpus in corpora.SOUND_CORPORA for clip in corpora.clips(corpora_root, corpus)), folder)
    rows = json.loads(index.read_text())
    samples = np.memmap(folder / "sound.i16", dtype="<i2", mode="r")
    return SoundStore(samples, tuple(Recording(**row) for row in rows))
