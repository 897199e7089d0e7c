"""What a network must beat: majority, eGeMAPS with logistic regression and SVM, bag of words. Trained in seconds.

Each is fitted on the training split of the corpus that it is tested on, its strength of regularisation chosen on the
validation split (the training split where there is none). Networks are trained on many corpora at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from streamer.evaluation import examples, metrics
from streamer.evaluation.manifest import LABELS, Row

LOGISTIC_GRID = (0.01, 0.1, 1.0)
SVM_GRID = (0.3, 1.0, 3.0, 10.0)
WORDS_GRID = (1.0, 4.0)


@dataclass(frozen=True)
class Split:
    """Rows of one corpus and their features; features are anything that a pipeline takes."""

    rows: Sequence[Row]
    features: Any

    def of(self, name: str) -> tuple[Any, metrics.Ints]:
        """Return features and labels of one split."""
        chosen = [i for i, row in enumerate(self.rows) if row.split == name]
        features = (
            self.features[chosen] if isinstance(self.features, np.ndarray) else [self.features[i] for i in chosen]
        )
        return features, np.array([LABELS.index(self.rows[i].emotion) for i in chosen], np.int64)


@dataclass(frozen=True)
class Fitted:
    """A trained baseline."""

    answer: Callable[[Any], metrics.Ints]
    """Features to answers."""
    n_numbers: int
    """Numbers that it has learnt."""


def majority(split: Split) -> Fitted:
    """Return what always gives the commonest class of the training split."""
    _, truth = split.of("train")
    commonest = int(np.bincount(truth).argmax())
    return Fitted(lambda features: np.full(len(features), commonest, np.int64), 1)


def logistic(split: Split) -> Fitted:
    """Return logistic regression on standardised numbers, classes weighted evenly."""
    return _best(split, LOGISTIC_GRID, lambda c: make_pipeline(StandardScaler(), _logistic(c)))


def svm(split: Split) -> Fitted:
    """Return a support vector machine with a Gaussian kernel on standardised numbers, classes weighted evenly."""
    return _best(split, SVM_GRID, lambda c: make_pipeline(StandardScaler(), SVC(C=c, class_weight="balanced")))


def bag_of_words(split: Split) -> Fitted:
    """Return logistic regression on TF-IDF of tokens and pairs of tokens; features are lists of tokens."""

    def made(c: float) -> Pipeline:
        bag = TfidfVectorizer(analyzer=_with_pairs, min_df=2, sublinear_tf=True)
        return make_pipeline(bag, _logistic(c))

    return _best(split, WORDS_GRID, made)


def tokens_of(rows: Sequence[Row], *, plain: bool) -> list[list[str]]:
    """Return the tokens of each row, as the networks get them but for its pauses."""
    return [[t for t in examples.spoken_tokens(row.text, plain=plain) if t != examples.PAUSE] for row in rows]


def _with_pairs(tokens: list[str]) -> list[str]:
    return [*tokens, *(f"{a} {b}" for a, b in pairwise(tokens))]


def _logistic(c: float) -> LogisticRegression:
    return LogisticRegression(C=c, class_weight="balanced", max_iter=2_000)


def _best(split: Split, grid: Sequence[float], made: Callable[[float], Pipeline]) -> Fitted:
    features, truth = split.of("train")
    held_out, wanted = split.of("valid")
    if not len(wanted):
        held_out, wanted = features, truth
    fitted = [made(c).fit(features, truth) for c in grid]
    best = max(fitted, key=lambda one: metrics.uar(wanted, one.predict(held_out)))
    return Fitted(lambda asked: np.asarray(best.predict(asked), np.int64), _numbers(best))


def _numbers(fitted: Pipeline) -> int:
    """Return how many numbers the last step has learnt."""
    last = fitted[-1]
    learnt: tuple[NDArray[Any], ...] = (
        (last.support_vectors_, last.dual_coef_, last.intercept_)
        if isinstance(last, SVC)
        else (last.coef_, last.intercept_)
    )
    return sum(array.size for array in learnt)
