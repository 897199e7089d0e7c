"""The monitor around parts that the test plays: what is dropped, what is waited for, what a stalled device means."""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import numpy as np
import pytest

from streamer.engines.transcriber import RecogniserStatus
from streamer.errors import SourceLost
from streamer.features.speech import SpeechTimeline
from streamer.features.windows import Windower, WindowRules
from streamer.monitor import Monitor, Rhythm
from streamer.mood import MoodRules
from streamer.network import contract
from streamer.records import Chunk, Estimate, Mood, SpeechSound, State, Transcript, Window
from streamer.sources.source import SourceState, SourceStatus
from tests.unit.test_windows import loudness, noise, speech, vectors

CHUNK = 320
SIX = (0.95, 0.01, 0.01, 0.01, 0.01, 0.01)


class Tape:
    """A source that plays samples as fast as they are taken."""

    name = "tape"
    live = False

    def __init__(self, samples: np.ndarray[tuple[int], np.dtype[np.float32]], lost_after: int | None = None) -> None:
        self.samples = samples
        self.lost_after = lost_after
        self.state = SourceState.LISTENING

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def chunks(self) -> AsyncIterator[Chunk]:
        for start in range(0, len(self.samples), CHUNK):
            if self.lost_after is not None and start >= self.lost_after:
                message = "the microphone is gone"
                raise SourceLost(message)
            await asyncio.sleep(0)
            yield Chunk(self.samples[start : start + CHUNK], start, 0.0)

    def status(self) -> SourceStatus:
        return SourceStatus(self.state)

    async def close(self) -> None:
        self.samples = self.samples[:0]


class Judge:
    """Answers happy to every window of speech, after as much time as `slow_chunks` chunks take."""

    def __init__(self, slow_chunks: int = 0) -> None:
        self.slow_chunks = slow_chunks
        self.seen: list[Window] = []

    async def estimate(self, window: Window, queue_s: float = 0.0) -> Estimate:
        for _ in range(self.slow_chunks):
            await asyncio.sleep(0)
        self.seen.append(window)
        six = SIX if window.state is State.SPEECH else None
        return Estimate(
            window.start, window.end, window.state, window.stage, window.utterance, window.revision, six, 0.0,
            window.n_words, window.captured_s, queue_s, 0.0, 0.0,
        )  # fmt: skip


class Diary:
    """Notes everything that is announced."""

    def __init__(self) -> None:
        self.estimates: list[Estimate] = []
        self.moods: list[tuple[Mood, Mood]] = []
        self.beats: list[Mood] = []

    def estimate(self, estimate: Estimate) -> None:
        self.estimates.append(estimate)

    def mood(self, before: Mood, now: Mood) -> None:
        self.moods.append((before, now))

    def transcript(self, transcript: Transcript) -> None:
        raise AssertionError(transcript)

    async def settle(self) -> None:
        return None

    def beat(self, mood: Mood) -> None:
        self.beats.append(mood)


class Ears:
    """A recogniser that notes what it was offered."""

    def __init__(self) -> None:
        self.offered: list[SpeechSound] = []
        self.settled = 0
        self.closed = False

    def offer(self, sound: SpeechSound) -> None:
        self.offered.append(sound)

    async def run(self) -> None:
        return None

    async def settle(self) -> None:
        self.settled += 1

    def close_input(self) -> None:
        self.closed = True

    def status(self) -> RecogniserStatus:
        return RecogniserStatus("none", "off", None, 0.0, 0, 0)


class House:
    def __init__(self, tape: Tape, judge: Judge, *, lockstep: bool) -> None:
        timeline = SpeechTimeline(loudness)
        windower = Windower(timeline, vectors(), WindowRules(), lambda: 0.0)
        self.diary, self.ears, self.judge = Diary(), Ears(), judge
        rhythm = Rhythm(0.16, lockstep, lambda: 0.0)
        self.monitor = Monitor(tape, timeline, windower, judge, self.diary, MoodRules(), rhythm)
        self.monitor.attach(self.ears)

    async def live(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.monitor.listen())
            group.create_task(self.monitor.classify())


TALK = np.concatenate((noise(1, 0.01), speech(3), noise(2, 0.01)))
HOPS = contract.columns_in(len(TALK) // 2) // contract.DEFAULT_HOP_COLUMNS


async def test_in_lock_step_nothing_is_dropped_however_slow_the_network() -> None:
    house = House(Tape(TALK), Judge(slow_chunks=20), lockstep=True)
    await house.live()
    assert len(house.diary.estimates) == HOPS
    assert house.monitor.windows.dropped == 0
    assert house.ears.settled >= len(TALK) // CHUNK


async def test_in_real_time_the_newest_window_wins_and_the_rest_is_counted() -> None:
    house = House(Tape(TALK), Judge(slow_chunks=40), lockstep=False)
    await house.live()
    counters = house.monitor.windows
    assert counters.dropped > 0
    assert counters.offered == HOPS == counters.delivered + counters.dropped
    assert house.diary.estimates[-1].end == max(window.end for window in house.judge.seen)
    assert State.OVERLOADED in {estimate.state for estimate in house.diary.estimates}


async def test_the_mood_enters_with_speech_and_leaves_after_it() -> None:
    house = House(Tape(TALK), Judge(), lockstep=True)
    await house.live()
    labels = [now.label for _, now in house.diary.moods]
    assert labels.count("happy") == 1
    assert labels[-1] is None


async def test_the_recogniser_gets_the_utterance_and_its_end() -> None:
    house = House(Tape(TALK), Judge(), lockstep=True)
    await house.live()
    assert house.ears.offered[-1].last
    assert house.ears.closed
    heard_s = sum(len(sound.samples) for sound in house.ears.offered) / contract.STREAM_RATE_HZ
    assert 3.0 < heard_s < 4.5


async def test_a_lost_source_is_remembered_and_what_was_heard_is_still_judged() -> None:
    house = House(Tape(TALK, lost_after=3 * contract.STREAM_RATE_HZ), Judge(), lockstep=True)
    await house.live()
    assert str(house.monitor.failure) == "the microphone is gone"
    assert house.diary.estimates[-1].end > 2.5 * contract.STREAM_RATE_HZ
    assert house.ears.offered[-1].last


async def test_muted_sound_is_replaced_by_silence_before_anything_hears_it() -> None:
    house = House(Tape(TALK), Judge(), lockstep=True)
    house.monitor.mute()
    await house.live()
    assert {estimate.state for estimate in house.diary.estimates} == {State.MUTED}
    assert house.ears.offered == []
    assert house.monitor.gauges.meter.peak_db is not None
    assert house.monitor.gauges.meter.peak_db < -100
    assert not any(window.picture.any() for window in house.judge.seen)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (SourceState.STALLED, State.DEVICE_SILENT),
        (SourceState.REOPENING, State.DEVICE_SILENT),
        (SourceState.SILENT, State.DEVICE_SILENT),
        (SourceState.PAUSED, State.MUTED),
    ],
)
async def test_while_no_sound_comes_the_beat_says_why_there_is_no_label(
    source: SourceState, said: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.monitor.BEAT_S", 0.01)
    tape = Tape(TALK[: 4 * contract.STREAM_RATE_HZ])
    house = House(tape, Judge(), lockstep=True)
    await house.live()
    assert house.monitor.mood.label == "happy"
    tape.state = source
    beat = asyncio.create_task(house.monitor.beat())
    await asyncio.sleep(0.1)
    beat.cancel()
    before, now = house.diary.moods[-1]
    assert (before.label, now.label, now.state) == ("happy", None, said)
    assert house.diary.beats[-1].state is said


async def test_pause_and_resume_take_turns() -> None:
    house = House(Tape(TALK), Judge(), lockstep=True)
    called: list[str] = []

    async def pause() -> None:
        called.append("pause")

    async def resume() -> None:
        called.append("resume")

    for _ in range(3):
        await house.monitor.pause(pause, resume)
    assert called == ["pause", "resume", "pause"]


async def test_sound_from_elsewhere_is_a_new_speaker_from_its_first_window_on() -> None:
    """The border lies inside a window's hop; the window that ends on it still belongs to what came before."""
    house = House(Tape(TALK), Judge(), lockstep=True)
    await house.live()
    ends = [window.end for window in house.judge.seen]
    for border in (ends[9], ends[9] + 1):
        house, forgotten = House(Tape(TALK), Judge(), lockstep=True), list[int]()

        async def forget(house: House = house, forgotten: list[int] = forgotten) -> None:
            forgotten.append(len(house.judge.seen))

        def origin(position: int, border: int = border) -> str:
            return "b.wav" if position >= border else "a.wav"

        house.monitor.meet(origin, forget)
        await house.live()
        assert forgotten == [10]
        await house.monitor.forget_speaker()
        assert forgotten == [10, HOPS]
