"""What is told, when, and what is kept to ourselves."""

import json
from datetime import UTC, datetime
from typing import Any

from streamer.channel import Counters
from streamer.herald import HEARTBEAT_S, Clocks, Herald
from streamer.network import contract
from streamer.records import Estimate, Mood, Stage, State, Transcript, Word
from streamer.sinks.broker import Message
from streamer.sinks.messages import Health, Listening, RecogniserHealth, SourceHealth
from streamer.sinks.payload import Origin
from streamer.sinks.topics import Kind

SIX = (0.5, 0.1, 0.1, 0.1, 0.1, 0.1)


class Town:
    """A herald with a hand-moved clock and one listener that keeps every message."""

    def __init__(self, *, tell_words: bool = False) -> None:
        self.now_s = 100.0
        self.heard: list[Message] = []
        clocks = Clocks(lambda: self.now_s, lambda: datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC))
        self.herald = Herald(Origin("kitchen", "mic", "abc", "stream-en"), clocks, tell_words=tell_words)
        self.herald.ask(lambda: Listening(True, False, "microphone", "vosk"), health)
        self.herald.add(self.heard.append)

    def told(self, kind: Kind) -> list[dict[str, Any]]:
        return [json.loads(message.payload) for message in self.heard if message.kind is kind]


def health() -> Health:
    return Health(
        1.0, 100.0, 0.0, None, RecogniserHealth("vosk", "ready", 0.0, 0, 0), SourceHealth("microphone", "listening"),
        channels={"windows": Counters(1, 1, 0, 0)},
    )  # fmt: skip


def mood(label: str | None, end: int = 16_000, start: int = 0) -> Mood:
    state = State.SPEECH if label else State.NO_SPEECH
    return Mood(state, label, 0.5, SIX if label else None, start, end)


def estimate(captured_s: float = 99.95) -> Estimate:
    return Estimate(0, 16_000, State.SPEECH, Stage.FINAL, 3, 1, SIX, 0.1, 2, captured_s, 0.001, 0.002, 0.003)


def test_an_estimate_says_when_its_sound_was_captured_and_how_late_it_is() -> None:
    town = Town()
    town.herald.estimate(estimate(captured_s=99.95))
    told = town.told(Kind.ESTIMATE)[0]
    assert told["time"] == "2026-11-22T09:59:59.950Z"
    assert told["latency_ms"] == {"queue": 1.0, "features": 2.0, "model": 3.0, "total": 50.0}
    assert (told["seq"], told["id"], told["label"]) == (0, "abc-3", "happy")


def test_each_kind_is_numbered_by_itself() -> None:
    town = Town()
    for _ in range(3):
        town.herald.estimate(estimate())
    town.herald.mood(mood(None), mood("happy"))
    assert [told["seq"] for told in town.told(Kind.ESTIMATE)] == [0, 1, 2]
    assert town.told(Kind.STATE)[0]["seq"] == 0


def test_a_changed_label_is_an_exit_and_an_enter() -> None:
    town = Town()
    town.herald.mood(mood("sad", 16_000, start=8_000), mood("happy", 32_000, start=32_000))
    left, entered = town.told(Kind.EVENT)
    assert (left["event"], left["label"], left["duration_s"]) == ("exit", "sad", 1.5)
    assert (entered["event"], entered["label"], entered["duration_s"]) == ("enter", "happy", 0.0)


def test_a_change_without_a_label_is_a_state_and_no_event() -> None:
    town = Town()
    town.herald.mood(mood(None), Mood(State.MUTED, None, 0.0, None, 0, 16_000))
    assert town.told(Kind.EVENT) == []
    assert [told["state"] for told in town.told(Kind.STATE)] == ["muted"]


def test_the_heart_beats_at_its_own_pace() -> None:
    town = Town()
    for _ in range(30):
        town.herald.beat(mood(None))
        town.now_s += 1.0
    assert len(town.told(Kind.STATE)) == len(town.told(Kind.HEALTH)) == 30 / HEARTBEAT_S


def test_words_are_told_only_where_that_was_switched_on() -> None:
    said = Transcript(0, (Word("canary", 0, 16_000, 0.9, True),), 16_000, True)
    quiet, open_ = Town(), Town(tell_words=True)
    quiet.herald.transcript(said)
    open_.herald.transcript(said)
    assert quiet.heard == []
    assert open_.told(Kind.TRANSCRIPT)[0]["words"][0]["word"] == "canary"


def test_no_message_but_the_transcript_holds_a_word() -> None:
    town = Town()
    town.herald.transcript(Transcript(0, (Word("canary", 0, 16_000, 0.9, True),), 16_000, True))
    town.herald.estimate(estimate())
    town.herald.mood(mood(None), mood("happy"))
    town.herald.beat(mood("happy"))
    assert {message.kind for message in town.heard} == {Kind.ESTIMATE, Kind.STATE, Kind.EVENT, Kind.HEALTH}
    assert not any(b"canary" in message.payload for message in town.heard)


def test_an_outlet_hears_only_its_kinds() -> None:
    town, lines = Town(), list[Message]()
    town.herald.add(lines.append, frozenset({Kind.ESTIMATE}))
    town.herald.mood(mood(None), mood("happy"))
    town.herald.estimate(estimate())
    assert [message.kind for message in lines] == [Kind.ESTIMATE]


def test_probabilities_are_named() -> None:
    town = Town()
    town.herald.estimate(estimate())
    assert tuple(town.told(Kind.ESTIMATE)[0]["probabilities"]) == contract.EMOTIONS
