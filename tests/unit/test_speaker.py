"""The speaker's running mean: equal to a slow reference, causal, forgetful on demand, and small."""

import pickle
import random
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.engines.engine import Embedding
from streamer.engines.speaker import MONOLOGUE_SAMPLES, SHORTEST_REST_SAMPLES, SpeakerMean

P = 3
HOP = 16_000
"""Coarser than live, so that long streams stay short."""


@dataclass(frozen=True)
class Take:
    """One window's embedding."""

    utterance: int
    end: int
    value: tuple[float, ...]

    @property
    def embedding(self) -> Embedding:
        return np.array(self.value, np.float32)


def fresh(prior: float = 10.0, strength: float = 1.0, warm_up: int = 0) -> SpeakerMean:
    return SpeakerMean(P, prior, strength, warm_up)


def fed(mean: SpeakerMean, takes: list[Take]) -> SpeakerMean:
    for one in takes:
        mean.take(one.utterance, one.end, one.embedding)
    return mean


VALUES = st.tuples(*[st.floats(-3, 3, width=32)] * P)


@st.composite
def streams(draw: st.DrawFn, most_hops: int = 26) -> list[Take]:
    """Return takes in order: utterances that rise, each of one to many windows, with pauses between them."""
    utterance, end, found = 0, draw(st.integers(0, 10**6)), []
    for _ in range(draw(st.integers(0, 6))):
        utterance += draw(st.integers(1, 3))
        end += draw(st.integers(0, 10**6))
        values = draw(st.lists(VALUES, min_size=1, max_size=4))
        for i in range(draw(st.integers(1, most_hops))):
            end += HOP
            found.append(Take(utterance, end, values[i % len(values)]))
    return found


def counted(takes: list[Take]) -> list[Embedding]:
    """Return what counts of one finished utterance, the slow way."""
    found, since = [], takes[0].end
    for one in takes:
        if one.end - since >= MONOLOGUE_SAMPLES:
            found.append(one.embedding)
            since = one.end
    if not found or takes[-1].end - since >= SHORTEST_REST_SAMPLES:
        found.append(takes[-1].embedding)
    return found


def reference(takes: list[Take], utterance: int, prior: float, strength: float, warm_up: int) -> Embedding:
    """Return the mean before `utterance`, from the whole past."""
    past = [
        x
        for number in sorted({one.utterance for one in takes if one.utterance < utterance})
        for x in counted([one for one in takes if one.utterance == number])
    ]
    if not past or len(past) < warm_up:
        return np.zeros(P, np.float32)
    total = np.zeros(P)
    for x in past:
        total = total + x
    return np.asarray(strength * total / (len(past) + prior), np.float32)


@settings(deadline=None, max_examples=60)
@given(streams(), st.floats(0, 20), st.floats(0, 1), st.integers(0, 5))
def test_it_equals_the_reference_before_every_utterance(
    takes: list[Take], prior: float, strength: float, warm_up: int
) -> None:
    mean = fresh(prior, strength, warm_up)
    for i, one in enumerate(takes):
        if i == 0 or takes[i - 1].utterance != one.utterance:
            wanted = reference(takes[:i], one.utterance, prior, strength, warm_up)
            assert mean.mean(one.utterance) == pytest.approx(wanted, abs=1e-5)
        mean.take(one.utterance, one.end, one.embedding)


@settings(deadline=None)
@given(streams(most_hops=7), st.randoms(use_true_random=False))
def test_the_order_of_windows_inside_an_utterance_does_not_count(takes: list[Take], chance: random.Random) -> None:
    mixed: list[Take] = []
    for number in sorted({one.utterance for one in takes}):
        mine = [one for one in takes if one.utterance == number]
        chance.shuffle(mine)
        mixed += mine
    assert np.array_equal(fed(fresh(), mixed).mean(10**6), fed(fresh(), takes).mean(10**6))


@settings(deadline=None)
@given(streams(), streams())
def test_who_has_forgotten_is_as_new(before: list[Take], after: list[Take]) -> None:
    mean = fed(fresh(warm_up=1), before)
    mean.forget()
    assert not mean.mean(10**6).any()
    assert np.array_equal(fed(mean, after).mean(10**6), fed(fresh(warm_up=1), after).mean(10**6))


@settings(deadline=None)
@given(streams(most_hops=8), VALUES)
def test_the_utterance_at_hand_is_not_in_it(takes: list[Take], other: tuple[float, ...]) -> None:
    """Whatever an utterance of under 8 s sounds like, its own mean is that of the past alone."""
    last = max((one.utterance for one in takes), default=0)
    changed = [replace(one, value=other) if one.utterance == last else one for one in takes]
    assert np.array_equal(fed(fresh(), takes).mean(last), fed(fresh(), changed).mean(last))


def test_the_formula_with_prior_strength_and_warm_up() -> None:
    takes = [Take(0, HOP, (3.0, 0.0, 0.0)), Take(2, 9 * HOP, (0.0, 6.0, 0.0))]
    assert fed(fresh(1.0, 0.5), takes).mean(3).tolist() == [0.5, 1.0, 0.0]
    assert fed(fresh(1.0, 0.5), takes).mean(2).tolist() == [0.75, 0.0, 0.0]
    assert fed(fresh(1.0, 0.5, warm_up=2), takes).mean(2).tolist() == [0.0, 0.0, 0.0]
    assert fed(fresh(1.0, 0.5, warm_up=2), takes).mean(3).tolist() == [0.5, 1.0, 0.0]
    assert fresh(0.0).mean(0).tolist() == [0.0, 0.0, 0.0]


def test_a_monologue_becomes_known_while_it_lasts() -> None:
    hops = MONOLOGUE_SAMPLES // HOP
    takes = [Take(0, (i + 1) * HOP, (float(i // hops), 1.0, 0.0)) for i in range(3 * hops + 1)]
    assert fed(fresh(0.0), takes[:hops]).mean(0).tolist() == [0.0, 0.0, 0.0]
    assert fed(fresh(0.0), takes[: hops + 1]).mean(0).tolist() == [1.0, 1.0, 0.0]
    assert fed(fresh(0.0), takes).mean(0).tolist() == [2.0, 1.0, 0.0]
    # Nothing new was said since: the end does not count again.
    assert fed(fresh(0.0), takes).mean(1).tolist() == [2.0, 1.0, 0.0]


def test_what_comes_late_or_is_no_number_is_passed_over() -> None:
    takes = [Take(1, 10 * HOP, (1.0, 1.0, 1.0)), Take(2, 20 * HOP, (2.0, 2.0, 2.0))]
    late = [Take(1, 30 * HOP, (9.0, 9.0, 9.0)), Take(2, 20 * HOP, (8.0, 8.0, 8.0)), Take(2, 19 * HOP, (7.0, 7.0, 7.0))]
    broken = [Take(2, 31 * HOP, (float("nan"), 0.0, 0.0)), Take(3, 40 * HOP, (0.0, float("inf"), 0.0))]
    assert np.array_equal(fed(fresh(), takes + late + broken).mean(9), fed(fresh(), takes).mean(9))


def test_an_embedding_that_changes_afterwards_changes_nothing() -> None:
    mean, embedding = fresh(0.0), np.ones(P, np.float32)
    mean.take(0, HOP, embedding)
    embedding[:] = 5.0
    assert mean.mean(1).tolist() == [1.0, 1.0, 1.0]
    mean.mean(1)[:] = 7.0
    assert mean.mean(1).tolist() == [1.0, 1.0, 1.0]


def test_nobody_is_never_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        fresh().mean(0)[0] = 1.0


def test_memory_does_not_grow_with_the_stream() -> None:
    mean = fed(fresh(), [Take(i, i * HOP, (1.0, 2.0, 3.0)) for i in range(20)])
    small = len(pickle.dumps(mean))
    fed(mean, [Take(i // 3, i * HOP, (1.0, 2.0, 3.0)) for i in range(100, 5_000)])
    assert len(pickle.dumps(mean)) <= small + 16
