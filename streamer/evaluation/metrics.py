"""Scores of classifications. Pure numpy; classes are integers, and every average is over classes that occur in `truth`.

Recall, precision and F1 are what scikit-learn computes (held by tests/unit/test_evaluation_metrics.py); a class that
nothing was called has precision 0.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

N_BINS: Final = 15
"""Bins of equal mass of the calibration error."""

SMALLEST: Final = 1e-12
"""Probability under which a log loss grows no further."""


@dataclass(frozen=True, slots=True)
class ClassScores:
    """How well one class is found."""

    precision: float
    recall: float
    f1: float
    support: int


def class_scores(truth: Ints, answer: Ints) -> dict[int, ClassScores]:
    """Return the scores of every class that occurs in `truth`, in order."""
    scores = {}
    for label in np.unique(truth).tolist():
        hits = int(np.sum((answer == label) & (truth == label)))
        support, called = int(np.sum(truth == label)), int(np.sum(answer == label))
        scores[label] = ClassScores(
            precision=hits / called if called else 0.0,
            recall=hits / support,
            f1=2.0 * hits / (support + called),
            support=support,
        )
    return scores


def accuracy(truth: Ints, answer: Ints) -> float:
    """Return the share of rows that are right."""
    return float(np.mean(truth == answer))


def uar(truth: Ints, answer: Ints) -> float:
    """Return the unweighted average recall: the mean recall of the classes that occur."""
    return float(np.mean([scores.recall for scores in class_scores(truth, answer).values()]))


def macro_f1(truth: Ints, answer: Ints) -> float:
    """Return the mean F1 of the classes that occur."""
    return float(np.mean([scores.f1 for scores in class_scores(truth, answer).values()]))


def weighted_f1(truth: Ints, answer: Ints) -> float:
    """Return the mean F1 of the classes that occur, weighted by how often they do."""
    scores = class_scores(truth, answer).values()
    return float(np.average([one.f1 for one in scores], weights=[one.support for one in scores]))


def confusion(truth: Ints, answer: Ints, n_classes: int) -> Ints:
    """Return (n_classes, n_classes) counts, a row per true class, a column per answer."""
    table = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(table, (truth, answer), 1)
    return table


def own_answers(truth: Ints, probabilities: Floats) -> Ints:
    """Return the best answers among the classes that occur in `truth`."""
    classes = np.unique(truth)
    return np.asarray(classes[probabilities[:, classes].argmax(axis=1)], np.int64)


def calibration_error(truth: Ints, probabilities: Floats, n_bins: int = N_BINS) -> float:
    """Return the expected calibration error of the best answer over bins of equal mass.

    Rows of equal confidence stay in their order, so the same rows give the same bins.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = _bins(confidence, n_bins)
    return float(sum(abs(confidence[rows].mean() - right[rows].mean()) * len(rows) for rows in bins) / len(truth))


def calibration_floor(probabilities: Floats, n_bins: int = N_BINS) -> float:
    """Return the calibration error that would be measured, on average, if every confidence were true.

    The share of a bin that is right scatters about its confidence; with few rows that alone is an error. The scatter is
    taken as normal: its mean size is sqrt(2 / pi) times its deviation.
    """
    confidence = probabilities.max(axis=1)
    spreads = [np.sqrt(np.sum(confidence[rows] * (1.0 - confidence[rows]))) for rows in _bins(confidence, n_bins)]
    return float(np.sqrt(2.0 / np.pi) * sum(spreads) / len(confidence))


def _bins(confidence: Floats, n_bins: int) -> list[Ints]:
    order = np.argsort(confidence, kind="stable")
    return [rows for rows in np.array_split(order, n_bins) if len(rows)]


def log_loss(truth: Ints, probabilities: Floats) -> float:
    """Return the mean negative log probability of the truth, in nats."""
    of_truth = probabilities[np.arange(len(truth)), truth]
    return -float(np.mean(np.log(np.maximum(of_truth, SMALLEST))))


def brier(truth: Ints, probabilities: Floats) -> float:
    """Return the mean squared distance to the truth, summed over classes: 0 is perfect, 2 the worst."""
    wanted = np.eye(probabilities.shape[1])[truth]
    return float(np.mean(np.square(probabilities - wanted).sum(axis=1)))


def recall_interval(truth: Ints, answer: Ints, groups: Ints, seed: int, n: int = 1_000) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the UAR, whole groups (speakers) drawn anew with replacement.

    A class that a draw misses is left out of its mean. With one group both ends are the UAR itself.
    """
    return middle(drawn_recalls(truth, answer, groups, seed, n))


def gain_interval(
    truth: Ints, answer: Ints, other: Ints, groups: Ints, seed: int, n: int = 1_000
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of what the UAR of `answer` is above that of `other`, over the same draws."""
    drawn = drawn_recalls(truth, answer, groups, seed, n)
    return middle(drawn - drawn_recalls(truth, other, groups, seed, n))


def drawn_recalls(truth: Ints, answer: Ints, groups: Ints, seed: int, n: int = 1_000) -> Floats:
    """Return (n,) UARs over groups drawn anew; the draws depend on the seed and the number of groups alone."""
    names, place = np.unique(groups, return_inverse=True)
    classes, label = np.unique(truth, return_inverse=True)
    hits, support = np.zeros((2, len(names), len(classes)))
    np.add.at(hits, (place, label), truth == answer)
    np.add.at(support, (place, label), 1)
    rng = np.random.default_rng(seed)
    recalls = np.empty(n)
    for i in range(n):
        drawn = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        total = drawn @ support
        recalls[i] = np.mean((drawn @ hits)[total > 0] / total[total > 0])
    return recalls


def middle(values: Floats) -> tuple[float, float]:
    """Return the ends of the middle 95 % of draws."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
