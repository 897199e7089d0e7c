"""Clips of one speaker arranged as streams, among them the awkward ones that live use brings. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from streamer.evaluation.manifest import LABELS
from streamer.network import contract

NEUTRALS_PER_CLIP: Final = 4
"""Neutral clips before each emotional one: 80 % of the stream."""
SHORT: Final = 3
"""Utterances of a short stream."""


class Said(NamedTuple):
    """One utterance of a stream."""

    place: int
    """Which clip."""
    judged: bool = True
    """False: it is there to be heard, and its answer does not count."""


Stream: TypeAlias = list[Said]
Scene: TypeAlias = Callable[[Sequence[str], int, np.random.Generator], list[Stream]]
"""From the emotions of all clips, of which those from a number on are a stranger's, to streams."""


def own(emotions: Sequence[str], n_own: int, *, emotional: bool) -> list[int]:
    """Return the places of the speaker's own clips with or without emotion."""
    return [i for i in range(n_own) if (emotions[i] in contract.EMOTIONS) is emotional]


def mixed(places_: Sequence[int], rng: np.random.Generator) -> list[int]:
    """Return the places in random order."""
    return [places_[i] for i in rng.permutation(len(places_)).tolist()]


def as_they_come(emotions: Sequence[str], n_own: int, rng: np.random.Generator) -> list[Stream]:
    """One stream of all clips in random order."""
    return [[Said(i, emotions[i] in contract.EMOTIONS) for i in mixed(range(n_own), rng)]]


def mostly_neutral(emotions: Sequence[str], n_own: int, rng: np.random.Generator) -> list[Stream]:
    """Four neutral clips before each emotional one; speakers without neutral clips have no such stream."""
    neutral = mixed(own(emotions, n_own, emotional=False), rng)
    if not neutral:
        return []
    stream: Stream = []
    for n, i in enumerate(mixed(own(emotions, n_own, emotional=True), rng)):
        turns_ = range(NEUTRALS_PER_CLIP * n, NEUTRALS_PER_CLIP * (n + 1))
        stream += [Said(neutral[turn % len(neutral)], judged=False) for turn in turns_]
        stream.append(Said(i))
    return [stream]


def one_emotion(emotions: Sequence[str], n_own: int, rng: np.random.Generator) -> list[Stream]:
    """A stream for each emotion, of nothing else."""
    places_ = own(emotions, n_own, emotional=True)
    of_one = [[i for i in places_ if emotions[i] == emotion] for emotion in sorted({emotions[i] for i in places_})]
    return [[Said(i) for i in mixed(found, rng)] for found in of_one]


def another_speaker(emotions: Sequence[str], n_own: int, rng: np.random.Generator) -> list[Stream]:
    """Somebody else first, then the speaker, and nobody tells the program."""
    before = [Said(i, judged=False) for i in mixed(range(n_own, len(emotions)), rng)]
    return [before + stream for stream in as_they_come(emotions, n_own, rng)] if before else []


def short(emotions: Sequence[str], n_own: int, rng: np.random.Generator) -> list[Stream]:
    """Streams of three utterances."""
    order = mixed(own(emotions, n_own, emotional=True), rng)
    return [[Said(i) for i in order[at : at + SHORT]] for at in range(0, len(order), SHORT)]


def blocked(emotions: Sequence[str], n_own: int, rng: np.random.Generator) -> list[Stream]:
    """One emotion after the other, neutral among them."""
    del rng
    order = sorted(range(n_own), key=lambda i: (LABELS.index(emotions[i]), i))
    return [[Said(i, emotions[i] in contract.EMOTIONS) for i in order]]


SCENES: Final[Mapping[str, Scene]] = {
    "random order": as_they_come,
    "80 % neutral": mostly_neutral,
    "a single emotion": one_emotion,
    "another speaker before": another_speaker,
    "1 to 3 utterances": short,
    "blocked by emotion": blocked,
}
