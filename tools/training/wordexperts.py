"""Regressions of bags of words and neighbouring pairs, one per kind of talk, and a guess which kind a line is.

The same sentence means another thing in a film, a chat or a diary, and the shares of classes differ: a regression that
knows its corpus beats a network that must serve all (validation, plain words, weighted F1 on MELD: .473 against .442).
The kinds are mixed by the guess, so that at run time nobody has to say where the words come from.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from streamer.network import contract
from tools.training import corpora, textdata
from tools.training.textdata import Texts

KINDS = (("goemotions",), ("meld", "emorynlp"), ("dailydialog",), ("isear", "semeval2018_ec"))
"""Reddit, series, small talk, self-reports and tweets."""

HALF_TRUSTED = {"emorynlp": 0.4}
"""Weight of lines whose labels were given by other rules than the rest of their kind."""

SELDOM = 4
"""Lines in which a pair must stand to be a candidate."""

HARDNESS = 1.0
"""Inverse strength of the penalty; every line is seen twice, with marks and without."""

Floats = NDArray[np.float32]
Matrix: TypeAlias = Any
"""A csr_matrix; scipy says nothing about its types."""


@dataclass(frozen=True, slots=True)
class Experts:
    """Linear weights over words and pairs; columns as `ExpertWordEncoder` wants them."""

    word_shares: Floats
    """(1 + words, S), row 0 zero: weights in each expert's classes and kind, last the squared length"""
    pairs: NDArray[np.int64]
    """(pairs, 2) rows of the table, older word first"""
    pair_shares: Floats
    """(pairs, S)"""
    base: Floats
    """(S - 1,)"""


def codes(rows: NDArray[np.int32], n_rows: int) -> NDArray[np.int64]:
    """Return older * n_rows + newer for each pair of neighbours that are both known."""
    older, newer = rows[:-1].astype(np.int64), rows[1:].astype(np.int64)
    return (older * n_rows + newer)[(older > 0) & (newer > 0)]


def counted(lists: list[NDArray[np.int64]], known: NDArray[np.int64]) -> Matrix:
    """Return (lists, known) how often each of the sorted `known` numbers stands in each list."""
    flat = np.concatenate([*lists, np.zeros(0, np.int64)])
    at = np.minimum(np.searchsorted(known, flat), max(len(known) - 1, 0))
    held = known[at] == flat if len(known) else np.zeros(len(flat), np.bool_)
    ends = np.concatenate(([0], np.cumsum(held)))[np.cumsum([0, *(len(x) for x in lists)])]
    found = sparse.csr_matrix((np.ones(int(held.sum()), np.float32), at[held], ends), (len(lists), len(known)))
    found.sum_duplicates()
    return found


def normalised(counts: Matrix, rarity: Floats) -> Matrix:
    """Return TF-IDF rows of length 1: every count times its rarity."""
    length: Floats = np.sqrt(np.maximum(counts @ rarity**2, 1.0))
    return (sparse.diags_array(1.0 / length) @ counts @ sparse.diags_array(rarity)).tocsr().astype(np.float32)


def rarity_of(counts: Matrix) -> Floats:
    """Return log((1 + lines) / (1 + lines with it)) + 1 for each column."""
    lines, standing = counts.shape[0], np.asarray((counts > 0).sum(axis=0)).ravel()
    return np.asarray(np.log((1.0 + lines) / (1.0 + standing)) + 1.0, np.float32)


def dense(bag: Matrix, labels: NDArray[np.int64], weights: Floats, n_classes: int, hardness: float) -> Floats:
    """Return (columns + 1, classes) weights of a fitted regression, the last row its base; -8 where no line is."""
    model = LogisticRegression(C=hardness, max_iter=40, tol=1e-3).fit(bag, labels, sample_weight=weights)
    fitted = np.zeros((bag.shape[1] + 1, n_classes), np.float32)
    fitted[-1] = -8.0
    weights_of, base = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        weights_of, base = np.concatenate((-weights_of, weights_of)) / 2.0, np.concatenate((-base, base)) / 2.0
    fitted[:-1, model.classes_], fitted[-1, model.classes_] = weights_of.T, base
    return fitted


def regressions(texts: Texts, lines: NDArray[np.int64], bag: Matrix) -> Floats:
    """Return (columns + 1, kinds, classes + 1); `bag` holds every line twice, the second time without marks."""
    labels = np.array([texts.lines[i].label for i in lines])
    corpus = np.array([texts.lines[i].corpus for i in lines])
    kind = np.array([next(k for k, group in enumerate(KINDS) if c in group) for c in corpus])
    weights = textdata.class_weights(texts)[lines, labels] * np.array([HALF_TRUSTED.get(c, 1.0) for c in corpus])
    n_labels = len(corpora.LABELS)
    found = np.zeros((bag.shape[1] + 1, len(KINDS), n_labels + 1), np.float32)
    for k in range(len(KINDS)):
        own = np.tile(kind == k, 2)
        found[:, k, :n_labels] = dense(bag[own], np.tile(labels, 2)[own], np.tile(weights, 2)[own], n_labels, HARDNESS)
    found[:, :, n_labels] = dense(
        bag, np.tile(kind, 2), np.ones(2 * len(lines), np.float32), len(KINDS), 2.0 * HARDNESS
    )
    return found


def telling(found: Floats, bag: Matrix, n_words: int, n: int) -> NDArray[np.int64]:
    """Return the `n` pairs, as columns behind the words', whose weights and number of lines promise most."""
    classes = found[n_words:-1, :, :-1]
    strength = np.abs(classes - classes.mean(axis=2, keepdims=True)).max(axis=(1, 2))
    standing = np.asarray((bag[:, n_words:] > 0).sum(axis=0)).ravel()
    return np.sort(np.argsort(-strength * np.sqrt(standing), kind="stable")[:n])


def fit(texts: Texts, marks: NDArray[np.int64], n_pairs: int) -> Experts:
    """Return experts fitted to the training lines, with the `n_pairs` most telling pairs."""
    lines = np.array([i for i, line in enumerate(texts.lines) if line.split == "train"])
    n_rows = len(texts.vocabulary) + 1
    rows = [texts.rows[i][-contract.N_WORDS :] for i in lines]
    rows += [texts.rows[i][~np.isin(texts.rows[i], marks)][-contract.N_WORDS :] for i in lines]
    single = counted([r.astype(np.int64) for r in rows], np.arange(n_rows))
    met = [codes(r, n_rows) for r in rows]
    pairs = np.zeros(0, np.int64)
    if n_pairs:
        seen, n = np.unique(np.concatenate([np.unique(m) for m in met]), return_counts=True)
        pairs = seen[n >= 2 * SELDOM]
    while True:
        counts = sparse.hstack((single, counted(met, pairs))).tocsr()
        rarity = rarity_of(counts)
        rarity[textdata.UNKNOWN] = 0.0
        bag = normalised(counts, rarity)
        found = regressions(texts, lines, bag)
        if len(pairs) <= n_pairs:
            return packed(found, rarity, n_rows, pairs)
        pairs = pairs[telling(found, bag, n_rows, n_pairs)]


def packed(found: Floats, rarity: Floats, n_rows: int, pairs: NDArray[np.int64]) -> Experts:
    """Return weights times rarity, and squared rarity beside them."""
    shares = np.concatenate((found[:-1].reshape(len(rarity), -1) * rarity[:, None], rarity[:, None] ** 2), axis=1)
    both = np.stack((pairs // n_rows, pairs % n_rows), axis=1)
    return Experts(shares[:n_rows], both, shares[n_rows:], found[-1].reshape(-1))
