"""Logits to a verdict: calibrate each head, sum them, and say whether the best answer is good enough. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamer.network import contract
from streamer.network.card import Card
from streamer.records import State


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted on held-out data, one entry per head, and where "unsure" begins."""

    heads: tuple[str, ...]
    temperatures: tuple[float, ...]
    weights: tuple[float, ...]
    threshold: float

    @classmethod
    def of(cls, card: Card, unsure_below: float | None = None) -> "Calibration":
        """Return the card's calibration; `unsure_below` takes the place of its threshold."""
        threshold = card.threshold if unsure_below is None else unsure_below
        return cls(card.heads, card.temperatures, card.head_weights, threshold)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the network says about one window."""

    state: State
    """`SPEECH` or `UNSURE`."""
    probabilities: tuple[float, ...] | None
    """The six, summing to 1; None where the network answered with something that is no number."""
    none_probability: float
    """Probability among all classes that it is none of the six."""


def heads_in_use(heads: tuple[str, ...], *, heard: bool, said: bool) -> tuple[str, ...]:
    """Return the heads whose evidence is there.

    A network with one head always answers with it. Otherwise: sound and words, all heads; one of both, its own head.
    """
    if len(heads) == 1 or (heard and said):
        return heads
    one = "words" if said else "sound"
    return (one,) if one in heads else heads


def summed_logits(logits: NDArray[np.float32], calibration: Calibration, used: tuple[str, ...]) -> NDArray[np.float64]:
    """Return (C,), the calibrated logits of the `used` heads summed; a head by itself has weight 1."""
    rows = [calibration.heads.index(head) for head in used]
    calibrated = logits[rows].astype(np.float64) / np.array(calibration.temperatures)[rows, None]
    weights = np.ones(1) if len(rows) == 1 else np.array(calibration.weights)[rows]
    return np.asarray(weights @ calibrated)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (C,) probabilities."""
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum())


def judge(logits: NDArray[np.float32], calibration: Calibration, *, heard: bool, said: bool) -> Verdict:
    """Return the verdict on logits (H, C), C the six emotions and possibly "none" after them.

    Unsure: "none" is the likeliest answer, or the likeliest emotion's share among all C is under the threshold.
    """
    used = heads_in_use(calibration.heads, heard=heard, said=said)
    with np.errstate(all="ignore"):  # what is not finite is found on the next line
        total = summed_logits(logits, calibration, used)
    if not np.isfinite(total).all():
        return Verdict(State.UNSURE, None, 0.0)
    shares = softmax(total)
    six = softmax(total[: contract.N_EMOTIONS])
    best = float(shares[: contract.N_EMOTIONS].max())
    none = float(shares[contract.N_EMOTIONS :].sum())
    sure = best >= calibration.threshold and best >= none
    return Verdict(State.SPEECH if sure else State.UNSURE, tuple(six.tolist()), none)
