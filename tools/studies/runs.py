"""One run of the study: train, answer the held-out pairs in several ways, and keep the answers in one file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from streamer.network import checkpoint, contract
from tools.studies.grounds import Ground
from tools.studies.plan import Row, Size
from tools.training import batches, fit, metrics, parallel, variants
from tools.training.batches import DataSet, Ints
from tools.training.crosspairs import Mode

N_LOOKED: Final = 256
"""Test rows over which attention is described."""

HIDDEN_SOUND: Final = "no sound"


@dataclass(frozen=True, slots=True)
class Found:
    """What is kept of a run."""

    logits: Mapping[str, NDArray[np.float64]]
    """By how the pairs were made: "match", "shuffled", "none" (no words), "no sound"; each (rows, C)."""
    history: list[dict[str, float]] = field(default_factory=list)
    """Figures of each epoch, on validation speakers."""
    attention: Mapping[str, float] = field(default_factory=dict)
    """Entropy of equation 1 over log n, and spread of the weights."""


class Silent:
    """A held-out set without its sound."""

    def __init__(self, data: DataSet) -> None:
        self._data = data
        self.labels = data.labels
        self.groups = data.groups

    def batch(self, rows: Ints, seed: int, epoch: int) -> batches.Batch:
        """Return rows whose picture is empty and masked."""
        one = self._data.batch(rows, seed, epoch)
        picture, columns = one.inputs[:2]
        empty = (torch.zeros_like(picture), torch.zeros_like(columns))
        return batches.Batch((*empty, *one.inputs[2:]), one.label)


def test_sets(ground: Ground, size: Size) -> dict[str, DataSet]:
    """Return the held-out rows: the same sound each time, with fitting words, any words, and none."""
    modes: tuple[Mode, ...] = ("match", "shuffled", "none")
    return {mode: ground.rows("test", mode, size.per_clip) for mode in modes}


def path_of(work: Path, row: Row, seed: int) -> Path:
    """Return the file of a run's answers."""
    return work / "runs" / f"{row.key}-{seed}.npz"


def state_of(work: Path, row: Row, seed: int) -> Path:
    """Return the file that a run goes on from."""
    return work / "runs" / f"{row.key}-{seed}.pt"


def do(
    row: Row,
    seed: int,
    size: Size,
    ground: Ground,
    where: tuple[Path, str, parallel.Place],
    ears: fit.Ears,
) -> None:
    """Train and keep the answers; nothing is done where they are there. `where`: work folder, profile, place."""
    work, profile, place = where
    path = path_of(work, row, seed)
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    training = ground.rows("train", row.training_words)
    valid = ground.rows("valid", row.training_words)
    cut = row.variant != "unmasked"
    job = fit.Job(training, size.recipe(row.recipe), seed, state_of(work, row, seed), cut)
    course = path.with_suffix(".json")
    history: list[dict[str, float]] = json.loads(course.read_text()) if course.exists() else []
    del history[fit.steps_done(job) // job.epoch_steps :]

    def judge(kept: torch.nn.Module) -> dict[str, float]:
        answer = fit.logits_of(kept, valid, place.device, cut=cut).argmax(axis=1)
        history.append({"uar": metrics.recall(valid.labels, answer)})
        checkpoint.write_whole(course, json.dumps(history).encode())
        return history[-1]

    torch.manual_seed(seed)
    network = variants.make(variants.settings(row.network, profile, {}), row.variant)
    trained = fit.fit(network, job, judge, place, ears)
    tests = test_sets(ground, size)
    logits = {mode: fit.logits_of(trained, data, place.device, cut=cut) for mode, data in tests.items()}
    logits[HIDDEN_SOUND] = fit.logits_of(trained, Silent(tests["match"]), place.device, cut=cut)
    looked = look(trained, tests["match"], place.device) if isinstance(trained, variants.TrainedAttention) else {}
    part = path.with_suffix(".part.npz")
    notes = json.dumps({"history": history, "attention": looked})
    arrays: dict[str, Any] = {f"logits {mode}": values for mode, values in logits.items()}
    np.savez_compressed(part, notes=np.array(notes), **arrays)
    part.replace(path)


def read(work: Path, row: Row, seed: int) -> Found | None:
    """Return what is kept of a run, None where it has not been done."""
    path = path_of(work, row, seed)
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as kept:
        notes = json.loads(str(kept["notes"]))
        logits = {name.removeprefix("logits "): kept[name] for name in kept.files if name.startswith("logits ")}
    return Found(logits, notes["history"], notes["attention"])


@torch.inference_mode()
def look(network: variants.TrainedAttention, data: DataSet, device: torch.device) -> dict[str, float]:
    """Return how pointed attention is: entropy of equation 1 over its largest, and the weights' spread around 1."""
    entropies, spreads = [], []
    for at in range(0, min(N_LOOKED, len(data.labels)), 64):
        batch = batches.cut(data.batch(np.arange(at, min(at + 64, len(data.labels))), 0, 0))
        inputs = tuple(x.to(device) for x in batch.inputs)
        a, weights = network.weights(inputs)
        heard = inputs[1].reshape(len(a), -1, 2**network.config.poolings).any(2)
        n_heard = heard.sum(1, keepdim=True).clamp(min=2)
        entropy = -(a * a.clamp(min=1e-12).log()).sum(2) / n_heard.log()
        if a.shape[1] > 1:  # with attention replaced by 1 there is one row for all words
            entropy = entropy[groups_said(inputs[3], a)]
        entropies.append(entropy.flatten().cpu().numpy())
        spreads += [float(w[c].std()) for w, c in zip(weights, inputs[1], strict=True)]
    return {"entropy": float(np.concatenate(entropies).mean()), "spread": float(np.mean(spreads))}


def groups_said(word_mask: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
    """Return (B, m): which groups of words hold any."""
    return word_mask.reshape(len(a), a.shape[1], -1).any(2)


@dataclass(frozen=True, slots=True)
class Example:
    """One pair as attention sees it, for Figure 2; columns without sound are cut away."""

    picture: NDArray[np.float32]
    """(F, T)"""
    matrix: NDArray[np.float32]
    """(m, n) of the groups that hold words"""
    weights: NDArray[np.float32]
    """(T,)"""
    words: list[str]
    """Per group."""
    label: str
    answer: str
    places: tuple[str, str]
    """Where sound and words come from."""


@torch.inference_mode()
def example(
    network: variants.TrainedAttention, ground: Ground, data: DataSet, row: int, device: torch.device
) -> Example:
    """Return row `row` of `data`."""
    batch = data.batch(np.array([row]), 0, 0)
    inputs = tuple(x.to(device) for x in batch.inputs)
    a, weights = network.weights(inputs)
    answer = int(network.eval()(*inputs)[0, 0].argmax())
    side = 2**network.config.poolings
    first = int(batch.inputs[1][0].nonzero()[0]) // side * side
    slots = ground.said(data, row)
    groups = [" ".join(filter(None, slots[at : at + side])) for at in range(0, contract.N_WORDS, side)]
    said = groups_said(inputs[3], a)[0].cpu().numpy()
    return Example(
        batch.inputs[0][0, :, first:].numpy(),
        a[0, :, first // side :].cpu().numpy()[said],
        weights[0, first:].cpu().numpy(),
        [group for group, there in zip(groups, said, strict=True) if there],
        contract.EMOTIONS[int(data.labels[row])],
        contract.EMOTIONS[answer],
        ground.places(data, row),
    )


def again(row: Row, seed: int, profile: str, work: Path, *, averaged: bool) -> torch.nn.Module:
    """Return the trained network of a run, from its state file."""
    network = variants.make(variants.settings(row.network, profile, {}), row.variant)
    kept = torch.load(state_of(work, row, seed), weights_only=True, map_location="cpu")
    network.load_state_dict(kept["average" if averaged else "network"])
    return network.eval()
