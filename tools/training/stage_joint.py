"""The stage of attention and the joint head, on synthetic pairs; both halves are frozen, so neither forgets.

What is learned is added to what sound and words by themselves make likely (TwoSided.believed), and counts as much as
validation pairs say.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from streamer.network import contract
from streamer.network.sides import GRID, TwoSided
from tools.training import loop, metrics, pairs
from tools.training.encoded import EncodedScenes, heard_together
from tools.training.speakerpast import Embedded, Streams
from tools.training.stage_sound import allowed_cross_entropy
from tools.training.textdata import Texts, WordWindows

Inputs = tuple[Tensor, ...]
"""Latents f, their mask, the embedding, words, word_mask, word_spans, the speaker's mean: what TwoSided.judge takes."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Frozen sound of the training scenes."""

    copies: tuple[EncodedScenes, ...]
    embedded: Embedded
    streams: Streams


def spans_of(mask: Tensor) -> NDArray[np.float32]:
    """Return (B, 2), the columns of a whole picture between which sound is heard."""
    heard = mask.sum(dim=1).numpy() * GRID
    return np.stack((contract.N_COLUMNS - heard, np.full(len(heard), contract.N_COLUMNS)), axis=1).astype(np.float32)


class Matchmaker:
    """Draws scenes and words that go with them."""

    def __init__(self, heard: Heard, texts: Texts, table: NDArray[np.float32]) -> None:
        self._heard = heard
        self._words = WordWindows(texts)
        self._lines = pairs.lines_by_label(texts, "train")
        self._table = table

    def batch(self, size: int, rng: np.random.Generator) -> tuple[Inputs, Tensor, Tensor]:
        """Return the inputs, labels (B,) and allowed classes (B, C)."""
        drawn = self._heard.streams.draw(size, rng)
        labels = self._heard.embedded.label[drawn.scenes]
        f, mask = heard_together(self._heard.copies, drawn.scenes, drawn.copies)
        kinds = [str(kind) for kind in rng.choice(pairs.KINDS, size=size, p=pairs.SHARES)]
        for row, plain in enumerate(labels == pairs.NONE_INDEX):
            kinds[row] = pairs.fitting(kinds[row], plain=bool(plain), chance=float(rng.random()))
        windows, called = pairs.draw(labels, kinds, self._lines, self._words.window, rng)
        words = pairs.assemble(windows, self._table, spans_of(mask), rng)
        silent = torch.tensor([kind == "no voice" for kind in kinds])
        f, mask = torch.where(silent[:, None, None], 0.0, f), mask & ~silent[:, None]
        x = torch.where(silent[:, None], 0.0, torch.from_numpy(drawn.x))
        allowed = torch.from_numpy(drawn.allowed).clone()
        allowed[torch.arange(size), torch.from_numpy(called)] = True
        inputs = (f, mask, x, words.words, words.mask, words.spans, torch.from_numpy(drawn.means))
        return inputs, torch.from_numpy(called), allowed


class Joint(nn.Module):
    """What this stage trains, as one module; the frozen halves are kept outside of it."""

    def __init__(self, network: TwoSided) -> None:
        super().__init__()
        self.attention = network.attention
        self.summary = network.joint_summary
        self.head = network.joint_head


def held_out_pairs(  # noqa: PLR0913, PLR0917  both halves and how they are joined
    scenes: EncodedScenes,
    embedded: Embedded,
    departures: NDArray[np.float32],
    rows: metrics.Ints,
    texts: Texts,
    table: NDArray[np.float32],
    how: tuple[str, str, int],
) -> tuple[Inputs, metrics.Ints]:
    """Return inputs and labels: each clip of `rows` with a line; `how` is kind of pair, split, and seed."""
    kind, split, seed = how
    rng = np.random.default_rng([seed, *kind.encode(), *split.encode()])
    if kind == "plain voice":
        rows = rows[embedded.label[rows] == pairs.NONE_INDEX]
    f, mask = scenes.batch(rows.tolist())
    lines = pairs.lines_by_label(texts, split)
    window = lambda line, _: texts.rows[line][-contract.N_WORDS :]  # noqa: E731
    windows, called = pairs.draw(embedded.label[rows], [kind] * len(rows), lines, window, rng)
    words = pairs.assemble(windows, table, spans_of(mask), rng)
    x = torch.from_numpy(embedded.x[0, rows])
    means = x - torch.from_numpy(departures[rows])
    return (f, mask, x, words.words, words.mask, words.spans, means), called


@torch.inference_mode()
def all_logits(network: TwoSided, inputs: Inputs, batch: int = 64) -> metrics.Floats:
    """Return (rows, 3, C)."""
    parts = [network.judge(*(x[at : at + batch] for x in inputs)) for at in range(0, len(inputs[0]), batch)]
    return np.asarray(torch.cat(parts).double().numpy())


def run(  # noqa: PLR0913, PLR0917  everything a stage is
    name: str,
    network: TwoSided,
    matchmaker: Matchmaker,
    held_out: dict[str, tuple[Inputs, metrics.Ints]],
    schedule: loop.Schedule,
    work: Path,
    seed: int,
) -> None:
    """Train attention and joint head of `network` in place."""
    # What is learned is added to what sound and words by themselves make likely, and begins as nothing.
    nn.init.zeros_(network.joint_head.weight)
    nn.init.zeros_(network.joint_head.bias)
    joint = Joint(network)

    def loss(rng: np.random.Generator, step: int) -> Tensor:
        del step
        inputs, label, allowed = matchmaker.batch(schedule.batch, rng)
        network.eval()
        joint.train()
        return allowed_cross_entropy(network.judge(*inputs)[:, 0], label, allowed, 0.1)

    def judge(averaged: nn.Module) -> dict[str, float]:
        kept = {k: v.clone() for k, v in joint.state_dict().items()}
        joint.load_state_dict(averaged.state_dict())
        network.eval()
        figures = {}
        for kind, (inputs, truth) in held_out.items():
            figures[kind.replace(" ", "-")] = metrics.recall(truth, all_logits(network, inputs)[:, 0].argmax(axis=1))
        joint.load_state_dict(kept)
        return figures

    network.requires_grad_(requires_grad=False)
    joint.requires_grad_(requires_grad=True)
    print(f"{name} before  {judge(joint)}")
    best = loop.train(name, joint, schedule, loss, judge, work, seed)
    joint.load_state_dict(best.state_dict())
    network.eval()


GAINS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)


def tempered(network: TwoSided, held_out: dict[str, tuple[Inputs, metrics.Ints]], shares: dict[str, float]) -> float:
    """Scale what the joint head adds by the gain under which validation pairs are likeliest; return it."""
    head = network.joint_head
    weight, bias = head.weight.clone(), head.bias.clone()
    losses = []
    for gain in GAINS:
        with torch.no_grad():
            head.weight.copy_(weight * gain)
            head.bias.copy_(bias * gain)
        total = 0.0
        for kind, (inputs, truth) in held_out.items():
            said = metrics.softmax(all_logits(network, inputs)[:, 0])
            total -= shares[kind] * float(np.log(said[np.arange(len(truth)), truth] + 1e-12).mean())
        losses.append(total)
    best = GAINS[int(np.argmin(losses))]
    with torch.no_grad():
        head.weight.copy_(weight * best)
        head.bias.copy_(bias * best)
    print("gain of the joint head:", best, [round(loss, 3) for loss in losses])
    return best
