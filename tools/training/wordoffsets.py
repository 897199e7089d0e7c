"""What is added to each class of the word halves so that F1 on validation lines is best.

Cross-entropy with class weights settles how readily a rare class is named before anyone asks what naming it costs; F1
asks. The offsets are few, small, and pulled towards nothing: halves of the validation lines agree on them.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from torch import nn

from tools.training import metrics, stage_words
from tools.training.textdata import Texts

STEPS: Final = tuple(round(0.1 * step, 1) for step in range(-6, 7))
PULL: Final = 0.02
"""F1 that an offset of 1 must bring in to be worth it; half an offset a quarter of that."""

ROUNDS: Final = 3

View = tuple[metrics.Ints, metrics.Floats, int]
"""Labels (N,), logits (N, C), and which F1 of `metrics.f1_scores` counts."""


def views(reader: nn.Module, texts: Texts, marks: metrics.Ints) -> list[View]:
    """Return what a reader says of validation lines, with marks and without."""
    found = []
    for corpus, full, which in stage_words.JUDGED:
        if not full:
            lines, truth = stage_words.lines_of(texts, corpus, "valid")
            found += [
                (truth, stage_words.word_logits(reader, texts, lines, dropped), which) for dropped in (None, marks)
            ]
    return found


def best(of: Sequence[View]) -> metrics.Floats:
    """Return (C,) offsets under which the mean F1 of the views is best, one class at a time, over and over."""
    offsets = np.zeros(of[0][1].shape[1])
    reached = _worth(of, offsets)
    for _ in range(ROUNDS):
        for c in range(len(offsets)):
            for step in STEPS:
                tried = offsets.copy()
                tried[c] = step
                if (worth := _worth(of, tried)) > reached:
                    reached, offsets = worth, tried
    return offsets


def _worth(of: Sequence[View], offsets: metrics.Floats) -> float:
    scores = [
        metrics.f1_scores(truth, stage_words.answers(truth, logits + offsets))[which] for truth, logits, which in of
    ]
    return float(np.mean(scores)) - PULL * float(np.square(offsets).sum())
