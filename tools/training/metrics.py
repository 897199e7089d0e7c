"""Scores: unweighted recall, F1, calibration error, bootstrap intervals. Plain numpy."""

import numpy as np
from numpy.typing import NDArray

from tools.training import corpora

N_SIX = len(corpora.LABELS) - 1

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def recall(truth: Ints, answer: Ints) -> float:
    """Return the recall averaged over the classes that occur in `truth`."""
    return float(np.mean([np.mean(answer[truth == c] == c) for c in np.unique(truth)])) if len(truth) else 0.0


def recall_of_six(truth: Ints, logits: Floats) -> float:
    """Return the recall over rows of the six emotions, the answer being the best of all six."""
    rows = truth < N_SIX
    return recall(truth[rows], logits[rows, :N_SIX].argmax(axis=1))


def recall_of_own(truth: Ints, logits: Floats) -> float:
    """Return the recall over all rows, the answer being the best of the classes that occur (none included)."""
    classes = np.unique(truth)
    return recall(truth, classes[logits[:, classes].argmax(axis=1)])


def f1_scores(truth: Ints, answer: Ints) -> tuple[float, float]:
    """Return macro and support-weighted F1 over the classes that occur in `truth`."""
    classes, counts = np.unique(truth, return_counts=True)
    scores = []
    for c in classes:
        hits = np.sum((answer == c) & (truth == c))
        scores.append(2.0 * hits / max(np.sum(answer == c) + np.sum(truth == c), 1))
    return float(np.mean(scores)), float(np.average(scores, weights=counts))


def softmax(logits: Floats) -> Floats:
    """Return the softmax over the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), np.float64)


def calibration_error(truth: Ints, probabilities: Floats, n_bins: int = 15) -> float:
    """Return the expected calibration error over bins of equal mass."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, n_bins) if len(part)]
    return float(sum(abs(confidence[p].mean() - right[p].mean()) * len(p) for p in parts) / len(truth))


def bootstrap(truth: Ints, answer: Ints, seed: int = 0, n: int = 1000) -> tuple[float, float]:
    """Return the 95 % interval of the recall, rows drawn anew within each class."""
    rng = np.random.default_rng(seed)
    recalls = []
    for c in np.unique(truth):
        right = answer[truth == c] == c
        recalls.append(rng.choice(right, size=(n, len(right))).mean(axis=1))
    low, high = np.percentile(np.mean(recalls, axis=0), [2.5, 97.5])
    return float(low), float(high)


def fit_temperature(truth: Ints, logits: Floats, weights: Floats | None = None) -> float:
    """Return the temperature, from a fixed grid, under which the weighted log loss is least."""
    grid = np.exp(np.linspace(np.log(0.4), np.log(4.0), 93))
    rows = np.arange(len(truth))
    losses = [-np.average(np.log(softmax(logits / t)[rows, truth] + 1e-12), weights=weights) for t in grid]
    return float(grid[int(np.argmin(losses))])
