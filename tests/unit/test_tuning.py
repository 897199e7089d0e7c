"""Choosing the mood's rules: folding many at once is folding each, and what is heard again is what was heard."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from streamer.evaluation import course, joining
from streamer.evaluation.course import Course, Hop
from streamer.evaluation.joining import Stretch
from streamer.mood import QUIET, MoodRules
from streamer.network import contract
from streamer.records import Estimate, Mood, Stage, State
from tests.harness import small_corpora
from tools import measure_alarms, tune_mood
from tools.moods import choice, hearing, page, recordings, scores, sounds
from tools.moods.hearing import Heard

RATE = contract.STREAM_RATE_HZ
HOP = 2_560


def talked(seed: int, n: int = 250) -> Heard:
    """A made-up recording with pauses, short and long utterances, and estimates that go back to earlier ones."""
    rng = np.random.default_rng(seed)
    ends = HOP * np.arange(1, n + 1)
    stretches, at = list[Stretch](), 0
    names = (*contract.EMOTIONS, "neutral", "noise")
    while at < ends[-1]:
        length = int(rng.integers(RATE // 2, 6 * RATE))
        stretches.append(Stretch(at, at + length, names[int(rng.integers(len(names)))]))
        at += length + int(rng.integers(0, 2 * RATE))
    utterances = np.cumsum(rng.random(n) < 0.05).astype(np.int32)
    own = np.maximum(0, ends - rng.integers(RATE, 8 * RATE, n))
    shares = rng.dirichlet(np.full(7, 0.6), n)
    states = rng.choice([0, 0, 0, 3, 1], n).astype(np.int8)
    shares[states == hearing.STATES.index(State.NO_SPEECH)] = 0.0
    steady = np.repeat(shares[::8], 8, axis=0)[:n] * (shares.sum(1, keepdims=True) > 0.0)
    mixed = np.where(steady.sum(1, keepdims=True) > 0.0, steady, shares)
    length = int(ends[-1]) + RATE
    return Heard("joined", "made up", seed == 0, tuple(stretches), length, ends, own, states, utterances, mixed)


@pytest.mark.parametrize("seed", range(3))
def test_many_rules_at_once_are_each_rule_by_itself(seed: int) -> None:
    heard = talked(seed)
    grid = choice.candidates(3, 5, MoodRules(0.0, 0.0, 0.4, 0.3, 0.0, 0.0), seed)
    found = scores.summed([scores.tally(heard, grid)])
    for i in range(15):
        told = course.figures([heard.course(grid.rules(i))])
        assert found["false flips a minute"][i] == pytest.approx(told["false_flips_per_minute"])
        assert found["alarms an hour"][i] == pytest.approx(told["false_alarms_per_hour"])
        times, hops = told["time_to_first_correct_s"], told["accuracy_over_hops"]
        assert isinstance(times, dict)
        assert isinstance(hops, dict)
        assert found["never right"][i] == pytest.approx(times["never"])
        assert found["seconds to first right"][i] == pytest.approx(times["median"] or np.inf)
        assert found["right"][i] == pytest.approx(hops["shown"])
    assert len(set(found["false flips a minute"].tolist())) > 5, "the rules differ"


def test_what_is_kept_of_a_recording_is_what_was_estimated(tmp_path: Path) -> None:
    heard = talked(0)
    before = Course(heard.stretches, tuple(Hop(one, QUIET.mood) for one in heard.estimates()), heard.length)
    hearing.keep(tmp_path / "kept.npz", before)
    with np.load(tmp_path / "kept.npz") as kept:
        again = Heard(heard.kind, heard.corpus, heard.worded, heard.stretches, heard.length, **kept)
    assert len(again.estimates()) == len(heard.estimates())
    for one, other in zip(again.estimates(), heard.estimates(), strict=True):
        assert (one.start, one.end, one.state, one.utterance) == (other.start, other.end, other.state, other.utterance)
        assert one.none_probability == pytest.approx(other.none_probability)
        assert one.probabilities == (None if other.probabilities is None else pytest.approx(other.probabilities))


def scored(n: int) -> list[choice.Scored]:
    pairs = [(kind, corpus) for corpus in ("made up", "invented")[:n] for kind in choice.KINDS]
    return [choice.Scored(*pair, scores.tally(talked(seed), GRID)) for seed, pair in enumerate(pairs)]


def test_the_best_rule_keeps_the_limits_and_none_of_the_front_is_beaten() -> None:
    found = choice.choose(scored(1))
    if found.allowed.any():
        assert found.allowed[found.best]
        assert found.worth[found.best] == found.worth[found.allowed].max()
    joined = found.figures["joined"]
    costs = np.stack([joined[n] for n in ("false flips a minute", "seconds to first right", "never right")])
    for i in found.front:
        better = (found.worth >= found.worth[i]) & (costs <= costs[:, [i]]).all(0)
        strictly = (found.worth > found.worth[i]) | (costs < costs[:, [i]]).any(0)
        assert not (better & strictly).any()


def test_a_rule_for_a_corpus_is_chosen_without_it() -> None:
    every = scored(2)
    found = choice.elsewhere(every)
    assert found.keys() == {"made up", "invented"}
    for corpus, (best, worth) in found.items():
        assert best == choice.choose([one for one in every if one.corpus != corpus]).best
        assert worth == pytest.approx(choice.choose([one for one in every if one.corpus == corpus]).worth)


GRID = choice.candidates(8, 12, MoodRules(), 0)


def test_the_first_rule_is_the_one_in_force() -> None:
    assert GRID.rules(0) == MoodRules()


def test_the_page_tells_both_rules_and_is_written_between_its_markers(tmp_path: Path) -> None:
    heard = [talked(0)]
    text = page.page("Model `stream`", heard, GRID, scored(2))
    assert f"| before | {MoodRules().rise_s:g} | {MoodRules().fall_s:g} |" in text
    assert "| joined, made up | chosen |" in text
    out = tmp_path / "mood.md"
    out.write_text("# Title\n\nWords.\n", encoding="utf-8")
    tune_mood.write(out, "stream", text)
    tune_mood.write(out, "stream", "again")
    assert out.read_text(encoding="utf-8").count("<!-- mood stream: begin -->") == 1
    assert "again" in out.read_text(encoding="utf-8")
    assert out.read_text(encoding="utf-8").startswith("# Title\n\nWords.\n")


def test_rules_that_are_asked_for_stand_beside_the_chosen_with_the_worth_of_the_grid() -> None:
    heard = [replace(talked(seed), kind=kind, corpus="made up") for seed, kind in enumerate(choice.KINDS)]
    every = [choice.Scored(one.kind, one.corpus, scores.tally(one, GRID)) for one in heard]
    i = 17
    assert page.worth_of(GRID.rules(i), heard) == pytest.approx(choice.choose(every).worth[i])
    text = page.page("Model `stream`", heard, GRID, every, [GRID.rules(i)])
    rule = GRID.rules(i)
    assert f"| asked 1 | {rule.rise_s:g} | {rule.fall_s:g} |" in text
    assert "| joined | asked 1 |" in text


def test_recordings_of_a_corpus_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    small_corpora.write(tmp_path, clips=4)
    first, *empty = sorted(tmp_path.glob("*/manifest.csv"), key=lambda path: -path.stat().st_size)
    for path in empty:
        path.unlink()
    made = list(recordings.recordings(tmp_path, "valid", 0, recordings.Size(joins=2)))
    again = list(recordings.recordings(tmp_path, "valid", 0, recordings.Size(joins=2)))
    assert {one.corpus for one in made} == {first.parent.name}
    assert {one.kind for one in made} == set(choice.KINDS)
    assert {bool(one.joined.words) for one in made} == {True, False}
    assert [one.joined.samples.tobytes() for one in made] == [one.joined.samples.tobytes() for one in again]
    for one in made:
        for word in one.joined.words:
            inside = next(s for s in one.joined.stretches if s.start <= word.start < s.end)
            spoken = small_corpora.SAID[contract.EMOTIONS.index(inside.emotion)]
            assert word.text in {*["oh", "so", "valid", "xqzt", ",", "!"], spoken}, "words fit the emotion"
        emotional = [s for s in one.joined.stretches if s.emotion in contract.EMOTIONS]
        plain = sum(s.end - s.start for s in one.joined.stretches if s not in emotional)
        share = plain / sum(s.end - s.start for s in one.joined.stretches)
        assert share > 0.75 if one.kind == "calm" else share < 0.6


def test_sounds_without_speech_are_of_every_kind_and_as_loud_as_they_say() -> None:
    made = list(sounds.sounds(9.0, 0))
    assert {one.kind for one in made} == set(sounds.KINDS)
    for one, again in zip(made, sounds.sounds(9.0, 0), strict=True):
        assert one.samples.tobytes() == again.samples.tobytes()
        assert np.isfinite(one.samples).all()
        assert np.abs(one.samples).max() <= 1.0
        if one.kind != "silence":
            level_db = 20 * np.log10(np.sqrt(np.mean(np.square(one.samples, dtype=np.float64))))
            # Blows are cut off at full scale, and so are not as loud as asked.
            assert one.level_db - 15.0 <= level_db <= one.level_db + 0.5
    different = list(sounds.sounds(9.0, 1))
    assert made[5].samples.tobytes() != different[5].samples.tobytes()


def test_an_emotion_that_begins_to_be_shown_counts_once_and_another_counts_again() -> None:
    labels = [None, "happy", "happy", "sad", None, "sad"]
    hops = [
        Hop(
            Estimate(0, HOP * i, State.SPEECH, Stage.AUDIO, 0, 0, (1 / 6,) * 6, 0.0, 0, 0.0, 0.0, 0.0, 0.0),
            Mood(State.SPEECH if label else State.UNSURE, label, 0.5, None, 0, HOP * i),
        )
        for i, label in enumerate(labels)
    ]
    count = measure_alarms.counted(hops, 10.0)
    assert (count.hops, count.taken_for_speech, count.shown) == (6, 6, 3)
    both = measure_alarms.summed([count, count])
    assert (both.seconds, both.shown) == (20.0, 6)


def test_joined_and_laid_out_share_their_truth() -> None:
    clips = [joining.Clip(np.ones(RATE, np.float32), "sad"), joining.Clip(np.ones(2 * RATE, np.float32), "neutral")]
    made = joining.laid_out(clips, 1.0, np.random.default_rng(0))
    assert [(s.end - s.start, s.emotion) for s in made.stretches] == [(RATE, "sad"), (2 * RATE, "neutral")]
