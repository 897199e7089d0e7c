"""The classifier gets to know the speaker: what it feeds, what counts, when it forgets, and that nothing gets out."""

import asyncio
import threading
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from streamer.engines.classifier import Classifier
from streamer.engines.engine import Answer, Feed
from streamer.engines.verdict import Calibration
from streamer.network.card import INPUT_SHAPES, SPEAKER, AdaptationNote, Card
from streamer.records import State, Window
from tests.networks import card, window

P = 2
NOTE = AdaptationNote(prior=1.0, strength=0.5, warm_up=1)


class Parrot:
    """An engine whose embedding is the utterance's number plus one, and which notes what it was fed as the speaker."""

    device = "cpu"

    def __init__(self) -> None:
        self.fed: list[list[float]] = []
        self.may_go = threading.Event()
        self.may_go.set()

    def run(self, feed: Feed) -> Answer:
        assert self.may_go.wait(timeout=60)
        self.fed.append(feed.arrays[SPEAKER][0].tolist())
        logits = np.zeros((1, 6), np.float32)
        logits[0, 0] = 1.0 + feed.arrays[SPEAKER].sum()
        return Answer(logits, np.full(P, feed.utterance + 1, np.float32))


def adapting(note: AdaptationNote | None = NOTE) -> tuple[Classifier, Parrot]:
    engine = Parrot()
    made: Card = replace(card(), shapes={**INPUT_SHAPES, SPEAKER: (P,)}, adaptation=note)
    return Classifier(engine, made, Calibration.of(made)), engine


def spoken(utterance: int, number: int = 0, **changes: Any) -> Window:  # noqa: ANN401  any field
    return replace(window(), utterance=utterance, end=10**6 * utterance + 2_560 * number, **changes)


def test_each_utterance_is_compared_with_those_before_it() -> None:
    classifier, engine = adapting()
    for utterance in (0, 0, 1, 3):
        classifier.classify(spoken(utterance, len(engine.fed)))
    # 0.5 * 1 / (1 + 1), then 0.5 * (1 + 2) / (2 + 1)
    assert engine.fed == [[0.0, 0.0], [0.0, 0.0], [0.25, 0.25], [0.5, 0.5]]


def test_a_network_that_does_not_adapt_always_meets_nobody() -> None:
    classifier, engine = adapting(None)
    for utterance in range(4):
        classifier.classify(spoken(utterance))
    assert engine.fed == [[0.0, 0.0]] * 4


@pytest.mark.parametrize("state", [state for state in State if state is not State.SPEECH])
def test_only_speech_counts(state: State) -> None:
    classifier, engine = adapting()
    classifier.classify(spoken(0, state=state))
    classifier.classify(spoken(1))
    assert engine.fed == [[0.0, 0.0]]


def test_words_without_sound_are_no_utterance_of_a_voice() -> None:
    classifier, engine = adapting()
    classifier.classify(spoken(0, columns=np.zeros_like(window().columns)))
    classifier.classify(spoken(1))
    assert engine.fed[-1] == [0.0, 0.0]


def test_both_answers_come_and_the_network_is_asked_twice_only_where_they_differ() -> None:
    classifier, engine = adapting()
    adapted, plain = classifier.classify_both(spoken(0))
    assert adapted == plain
    assert len(engine.fed) == 1
    adapted, plain = classifier.classify_both(spoken(1))
    assert engine.fed[1:] == [[0.0, 0.0], [0.25, 0.25]]
    assert adapted.probabilities is not None
    assert plain.probabilities is not None
    assert adapted.probabilities[0] > plain.probabilities[0]
    # What was asked for comparison's sake was not heard twice.
    classifier.classify(spoken(2))
    assert engine.fed[-1] == [0.5, 0.5]


def test_after_forgetting_the_classifier_is_as_new() -> None:
    classifier, engine = adapting()
    classifier.classify(spoken(0))
    classifier.forget()
    classifier.classify(spoken(1))
    classifier.classify(spoken(2))
    assert engine.fed == [[0.0, 0.0], [0.0, 0.0], [0.5, 0.5]]


async def test_forgetting_waits_its_turn_among_the_windows() -> None:
    classifier, engine = adapting()
    engine.may_go.clear()
    with classifier:
        before = [asyncio.create_task(classifier.estimate(spoken(utterance))) for utterance in (0, 1)]
        await asyncio.sleep(0)
        forgetting = asyncio.create_task(classifier.forget_speaker())
        done, _ = await asyncio.wait([forgetting], timeout=0.3)
        assert not done
        engine.may_go.set()
        await asyncio.gather(*before, forgetting, classifier.estimate(spoken(2)))
    assert engine.fed == [[0.0, 0.0], [0.25, 0.25], [0.0, 0.0]]


def test_nothing_of_the_speaker_leaves_the_classifier() -> None:
    """An estimate, which is published, is equal in form for everybody: no embedding, no mean, no number of voices."""
    classifier, _ = adapting()
    classifier.classify(spoken(0))
    known = asdict(classifier.classify(spoken(1)))
    unknown = asdict(adapting(None)[0].classify(spoken(1)))
    assert known.keys() == unknown.keys()
    assert {name for name in known if known[name] != unknown[name]} <= {"probabilities", "model_s", "state"}
    assert not any(isinstance(value, np.ndarray) for value in known.values())
