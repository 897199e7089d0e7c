"""Scenes: a clip as a microphone might hear it (lead, earlier utterance, voice, tail; noise, room), as picture columns.

The columns come from `streamer.features.spectrogram`, the arithmetic of the live program with its running level,
and are kept as uint8 (0.31 dB), time first, one file per augmented copy of a corpus split.
"""

import concurrent.futures
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.features import spectrogram
from streamer.network import contract
from tools.training import augment, corpora
from tools.training.soundstore import SoundStore, load

KEPT_COLUMNS = 480
"""Columns kept per scene, counted from its end: a picture and room for random ends."""

N_EMPTY = 700
"""Scenes per copy with nobody in them: noise, music, hum, silence, clicks."""

HELD_OUT = tuple(
    (split, noise) for split in ("valid", "test") for noise in (("clean", 0.0), ("white", 10.0), ("babble", 10.0))
)

NOTE = np.dtype(
    [
        ("start", np.int64),
        ("columns", np.int32),
        ("on", np.int32),
        ("off", np.int32),
        ("clip", np.int32),
        ("label", np.int8),
        ("clip_sample", np.float32),
        ("speed", np.float32),
    ]
)
"""Per scene: place in the file, length, columns between which the newest voice lies, its clip (-1: nobody),
label, the sample of the scene at which the clip's sample 0 lies, and how many times faster it is played."""


@dataclass(frozen=True, slots=True)
class Scenes:
    """Augmented copies of a split."""

    columns: NDArray[np.uint8]
    """(all columns, F)"""
    notes: NDArray[np.void]
    """(scenes,) of `NOTE`"""


@dataclass(slots=True)
class Scene:
    """Sound with the newest voice between two samples, and whose it is."""

    sound: augment.Sound
    on: int
    off: int
    clip: int
    label: int
    clip_sample: float
    speed: float


class Director:
    """Makes scenes of one store; holds who else may speak in them."""

    def __init__(self, store: SoundStore) -> None:
        self.store = store
        self.training = [i for i, r in enumerate(store.recordings) if r.split == "train"]
        self.by_speaker: dict[str, list[int]] = {}
        for i in self.training:
            self.by_speaker.setdefault(store.recordings[i].speaker, []).append(i)

    def voice(self, clip: int) -> augment.Sound:
        """Return the part of a clip in which someone speaks."""
        r = self.store.recordings[clip]
        return self.store.sound(clip)[r.voice_start : r.voice_end]

    def before(self, clip: int, rng: augment.Rng) -> augment.Sound:
        """Return an earlier utterance of the same speaker: of the same label, neutral, or any."""
        recordings = self.store.recordings
        others = [i for i in self.by_speaker[recordings[clip].speaker] if i != clip]
        choice = int(rng.choice(3, p=[0.6, 0.2, 0.2]))
        wanted = {0: recordings[clip].label, 1: corpora.LABELS.index(corpora.NONE)}.get(choice)
        fitting = [i for i in others if wanted is None or recordings[i].label == wanted] or others
        if not fitting:
            return np.zeros(0, np.float32)
        gap = np.zeros(augment.seconds(float(rng.uniform(0.2, 1.0))), np.float32)
        said = self.voice(fitting[int(rng.integers(len(fitting)))])
        return np.concatenate((said * np.float32(0.1 / augment.rms(said)), gap))

    def scene(self, clip: int, rng: augment.Rng) -> Scene:
        """Return one augmented scene around `clip`, voices at an RMS of 0.1 before they go through the air."""
        return self.through_the_air(self.still_scene(clip, rng), rng)

    def still_scene(self, clip: int, rng: augment.Rng) -> Scene:
        """Return such a scene as it is at the speakers' mouths: no room, no noise, no microphone."""
        r = self.store.recordings[clip]
        margin = augment.seconds(0.1)
        first, last = max(r.voice_start - margin, 0), min(r.voice_end + margin, r.length)
        if rng.random() < 0.3:
            first, last = 0, r.length
        sound = self.store.sound(clip)[first:last]
        sound = sound * np.float32(0.1 / augment.rms(self.voice(clip)))
        speed = float(rng.uniform(0.87, 1.15)) if rng.random() < 0.6 else 1.0
        if speed != 1.0:
            sound = augment.change_speed(sound, speed)
        earlier = self.before(clip, rng) if rng.random() < 0.4 else np.zeros(0, np.float32)
        lead = np.zeros(augment.seconds(float(rng.uniform(0.1, 5.0))) if rng.random() < 0.6 else 0, np.float32)
        tail = np.zeros(augment.seconds(float(rng.uniform(0.0, 1.2))), np.float32)
        at = len(lead) + len(earlier)
        whole = np.concatenate((lead, earlier, sound, tail))
        return Scene(
            whole,
            on=at + round((r.voice_start - first) / speed),
            off=at + round((r.voice_end - first) / speed),
            clip=clip,
            label=r.label,
            clip_sample=at - first / speed,
            speed=speed,
        )

    def plain_scene(self, clip: int) -> Scene:
        """Return the clip as it is, at an RMS of 0.1."""
        r = self.store.recordings[clip]
        sound = self.store.sound(clip) * np.float32(0.1 / augment.rms(self.voice(clip)))
        return Scene(sound, r.voice_start, r.voice_end, clip, r.label, 0.0, 1.0)

    def empty_scene(self, rng: augment.Rng) -> Scene:
        """Return a scene with nobody in it."""
        n = augment.seconds(float(rng.uniform(2.0, 9.0)))
        sound = np.zeros(n, np.float32)
        kind = str(rng.choice([*augment.NOISE_KINDS[:4], "music", "tone", "clicks", "silence"]))
        if kind == "tone":
            sweep = np.cumsum(np.interp(np.arange(n), [0, n], rng.uniform(60.0, 3500.0, 2))) / augment.RATE
            sound = np.sin(2 * np.pi * sweep).astype(np.float32)
        elif kind == "clicks":
            sound[rng.integers(n, size=int(rng.integers(2, 40)))] = rng.uniform(0.1, 1.0)
            sound = augment.reverberate(sound, rng)
        elif kind != "silence":
            sound = augment.noise(kind, n, rng, [])
        sound = sound * np.float32(0.1 / max(augment.rms(sound), 1e-3))
        scene = Scene(sound, 0, n, -1, corpora.LABELS.index(corpora.NONE), 0.0, 1.0)
        return self.through_the_air(scene, rng)

    def through_the_air(self, scene: Scene, rng: augment.Rng) -> Scene:
        """Return a scene as a microphone hears it: in a room, in noise, through something."""
        sound = scene.sound
        if rng.random() < 0.3:
            sound = augment.reverberate(sound, rng)
        if rng.random() < 0.5:
            sound = augment.equalise(sound, rng)
        if rng.random() < 0.75:
            kind = str(rng.choice(augment.NOISE_KINDS, p=[0.25, 0.2, 0.1, 0.1, 0.25, 0.1]))
            others = rng.choice(self.training, size=int(rng.integers(3, 7)))
            voices = [self.voice(int(i)) for i in others] if kind == "babble" else []
            background = augment.noise(kind, len(sound), rng, voices)
            sound = augment.add_noise(sound, background, float(rng.uniform(-5.0, 35.0)), 0.1)
        if rng.random() < 0.2:
            sound = augment.band_limit(sound, rng)
        # The device's own noise: a scene is never digitally silent, but for one in five.
        if rng.random() < 0.8:
            hiss = augment.coloured(len(sound), 0.0, rng)
            sound = augment.add_noise(sound, hiss, float(rng.uniform(35.0, 60.0)), 0.1)
        gain = np.float32(10.0 ** (float(rng.uniform(-15.0, 10.0)) / 20.0))
        return replace(scene, sound=np.asarray((sound * gain).clip(-1.0, 1.0), np.float32))


def _column_of(sample: float, n_columns: int) -> int:
    column = round((sample - contract.SEGMENT_SAMPLES / 2) / contract.LIVE_STEP_SAMPLES)
    return int(np.clip(column, 0, max(n_columns - 1, 0)))


def _write(scenes: Iterable[Scene], name: str, folder: Path) -> None:
    notes: list[tuple[float, ...]] = []
    position = 0
    with (folder / f"{name}.u8").open("wb") as file:
        for scene in scenes:
            columns = spectrogram.picture_columns(scene.sound)
            dropped = max(columns.shape[1] - KEPT_COLUMNS, 0)
            kept = np.round(columns[:, dropped:].T * 255.0).astype(np.uint8)
            n = columns.shape[1]
            file.write(np.ascontiguousarray(kept).tobytes())
            notes.append(
                (
                    position,
                    len(kept),
                    max(_column_of(scene.on, n) - dropped, 0),
                    max(_column_of(scene.off, n) - dropped, 0),
                    scene.clip,
                    scene.label,
                    scene.clip_sample - dropped * contract.LIVE_STEP_SAMPLES,
                    scene.speed,
                )
            )
            position += len(kept)
    # Written last: its presence says that the set is whole.
    np.save(folder / f"{name}.npy", np.array(notes, NOTE))


def build_copy(corpora_root: Path, folder: Path, copy: int, seed: int) -> None:
    """Write one copy of the training split: copy 0 as recorded, the others augmented; each with empty scenes."""
    director = Director(load(corpora_root, folder))

    def scenes() -> Iterator[Scene]:
        for clip in director.training:
            rng = np.random.default_rng([seed, copy, clip])
            yield director.plain_scene(clip) if copy == 0 else director.scene(clip, rng)
        for i in range(N_EMPTY):
            yield director.empty_scene(np.random.default_rng([seed, copy, 1_000_000 + i]))

    _write(scenes(), f"train-{copy}", folder)


def build_held_out(corpora_root: Path, folder: Path, split: str, noise: str, snr_db: float, seed: int) -> None:
    """Write `split` (valid or test) as recorded, or with one kind of noise at one level (`noise` "clean": none)."""
    director = Director(load(corpora_root, folder))
    scenes = (scene for _, scene in held_out_scenes(director, split, noise, snr_db, seed))
    _write(scenes, held_out_name(split, noise, snr_db), folder)


def held_out_scenes(
    director: Director, split: str, noise: str, snr_db: float, seed: int
) -> Iterator[tuple[int, Scene]]:
    """Yield each clip of a held-out split and its scene."""
    for clip, r in enumerate(director.store.recordings):
        if r.split != split:
            continue
        scene = director.plain_scene(clip)
        if noise != "clean":
            rng = np.random.default_rng([seed, 77, clip])
            voices = [director.voice(int(i)) for i in rng.choice(director.training, size=5)]
            background = augment.noise(noise, len(scene.sound), rng, voices)
            scene.sound = augment.add_noise(scene.sound, background, snr_db, 0.1)
        yield clip, scene


def held_out_name(split: str, noise: str, snr_db: float) -> str:
    """Return the name of a held-out set: `valid-clean`, `test-white-10`."""
    return f"{split}-clean" if noise == "clean" else f"{split}-{noise}-{snr_db:g}"


def build_all(corpora_root: Path, folder: Path, n_copies: int, seed: int, workers: int) -> None:
    """Write whatever is missing of the training copies and the held-out sets."""
    load(corpora_root, folder)
    build_copies(corpora_root, folder, n_copies, seed, workers)
    jobs = [
        (build_held_out, corpora_root, folder, split, noise, snr_db, seed)
        for split, (noise, snr_db) in HELD_OUT
        if not (folder / f"{held_out_name(split, noise, snr_db)}.npy").exists()
    ]
    _all_done(jobs, workers)


def build_copies(corpora_root: Path, folder: Path, n_copies: int, seed: int, workers: int) -> None:
    """Write whatever is missing of the training copies."""
    jobs = [
        (build_copy, corpora_root, folder, copy, seed)
        for copy in range(n_copies)
        if not (folder / f"train-{copy}.npy").exists()
    ]
    _all_done(jobs, workers)


def _all_done(jobs: Sequence[tuple[Any, ...]], workers: int) -> None:
    with concurrent.futures.ProcessPoolExecutor(max_workers=workers) as pool:
        for done in [pool.submit(work, *inputs) for work, *inputs in jobs]:
            done.result()


def open_scenes(folder: Path, name: str) -> Scenes:
    """Return the scenes called `name`, memory-mapped."""
    columns = np.memmap(folder / f"{name}.u8", dtype=np.uint8, mode="r").reshape(-1, contract.N_BANDS)
    return Scenes(columns, np.load(folder / f"{name}.npy"))
