"""The monitor's estimates of a recording, made once and kept on disk: the rules of the mood are folded over them."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from streamer import places
from streamer.engines.classifier import Choice, Classifier, find_model
from streamer.engines.voice import VoiceDetector
from streamer.evaluation import listening
from streamer.evaluation.course import Course, Hop
from streamer.evaluation.joining import Joined, Stretch
from streamer.features.words import WordVectors
from streamer.mood import QUIET, MoodRules, fold
from streamer.network import checkpoint, contract
from streamer.records import Estimate, Samples, Stage, State, Window

STATES: Final = tuple(State)
CODE: Final = ("streamer/features", "streamer/engines", "streamer/monitor.py", "streamer/evaluation/listening.py")
"""What makes estimates of sound; kept ones hold for the code that made them."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The estimates of one recording and the truth about it."""

    kind: str
    corpus: str
    worded: bool
    """The recogniser was there."""
    stretches: tuple[Stretch, ...]
    length: int
    """Samples."""
    ends: NDArray[np.int64]
    """(n,) stream position at which each estimate's window ends."""
    starts: NDArray[np.int64]
    """(n,) where the sound begins on which it rests."""
    states: NDArray[np.int8]
    """(n,) index into `STATES`."""
    utterances: NDArray[np.int32]
    shares: NDArray[np.float64]
    """(n, 7) the six and "none", summing to 1; 0 where the network was not asked."""

    def estimates(self) -> list[Estimate]:
        """Return the estimates as the mood takes them."""
        return [self._estimate(i) for i in range(len(self.ends))]

    def _estimate(self, i: int) -> Estimate:
        none = float(self.shares[i, contract.N_EMOTIONS])
        six = self.shares[i, : contract.N_EMOTIONS]
        return Estimate(
            start=int(self.starts[i]), end=int(self.ends[i]), state=STATES[self.states[i]], stage=Stage.AUDIO,
            utterance=int(self.utterances[i]), revision=0,
            probabilities=tuple((six / six.sum()).tolist()) if six.sum() > 0.0 else None, none_probability=none,
            n_words=0, captured_s=0.0, queue_s=0.0, features_s=0.0, model_s=0.0,
        )  # fmt: skip

    def course(self, rules: MoodRules) -> Course:
        """Return what would have been shown under `rules`."""
        smoothed, hops = QUIET, []
        for estimate in self.estimates():
            smoothed = fold(smoothed, estimate, rules)
            hops.append(Hop(estimate, smoothed.mood))
        return Course(self.stretches, tuple(hops), self.length)


class Ears:
    """One model, listening through the monitor in lock-step. Close it, or use it as a context manager."""

    def __init__(self, model: str, rules: listening.Rules | None = None) -> None:
        self._rules = rules or listening.Rules()
        self._classifier = Classifier.open(places.model_folders(), Choice(model))
        self._vectors = WordVectors.load(self._classifier.vectors_folder)

    def listen(self, joined: Joined, voice: Callable[[Samples], float] | None = None) -> Course:
        """Return what is estimated and shown over one recording, of whose speaker nothing is known before.

        `voice` takes the voice detector's place.
        """
        self._classifier.forget()
        ear, mels = voice or VoiceDetector().probability, self._classifier.wants_mels
        judge = _AtOnce(self._classifier)
        return asyncio.run(listening.listen(joined, ear, judge, self._vectors, self._rules, with_mels=mels))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._classifier.close()


class _AtOnce:
    """The classifier without its thread: nothing else waits here, and changing threads costs time."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    async def estimate(self, window: Window, queue_s: float = 0.0) -> Estimate:
        return self._classifier.classify(window, queue_s)


class Memory:
    """What was heard before, in a folder named after the model, the settings and the code."""

    def __init__(self, ears: Ears, model: str, work: Path, rules: listening.Rules | None = None) -> None:
        self._ears = ears
        card = (find_model(places.model_folders(), model) / checkpoint.CARD_FILE).read_bytes()
        settings = json.dumps(asdict(replace(rules or listening.Rules(), mood=MoodRules())), sort_keys=True).encode()
        key = hashlib.sha256(card + settings + code()).hexdigest()
        self._folder = work / f"{model}-{key[:12]}"
        self._folder.mkdir(parents=True, exist_ok=True)

    def hear(self, kind: str, corpus: str, joined: Joined) -> Heard:
        """Return the estimates of one recording."""
        told = repr((joined.stretches, joined.words)).encode()
        name = hashlib.sha256(joined.samples.tobytes() + told).hexdigest()
        path = self._folder / f"{name[:24]}.npz"
        if not path.exists():
            keep(path, self._ears.listen(joined))
        with np.load(path) as kept:
            return Heard(kind, corpus, bool(joined.words), joined.stretches, len(joined.samples), **kept)


def code() -> bytes:
    """Return a hash of what makes estimates of sound."""
    digest = hashlib.sha256()
    for name in CODE:
        place = places.PACKAGE.parent / name
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.read_bytes())
    return digest.digest()


def keep(path: Path, course: Course) -> None:
    """Write what is kept of a recording that was heard; a file is there whole or not at all."""
    estimates = [hop.estimate for hop in course.hops]
    six = np.array([one.probabilities or (0.0,) * contract.N_EMOTIONS for one in estimates]).reshape(len(estimates), -1)
    none = np.array([one.none_probability for one in estimates])
    part = path.with_suffix(".part.npz")
    np.savez(
        part,
        ends=np.array([one.end for one in estimates], np.int64),
        starts=np.array([one.start for one in estimates], np.int64),
        states=np.array([STATES.index(one.state) for one in estimates], np.int8),
        utterances=np.array([one.utterance for one in estimates], np.int32),
        shares=np.column_stack((six * (1.0 - none)[:, None], none)),
    )
    part.rename(path)
