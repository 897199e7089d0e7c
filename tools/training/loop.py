"""One stage of training: epochs with a cosine rate, averaged weights, a table row each, and a file to go on from."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast."""

    epochs: int
    steps: int
    """Per epoch."""
    batch: int
    rate: float
    decay: float = 0.02
    average: float = 0.998
    """Decay of the running average of the weights, which is what is kept."""
    warm_up: float = 0.04
    """Share of the horizon over which the rate rises."""
    horizon: int = 0
    """Epochs over which the cosine falls; 0: `epochs`. A longer one with a cool-down lets a run be cut short late."""
    cool_down: int = 0
    """Last epochs, over which the rate falls to nothing in a straight line besides."""

    @property
    def batches(self) -> int:
        """How many batches it takes in all."""
        return self.epochs * self.steps

    def progress(self, step: int) -> float:
        """Return how far along the horizon a step is, 0 to 1."""
        return step / ((self.horizon or self.epochs) * self.steps)


def rate_at(step: int, schedule: Schedule) -> float:
    """Return the learning rate: linear rise, then half a cosine down to a hundredth, then the cool-down."""
    total = (schedule.horizon or schedule.epochs) * schedule.steps
    rise = max(round(schedule.warm_up * total), 1)
    if step < rise:
        return schedule.rate * (step + 1) / rise
    cosine = 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * (step - rise) / max(total - rise, 1)))
    left = (schedule.epochs * schedule.steps - step) / max(schedule.cool_down * schedule.steps, 1)
    return schedule.rate * cosine * (min(left, 1.0) if schedule.cool_down else 1.0)


class Average:
    """A running average of a module's weights; buffers are copied."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(requires_grad=False)
        self._decay = decay
        self._steps = 0

    def update(self, module: nn.Module) -> None:
        """Take one step of `module` in; early steps weigh more, so that the beginning is forgotten."""
        self._steps += 1
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        with torch.no_grad():
            for kept, new in zip(self.module.parameters(), module.parameters(), strict=True):
                kept.lerp_(new, 1.0 - decay)
            for fixed, found in zip(self.module.buffers(), module.buffers(), strict=True):
                fixed.copy_(found)

    def resume(self, steps: int) -> None:
        """Go on after `steps` updates."""
        self._steps = steps


def train(  # noqa: PLR0913, PLR0917  everything a stage is
    name: str,
    module: nn.Module,
    schedule: Schedule,
    loss: Callable[[np.random.Generator, int], Tensor],
    judge: Callable[[nn.Module], dict[str, float]],
    work: Path,
    seed: int,
    say: Callable[[str], None] = print,
    groups: list[dict[str, object]] | None = None,
    file: str | None = None,
) -> nn.Module:
    """Train `module` in place and return its averaged copy.

    `loss(rng, step)` draws a batch and returns its loss; `judge(averaged module)` returns the figures of a table row.
    After each epoch everything needed to go on is in `work/FILE.pt`, by default `work/NAME.pt`; randomness is a
    function of (seed, name, epoch).
    """
    optimiser = torch.optim.AdamW(groups or module.parameters(), lr=schedule.rate, weight_decay=schedule.decay)
    relative = [float(group["lr"]) / schedule.rate for group in optimiser.param_groups]
    average = Average(module, schedule.average)
    path = work / f"{file or name}.pt"
    begun = _resume(path, module, average, optimiser)
    if begun:
        average.resume(begun * schedule.steps)
        say(f"{path.stem}: goes on after epoch {begun}")
    started = time.monotonic()
    for epoch in range(begun, schedule.epochs):
        rng = np.random.default_rng([seed, *name.encode(), epoch])
        torch.manual_seed(int(rng.integers(2**31)))
        module.train()
        total = 0.0
        for step in range(schedule.steps):
            at = epoch * schedule.steps + step
            for group, share in zip(optimiser.param_groups, relative, strict=True):
                group["lr"] = rate_at(at, schedule) * share
            value = loss(rng, at)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(value)
            nn.utils.clip_grad_norm_(module.parameters(), 5.0)
            optimiser.step()
            average.update(module)
            total += float(value.detach())
        figures = {"loss": total / schedule.steps} | judge(average.module)
        left = (time.monotonic() - started) / (epoch + 1 - begun) * (schedule.epochs - epoch - 1)
        row = "  ".join(f"{key} {value:.3f}" for key, value in figures.items())
        say(f"{path.stem} {epoch + 1:3d}/{schedule.epochs}  {row}  left {left / 60:.1f} min")
        _keep(path, module, average, optimiser, epoch + 1)
    return average.module


def _resume(path: Path, module: nn.Module, average: Average, optimiser: torch.optim.Optimizer) -> int:
    """Fill everything from `path` and return how many epochs it holds; 0 where there is no such file."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    module.load_state_dict(state["module"])
    average.module.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["epoch"])


def _keep(path: Path, module: nn.Module, average: Average, optimiser: torch.optim.Optimizer, epoch: int) -> None:
    partial = path.with_suffix(".part")
    torch.save(
        {
            "module": module.state_dict(),
            "average": average.module.state_dict(),
            "optimiser": optimiser.state_dict(),
            "epoch": epoch,
        },
        partial,
    )
    partial.replace(path)
