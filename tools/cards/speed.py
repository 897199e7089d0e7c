"""What a window costs: every model in turn on the same sound, one thread, so that their times may be compared."""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from streamer import places
from streamer.engines.classifier import Choice, Classifier
from streamer.evaluation import examples, recordings
from streamer.features.words import WordVectors
from streamer.network import checkpoint, contract
from streamer.records import Samples, Window

LENGTHS_S: Final = (2.0, 4.0, 8.0)
APART_S: Final = 10.0
"""Between the beginnings of these windows in the recording."""
HOPS_S: Final = 12.0
"""Sound whose windows, one hop apart from the first full one on, are timed one after another."""
ROUNDS: Final = 25
MS: Final = 1_000.0
LINE: Final = "So I am very happy that you are here today!"


@dataclass
class Contender:
    """One open model and the times of its windows."""

    classifier: Classifier
    windows: dict[float, Window]
    taken: dict[float, list[float]]
    hops: list[Window]


def measured(models: Sequence[Path], rounds: int = ROUNDS) -> dict[str, dict[str, Any]]:
    """Return milliseconds of processor time by model and seconds of sound, those of a hop, and the size of each model.

    Time of the processor and not of the clock: others on the machine count little. The features are not in it. The
    windows of a round have nothing in common, so that a model which keeps what it knows of the last one begins anew;
    between two hops it need not.
    """
    sound = recordings.heard(places.DEMO_RECORDING)
    entries = [entry for entry in checkpoint.installed(models) if entry.card]
    contenders = {entry.name: _contender(entry.name, models, sound) for entry in entries}
    try:
        for turn in range(rounds + 1):
            for one in contenders.values():
                _take_turn(one, counts=turn > 0)
        return {
            name: {"ms": _medians(one), "ms_a_hop": _ms(_hops(one)), **_size(one.classifier)}
            for name, one in contenders.items()
        }
    finally:
        for one in contenders.values():
            one.classifier.close()


def _contender(name: str, models: Sequence[Path], sound: Samples) -> Contender:
    classifier = Classifier.open(models, Choice(name, "cpu", threads=1))
    folder = classifier.vectors_folder
    said = examples.spoken_tokens(LINE, plain=False) if folder else []
    vectors = WordVectors.load(folder)

    def windows(length_s: float, first_s: float) -> list[Window]:
        first, n = round(first_s * contract.STREAM_RATE_HZ), round(length_s * contract.STREAM_RATE_HZ)
        heard = sound[first : first + n]
        hop, mels = contract.DEFAULT_HOP_COLUMNS, classifier.wants_mels
        return list(examples.windows_of(heard, said, vectors, hop, with_mels=mels))

    each = {length: windows(length, APART_S * i)[0] for i, length in enumerate(LENGTHS_S)}
    return Contender(classifier, each, {length: [] for length in LENGTHS_S}, windows(HOPS_S, 0.0))


def _take_turn(one: Contender, *, counts: bool) -> None:
    for length, window in one.windows.items():
        one.classifier.forget()
        taken = _seconds(one.classifier, window)
        if counts:
            one.taken[length].append(taken)


def _hops(one: Contender) -> list[float]:
    """Return the times of windows a hop apart, but for the first, which nothing came before."""
    one.classifier.forget()
    return [_seconds(one.classifier, window) for window in one.hops][1:]


def _seconds(classifier: Classifier, window: Window) -> float:
    began = time.process_time()
    classifier.classify(window)
    return time.process_time() - began


def _medians(one: Contender) -> dict[str, float]:
    return {f"{length:g}": _ms(taken) for length, taken in one.taken.items()}


def _ms(taken: Sequence[float]) -> float:
    return round(MS * statistics.median(taken), 2)


def _size(classifier: Classifier) -> Mapping[str, int]:
    card = classifier.card
    sides = [int(np.prod(shape, dtype=np.int64)) for shape in card.tensors.values()]
    return {"numbers": sum(sides), **{name: note.bytes for name, note in card.files.items()}}
