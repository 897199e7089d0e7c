"""The monitor's five tasks around one stream of sound: listen, transcribe, classify, and what keeps them honest.

`Monitor` owns the state between them (mute, pause, mood, counters) and nothing else: devices, processes and connections
belong to the parts it is handed. Everything here runs on one event loop, so nothing is locked.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from streamer.channel import Channel, Counters
from streamer.engines.transcriber import RecogniserStatus
from streamer.errors import EmostreamError
from streamer.features.speech import SpeechTimeline
from streamer.features.windows import Windower
from streamer.gauges import History, Latencies, Meter, Overload
from streamer.mood import QUIET, MoodRules, Smoothed, fold
from streamer.records import Chunk, Estimate, Mood, SpeechSound, State, Transcript, Window, Word
from streamer.sources.source import Source, SourceState, SourceStatus

BEAT_S = 1.0
"""How often the state is looked at when no window comes: a stalled device makes none."""


class Listener(Protocol):
    """What the monitor needs of a recogniser's owner."""

    def offer(self, sound: SpeechSound) -> None:
        """Take a piece of speech without waiting."""

    async def run(self) -> None:
        """Recognise until the input is closed."""

    async def settle(self) -> None:
        """Wait until all that was offered is answered."""

    def close_input(self) -> None:
        """Take no more."""

    def status(self) -> RecogniserStatus:
        """Return how the recogniser is."""


class Judge(Protocol):
    """What the monitor needs of a classifier."""

    async def estimate(self, window: Window, queue_s: float = 0.0) -> Estimate:
        """Return the estimate of a window."""


class Announcer(Protocol):
    """What hears the results: broker, standard output, a log of lines."""

    def estimate(self, estimate: Estimate) -> None:
        """Take one more estimate."""

    def mood(self, before: Mood, now: Mood) -> None:
        """Take a changed state or label."""

    def transcript(self, transcript: Transcript) -> None:
        """Take what was said."""

    async def settle(self) -> None:
        """Wait until those who want every estimate have taken it."""

    def beat(self, mood: Mood) -> None:
        """Take a sign of life, about once a second."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How the monitor keeps time."""

    hop_s: float
    lockstep: bool
    """Wait for recogniser and network at each step, so that nothing is ever dropped: for sound that can be slowed."""
    clock: Callable[[], float]
    """Monotonic, in seconds."""


@dataclass(slots=True)
class Gauges:
    """What the screen and the health message read."""

    meter: Meter = field(default_factory=Meter)
    latencies: Latencies = field(default_factory=Latencies)
    history: History = field(default_factory=History)
    model_s: Latencies = field(default_factory=Latencies)
    loop_lag_s: float = 0.0
    """How late the event loop was at the latest beat."""


class Monitor:
    """Carry sound from a source to estimates and moods."""

    def __init__(  # noqa: PLR0913, PLR0917 (the parts that meet here)
        self,
        source: Source,
        timeline: SpeechTimeline,
        windower: Windower,
        judge: Judge,
        announcer: Announcer,
        mood_rules: MoodRules,
        rhythm: Rhythm,
    ) -> None:
        self.source = source
        self.gauges = Gauges()
        self.estimate: Estimate | None = None
        self.muted = False
        self._paused = False
        self._timeline = timeline
        self._windower = windower
        self._judge = judge
        self._announcer = announcer
        self._mood_rules = mood_rules
        self._rhythm = rhythm
        self._origin: Callable[[int], str] = lambda _: ""
        self._forget: Callable[[], Awaitable[None]] | None = None
        self._heard_from: str | None = None
        self._windows: Channel[Window] = Channel(1)
        self._overload = Overload(rhythm.hop_s)
        self._smoothed: Smoothed = QUIET
        self._shown: Mood = QUIET.mood
        self._listener: Listener | None = None
        self.failure: EmostreamError | None = None

    @property
    def windows(self) -> Counters:
        """Return the counters of the queue of windows."""
        return self._windows.counters

    @property
    def mood(self) -> Mood:
        """Return what is known of the speaker now, with what the device does taken into account."""
        return _as_heard(self._smoothed.mood, self.source.status(), muted=self.muted)

    @property
    def words(self) -> list[Word]:
        """Return the words of the newest window."""
        return self._windower.words()

    def attach(self, listener: Listener) -> None:
        """Take the recogniser's owner, which needs `hear` and so is made after the monitor."""
        self._listener = listener

    def meet(self, origin: Callable[[int], str], forget: Callable[[], Awaitable[None]]) -> None:
        """Take what says where the sound at a position came from, and what to do where that changes."""
        self._origin, self._forget = origin, forget

    def hear(self, transcript: Transcript) -> None:
        """Take what the recogniser knows."""
        self._windower.hear(transcript)
        self._announcer.transcript(transcript)

    async def listen(self) -> None:
        """Carry sound to the recogniser and to the windows until the source ends or is closed."""
        try:
            async for chunk in self.source.chunks():
                await self._take(_silenced(chunk) if self.muted else chunk)
            await self._hand_on(self._windower.finish())
        except EmostreamError as error:
            self.failure = error
        finally:
            self._close()

    async def classify(self) -> None:
        """Judge windows as they come; the newest wins where they come too fast."""
        async for window in self._windows:
            await self._notice_origin(window)
            queue_s = max(0.0, self._rhythm.clock() - window.captured_s - window.features_s)
            estimate = await self._judge.estimate(window, queue_s)
            if self._overload.push(estimate):
                estimate = replace(estimate, state=State.OVERLOADED)
            self._take_estimate(estimate)
            await self._announcer.settle()

    async def beat(self) -> None:
        """Notice what happens while no sound comes, and give a sign of life."""
        while True:
            began_s = self._rhythm.clock()
            await asyncio.sleep(BEAT_S)
            self.gauges.loop_lag_s = max(0.0, self._rhythm.clock() - began_s - BEAT_S)
            self._show()
            self._announcer.beat(self.mood)

    async def pause(self, pause: Callable[[], Awaitable[None]], resume: Callable[[], Awaitable[None]]) -> None:
        """Close the device, or open it again if it is closed."""
        self._paused = not self._paused
        await (pause() if self._paused else resume())
        self._show()

    def mute(self) -> None:
        """Hear silence in place of the sound, or the sound again."""
        self.muted = not self.muted
        self._show()

    async def forget_speaker(self) -> None:
        """Meet the speaker anew: somebody else is talking now."""
        if self._forget:
            await self._forget()

    async def _take(self, chunk: Chunk) -> None:
        self.gauges.meter.push(chunk.samples, chunk.end)
        for sound in self._timeline.push(chunk):
            self._offer(sound)
        if self._rhythm.lockstep and self._listener:
            await self._listener.settle()
        await self._hand_on(self._windower.push(chunk))

    async def _hand_on(self, windows: list[Window]) -> None:
        for window in windows:
            if self._rhythm.lockstep:
                await self._windows.put(window)
            else:
                self._windows.offer(window)

    async def _notice_origin(self, window: Window) -> None:
        origin = self._origin(window.end - 1)
        if self._heard_from not in (None, origin):
            await self.forget_speaker()
        self._heard_from = origin

    def _offer(self, sound: SpeechSound) -> None:
        if self._listener:
            self._listener.offer(sound)

    def _close(self) -> None:
        for sound in self._timeline.finish():
            self._offer(sound)
        if self._listener:
            self._listener.close_input()
        self._windows.close()

    def _take_estimate(self, estimate: Estimate) -> None:
        self.estimate = estimate
        self._smoothed = fold(self._smoothed, estimate, self._mood_rules)
        self.gauges.history.push(self._smoothed.mood)
        if estimate.probabilities is not None:
            self.gauges.model_s.push(estimate.model_s)
        self.gauges.latencies.push(self._rhythm.clock() - estimate.captured_s)
        self._announcer.estimate(estimate)
        self._show()

    def _show(self) -> None:
        now = self.mood
        if (now.state, now.label) != (self._shown.state, self._shown.label):
            self._announcer.mood(self._shown, now)
        self._shown = now


def _silenced(chunk: Chunk) -> Chunk:
    return replace(chunk, samples=np.zeros_like(chunk.samples), muted=True)


def _as_heard(mood: Mood, source: SourceStatus, *, muted: bool) -> Mood:
    """Return the mood, or why there is none while the device gives no sound."""
    if muted or source.state is SourceState.PAUSED:
        state = State.MUTED
    elif source.state in (SourceState.STALLED, SourceState.REOPENING, SourceState.SILENT):
        state = State.DEVICE_SILENT
    else:
        return mood
    return replace(mood, state=state, label=None, probabilities=None, confidence=0.0)
