"""Owner of the recogniser: sound goes in without waiting, transcripts come out; the child process behind it may die.

One piece is on its way to the child at a time, so what has been heard, how far behind it is, and when it hangs are
always known. Stretch: sound without a hole heard by one child. An utterance is usually one stretch; it has several
where sound had to be dropped or the child was lost, and keeps the words of those before.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Literal, Self, TypeAlias

from streamer.engines import child as children
from streamer.engines import wire
from streamer.engines.asr_models import Choice, Engine, choose
from streamer.engines.backlog import NO_SOUND, Backlog, end_of
from streamer.engines.child import Child, ChildLostError, ChildSpec
from streamer.engines.restarts import Restarts
from streamer.records import SpeechSound, Transcript, Word, seconds

_log = logging.getLogger(__name__)

RecogniserState: TypeAlias = Literal["starting", "ready", "restarting", "failed", "off"]


@dataclass(frozen=True, slots=True)
class RecogniserSpec:
    """Which recogniser, and what it may cost."""

    engine: Engine = "auto"
    vosk_model: Path | None = None
    vosk_model_env: str | None = None
    """Value of VOSK_MODEL_PATH."""
    folders: tuple[Path, ...] = ()
    """Where Vosk model folders may lie: `models/`, then the user's cache."""
    deterministic: bool = True
    """Vosk without dither: the same sound gives the same words."""
    lock_step: bool = False
    """Words depend on sound positions alone, never on how fast this machine is."""
    partial_every_s: float = 1.0
    """New speech between two passes over an utterance that goes on (Whisper)."""
    waiting_s: float = 10.0
    """Sound that may wait for a slow child; beyond it the oldest goes."""
    deadline_s: float = 5.0
    deadline_factor: float = 20.0
    """A piece must be answered within the larger of `deadline_s` and this many times its length."""
    load_deadline_s: float = 60.0
    memory_cap_mb: float = 1200.0
    """A child that uses more is replaced at the end of an utterance: Vosk's memory climbs."""


@dataclass(frozen=True, slots=True)
class RecogniserStatus:
    """What the dashboard shows of the recogniser."""

    name: Literal["vosk", "whisper", "none"]
    state: RecogniserState
    reason: str | None
    lag_s: float
    """From the oldest sound not yet answered to the newest."""
    dropped: int
    """Pieces of sound that were never heard."""
    restarts: int


@dataclass(slots=True)
class _Stretch:
    number: int
    begin: int
    end: int
    """Up to which it has been heard."""
    said: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class _Task:
    """What the child is to do next: hear `sound`, and with `ends` the utterance is over."""

    sound: SpeechSound
    ends: bool


class Transcriber:
    """Turn pieces of speech into transcripts; `heard` is called on the loop with each."""

    def __init__(
        self,
        spec: RecogniserSpec,
        heard: Callable[[Transcript], None],
        *,
        restarts: Restarts | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._spec = spec
        self._heard = heard
        self._restarts = restarts or Restarts(time.monotonic, Random())  # noqa: S311 (spreads restarts, keeps no secret)
        self._environment = os.environ if environment is None else environment
        self._choice = Choice("none", None)
        self._state: RecogniserState = "starting"
        self._reason: str | None = None
        self._waiting = Backlog(spec.waiting_s)
        self._task: _Task | None = None
        self._newest: SpeechSound | None = None
        self._utterance = -1
        self._kept: tuple[Word, ...] = ()
        self._stretch: _Stretch | None = None
        self._n_stretches = self._n_restarts = 0
        self._closed = asyncio.Event()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    async def __aenter__(self) -> Self:
        """Find the recogniser and its model; the child starts with `run`, and nobody has to wait for it.

        Raises: UsageError, ModelError where the recogniser asked for cannot be had.
        """
        spec = self._spec
        self._choice = choose(spec.engine, spec.vosk_model, spec.vosk_model_env, spec.folders)
        if self._choice.engine == "none":
            self._state, self._reason = "off", self._choice.reason
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close_input()

    def status(self) -> RecogniserStatus:
        """Return how the recogniser does."""
        oldest = self._task.sound if self._task else self._waiting.oldest if self._waiting else None
        lag_s = seconds(self._newest.end - oldest.start) if oldest and self._newest else 0.0
        return RecogniserStatus(
            self._choice.engine, self._state, self._reason, max(lag_s, 0.0), self._waiting.dropped, self._n_restarts
        )

    def offer(self, sound: SpeechSound) -> None:
        """Hand over speech without waiting; where too much waits, the oldest pieces go and are counted."""
        if self._choice.engine == "none" or self._closed.is_set():
            return
        self._newest = sound
        self._waiting.add(sound)
        self._idle.clear()
        self._wake.set()

    def close_input(self) -> None:
        """Take no more sound; `run` returns when what waits has been answered."""
        if self._newest and not self._newest.last:
            self.offer(end_of(self._newest))
        self._closed.set()

    async def settle(self) -> None:
        """Wait until everything offered so far has been answered or dropped. Needs `run` to be running."""
        await self._idle.wait()

    async def run(self) -> None:
        """Feed the child, and start it again when it is lost, until the input is closed and all is answered."""
        if self._choice.engine == "none":
            await self._closed.wait()
            return
        try:
            async with asyncio.TaskGroup() as group:
                feeding = group.create_task(self._feed(), name="recogniser")
                await self._closed.wait()
                await self._idle.wait()
                feeding.cancel()
        finally:
            self._closed.set()
            self._idle.set()

    async def _feed(self) -> None:
        name = self._choice.engine
        while True:
            self._restarts.started()
            try:
                async with children.start(self._child_spec(), self._environment, self._wake.set) as child:
                    await child.ready(self._spec.load_deadline_s)
                    self._state, self._reason = "ready", None
                    _log.info("recogniser %s: ready", name)
                    await self._serve(child)
                _log.info("recogniser %s: replaced, it used over %.0f MB", name, self._spec.memory_cap_mb)
                self._state = "restarting"
            except ChildLostError as lost:
                self._break_off()
                await self._rest(lost)

    def _child_spec(self) -> ChildSpec:
        spec = self._spec
        return ChildSpec(
            self._choice.engine, str(self._choice.folder), spec.deterministic, spec.lock_step, spec.partial_every_s
        )

    async def _serve(self, child: Child) -> None:
        """Feed `child` until it has grown too large."""
        while True:
            while not self._waiting:
                self._wake.clear()
                if child.is_lost:
                    raise await child.why_lost()
                await self._wake.wait()
            self._task = self._next_task()
            await self._hear(child, self._task)
            self._task = None
            self._look_idle()
            if not self._stretch and child.resident_mb > self._spec.memory_cap_mb:
                return

    def _next_task(self) -> _Task:
        """Take the next piece; but first, if it does not follow on the stretch at work, end that."""
        sound, stretch = self._waiting.oldest, self._stretch
        if stretch and (sound.utterance, sound.start) != (self._utterance, stretch.end):
            closing = SpeechSound(self._utterance, stretch.end, NO_SOUND, last=True)
            return _Task(closing, ends=sound.utterance != self._utterance)
        self._waiting.take()
        return _Task(sound, ends=sound.last)

    async def _hear(self, child: Child, task: _Task) -> None:
        sound = task.sound
        if not self._stretch:
            if not len(sound.samples):
                self._end_unheard(sound)
                return
            self._begin_stretch(sound)
        stretch = self._stretch
        assert stretch is not None  # noqa: S101 (begun above)

        def said(words: wire.Words) -> None:
            stretch.said = words.words
            self._tell(self._kept + words.words, words.at, final=words.final and task.ends)

        await child.hear(
            replace(sound, utterance=stretch.number),
            stretch.begin,
            said,
            more=bool(self._waiting) and not self._spec.lock_step,
            deadline_s=max(self._spec.deadline_s, self._spec.deadline_factor * seconds(len(sound.samples))),
        )
        stretch.end = sound.end
        if sound.last:
            self._kept += stretch.said
            self._stretch = None

    def _begin_stretch(self, sound: SpeechSound) -> None:
        if sound.utterance != self._utterance:
            self._utterance, self._kept = sound.utterance, ()
        self._n_stretches += 1
        self._stretch = _Stretch(self._n_stretches, sound.start, sound.start)

    def _tell(self, words: tuple[Word, ...], at: int, *, final: bool) -> None:
        self._heard(Transcript(self._utterance, words, at, final))

    def _end_unheard(self, sound: SpeechSound) -> None:
        """Settle an utterance whose end the child will not hear."""
        if sound.utterance == self._utterance:
            self._tell(self._kept, sound.end, final=True)

    def _break_off(self) -> None:
        """The child is lost, and with it the piece on its way: keep the words it has given."""
        if self._stretch:
            self._kept += tuple(replace(word, final=True) for word in self._stretch.said)
            self._stretch = None
        if self._task:
            self._waiting.dropped += bool(len(self._task.sound.samples))
            if self._task.ends:
                self._end_unheard(self._task.sound)
            self._task = None
        self._look_idle()

    async def _rest(self, lost: ChildLostError) -> None:
        """Wait as long as the failures so far demand, dropping what is offered meanwhile."""
        pause_s = None if lost.for_good else self._restarts.pause_s()
        self._state = "restarting" if pause_s == 0 else "failed"
        self._reason = str(lost) + (f"; trying again in {max(pause_s / 60, 1):.0f} min" if pause_s else "")
        _log.warning("recogniser %s: %s: %s", self._choice.engine, self._state, self._reason)
        if pause_s != 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._drop_for_ever()
        self._n_restarts += 1

    async def _drop_for_ever(self) -> None:
        while True:
            self._drop_all()
            self._wake.clear()
            await self._wake.wait()

    def _drop_all(self) -> None:
        while self._waiting:
            sound = self._waiting.drop()
            if sound.last:
                self._end_unheard(sound)
        self._look_idle()

    def _look_idle(self) -> None:
        if not self._waiting and not self._task:
            self._idle.set()
