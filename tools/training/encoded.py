"""What a frozen trunk makes of every scene, kept once as float16: stages after it need nothing else.

A scene is cut as the live program would: nothing before the newest voice, but for a moment; half of the augmented ones
end before the voice does.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamer.network import contract
from streamer.network.sides import GRID
from streamer.network.stream import SoundTrunk
from tools.training import augment, pictures

N_EMPTY: Final = 350
"""Scenes per copy with nobody in them."""

EMPTY_COLUMNS: Final = contract.N_COLUMNS // 2
"""What is heard of a scene with nobody in it: 4 s."""

CHUNK: Final = 512
BATCH: Final = 32
"""Scenes of pictures that are sorted by length, and that are heard at once."""

EARLIEST_END_S: Final = 1.0
"""A voice has been heard for as long before a window of it is judged, or to its end."""

NOTE: Final = np.dtype([("start", np.int64), ("latents", np.int32), ("clip", np.int32), ("label", np.int8)])
"""Per scene: place in the file, length, clip (-1: nobody), label."""

Item = tuple[NDArray[np.float16], int, int]
"""Latents (n, D), clip, label."""


@dataclass(frozen=True, slots=True)
class EncodedScenes:
    """Scenes as a trunk hears them."""

    latents: NDArray[np.float16]
    """(all latents, D), four columns each"""
    notes: NDArray[np.void]
    """(scenes,) of `NOTE`"""
    centre: NDArray[np.float32] | float = 0.0
    spread: NDArray[np.float32] | float = 1.0
    """(D,) what is taken from latents as they are handed out, and what they are divided by."""

    def scene(self, row: int) -> NDArray[np.float32]:
        """Return the latents (N, D) of a scene."""
        note = self.notes[row]
        latents = self.latents[note["start"] : note["start"] + note["latents"]].astype(np.float32)
        return np.asarray((latents - self.centre) / self.spread, np.float32)

    def batch(self, rows: Iterable[int]) -> tuple[Tensor, Tensor]:
        """Return latents (B, D, N), newest last, zero where masked, and their mask (B, N)."""
        return stacked([self.scene(row) for row in rows])


def stacked(found: list[NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    """Return latents (B, D, N) of scenes (N, D), newest last, zero where masked, and their mask (B, N)."""
    width = max(1, *(len(x) for x in found))
    f = np.zeros((len(found), width, found[0].shape[1]), np.float32)
    mask = np.zeros((len(found), width), np.bool_)
    for at, x in enumerate(found):
        f[at, width - len(x) :] = x
        mask[at, width - len(x) :] = True
    return torch.from_numpy(f).transpose(1, 2), torch.from_numpy(mask)


def cut(on: int, off: int, n: int, rng: augment.Rng, *, whole: bool) -> tuple[int, int]:
    """Return the samples of a scene between which a window shows it: from shortly before the voice, a picture at most.

    `on` and `off` are the voice's ends in samples of 8 kHz, `n` the scene's length.
    """
    margin = 0.1 if whole else float(rng.uniform(0.0, 0.4))
    first = max(on - augment.seconds(margin), 0)
    last = min(off + augment.seconds(0.3), n)
    if not whole:
        last = int(rng.integers(last, n + 1))
        earliest = on + augment.seconds(EARLIEST_END_S)
        if rng.random() < 0.5 and earliest < off:
            last = int(rng.integers(earliest, off))
    return max(first, last - contract.samples_of(contract.N_COLUMNS)), last


def write(items: Iterable[Item], name: str, folder: Path) -> None:
    """Write what a trunk made of scenes, as the set `name`."""
    notes: list[tuple[int, int, int, int]] = []
    position = 0
    with (folder / f"{name}.f16").open("wb") as file:
        for latents, clip, label in items:
            file.write(np.ascontiguousarray(latents).tobytes())
            notes.append((position, len(latents), clip, label))
            position += len(latents)
    # Written last: its presence says that the set is whole.
    np.save(folder / f"{name}.npy", np.array(notes, NOTE))


def gathered(items: Iterable[Item]) -> EncodedScenes:
    """Return what a trunk made of scenes, in memory."""
    latents, clips, labels = zip(*items, strict=True)
    lengths = np.array([len(x) for x in latents])
    rows = zip(np.cumsum(lengths) - lengths, lengths, clips, labels, strict=True)
    return EncodedScenes(np.concatenate(latents), np.array(list(rows), NOTE))


def shown(note: np.void, rng: augment.Rng, *, whole: bool) -> tuple[int, int]:
    """Return the columns of a scene between which a window shows it."""
    step = contract.LIVE_STEP_SAMPLES
    n = int(note["columns"])
    first, last = 0, min(n, EMPTY_COLUMNS)
    if note["clip"] >= 0:
        first, last = (
            x // step for x in cut(int(note["on"]) * step, int(note["off"]) * step, n * step, rng, whole=whole)
        )
    last = max(last, 1)
    return max(0, first, last - contract.N_COLUMNS), last


@torch.inference_mode()
def hear(trunk: SoundTrunk, scenes: pictures.Scenes, seed: list[int], *, whole: bool) -> Iterator[Item]:
    """Yield the scenes of pictures as the trunk of `stream` hears them, many of like length at a time."""
    for chunk in np.array_split(np.arange(len(scenes.notes)), -(-len(scenes.notes) // CHUNK)):
        windows = [shown(scenes.notes[i], np.random.default_rng([*seed, i]), whole=whole) for i in chunk]
        order = np.argsort([last - first for first, last in windows], kind="stable")
        found: dict[int, NDArray[np.float16]] = {}
        for part in np.array_split(order, -(-len(order) // BATCH)):
            longest = max(windows[i][1] - windows[i][0] for i in part)
            # Room at the left for the fields of the oldest latents, as a whole picture has it.
            width = min(-(-longest // GRID) * GRID + trunk.receptive_columns, contract.N_COLUMNS)
            picture = np.zeros((len(part), contract.N_BANDS, width), np.float32)
            columns = np.zeros((len(part), width), np.bool_)
            for row, i in enumerate(part.tolist()):
                first, last = windows[i]
                begin = int(scenes.notes[chunk[i]]["start"])
                picture[row, :, width - (last - first) :] = scenes.columns[begin + first : begin + last].T / np.float32(
                    255
                )
                columns[row, width - (last - first) :] = True
            f, mask = trunk(torch.from_numpy(picture), torch.from_numpy(columns))
            for row, i in enumerate(part.tolist()):
                found[i] = f[row].T[mask[row]].numpy().astype(np.float16)
        for i, at in enumerate(chunk.tolist()):
            yield found[i], int(scenes.notes[at]["clip"]), int(scenes.notes[at]["label"])


def build_stream(trunk: SoundTrunk, folder: Path, network: str, n_copies: int, seed: int) -> None:
    """Write whatever is missing of the sets of a `stream`, whose pictures are there."""
    names = [f"train-{copy}" for copy in range(n_copies)]
    names += [pictures.held_out_name(split, *noise) for split, noise in pictures.HELD_OUT]
    for at, name in enumerate(names):
        if not (folder / f"{name_of(network, name)}.npy").exists():
            whole = at == 0 or at >= n_copies
            items = hear(trunk, pictures.open_scenes(folder, name), [seed, at], whole=whole)
            write(items, name_of(network, name), folder)


def name_of(network: str, name: str) -> str:
    """Return the file name of a set without its ending."""
    return f"latents-{network}-{name}"


def open_scenes(folder: Path, network: str, name: str, channels: int) -> EncodedScenes:
    """Return the scenes called `name` as a network hears them, memory-mapped."""
    path = folder / name_of(network, name)
    latents = np.memmap(f"{path}.f16", dtype=np.float16, mode="r").reshape(-1, channels)
    return EncodedScenes(latents, np.load(f"{path}.npy"))


def statistics(scenes: EncodedScenes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return centre and spread (D,) of the latents of all voices."""
    note = scenes.notes[scenes.notes["clip"] >= 0]
    rows = np.concatenate([np.arange(n["start"], n["start"] + n["latents"], 4) for n in note])
    some = scenes.latents[rows].astype(np.float32)
    return some.mean(axis=0), some.std(axis=0) + np.float32(1e-3)


def heard_together(
    copies: tuple[EncodedScenes, ...], scenes: NDArray[np.int64], chosen: NDArray[np.int64]
) -> tuple[Tensor, Tensor]:
    """Return latents (B, D, N) and their mask (B, N) of scenes, each from one of the copies."""
    parts = [copies[copy].batch([scene]) for scene, copy in zip(scenes.tolist(), chosen.tolist(), strict=True)]
    width = max(f.shape[2] for f, _ in parts)
    f = torch.cat([torch.nn.functional.pad(f, (width - f.shape[2], 0)) for f, _ in parts])
    mask = torch.cat([torch.nn.functional.pad(m, (width - m.shape[1], 0)) for _, m in parts])
    return f, mask
