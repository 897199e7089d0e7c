"""Training of one network on one data set: deterministic from a seed, and gone on with after a kill at any moment.

Everything random is a function of (seed, epoch, step), so the state is the weights, the optimiser and the step.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.training import batches
from tools.training.batches import DataSet
from tools.training.loop import Average
from tools.training.parallel import Place
from tools.training.recipe import Recipe, order

JUDGED_BATCH: Final = 64
KEEP_EVERY_S: Final = 30.0
"""Seconds between two states on disk; an epoch's end is always kept."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is trained on what."""

    data: DataSet
    recipe: Recipe
    seed: int
    state: Path
    """File to go on from."""
    cut: bool = True
    """Whether columns that no row of a batch needs are left away; False for a network that hears padding."""

    @property
    def epoch_steps(self) -> int:
        """Steps of an epoch."""
        return self.recipe.steps(len(self.data.labels))

    @property
    def steps(self) -> int:
        """Steps in all."""
        return self.epoch_steps * self.recipe.epochs


@dataclass(frozen=True, slots=True)
class Ears:
    """Who hears of the progress: `step(done, of)` after every step, `row(text)` once per epoch."""

    step: Callable[[int, int], None] = lambda _done, _of: None
    row: Callable[[str], None] = print


@dataclass(slots=True)
class _State:
    """Everything that changes."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    average: Average | None
    step: int = 0
    loss: float = 0.0
    """Sum over the steps of this epoch."""

    def load(self, path: Path, device: torch.device) -> None:
        """Fill in what `path` holds, if it is there."""
        if not path.exists():
            return
        kept = torch.load(path, weights_only=True, map_location=device)
        self.network.load_state_dict(kept["network"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.step, self.loss = int(kept["step"]), float(kept["loss"])
        if self.average is not None:
            self.average.module.load_state_dict(kept["average"])
            self.average.resume(self.step)

    def keep(self, path: Path) -> None:
        """Write everything, whole or not at all."""
        kept: dict[str, Any] = {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.module.state_dict() if self.average else {},
            "step": self.step,
            "loss": self.loss,
        }
        part = path.with_suffix(".part")
        torch.save(kept, part)
        part.replace(path)


def steps_done(job: Job) -> int:
    """Return how many steps the state on disk holds; 0 where there is none."""
    return int(torch.load(job.state, weights_only=True, map_location="cpu")["step"]) if job.state.exists() else 0


def make_optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimiser over what may be trained."""
    trained = [p for p in network.parameters() if p.requires_grad]
    if recipe.optimiser == "adamw":
        return torch.optim.AdamW(trained, lr=recipe.rate, weight_decay=recipe.decay, fused=True)
    return torch.optim.SGD(trained, lr=recipe.rate, weight_decay=recipe.decay)


def backward(called: nn.Module, job: Job, place: Place, rows: batches.Ints, epoch: int) -> float:
    """Leave the gradient of the mean loss over `rows` in the network; return this process's part of the loss.

    `called` is the network as `place.wrap` returns it. On CUDA the pass is in bfloat16, the weights stay float32.
    """
    mine = place.share(rows)
    # A share may be empty in the last batch; its process still takes part in the averaging, with a weight of nothing.
    batch = job.data.batch(mine if len(mine) else rows[:1], job.seed, epoch)
    if job.cut:
        batch = batches.cut(batch)
    inputs = tuple(x.to(place.device, non_blocking=True) for x in batch.inputs)
    label = batch.label.to(place.device)
    with torch.autocast(place.device.type, torch.bfloat16, enabled=place.device.type == "cuda"):
        logits: Tensor = called(*inputs)[:, 0]
    loss = functional.cross_entropy(logits.float(), label, label_smoothing=job.recipe.smoothing, reduction="sum")
    # DDP takes the mean over processes; shares may differ by a row.
    torch.autograd.backward(loss * ((place.processes if len(mine) else 0) / len(rows)))
    return float(loss.detach()) * bool(len(mine)) / len(rows)


def fit(
    network: nn.Module, job: Job, judge: Callable[[nn.Module], dict[str, float]], place: Place, ears: Ears
) -> nn.Module:
    """Train `network` in place and return the one to keep, in evaluation mode.

    `judge` is asked by the first process after each epoch; its figures go into that epoch's row.
    """
    recipe = job.recipe
    network.to(place.device)
    average = Average(network, recipe.average) if recipe.average else None
    state = _State(network, make_optimiser(network, recipe), average)
    state.load(job.state, place.device)
    if place.is_first and state.step:
        ears.row(f"goes on after step {state.step} of {job.steps}")
    place.wait()
    called = place.wrap(network)
    begun, kept_at, first = time.monotonic(), time.monotonic(), state.step
    rows = np.zeros(0, np.int64)
    while state.step < job.steps:
        epoch, at = divmod(state.step, job.epoch_steps)
        if at == 0 or not len(rows):
            rows = order(job.data.labels, recipe, job.seed, epoch)
        _one_step(called, state, job, place, rows[at * recipe.batch : (at + 1) * recipe.batch])
        if place.is_first:
            ears.step(state.step, job.steps)
        if state.step % job.epoch_steps == 0:
            if place.is_first:
                left_s = (time.monotonic() - begun) / (state.step - first) * (job.steps - state.step)
                _close_epoch(state, job, judge, ears, left_s)
            state.loss = 0.0
        elif place.is_first and time.monotonic() - kept_at > KEEP_EVERY_S:
            state.keep(job.state)
            kept_at = time.monotonic()
    place.wait()
    return (average.module if average else network).eval()


def _one_step(called: nn.Module, state: _State, job: Job, place: Place, rows: batches.Ints) -> None:
    epoch = state.step // job.epoch_steps
    torch.manual_seed(int(np.random.default_rng([job.seed, state.step, place.rank]).integers(2**31)))
    called.train()
    for group in state.optimiser.param_groups:
        group["lr"] = job.recipe.rate_at(state.step, job.steps)
    state.optimiser.zero_grad(set_to_none=True)
    state.loss += backward(called, job, place, rows, epoch)
    if job.recipe.clip:
        nn.utils.clip_grad_norm_(state.network.parameters(), job.recipe.clip)
    state.optimiser.step()
    if state.average:
        state.average.update(state.network)
    state.step += 1


def _close_epoch(
    state: _State, job: Job, judge: Callable[[nn.Module], dict[str, float]], ears: Ears, left_s: float
) -> None:
    judged = (state.average.module if state.average else state.network).eval()
    figures = {"loss": state.loss / job.epoch_steps} | judge(judged)
    cells = "  ".join(f"{name} {value:.3f}" for name, value in figures.items())
    epoch = state.step // job.epoch_steps
    ears.row(f"{epoch:3d}/{job.recipe.epochs}  {cells}  left {left_s / 60:.1f} min")
    state.loss = 0.0
    state.keep(job.state)


@torch.inference_mode()
def logits_of(network: nn.Module, data: DataSet, device: torch.device, *, cut: bool = True) -> np.ndarray:
    """Return (rows, C) f64 over a whole held-out set."""
    network.eval()
    found = []
    for at in range(0, len(data.labels), JUDGED_BATCH):
        rows = np.arange(at, min(at + JUDGED_BATCH, len(data.labels)))
        one = data.batch(rows, 0, 0)
        one = batches.cut(one) if cut else one
        found.append(network(*(x.to(device) for x in one.inputs))[:, 0].double().cpu().numpy())
    return np.concatenate(found)
