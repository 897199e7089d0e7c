"""Who speaks when, from voice probabilities that the test dictates."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.features.speech import BLOCK_SAMPLES, LEAD_IN_S, LONGEST_UTTERANCE_S, SpeechTimeline
from streamer.network import contract
from streamer.records import Chunk, Samples, SpeechSound

RATE = contract.STREAM_RATE_HZ


def loudness(block: Samples) -> float:
    """Stand in for the detector: the voice is where the sound is loud."""
    return float(np.abs(block).max())


def sound(*parts: tuple[float, float]) -> Samples:
    """Return (seconds, loudness) parts as constant sound, each a whole number of blocks."""
    blocks = [np.full(round(s * RATE / BLOCK_SAMPLES) * BLOCK_SAMPLES, level, np.float32) for s, level in parts]
    return np.concatenate(blocks)


def feed(timeline: SpeechTimeline, samples: Samples, lengths: list[int] | None = None) -> list[SpeechSound]:
    pieces: list[SpeechSound] = []
    start = 0
    for part in np.split(samples, np.cumsum(lengths or [0])[:-1]):
        pieces += timeline.push(Chunk(part, start, 0.0))
        start += len(part)
    return pieces + timeline.finish()


def test_silence_makes_no_utterance() -> None:
    timeline = SpeechTimeline(loudness)
    assert feed(timeline, sound((5, 0.1))) == []
    assert timeline.utterance_at(5 * RATE) == -1
    assert timeline.last_voiced(5 * RATE) is None


def test_a_single_loud_block_is_no_utterance() -> None:
    assert feed(SpeechTimeline(loudness), sound((1, 0), (0.032, 1), (1, 0))) == []


def test_an_utterance_has_its_lead_in_and_ends_after_the_silence() -> None:
    timeline = SpeechTimeline(loudness)
    pieces = feed(timeline, sound((1.024, 0), (2.048, 0.9), (2.048, 0)))
    assert {piece.utterance for piece in pieces} == {0}
    assert [piece.last for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    began = round(1.024 * RATE)
    assert began - LEAD_IN_S * RATE <= pieces[0].start < began
    assert pieces[-1].end == pytest.approx(began + (2.048 + 0.5) * RATE, abs=BLOCK_SAMPLES)
    assert all(a.end == b.start for a, b in itertools.pairwise(pieces))


def test_a_short_pause_does_not_cut_and_a_long_one_does() -> None:
    timeline = SpeechTimeline(loudness)
    pieces = feed(timeline, sound((1.024, 0.9), (0.32, 0), (1.024, 0.9), (1.024, 0), (1.024, 0.9)))
    assert {piece.utterance for piece in pieces} == {0, 1}
    assert sum(piece.last for piece in pieces) == 2


def test_a_monologue_is_cut_at_the_longest_utterance() -> None:
    pieces = feed(SpeechTimeline(loudness), sound((2 * LONGEST_UTTERANCE_S + 1, 0.9)))
    assert {piece.utterance for piece in pieces} == {0, 1, 2}


def test_questions_are_answered_as_of_the_position_asked_for() -> None:
    timeline = SpeechTimeline(loudness)
    timeline.push(Chunk(sound((1.024, 0), (1.024, 0.9), (2.048, 0), (1.024, 0.9)), 0, 0.0))
    first_end = round(2.048 * RATE)
    assert timeline.voiced_samples(0, first_end) == pytest.approx(1.024 * RATE, abs=BLOCK_SAMPLES)
    assert timeline.last_voiced(3 * RATE) == first_end
    assert timeline.utterance_at(3 * RATE) == 0
    assert timeline.utterance_at(5 * RATE) == 1
    assert timeline.utterance_at(RATE // 2) == -1


def test_evidence_begins_with_the_newest_utterances_that_hold_enough() -> None:
    timeline = SpeechTimeline(loudness)
    timeline.push(Chunk(sound((1.024, 0), (2.048, 0.9), (1.024, 0), (1.024, 0.9)), 0, 0.0))
    first, second, end = round(1.024 * RATE), round(4.096 * RATE), round(5.12 * RATE)
    lead_in = LEAD_IN_S * RATE
    assert timeline.evidence_start(0, end, RATE // 2) == pytest.approx(second - lead_in, abs=2 * BLOCK_SAMPLES)
    assert timeline.evidence_start(0, end, 2 * RATE) == pytest.approx(first - lead_in, abs=2 * BLOCK_SAMPLES)
    assert timeline.evidence_start(0, end, 5 * RATE) == 0
    assert timeline.evidence_start(2 * RATE, end, 2 * RATE) == pytest.approx(2 * RATE, abs=BLOCK_SAMPLES)
    just_begun = second + RATE // 4
    assert timeline.evidence_start(0, just_begun, RATE // 2) == pytest.approx(first - lead_in, abs=2 * BLOCK_SAMPLES)


def test_a_hole_ends_the_utterance_and_positions_go_on() -> None:
    timeline = SpeechTimeline(loudness)
    loud = sound((1.024, 0.9))
    timeline.push(Chunk(loud, 0, 0.0))
    pieces = timeline.push(Chunk(loud, 10 * RATE, 0.0))
    assert pieces[0].last
    assert pieces[0].utterance == 0
    assert pieces[1].utterance == 1
    assert pieces[1].start == 10 * RATE


@given(st.lists(st.integers(0, 3_000), min_size=1, max_size=40), st.integers(0, 2**32 - 1))
def test_any_split_gives_the_same_speech(lengths: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    levels = np.repeat(rng.choice([0.0, 0.4, 0.9], 1 + sum(lengths) // 4_000), 4_000)[: sum(lengths)].astype(np.float32)
    whole, cut = SpeechTimeline(loudness), SpeechTimeline(loudness)
    expected, got = feed(whole, levels), feed(cut, levels, lengths)
    assert [(p.utterance, p.start, p.end, p.last) for p in got] == [
        (p.utterance, p.start, p.end, p.last) for p in expected
    ]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(got, expected, strict=True))
    for end in range(0, len(levels), 2_560):
        assert cut.voiced_samples(0, end) == whole.voiced_samples(0, end)
        assert cut.utterance_at(end) == whole.utterance_at(end)
