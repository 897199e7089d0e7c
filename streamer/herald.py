"""What is told to the world: estimates, moods, words and health, turned into messages and lines. Waits for nobody."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from streamer.records import Estimate, Mood, Transcript
from streamer.sinks import payload
from streamer.sinks.broker import Message
from streamer.sinks.messages import Change, Health, Listening, MoodEvent
from streamer.sinks.payload import Origin, Stamp
from streamer.sinks.topics import Kind

HEARTBEAT_S = 5.0
"""How often the state is said again although nothing changed, and health with it."""


Outlet: TypeAlias = Callable[[Message], None]
"""Somewhere for finished messages to go; never waits."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The two clocks, handed in."""

    monotonic: Callable[[], float]
    utc: Callable[[], datetime]


class Herald:
    """Turn what the monitor finds into messages for the outlets, each kind numbered from 0."""

    def __init__(self, origin: Origin, clocks: Clocks, *, tell_words: bool) -> None:
        self._origin = origin
        self._clocks = clocks
        self._listening: Callable[[], Listening] | None = None
        self._health: Callable[[], Health] | None = None
        self._tell_words = tell_words
        self._outlets: list[tuple[frozenset[Kind], Outlet]] = []
        self._unsaid: list[tuple[Callable[[bytes], Awaitable[None]], list[bytes]]] = []
        self._seq = dict.fromkeys(Kind, 0)
        self._next_heartbeat_s = 0.0

    def ask(self, listening: Callable[[], Listening], health: Callable[[], Health]) -> None:
        """Ask these whenever the state or the health is told; before, neither is."""
        self._listening, self._health = listening, health

    def add_patient(self, put: Callable[[bytes], Awaitable[None]], kinds: frozenset[Kind]) -> None:
        """Hand `put` every message of these kinds, at the latest when `settle` is awaited; none is lost."""
        unsaid: list[bytes] = []
        self._unsaid.append((put, unsaid))
        self.add(lambda message: unsaid.append(message.payload), kinds)

    async def settle(self) -> None:
        """Wait until the patient outlets have taken everything told so far."""
        for put, unsaid in self._unsaid:
            for message in unsaid:
                await put(message)
            unsaid.clear()

    def add(self, outlet: Outlet, kinds: frozenset[Kind] = frozenset(Kind)) -> None:
        """Tell `outlet` everything of these kinds from now on."""
        self._outlets.append((kinds, outlet))

    def estimate(self, estimate: Estimate) -> None:
        """Tell one more estimate. Its `time` is when the last sample of its window was captured."""
        if not self._is_wanted(Kind.ESTIMATE):
            return
        now_s = self._clocks.monotonic()
        captured = self._clocks.utc() - timedelta(seconds=max(0.0, now_s - estimate.captured_s))
        stamp = Stamp(self._seq[Kind.ESTIMATE], captured, now_s)
        self._send(Kind.ESTIMATE, payload.estimate(estimate, self._origin, stamp))

    def mood(self, before: Mood, now: Mood) -> None:
        """Tell a changed state or label: the state at once, and the label left and the one entered as events."""
        if before.label != now.label:
            if before.label:
                self._event(MoodEvent(Change.EXIT, before.label, before.confidence, before.start, now.end))
            if now.label:
                self._event(MoodEvent(Change.ENTER, now.label, now.confidence, now.end, now.end))
        self._state(now)

    def transcript(self, transcript: Transcript) -> None:
        """Tell what was said, only where the user wants that."""
        if self._tell_words and self._is_wanted(Kind.TRANSCRIPT):
            self._send(Kind.TRANSCRIPT, payload.transcript(transcript, self._origin, self._stamp(Kind.TRANSCRIPT)))

    def beat(self, mood: Mood) -> None:
        """Say from time to time that we are there, and how we are."""
        now_s = self._clocks.monotonic()
        if now_s < self._next_heartbeat_s:
            return
        self._next_heartbeat_s = now_s + HEARTBEAT_S
        self._state(mood)
        if self._health and self._is_wanted(Kind.HEALTH):
            self._send(Kind.HEALTH, payload.health(self._health(), self._origin, self._stamp(Kind.HEALTH)))

    def _state(self, mood: Mood) -> None:
        if self._listening and self._is_wanted(Kind.STATE):
            self._send(Kind.STATE, payload.state(mood, self._listening(), self._origin, self._stamp(Kind.STATE)))

    def _event(self, event: MoodEvent) -> None:
        if self._is_wanted(Kind.EVENT):
            self._send(Kind.EVENT, payload.event(event, self._origin, self._stamp(Kind.EVENT)))

    def _stamp(self, kind: Kind) -> Stamp:
        return Stamp(self._seq[kind], self._clocks.utc())

    def _is_wanted(self, kind: Kind) -> bool:
        return any(kind in kinds for kinds, _ in self._outlets)

    def _send(self, kind: Kind, message: bytes) -> None:
        self._seq[kind] += 1
        for kinds, outlet in self._outlets:
            if kind in kinds:
                outlet(Message(kind, message))
