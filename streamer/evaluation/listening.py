"""A joined recording through the monitor itself, in lock-step: timeline, windows, judge, mood. Nothing is imitated."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from streamer.engines.transcriber import RecogniserStatus
from streamer.evaluation.course import Course, Hop
from streamer.evaluation.joining import Joined
from streamer.features.speech import SpeechRules, SpeechTimeline
from streamer.features.windows import Windower, WindowRules
from streamer.features.words import WordVectors
from streamer.monitor import Judge, Monitor, Rhythm
from streamer.mood import MoodRules
from streamer.network import contract
from streamer.records import Chunk, Estimate, Mood, Samples, SpeechSound, Transcript, Word
from streamer.sources.source import SourceState, SourceStatus

CHUNK_SAMPLES: Final = contract.STREAM_RATE_HZ // 10
"""Windows and words do not depend on it (a law of the house)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How the monitor is set; as it comes, where nothing is said."""

    speech: SpeechRules = field(default_factory=SpeechRules)
    windows: WindowRules = field(default_factory=WindowRules)
    mood: MoodRules = field(default_factory=MoodRules)


class _Tape:
    """Sound in memory as a source."""

    name = "joined"
    live = False

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def chunks(self) -> AsyncIterator[Chunk]:
        for start in range(0, len(self._samples), CHUNK_SAMPLES):
            yield Chunk(self._samples[start : start + CHUNK_SAMPLES], start, 0.0)
            await asyncio.sleep(0)

    def status(self) -> SourceStatus:
        return SourceStatus(SourceState.LISTENING)

    async def close(self) -> None:
        self._samples = self._samples[:0]


class _Prompter:
    """A recogniser that knows the words beforehand, and says each when it has been heard to its end."""

    def __init__(self, words: tuple[Word, ...], hear: Callable[[Transcript], None]) -> None:
        self._words = words
        self._hear = hear
        self._utterance = -1
        self._began = 0

    def offer(self, sound: SpeechSound) -> None:
        if sound.utterance != self._utterance:
            self._utterance, self._began = sound.utterance, sound.start
        said = tuple(word for word in self._words if self._began <= word.start and word.end <= sound.end)
        if said:
            self._hear(Transcript(sound.utterance, said, sound.end, final=sound.last))

    async def run(self) -> None:
        return None

    async def settle(self) -> None:
        return None

    def close_input(self) -> None:
        return None

    def status(self) -> RecogniserStatus:
        return RecogniserStatus("none", "off", None, 0.0, 0, 0)


class _Notes:
    """What is announced, hop by hop: the estimate, and the mood that the monitor has made of it by then."""

    def __init__(self, on_hop: Callable[[int], None]) -> None:
        self.hops: list[Hop] = []
        self.monitor: Monitor | None = None
        self._on_hop = on_hop

    def estimate(self, estimate: Estimate) -> None:
        if self.monitor:
            self.hops.append(Hop(estimate, self.monitor.mood))
        self._on_hop(estimate.end)

    def mood(self, before: Mood, now: Mood) -> None:
        del before, now

    def transcript(self, transcript: Transcript) -> None:
        del transcript

    async def settle(self) -> None:
        return None

    def beat(self, mood: Mood) -> None:
        del mood


async def listen(  # noqa: PLR0913  a recording and all that hears it
    joined: Joined,
    voice: Callable[[Samples], float],
    judge: Judge,
    vectors: WordVectors,
    rules: Rules,
    on_hop: Callable[[int], None] = lambda _: None,
    *,
    with_mels: bool = False,
) -> Course:
    """Return what the monitor estimated and showed at every hop of a joined recording.

    `voice` gives the probability of voice of a block; `on_hop` hears how far the recording has been judged; `with_mels`
    says whether the judge takes mel frames.
    """
    timeline = SpeechTimeline(voice, rules.speech)
    windower = Windower(timeline, vectors, rules.windows, lambda: 0.0, with_mels=with_mels)
    hop_s = rules.windows.hop_columns * contract.LIVE_STEP_SAMPLES / contract.PICTURE_RATE_HZ
    rhythm = Rhythm(hop_s, lockstep=True, clock=lambda: 0.0)
    notes = _Notes(on_hop)
    monitor = Monitor(_Tape(joined.samples), timeline, windower, judge, notes, rules.mood, rhythm)
    notes.monitor = monitor
    if joined.words:
        monitor.attach(_Prompter(joined.words, monitor.hear))
    async with asyncio.TaskGroup() as group:
        group.create_task(monitor.listen(), name="listen")
        group.create_task(monitor.classify(), name="classify")
    if monitor.failure:
        raise monitor.failure
    return Course(joined.stretches, tuple(notes.hops), len(joined.samples))
