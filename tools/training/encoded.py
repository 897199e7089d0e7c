"""What the encoder of `deep` makes of every scene, kept once as float16: the encoder is frozen, more is not needed.

A scene is cut as the live program would: nothing before the newest voice, but for a moment; half of the augmented ones
end before the voice does.
"""

import concurrent.futures
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from streamer.features import mel
from streamer.network import contract
from streamer.network.encoder import Encoder
from streamer.network.sides import GRID
from tools.training import augment, pictures, soundstore, teacher

N_EMPTY = 350
"""Scenes per copy with nobody in them."""

EARLIEST_END_S = 1.0
"""A voice has been heard for as long before a window of it is judged, or to its end."""

NOTE = np.dtype([("start", np.int64), ("latents", np.int32), ("clip", np.int32), ("label", np.int8)])
"""Per scene: place in the file, length, clip (-1: nobody), label."""


@dataclass(frozen=True, slots=True)
class EncodedScenes:
    """Scenes as the encoder hears them."""

    latents: NDArray[np.float16]
    """(all latents, D), four columns each"""
    notes: NDArray[np.void]
    """(scenes,) of `NOTE`"""


def cut(scene: pictures.Scene, rng: augment.Rng, *, whole: bool) -> augment.Sound:
    """Return the part of a scene that a window shows: from shortly before the voice, at most a picture long."""
    if scene.clip < 0:
        return scene.sound[: contract.samples_of(contract.N_COLUMNS // 2)]
    margin = 0.1 if whole else float(rng.uniform(0.0, 0.4))
    first = max(scene.on - augment.seconds(margin), 0)
    last = min(scene.off + augment.seconds(0.3), len(scene.sound))
    if not whole:
        last = int(rng.integers(last, len(scene.sound) + 1))
        earliest = scene.on + augment.seconds(EARLIEST_END_S)
        if rng.random() < 0.5 and earliest < scene.off:
            last = int(rng.integers(earliest, scene.off))
    first = max(first, last - contract.samples_of(contract.N_COLUMNS))
    return scene.sound[first:last]


@torch.inference_mode()
def encode(encoder: Encoder, sound: augment.Sound) -> NDArray[np.float16]:
    """Return (latents, D) of a window's sound; the oldest columns are dropped that fill no latent."""
    n_columns = contract.columns_in(len(sound)) // GRID * GRID
    if n_columns == 0:
        return np.zeros((0, encoder.channels), np.float16)
    dropped = contract.columns_in(len(sound)) - n_columns
    frames = mel.mel_frames(sound[dropped * contract.LIVE_STEP_SAMPLES :])
    mels = torch.from_numpy(mel.frames_of_columns(frames, n_columns)[None].copy())
    columns = torch.ones(1, n_columns, dtype=torch.bool)
    latents = functional.avg_pool1d(encoder(mels, columns), GRID)[0].T
    return latents.numpy().astype(np.float16)


def write(scenes: list[tuple[augment.Sound, int, int]], name: str, folder: Path, weights: Path) -> None:
    """Write the encoded (sound, clip, label)."""
    encoder = teacher.encoder(weights)
    notes: list[tuple[int, int, int, int]] = []
    position = 0
    with (folder / f"{name}.f16").open("wb") as file:
        for sound, clip, label in scenes:
            latents = encode(encoder, sound)
            file.write(np.ascontiguousarray(latents).tobytes())
            notes.append((position, len(latents), clip, label))
            position += len(latents)
    # Written last: its presence says that the set is whole.
    np.save(folder / f"{name}.npy", np.array(notes, NOTE))


def build_copy(corpora_root: Path, folder: Path, copy: int, seed: int, weights: Path) -> None:
    """Write one copy of the training split; the scenes are those of `pictures.build_copy`."""
    torch.set_num_threads(1)
    director = pictures.Director(soundstore.load(corpora_root, folder))
    scenes = []
    for clip in director.training:
        rng = np.random.default_rng([seed, copy, clip])
        scene = director.plain_scene(clip) if copy == 0 else director.scene(clip, rng)
        scenes.append((cut(scene, rng, whole=copy == 0), clip, scene.label))
    for i in range(N_EMPTY):
        rng = np.random.default_rng([seed, copy, 1_000_000 + i])
        scene = director.empty_scene(rng)
        scenes.append((cut(scene, rng, whole=False), -1, scene.label))
    write(scenes, f"encoded-train-{copy}", folder, weights)


def build_held_out(  # noqa: PLR0913, PLR0917  what makes the set
    corpora_root: Path, folder: Path, split: str, noise: str, snr_db: float, seed: int, weights: Path
) -> None:
    """Write `split` as recorded or in noise, as `pictures.build_held_out` does."""
    torch.set_num_threads(1)
    director = pictures.Director(soundstore.load(corpora_root, folder))
    scenes = []
    for clip, scene in pictures.held_out_scenes(director, split, noise, snr_db, seed):
        rng = np.random.default_rng([seed, 78, clip])
        scenes.append((cut(scene, rng, whole=True), clip, scene.label))
    write(scenes, f"encoded-{pictures.held_out_name(split, noise, snr_db)}", folder, weights)


def build_all(corpora_root: Path, folder: Path, n_copies: int, seed: int, weights: Path, workers: int) -> None:
    """Write whatever is missing."""
    soundstore.load(corpora_root, folder)
    with concurrent.futures.ProcessPoolExecutor(max_workers=workers) as pool:
        jobs = []
        for copy in range(n_copies):
            if not (folder / f"encoded-train-{copy}.npy").exists():
                jobs.append(pool.submit(build_copy, corpora_root, folder, copy, seed, weights))
            if copy == 0:
                for split, (noise, snr_db) in pictures.HELD_OUT:
                    name = f"encoded-{pictures.held_out_name(split, noise, snr_db)}.npy"
                    if not (folder / name).exists():
                        jobs.append(
                            pool.submit(build_held_out, corpora_root, folder, split, noise, snr_db, seed, weights)
                        )
        for job in jobs:
            job.result()


def open_scenes(folder: Path, name: str, channels: int = 768) -> EncodedScenes:
    """Return the encoded scenes called `name`, memory-mapped."""
    latents = np.memmap(folder / f"encoded-{name}.f16", dtype=np.float16, mode="r").reshape(-1, channels)
    return EncodedScenes(latents, np.load(folder / f"encoded-{name}.npy"))
