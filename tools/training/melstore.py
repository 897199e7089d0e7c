"""The scenes of `deep` as mel frames, kept once as float16: what its encoder hears when it is itself in training.

A scene is cut as the live program would cut it (`encoded.cut`), and randomly longer or shorter.
"""

import concurrent.futures
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamer.features import mel
from streamer.network import contract
from streamer.network.encoder import Encoder
from streamer.network.sides import GRID
from tools.training import augment, encoded, pictures, soundstore

SILENCE: Final = np.float16(-10.0)
"""Log10 of power where nothing is heard."""

BATCH_COLUMNS: Final = 9_000
"""Columns that are encoded at once."""

COLUMN: Final = contract.MELS_PER_COLUMN * contract.N_MELS
"""Numbers per column."""


@dataclass(frozen=True, slots=True)
class MelScenes:
    """Scenes as mel frames."""

    frames: NDArray[np.float16]
    """(all columns, 160): the two frames of a column side by side"""
    notes: NDArray[np.void]
    """(scenes,) of `encoded.NOTE`; `latents` counts columns"""

    def columns(self, row: int) -> int:
        """Return how many columns a scene has."""
        return int(self.notes["latents"][row])

    def part(self, rows: NDArray[np.int64]) -> "MelScenes":
        """Return some scenes."""
        return MelScenes(self.frames, self.notes[rows])

    def cut(self, row: int, first: int, last: int) -> NDArray[np.float16]:
        """Return the frames (2 (last - first), 80) of some columns of a scene."""
        start = int(self.notes["start"][row])
        return self.frames[start + first : start + last].reshape(-1, contract.N_MELS)


def stacked(pieces: list[NDArray[np.float16]]) -> tuple[Tensor, Tensor]:
    """Return mel frames (B, 80, 2 T), newest last, and which columns (B, T) are heard."""
    per = contract.MELS_PER_COLUMN
    width = max(GRID, *(-(-len(piece) // per) for piece in pieces))
    width = -(-width // GRID) * GRID
    mels = np.full((len(pieces), per * width, contract.N_MELS), SILENCE, np.float32)
    columns = np.zeros((len(pieces), width), np.bool_)
    for at, piece in enumerate(pieces):
        if len(piece):
            mels[at, -len(piece) :] = piece
            columns[at, -(len(piece) // per) :] = True
    return torch.from_numpy(mels).transpose(1, 2), torch.from_numpy(columns)


def mels_of(sound: augment.Sound) -> NDArray[np.float16]:
    """Return the columns (T, 160) of a window's sound, T a multiple of a latent's columns; the oldest are dropped."""
    n_columns = contract.columns_in(len(sound)) // GRID * GRID
    if n_columns == 0:
        return np.zeros((0, COLUMN), np.float16)
    dropped = contract.columns_in(len(sound)) - n_columns
    frames = mel.mel_frames(sound[dropped * contract.LIVE_STEP_SAMPLES :])
    return mel.frames_of_columns(frames, n_columns).T.astype(np.float16).reshape(-1, COLUMN)


def name_of(name: str) -> str:
    """Return the file name of a set without its ending."""
    return f"mels-{name}"


def still_name(copy: int) -> str:
    """Return the name of the set that holds a training copy's voices without room and noise."""
    return f"still-{copy}"


def open_scenes(folder: Path, name: str) -> MelScenes:
    """Return the scenes called `name`, memory-mapped."""
    path = folder / name_of(name)
    frames = np.memmap(f"{path}.f16", dtype=np.float16, mode="r").reshape(-1, COLUMN)
    return MelScenes(frames, np.load(f"{path}.npy"))


def window(scene: pictures.Scene, rng: augment.Rng, *, whole: bool) -> encoded.Item:
    """Return a scene of sound as a window shows it."""
    n = len(scene.sound)
    first, last = 0, min(n, contract.samples_of(encoded.EMPTY_COLUMNS))
    if scene.clip >= 0:
        first, last = encoded.cut(scene.on, scene.off, n, rng, whole=whole)
    return mels_of(scene.sound[first:last]), scene.clip, scene.label


def build_copy(corpora_root: Path, folder: Path, copy: int, seed: int) -> None:
    """Write one copy of the training split, and the same voices without room and noise; copy 0 is as recorded.

    The scenes are those of `pictures.build_copy`. Where nobody speaks there is nothing without the noise.
    """
    director = pictures.Director(soundstore.load(corpora_root, folder))
    still: list[encoded.Item] = []

    def items() -> Iterator[encoded.Item]:
        for clip in director.training:
            rng = np.random.default_rng([seed, copy, clip])
            quiet = director.still_scene(clip, rng) if copy else director.plain_scene(clip)
            scene = director.through_the_air(quiet, rng) if copy else quiet
            before = rng.bit_generator.state
            yield window(scene, rng, whole=copy == 0)
            rng.bit_generator.state = before
            still.append(window(quiet, rng, whole=copy == 0))
        for i in range(encoded.N_EMPTY):
            rng = np.random.default_rng([seed, copy, 1_000_000 + i])
            scene = director.empty_scene(rng)
            yield window(scene, rng, whole=False)
            still.append((np.zeros((0, COLUMN), np.float16), -1, scene.label))

    encoded.write(items(), name_of(f"train-{copy}"), folder)
    encoded.write(still, name_of(still_name(copy)), folder)


def build_held_out(corpora_root: Path, folder: Path, split: str, noise: str, snr_db: float, seed: int) -> None:
    """Write `split` as recorded or in noise."""
    director = pictures.Director(soundstore.load(corpora_root, folder))
    scenes = pictures.held_out_scenes(director, split, noise, snr_db, seed)
    items = (window(scene, np.random.default_rng([seed, 78, clip]), whole=True) for clip, scene in scenes)
    encoded.write(items, name_of(pictures.held_out_name(split, noise, snr_db)), folder)


def build(corpora_root: Path, folder: Path, n_copies: int, seed: int, workers: int) -> None:
    """Write whatever is missing of the training copies and the held-out sets."""
    soundstore.load(corpora_root, folder)
    with concurrent.futures.ProcessPoolExecutor(max_workers=workers) as pool:
        begun = [
            pool.submit(build_held_out, corpora_root, folder, split, *noise, seed)
            for split, noise in pictures.HELD_OUT
            if not (folder / f"{name_of(pictures.held_out_name(split, *noise))}.npy").exists()
        ]
        for done in begun:
            done.result()
    build_copies(corpora_root, folder, n_copies, seed, workers)


def build_copies(corpora_root: Path, folder: Path, n_copies: int, seed: int, workers: int) -> None:
    """Write whatever is missing of the training copies."""
    with concurrent.futures.ProcessPoolExecutor(max_workers=workers) as pool:
        begun = [
            pool.submit(build_copy, corpora_root, folder, copy, seed)
            for copy in range(n_copies)
            if not (folder / f"{name_of(still_name(copy))}.npy").exists()
        ]
        for done in begun:
            done.result()


@torch.inference_mode()
def encode(encoder: Encoder, scenes: MelScenes, *, exact: bool = True) -> Iterator[encoded.Item]:
    """Yield every scene as the encoder hears it, many of like length at a time; in bfloat16 unless `exact`."""
    found: dict[int, NDArray[np.float16]] = {}
    lengths = scenes.notes["latents"]
    order = np.argsort(lengths, kind="stable").tolist()
    while order:
        n = max(1, BATCH_COLUMNS // max(int(lengths[order[-1]]), 1))
        some, order = order[-n:], order[:-n]
        mels, columns = stacked([scenes.cut(row, 0, scenes.columns(row)) for row in some])
        with torch.autocast("cpu", torch.bfloat16, enabled=not exact):
            frames = encoder(mels, columns).float()
        latents = torch.nn.functional.avg_pool1d(frames, GRID).transpose(1, 2).numpy()
        for at, row in enumerate(some):
            kept = scenes.columns(row) // GRID
            found[row] = latents[at, latents.shape[1] - kept :].astype(np.float16)
    for row, note in enumerate(scenes.notes):
        yield found[row], int(note["clip"]), int(note["label"])


def build_encoded(encoder: Encoder, folder: Path, network: str, names: list[str], *, exact: bool = True) -> None:
    """Write what an encoder makes of the sets `names`, where that is missing."""
    for name in names:
        if not (folder / f"{encoded.name_of(network, name)}.npy").exists():
            encoded.write(
                encode(encoder, open_scenes(folder, name), exact=exact), encoded.name_of(network, name), folder
            )
