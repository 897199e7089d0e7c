"""Stage 3: attention and the joint head on synthetic pairs; both halves are frozen, so neither forgets."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from streamer.network import contract
from streamer.network.stream import Stream
from tools.training import loop, metrics, pairs, pictures, sounddata, stage_sound
from tools.training.textdata import Texts, WordWindows

WIDTH = 256
"""Columns of a training window here: 5 s hold most clips, and word times are counted from the newest anyway."""


class Matchmaker:
    """Draws sound batches and words that go with them."""

    def __init__(self, sound: sounddata.SoundWindows, texts: Texts, table: NDArray[np.float32]) -> None:
        self._sound = sound
        self._words = WordWindows(texts)
        self._lines = pairs.lines_by_label(texts, "train")
        self._table = table

    def batch(self, size: int, rng: np.random.Generator) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
        """Return the five inputs, labels (B,) and allowed classes (B, C)."""
        sound = self._sound.batch(size, WIDTH, rng)
        labels = sound.label.numpy()
        kinds = [str(kind) for kind in rng.choice(pairs.KINDS, size=size, p=pairs.SHARES)]
        for row, plain in enumerate(labels == pairs.NONE_INDEX):
            kinds[row] = pairs.fitting(kinds[row], plain=bool(plain), chance=float(rng.random()))
        windows, called = pairs.draw(labels, kinds, self._lines, self._words.window, rng)
        words = pairs.assemble(windows, self._table, sound.voice.numpy() + (contract.N_COLUMNS - WIDTH), rng)
        silent = torch.tensor([kind == "no voice" for kind in kinds])
        picture = torch.where(silent[:, None, None], 0.0, sound.picture)
        columns = sound.columns & ~(silent[:, None] & torch.from_numpy(rng.random(size) < 0.5)[:, None])
        allowed = sound.allowed.clone()
        allowed[torch.arange(size), torch.from_numpy(called)] = True
        return (picture, columns, words.words, words.mask, words.spans), torch.from_numpy(called), allowed


class Joint(nn.Module):
    """What this stage trains, as one module; the frozen halves are kept outside of it."""

    def __init__(self, network: Stream) -> None:
        super().__init__()
        self.attention = network.attention
        self.summary = network.joint_summary
        self.head = network.joint_head


def held_out_pairs(
    scenes: pictures.Scenes, rows: metrics.Ints, texts: Texts, table: NDArray[np.float32], how: tuple[str, str, int]
) -> tuple[tuple[Tensor, ...], metrics.Ints]:
    """Return the five inputs and labels: each clip of `rows` with a line; `how` is kind of pair, split, and seed."""
    kind, split, seed = how
    rng = np.random.default_rng([seed, *kind.encode(), *split.encode()])
    labels = scenes.notes["label"].astype(np.int64)
    if kind == "plain voice":
        rows = rows[labels[rows] == pairs.NONE_INDEX]
    picture, columns = sounddata.whole_clips(scenes, rows)
    notes = scenes.notes[rows]
    shift = contract.N_COLUMNS - notes["columns"]
    voices = np.stack((notes["on"] + shift, notes["off"] + shift), axis=1).clip(0, contract.N_COLUMNS)
    lines = pairs.lines_by_label(texts, split)
    window = lambda line, _: texts.rows[line][-contract.N_WORDS :]  # noqa: E731
    windows, called = pairs.draw(labels[rows], [kind] * len(rows), lines, window, rng)
    words = pairs.assemble(windows, table, voices.astype(np.float32), rng)
    return (picture, columns, words.words, words.mask, words.spans), called


@torch.inference_mode()
def all_logits(network: nn.Module, inputs: tuple[Tensor, ...], batch: int = 32) -> metrics.Floats:
    """Return (rows, 3, C)."""
    parts = [network(*(x[at : at + batch] for x in inputs)) for at in range(0, len(inputs[0]), batch)]
    return torch.cat(parts).double().numpy()


def run(
    network: Stream,
    matchmaker: Matchmaker,
    held_out: dict[str, tuple[tuple[Tensor, ...], metrics.Ints]],
    schedule: loop.Schedule,
    work: Path,
    seed: int,
) -> None:
    """Train attention and joint head of `network` in place."""
    joint = Joint(network)
    network.eval()

    def loss(rng: np.random.Generator, step: int) -> Tensor:
        del step
        inputs, label, allowed = matchmaker.batch(schedule.batch, rng)
        logits = network(*inputs)[:, 0]
        return stage_sound.allowed_cross_entropy(logits, label, allowed, 0.1)

    def judge(averaged: nn.Module) -> dict[str, float]:
        kept = {k: v.clone() for k, v in joint.state_dict().items()}
        joint.load_state_dict(averaged.state_dict())
        joint.eval()
        figures = {}
        for kind, (inputs, truth) in held_out.items():
            figures[kind.replace(" ", "-")] = metrics.recall(truth, all_logits(network, inputs)[:, 0].argmax(axis=1))
        joint.load_state_dict(kept)
        return figures

    network.requires_grad_(requires_grad=False)
    joint.requires_grad_(requires_grad=True)
    best = loop.train("joint", joint, schedule, loss, judge, work, seed)
    joint.load_state_dict(best.state_dict())
