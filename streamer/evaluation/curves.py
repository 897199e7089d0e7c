"""What one number hides: confidence beside truth, errors beside answers withheld, speaker beside speaker. Pure.

Everything is counted over rows; confidences are shares between 0 and 1.
"""

import math
from typing import Final

import numpy as np

from streamer.evaluation import metrics
from streamer.evaluation.metrics import N_BINS, Floats, Ints

N_POINTS: Final = 20
"""Points of a curve of errors over coverage."""

FEWEST_ROWS: Final = 5
"""Rows under which a speaker's recall says nothing."""


def reliability(truth: Ints, probabilities: Floats, n_bins: int = N_BINS) -> list[dict[str, float]]:
    """Return the bins of the calibration error, of equal mass and rising: mean confidence, share right, rows.

    The distances between the first two, weighted by the third, are `metrics.calibration_error`.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    order = np.argsort(confidence, kind="stable")
    bins = [rows for rows in np.array_split(order, n_bins) if len(rows)]
    return [
        {"confidence": float(confidence[rows].mean()), "accuracy": float(right[rows].mean()), "n": len(rows)}
        for rows in bins
    ]


def risk_coverage(truth: Ints, answer: Ints, confidence: Floats, n_points: int = N_POINTS) -> list[dict[str, float]]:
    """Return how often answers are wrong where only the most confident are given, by the share that is given.

    The last point answers every row; `confidence` of a point is the lowest that is still answered.
    """
    order = np.argsort(-confidence, kind="stable")
    wrong = np.cumsum(answer[order] != truth[order])
    counts = sorted({math.ceil(len(order) * i / n_points) for i in range(1, n_points + 1)} - {0})
    return [
        {"coverage": n / len(order), "risk": float(wrong[n - 1] / n), "confidence": float(confidence[order[n - 1]])}
        for n in counts
    ]


def by_speaker(truth: Ints, answer: Ints, speakers: np.ndarray) -> dict[str, dict[str, float]]:
    """Return the UAR and the number of rows of each speaker that has a name, in the order of names."""
    found = {}
    for name in sorted(set(speakers.tolist()) - {""}):
        rows = speakers == name
        found[name] = {"uar": metrics.uar(truth[rows], answer[rows]), "n": int(rows.sum())}
    return found
