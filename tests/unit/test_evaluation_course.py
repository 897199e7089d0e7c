"""The figures of a joined recording: hand-made courses, and the real monitor with a judge whose answers are known."""

import math
from itertools import pairwise

import numpy as np
import pytest

from streamer import app
from streamer.evaluation import course, joining, listening
from streamer.evaluation.course import Course, Hop
from streamer.evaluation.joining import Clip, Joined, Stretch
from streamer.features.speech import SpeechRules
from streamer.features.windows import WindowRules
from streamer.mood import MoodRules
from streamer.network import contract
from streamer.records import Estimate, Mood, Stage, State, Window
from streamer.settings import Settings
from tests.signals import noise
from tests.unit.test_windows import FIRST_END, loudness, vectors
from tests.unit.test_windows import HOP as HOP_SAMPLES

RATE = contract.STREAM_RATE_HZ
AT_ONCE = MoodRules(rise_s=0.0, fall_s=0.0, margin=0.0, dwell_s=0.0)


def shares(emotion: str | None) -> tuple[float, ...]:
    return tuple(0.9 if one == emotion else 0.02 for one in contract.EMOTIONS)


def hop(at_s: float, label: str | None, state: State | None = None, best: str | None = None) -> Hop:
    end = round(at_s * RATE)
    state = state or (State.SPEECH if label else State.UNSURE)
    six = shares(best or label) if state in {State.SPEECH, State.UNSURE} else None
    estimate = Estimate(0, end, state, Stage.AUDIO, 0, 0, six, 0.0, 0, 0.0, 0.0, 0.0, 0.0)
    return Hop(estimate, Mood(state, label, 0.9, six, 0, end))


def stretch(start_s: float, end_s: float, emotion: str) -> Stretch:
    return Stretch(round(start_s * RATE), round(end_s * RATE), emotion)


def heard(stretches: list[Stretch], hops: list[Hop], length_s: float) -> dict[str, object]:
    return course.figures([Course(tuple(stretches), tuple(hops), round(length_s * RATE))])


def test_clips_of_one_emotion_in_a_row_are_one_episode() -> None:
    known = course.episodes([
        stretch(1, 2, "happy"), stretch(3, 4, "happy"), stretch(4.4, 6, "neutral"), stretch(9, 10, "happy"),
        stretch(11, 12, "sad"),
    ])  # fmt: skip
    told = [(one.emotion, one.start / RATE, one.end / RATE, one.late / RATE) for one in known]
    assert told == [("happy", 1, 4, 4.4), ("happy", 9, 10, 11), ("sad", 11, 12, 13)]


def test_times_to_the_first_and_to_the_stable_right_answer() -> None:
    hops = [hop(1.5, None), hop(2, "happy"), hop(3, "sad"), hop(4, "happy"), hop(5, None, State.NO_SPEECH)]
    found = heard([stretch(1, 5, "happy"), stretch(7, 8, "sad")], hops, 10)
    assert found["episodes"] == 2
    assert found["time_to_first_correct_s"] == {"median": 1.0, "p90": 1.0, "never": 0.5}
    assert found["time_to_stable_correct_s"] == {"median": 3.0, "p90": 3.0, "never": 0.5}


def test_what_is_right_a_moment_after_the_last_word_is_right_but_never_stable() -> None:
    found = heard([stretch(1, 2, "happy")], [hop(1.5, None), hop(2.9, "happy")], 5)
    assert found["time_to_first_correct_s"] == {"median": pytest.approx(1.9), "p90": pytest.approx(1.9), "never": 0.0}
    assert found["time_to_stable_correct_s"] == {"median": None, "p90": None, "never": 1.0}
    assert found["false_alarms"] == 0


def test_flips_and_which_of_them_are_false() -> None:
    """Happy to sad is the truth; the two flips to fear and back are not; a label that rests is none."""
    hops = [hop(1, "happy"), hop(2, None), hop(3, "happy"), hop(5, "sad"), hop(6, "fear"), hop(7, "sad")]
    found = heard([stretch(0, 4, "happy"), stretch(4, 8, "sad")], hops, 60)
    assert found["flips_per_minute"] == pytest.approx(3.0)
    assert found["false_flips_per_minute"] == pytest.approx(2.0)


def test_false_alarms_are_emotions_that_begin_where_there_is_none() -> None:
    stretches = [stretch(0, 10, "happy"), stretch(12, 20, "neutral"), stretch(20, 29, "noise")]
    hops = [hop(5, "happy"), hop(10.5, "fear"), hop(13, "fear"), hop(15, "sad"), hop(16, None), hop(25, "sad")]
    found = heard(stretches, hops, 29)
    assert found["false_alarms"] == 2
    assert found["hours_without_emotion"] == pytest.approx(18 / 3600)
    assert found["false_alarms_per_hour"] == pytest.approx(2 / (18 / 3600))


def test_accuracy_over_hops_counts_what_was_likeliest_inside_emotional_speech() -> None:
    hops = [hop(1, "happy"), hop(2, None, best="sad"), hop(3, None, best="happy"), hop(6, "happy"), hop(3.5, None,
            State.TOO_LITTLE)]  # fmt: skip
    found = heard([stretch(0, 4, "happy"), stretch(5, 7, "neutral")], hops, 8)["accuracy_over_hops"]
    assert isinstance(found, dict)
    assert (found["hops"], found["cumulative"], found["shown"]) == (3, pytest.approx(2 / 3), 1 / 4)
    assert found["fading"] == pytest.approx((0.999**2 + 1) / (0.999**2 + 0.999 + 1))


def test_drift_is_the_last_five_minutes_against_the_first() -> None:
    hops = [hop(t, None, best="happy" if t > 600 else "sad") for t in range(10, 1200, 10)]
    found = heard([stretch(0, 1200, "happy")], hops, 1200)["drift"]
    assert found == {"first": 0.0, "last": 1.0, "change": 1.0}
    short = heard([stretch(0, 100, "happy")], [hop(t, None, best="happy") for t in (10, 90)], 100)["drift"]
    assert short == {"first": 1.0, "last": 1.0, "change": 0.0}


def clips() -> list[Clip]:
    emotions = ["happy", "sad", "angry", "neutral"]
    return [Clip(noise(2 * RATE, seed=i, level_db=-6.0), emotions[i % 4]) for i in range(12)]


def test_a_join_holds_every_emotional_clip_once_and_is_its_own_truth() -> None:
    joined = joining.join(clips(), np.random.default_rng(0))
    again = joining.join(clips(), np.random.default_rng(0))
    assert joined.samples.tobytes() == again.samples.tobytes()
    emotional = [s for s in joined.stretches if s.emotion in contract.EMOTIONS]
    assert sorted(s.emotion for s in emotional) == sorted(c.emotion for c in clips() if c.emotion != "neutral")
    filled = sum(s.end - s.start for s in joined.stretches if s not in emotional)
    assert 0.3 <= filled / sum(s.end - s.start for s in joined.stretches) < 0.45
    gaps = [b.start - a.end for a, b in pairwise(joined.stretches)]
    assert min(gaps) >= 0.3 * RATE - 1
    assert max(gaps) <= 2.0 * RATE + 1
    for one in joined.stretches:
        inside = joined.samples[one.start : one.end]
        before = joined.samples[one.start - RATE // 5 : one.start]
        assert np.std(inside) > 5 * np.std(before)


def test_silence_around_a_clip_is_no_part_of_it() -> None:
    quiet = np.zeros(RATE, np.float32)
    padded = Clip(np.concatenate((quiet, noise(RATE), quiet)), "happy")
    assert len(joining.without_margins(padded).samples) == pytest.approx(1.2 * RATE, abs=0.05 * RATE)


def test_the_monitor_is_set_as_it_comes() -> None:
    settings = Settings()
    as_it_comes = app._speech_rules(settings), app._window_rules(settings), MoodRules(**dict(settings.mood))
    rules = listening.Rules()
    assert (rules.speech, rules.windows, rules.mood) == as_it_comes


class LateJudge:
    """Knows the truth, and says it `late` samples after it holds; otherwise it is none of the six."""

    def __init__(self, joined: Joined, late: int) -> None:
        self.known = course.episodes(joined.stretches)
        self.late = late

    async def estimate(self, window: Window, queue_s: float = 0.0) -> Estimate:
        at = window.end - self.late
        emotion = next((one.emotion for one in self.known if one.start <= at < one.end), None)
        asked = window.state is State.SPEECH
        state = window.state if not asked or emotion else State.UNSURE
        return Estimate(
            window.start, window.end, state, window.stage, window.utterance, window.revision,
            shares(emotion) if asked else None, 0.0 if emotion else 1.0, window.n_words, 0.0, queue_s, 0.0, 0.0,
        )  # fmt: skip


def first_hop_from(position: int) -> int:
    return FIRST_END + max(0, math.ceil((position - FIRST_END) / HOP_SAMPLES)) * HOP_SAMPLES


async def test_the_monitor_with_a_judge_that_is_right_after_half_a_second() -> None:
    joined = joining.join(clips(), np.random.default_rng(1))
    late = RATE // 2
    rules = listening.Rules(SpeechRules(), WindowRules(min_speech_s=0.1), AT_ONCE)
    heard_hops: list[int] = []
    taken = await listening.listen(
        joined, lambda block: 4 * loudness(block), LateJudge(joined, late), vectors(), rules, heard_hops.append
    )
    assert heard_hops == [hop.estimate.end for hop in taken.hops]
    assert heard_hops[:2] == [FIRST_END, FIRST_END + HOP_SAMPLES]
    found = course.figures([taken])
    known = course.episodes(joined.stretches)
    delays = [(first_hop_from(one.start + late) - one.start) / RATE for one in known]
    for name in ("time_to_first_correct_s", "time_to_stable_correct_s"):
        assert found[name] == {
            "median": pytest.approx(np.median(delays)),
            "p90": pytest.approx(np.percentile(delays, 90)),
            "never": 0.0,
        }
    n_changes = sum(a.emotion != b.emotion for a, b in pairwise(known))
    minutes = len(joined.samples) / RATE / 60
    assert found["flips_per_minute"] == pytest.approx(n_changes / minutes)
    assert (found["false_flips_per_minute"], found["false_alarms"]) == (0.0, 0)
    assert found["minutes"] == pytest.approx(minutes)


async def test_words_are_prompted_when_they_have_been_heard() -> None:
    spoken = [Clip(one.samples, one.emotion, ("so", "happy", "today")) for one in clips()]
    joined = joining.join(spoken, np.random.default_rng(1))
    seen: list[Window] = []

    class Reader(LateJudge):
        async def estimate(self, window: Window, queue_s: float = 0.0) -> Estimate:
            seen.append(window)
            return await super().estimate(window, queue_s)

    rules = listening.Rules(SpeechRules(), WindowRules(), AT_ONCE)
    await listening.listen(joined, lambda block: 4 * loudness(block), Reader(joined, 0), vectors(), rules)
    with_words = [window for window in seen if window.n_words]
    assert with_words
    for window in with_words:
        left_edge = window.end - contract.samples_of(contract.N_COLUMNS) * contract.SAMPLES_PER_PICTURE_SAMPLE
        ended = [word for word in joined.words if left_edge < word.end <= window.end]
        begun = [word for word in joined.words if word.end > left_edge and word.start < window.end]
        assert window.n_words <= len(begun)
        assert window.n_words >= len(ended) - 3
