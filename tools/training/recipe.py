"""How the paper's networks are trained: optimiser, rate, epochs; and which rows an epoch holds. Pure."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tools.training.batches import Ints


@dataclass(frozen=True, slots=True)
class Recipe:
    """The defaults are the paper's: SGD at a constant 1e-3, batches of 32, plain cross-entropy, every row once."""

    epochs: int
    """Choice: the paper names none."""
    optimiser: Literal["sgd", "adamw"] = "sgd"
    rate: float = 1e-3
    batch: int = 32
    schedule: Literal["constant", "cosine"] = "constant"
    warm_up: float = 0.0
    """Share of all steps over which the rate rises."""
    decay: float = 0.0
    smoothing: float = 0.0
    clip: float = 0.0
    """Largest norm of the gradient; 0: any."""
    balanced: bool = False
    """True: classes are drawn alike, rows anew with replacement. False: every row once, in a new order."""
    average: float = 0.0
    """Decay of the running average of the weights, which is then what is kept; 0: the last weights."""
    epoch_rows: int = 0
    """Rows of an epoch; 0: as many as there are."""

    def __post_init__(self) -> None:
        wrong = [
            f"{name} is {value!r}, wanted {wanted}"
            for name, value, good, wanted in (
                ("epochs", self.epochs, self.epochs > 0, "at least 1"),
                ("batch", self.batch, self.batch > 0, "at least 1"),
                ("optimiser", self.optimiser, self.optimiser in ("sgd", "adamw"), "sgd or adamw"),
                ("schedule", self.schedule, self.schedule in ("constant", "cosine"), "constant or cosine"),
            )
            if not good
        ]
        if wrong:
            raise ValueError(wrong[0])

    def steps(self, n_rows: int) -> int:
        """Return the steps of an epoch over `n_rows`; the last batch may be smaller."""
        return -(-(self.epoch_rows or n_rows) // self.batch)

    def rate_at(self, step: int, total: int) -> float:
        """Return the learning rate of a step."""
        rise = round(self.warm_up * total)
        if step < rise:
            return self.rate * (step + 1) / rise
        if self.schedule == "constant":
            return self.rate
        return self.rate * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * (step - rise) / max(total - rise, 1))))


def order(labels: Ints, recipe: Recipe, seed: int, epoch: int) -> Ints:
    """Return the rows of an epoch in their order: a function of seed and epoch alone."""
    rng = np.random.default_rng([seed, epoch, 11])
    size = recipe.epoch_rows or len(labels)
    if recipe.balanced:
        counts = np.bincount(labels)
        chance = 1.0 / counts[labels]
        return rng.choice(len(labels), size=size, p=chance / chance.sum()).astype(np.int64)
    # As many whole passes as it takes.
    passes = [rng.permutation(len(labels)) for _ in range(-(-size // len(labels)))]
    return np.concatenate(passes)[:size].astype(np.int64)
