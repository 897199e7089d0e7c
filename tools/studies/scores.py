"""The study's numbers: the paper's tables, intervals by speaker, paired tests. Pure numpy and scipy.

Several seeds of one row answer the same pairs; every figure is the mean over seeds, and the bootstrap draws speakers,
because clips of one speaker are no independent evidence.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from streamer.evaluation import metrics
from streamer.network import contract

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

N_DRAWS = 2_000


@dataclass(frozen=True, slots=True)
class Table:
    """Tables 1 and 2 of the paper, for one row of the study: means over seeds."""

    per_class: dict[str, dict[str, float]]
    """Emotion -> precision, recall, f1, support."""
    mean: dict[str, float]
    """Precision, recall and F1 averaged over classes; its recall is the mean recall, its f1 the macro-F1."""
    weighted: dict[str, float]
    """The same averaged over pairs."""
    accuracy: float
    """The paper's overall accuracy: share of pairs that are right."""


def table(truth: Ints, answers: Ints) -> Table:
    """Return the table of `answers` (seeds, rows) to `truth` (rows,)."""
    seeds = [metrics.class_scores(truth, one) for one in answers]
    classes = list(seeds[0])
    per_class = {
        contract.EMOTIONS[label]: {
            "precision": float(np.mean([one[label].precision for one in seeds])),
            "recall": float(np.mean([one[label].recall for one in seeds])),
            "f1": float(np.mean([one[label].f1 for one in seeds])),
            "support": float(seeds[0][label].support),
        }
        for label in classes
    }
    support = [row["support"] for row in per_class.values()]
    keys = ("precision", "recall", "f1")
    return Table(
        per_class,
        {key: float(np.mean([row[key] for row in per_class.values()])) for key in keys},
        {key: float(np.average([row[key] for row in per_class.values()], weights=support)) for key in keys},
        float(np.mean(answers == truth)),
    )


def uars(truth: Ints, answers: Ints) -> Floats:
    """Return the mean recall of each seed, (seeds,)."""
    return np.array([metrics.uar(truth, one) for one in answers])


def confusion(truth: Ints, answers: Ints) -> Floats:
    """Return (C, C) shares of each true class, a row per true class, all seeds together."""
    n = contract.N_EMOTIONS
    counts = sum(metrics.confusion(truth, one, n) for one in answers)
    return np.asarray(counts / np.maximum(np.sum(counts, axis=1, keepdims=True), 1), np.float64)


def _hits(truth: Ints, answers: Ints, groups: Ints) -> tuple[Floats, Floats]:
    """Return hits (seeds, speakers, C) and support (speakers, C)."""
    n_groups, n_classes = int(groups.max()) + 1, contract.N_EMOTIONS
    support = np.zeros((n_groups, n_classes))
    np.add.at(support, (groups, truth), 1)
    hits = np.zeros((len(answers), n_groups, n_classes))
    for seed, one in enumerate(answers):
        np.add.at(hits[seed], (groups, truth), one == truth)
    return hits, support


def drawn_uars(truth: Ints, answers: Ints, groups: Ints, draws: Floats) -> Floats:
    """Return the mean over seeds of the UAR under each draw of speakers, (draws,).

    `draws` (draws, speakers) says how often each speaker was drawn; a class that a draw misses is left out of its mean.
    """
    hits, support = _hits(truth, answers, groups)
    total = draws @ support  # (draws, C)
    there = total > 0
    recall = np.where(there, (draws @ hits.mean(axis=0)) / np.maximum(total, 1.0), 0.0)
    return np.asarray(recall.sum(axis=1) / there.sum(axis=1), np.float64)


def draws_of(groups: Ints, seed: int = 0, n: int = N_DRAWS) -> Floats:
    """Return (n, speakers): how often each speaker is in a draw with replacement."""
    n_groups = int(groups.max()) + 1
    rng = np.random.default_rng(seed)
    return rng.multinomial(n_groups, np.full(n_groups, 1.0 / n_groups), size=n).astype(np.float64)


def interval(values: Floats) -> tuple[float, float]:
    """Return the middle 95 % of bootstrap values."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class Paired:
    """How one row compares with another on the same pairs."""

    difference: float
    """Of mean recalls, first minus second."""
    low: float
    high: float
    p_bootstrap: float
    """Two-sided, over draws of speakers."""
    only_first: int
    """Pairs that only the first has right, seed 1."""
    only_second: int
    p_mcnemar: float
    """Exact, two-sided, seed 1; takes pairs for independent, which those of one speaker are not."""

    @property
    def is_better(self) -> bool:
        """Whether the first is ahead beyond the interval."""
        return self.low > 0.0


def paired(truth: Ints, groups: Ints, first: Ints, second: Ints) -> Paired:
    """Return the comparison of answers (seeds, rows); numbers of seeds may differ."""
    draws = draws_of(groups)
    differences = drawn_uars(truth, first, groups, draws) - drawn_uars(truth, second, groups, draws)
    low, high = interval(differences)
    # The smaller tail, doubled; never under what so many draws can show.
    tail = min(float(np.mean(differences <= 0.0)), float(np.mean(differences >= 0.0)))
    right_first, right_second = first[0] == truth, second[0] == truth
    only_first, only_second = int(np.sum(right_first & ~right_second)), int(np.sum(~right_first & right_second))
    n = only_first + only_second
    return Paired(
        float(uars(truth, first).mean() - uars(truth, second).mean()),
        low,
        high,
        min(1.0, max(2.0 * tail, 1.0 / len(differences))),
        only_first,
        only_second,
        float(binomtest(only_first, n, 0.5).pvalue) if n else 1.0,
    )


def row_figures(truth: Ints, groups: Ints, answers: Ints) -> dict[str, Any]:
    """Return everything that is said of one row."""
    found = table(truth, answers)
    each = uars(truth, answers)
    return {
        "seeds": len(answers),
        "mean_recall": float(each.mean()),
        "mean_recall_sd": float(each.std(ddof=1)) if len(each) > 1 else None,
        "ci95": interval(drawn_uars(truth, answers, groups, draws_of(groups))),
        "macro_f1": found.mean["f1"],
        "overall_accuracy": found.accuracy,
        "per_class": found.per_class,
        "mean": found.mean,
        "weighted": found.weighted,
        "confusion": confusion(truth, answers).round(4).tolist(),
    }
