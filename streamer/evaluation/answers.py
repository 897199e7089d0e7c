"""What the network said about the rows, and the figures that follow from it. Pure.

The answer to a row is forced: the likeliest of all six emotions, whatever the threshold of "unsure" says. Beside it
stands what the monitor would say: an emotion, or none where it is unsure.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from streamer.evaluation import curves, metrics
from streamer.evaluation.manifest import LABELS
from streamer.evaluation.metrics import Floats, Ints
from streamer.network import contract
from streamer.records import Estimate, State

NEUTRAL: Final = contract.N_EMOTIONS
"""Index of "no emotion" among seven answers."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One row as it was judged."""

    truth: int
    """Index in `LABELS`."""
    shares: tuple[float, ...]
    """Of the six emotions and "none", summing to 1."""
    sure: bool
    """Whether the monitor would name the emotion."""
    speaker: str
    gender: str


@dataclass(frozen=True, slots=True)
class _Table:
    """Answers as arrays."""

    truth: Ints
    six: Floats
    """(n, 6), each row summing to 1."""
    seven: Floats
    """(n, 7)"""
    sure: np.ndarray
    groups: Ints
    """Number of the row's speaker; rows without one stand alone."""
    named: np.ndarray
    """Where the speaker is known."""
    genders: np.ndarray
    speakers: np.ndarray
    """Names; empty where nobody is named."""

    @property
    def confidence(self) -> Floats:
        """Return what the best of the six has of all seven: what the threshold of "unsure" is held against."""
        return np.asarray(self.seven[:, :NEUTRAL].max(axis=1), np.float64)

    @property
    def forced(self) -> Ints:
        """Return the likeliest of all six emotions."""
        return np.asarray(self.six.argmax(axis=1), np.int64)

    def of(self, rows: np.ndarray) -> "_Table":
        """Return some of the rows."""
        columns = (self.truth, self.six, self.seven, self.sure, self.groups, self.named, self.genders, self.speakers)
        return _Table(*(column[rows] for column in columns))


def pooled(estimates: Sequence[Estimate], threshold: float) -> tuple[tuple[float, ...], bool] | None:
    """Return the shares of a row of several windows, and whether it is sure: log-probabilities averaged over windows.

    None where a window had no answer. A row of one window is as sure as its estimate; else the mean's best emotion
    must reach `threshold` and "none", as in the classifier.
    """
    if any(estimate.probabilities is None for estimate in estimates):
        return None
    rows = np.array([(*(p * (1.0 - e.none_probability) for p in e.probabilities or ()), e.none_probability)
                     for e in estimates])  # fmt: skip
    if len(rows) == 1:
        return tuple(rows[0].tolist()), estimates[0].state is State.SPEECH
    mean = np.exp(np.log(np.maximum(rows, metrics.SMALLEST)).mean(axis=0))
    mean /= mean.sum()
    best = float(mean[:NEUTRAL].max())
    return tuple(mean.tolist()), best >= threshold and best >= float(mean[NEUTRAL])


def figures(answers: Sequence[Answer], seed: int) -> dict[str, object]:
    """Return the figures of the rows of the six emotions and, where there are neutral rows, of all seven answers."""
    table = _table(answers)
    emotional = table.of(table.truth < NEUTRAL)
    found: dict[str, object] = {"n": len(emotional.truth), "n_neutral": len(table.truth) - len(emotional.truth)}
    found |= _of_six(emotional, seed) if len(emotional.truth) else dict.fromkeys(OF_SIX)
    return found | _of_seven(table)


OF_SIX: Final = (
    "labels", "answers", "uar", "uar_own", "accuracy", "macro_f1", "per_class", "confusion", "ece", "ece_floor", "nll",
    "brier", "uar_by_gender", "uar_by_speaker", "speakers", "ci95_over", "ci95", "ci95_own", "coverage",
    "accuracy_when_sure", "reliability", "risk_coverage",
)  # fmt: skip
"""Figures that need a row of the six emotions."""


def without_adaptation(answers: Sequence[Answer], plain: Sequence[Answer]) -> dict[str, object]:
    """Return figures of the `plain` answers to the same rows, given with nothing known of the speakers."""
    table, other = _table(answers), _table(plain)
    emotional = other.of(table.truth < NEUTRAL)
    of_six = _recalls(emotional) if len(emotional.truth) else dict.fromkeys(("uar", "uar_own"))
    found = {**of_six, "uar7": _of_seven(other)["uar7"]}
    return {f"{name}_no_adaptation": value for name, value in found.items()}


def gain(answers: Sequence[Answer], plain: Sequence[Answer], seed: int) -> dict[str, object]:
    """Return what knowing the speakers adds to the UAR, with its interval over the same draws; None without rows."""
    table, other = _table(answers), _table(plain)
    emotional = table.truth < NEUTRAL
    if not emotional.any():
        return {"gain": None, "gain_ci95": None}
    table, other = table.of(emotional), other.of(emotional)
    truth, said, before = table.truth, table.forced, other.forced
    groups, _ = _drawn_over(table)
    return {
        "gain": metrics.uar(truth, said) - metrics.uar(truth, before),
        "gain_ci95": list(metrics.gain_interval(truth, said, before, groups, seed)),
    }


def _recalls(table: _Table) -> dict[str, float]:
    own = metrics.own_answers(table.truth, table.six)
    return {"uar": metrics.uar(table.truth, table.forced), "uar_own": metrics.uar(table.truth, own)}


def _drawn_over(table: _Table) -> tuple[Ints, int]:
    """Return what the bootstrap draws, and how many speakers there are.

    One speaker drawn anew is always the same speaker, and texts have none: there, rows are drawn.
    """
    n_speakers = len(np.unique(table.groups[table.named]))
    return table.groups if n_speakers > 1 else np.arange(len(table.truth)), n_speakers


def _table(answers: Sequence[Answer]) -> _Table:
    shares = np.array([answer.shares for answer in answers], np.float64).reshape(-1, NEUTRAL + 1)
    six = np.maximum(shares[:, :NEUTRAL], metrics.SMALLEST)
    names = [answer.speaker or f"row {i}" for i, answer in enumerate(answers)]
    return _Table(
        truth=np.array([answer.truth for answer in answers], np.int64),
        six=six / six.sum(axis=1, keepdims=True),
        seven=shares,
        sure=np.array([answer.sure for answer in answers], np.bool_),
        groups=np.unique(np.array(names, object), return_inverse=True)[1].astype(np.int64),
        named=np.array([bool(answer.speaker) for answer in answers], np.bool_),
        genders=np.array([answer.gender for answer in answers], object),
        speakers=np.array([answer.speaker for answer in answers], object),
    )


def _of_six(table: _Table, seed: int) -> dict[str, object]:
    truth, answer = table.truth, table.forced
    own = metrics.own_answers(truth, table.six)
    counts = metrics.confusion(truth, answer, NEUTRAL)
    scores = metrics.class_scores(truth, answer)
    groups, n_speakers = _drawn_over(table)
    genders = sorted(set(table.genders.tolist()) - {""})
    return {
        "labels": [LABELS[label] for label in scores],
        "answers": list(contract.EMOTIONS),
        **_recalls(table),
        "accuracy": metrics.accuracy(truth, answer),
        "macro_f1": metrics.macro_f1(truth, answer),
        "per_class": {LABELS[label]: asdict(one) for label, one in scores.items()},
        "confusion": [counts[label].tolist() for label in scores],
        "ece": metrics.calibration_error(truth, table.six),
        "ece_floor": metrics.calibration_floor(table.six),
        "nll": metrics.log_loss(truth, table.six),
        "brier": metrics.brier(truth, table.six),
        "uar_by_gender": {
            gender: metrics.uar(truth[table.genders == gender], answer[table.genders == gender]) for gender in genders
        },
        "uar_by_speaker": curves.by_speaker(truth, answer, table.speakers),
        "speakers": n_speakers,
        "ci95_over": "speakers" if n_speakers > 1 else "rows",
        "ci95": list(metrics.recall_interval(truth, answer, groups, seed)),
        "ci95_own": list(metrics.recall_interval(truth, own, groups, seed)),
        "coverage": float(table.sure.mean()),
        "accuracy_when_sure": metrics.accuracy(truth[table.sure], answer[table.sure]) if table.sure.any() else None,
        "reliability": curves.reliability(truth, table.six),
        "risk_coverage": curves.risk_coverage(truth, answer, table.confidence),
    }


def _of_seven(table: _Table) -> dict[str, object]:
    """Return the figures over all rows: unsure is the answer "no emotion", and right for neutral rows."""
    truth = table.truth
    six = table.forced
    if not (truth == NEUTRAL).any():
        weighted = metrics.weighted_f1(truth, six) if len(truth) else None
        nothing = dict.fromkeys(("uar7", "uar7_own", "neutral_recall", "macro_f1_7", "ece7", "risk_coverage_7"))
        return {"weighted_f1": weighted, **nothing}
    answer = np.where(table.sure, six, NEUTRAL).astype(np.int64)
    return {
        "weighted_f1": metrics.weighted_f1(truth, answer),
        "uar7": metrics.uar(truth, answer),
        "uar7_own": metrics.uar(truth, metrics.own_answers(truth, table.seven)),
        "neutral_recall": metrics.accuracy(truth[truth == NEUTRAL], answer[truth == NEUTRAL]),
        "macro_f1_7": metrics.macro_f1(truth, answer),
        "ece7": metrics.calibration_error(truth, table.seven),
        "risk_coverage_7": curves.risk_coverage(truth, six, table.confidence),
    }
