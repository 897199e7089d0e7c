"""Payloads: the exact bytes of one estimate, label and confidence, and every message valid by its schema."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import streamer
from streamer.network.contract import EMOTIONS, STREAM_RATE_HZ
from streamer.records import Estimate, Mood, Stage, State, Transcript, Word
from streamer.sinks import payload
from streamer.sinks.messages import (
    BrokerHealth,
    Change,
    ChannelHealth,
    Health,
    Listening,
    MoodEvent,
    RecogniserHealth,
    SourceHealth,
)
from streamer.sinks.payload import Origin, Stamp
from streamer.sinks.topics import LARGEST_MESSAGE_BYTES, Kind, Presence

SCHEMAS = Path(streamer.__file__).parent / "schema"
ORIGIN = Origin("kitchen", "mic", "k3f9", "stream-en")
NOON = datetime(2026, 11, 22, 10, 0, 0, 123_456, tzinfo=UTC)

FEELING = Estimate(
    start=57 * STREAM_RATE_HZ + 13_440,
    end=65 * STREAM_RATE_HZ + 14_720,
    state=State.SPEECH,
    stage=Stage.PARTIAL,
    utterance=4,
    revision=2,
    probabilities=(0.71, 0.05, 0.06, 0.1, 0.03, 0.05),
    none_probability=0.0,
    n_words=7,
    captured_s=100.0,
    queue_s=0.0031,
    features_s=0.0004,
    model_s=0.0049,
)


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return loaded


def valid(kind: Kind, message: bytes) -> dict[str, Any]:
    """Return the message after it has passed its schema, strictly: our own messages have no undescribed field."""
    assert len(message) <= LARGEST_MESSAGE_BYTES
    fields: dict[str, Any] = json.loads(message)
    rules = schema(kind)
    Draft202012Validator(rules, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(fields)
    assert list(fields) == list(rules["properties"]), "the schema lists the fields in the order in which they are sent"
    return fields


def test_an_estimate_is_these_bytes() -> None:
    message = payload.estimate(FEELING, ORIGIN, Stamp(412, NOON, published_s=100.0092))
    assert message.decode() == (
        '{"schema":"emostream.estimate/1","node":"kitchen","stream":"mic","seq":412,"id":"k3f9-4","revision":2,'
        '"stage":"partial","time":"2026-11-22T10:00:00.123Z","start_s":57.84,"end_s":65.92,"state":"speech",'
        '"label":"happy","confidence":0.71,"probabilities":{"happy":0.71,"angry":0.05,"sad":0.06,"surprised":0.1,'
        '"disgusted":0.03,"fear":0.05},"latency_ms":{"queue":3.1,"features":0.4,"model":4.9,"total":9.2},'
        '"model":"stream-en","words":7}'
    )


probability = st.floats(0, 1)
position = st.integers(-(10**6), 10**10)
duration_s = st.floats(0, 1e4)
count = st.integers(0, 2**53)
stamps = st.builds(Stamp, count, st.datetimes(datetime(1970, 1, 2), timezones=st.just(UTC)), duration_s)  # noqa: DTZ001
six = st.tuples(*[probability] * 6).filter(lambda p: sum(p) > 0.01).map(lambda p: tuple(x / sum(p) for x in p))
channels = st.builds(ChannelHealth, count, count, count, count)


@st.composite
def estimates(draw: st.DrawFn) -> Estimate:
    state = draw(st.sampled_from(State))
    asked = state in (State.SPEECH, State.UNSURE)
    return Estimate(
        start=draw(position),
        end=draw(position),
        state=state,
        stage=draw(st.sampled_from(Stage)),
        utterance=draw(st.integers(-1, 10**6)),
        revision=draw(count),
        probabilities=draw(six) if asked else None,
        none_probability=draw(probability),
        n_words=draw(st.integers(0, 40)),
        captured_s=draw(duration_s),
        queue_s=draw(duration_s),
        features_s=draw(duration_s),
        model_s=draw(duration_s),
    )


@given(estimates(), stamps)
def test_every_estimate_is_valid_and_says_what_the_record_says(record: Estimate, stamp: Stamp) -> None:
    fields = valid(Kind.ESTIMATE, payload.estimate(record, ORIGIN, stamp))
    assert fields["id"] == (f"k3f9-{record.utterance}" if record.utterance >= 0 else None)
    assert (fields["seq"], fields["revision"], fields["words"]) == (stamp.seq, record.revision, record.n_words)
    assert fields["start_s"] == round(max(0, record.start) / STREAM_RATE_HZ, 3)
    assert fields["end_s"] == round(max(0, record.end) / STREAM_RATE_HZ, 3)
    assert (fields["state"], fields["stage"]) == (record.state, record.stage)
    if record.probabilities is None:
        assert (fields["label"], fields["confidence"], fields["probabilities"]) == (None, None, None)
        return
    shown: Mapping[str, float] = fields["probabilities"]
    assert list(shown) == list(EMOTIONS)
    assert list(shown.values()) == pytest.approx(record.probabilities, abs=5.1e-5)
    assert fields["confidence"] == max(shown.values())
    assert fields["label"] == (max(EMOTIONS, key=shown.__getitem__) if record.state is State.SPEECH else None) or (
        shown[fields["label"]] == max(shown.values())  # two that differ only beyond the fourth decimal
    )


@given(estimates(), stamps)
def test_the_same_record_gives_the_same_bytes(record: Estimate, stamp: Stamp) -> None:
    assert payload.estimate(record, ORIGIN, stamp) == payload.estimate(record, ORIGIN, stamp)


@st.composite
def moods(draw: st.DrawFn) -> Mood:
    state = draw(st.sampled_from(State))
    label = draw(st.sampled_from(EMOTIONS)) if state is State.SPEECH else None
    return Mood(state, label, draw(probability), draw(st.none() | six), draw(position), draw(position))


@given(moods(), st.booleans(), stamps)
def test_every_state_is_valid(mood: Mood, muted: bool, stamp: Stamp) -> None:
    listening = Listening(listening=not muted, muted=muted, source="microphone", recogniser="vosk")
    fields = valid(Kind.STATE, payload.state(mood, listening, ORIGIN, stamp))
    assert (fields["state"], fields["label"]) == (mood.state, mood.label)
    assert (fields["confidence"] is None) == (mood.probabilities is None)
    assert (fields["listening"], fields["muted"], fields["recogniser"]) == (not muted, muted, "vosk")


@given(st.sampled_from(Change), st.sampled_from(EMOTIONS), probability, position, position, stamps)
def test_every_event_is_valid(change: Change, label: str, sure: float, since: int, at: int, stamp: Stamp) -> None:
    fields = valid(Kind.EVENT, payload.event(MoodEvent(change, label, sure, since, at), ORIGIN, stamp))
    assert (fields["event"], fields["label"]) == (change, label)
    assert fields["duration_s"] == round(max(0, at - since) / STREAM_RATE_HZ, 3)


@given(st.dictionaries(st.sampled_from(["sound", "windows", "outbox"]), channels), channels, count, duration_s, stamps)
def test_every_health_report_is_valid(
    counters: dict[str, ChannelHealth], outbox: ChannelHealth, number: int, lag_s: float, stamp: Stamp
) -> None:
    report = Health(
        uptime_s=lag_s,
        memory_mb=lag_s,
        loop_lag_s=lag_s,
        engine_s=None if number % 2 else lag_s,
        recogniser=RecogniserHealth("vosk", "ready", lag_s, number, number),
        source=SourceHealth("microphone", "listening", number, number, number),
        channels=counters,
        broker=None if number % 3 else BrokerHealth("online", number, number, number, outbox),
    )
    fields = valid(Kind.HEALTH, payload.health(report, ORIGIN, stamp))
    assert fields["recogniser"]["dropped"] == number
    assert {name: tuple(sorted(of.items())) for name, of in fields["channels"].items()} == {
        name: (("delivered", c.delivered), ("dropped", c.dropped), ("offered", c.offered), ("waiting", c.waiting))
        for name, c in counters.items()
    }


words = st.builds(Word, st.text(max_size=80), position, position, probability, st.booleans())
anything_said = st.lists(words, max_size=200).map(tuple)


@given(st.builds(Transcript, st.integers(0, 10**6), anything_said, position, st.booleans()), stamps)
def test_every_transcript_is_valid_and_keeps_the_newest_words(record: Transcript, stamp: Stamp) -> None:
    fields = valid(Kind.TRANSCRIPT, payload.transcript(record, ORIGIN, stamp))
    shown = [word["word"] for word in fields["words"]]
    assert shown == [word.text for word in record.words][len(record.words) - len(shown) :]
    assert fields["truncated"] == (len(shown) < len(record.words))
    assert fields["final"] == record.final


def test_a_long_transcript_loses_its_oldest_words_only_as_far_as_it_must() -> None:
    said = tuple(Word(f"word{i}", i, i + 1, 1.0, final=True) for i in range(1000))
    message = payload.transcript(Transcript(0, said, 0, final=True), ORIGIN, Stamp(0, NOON))
    assert LARGEST_MESSAGE_BYTES - 100 < len(message) <= LARGEST_MESSAGE_BYTES
    assert json.loads(message)["words"][-1]["word"] == "word999"


def test_a_word_with_half_a_character_in_it_does_not_stop_the_transcript() -> None:
    said = (Word("a\ud800b", 0, 1, 1.0, final=True),)
    message = payload.transcript(Transcript(0, said, 0, final=True), ORIGIN, Stamp(0, NOON))
    assert valid(Kind.TRANSCRIPT, message)["words"][0]["word"] == "a?b"


def test_the_time_is_utc_wherever_the_clock_stands() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert json.loads(payload.estimate(FEELING, ORIGIN, Stamp(0, there)))["time"] == "2026-11-22T10:00:00.123Z"


def test_a_clock_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        payload.estimate(FEELING, ORIGIN, Stamp(0, NOON.replace(tzinfo=None)))


def test_numbers_are_never_minus_nothing() -> None:
    calm = Mood(State.SPEECH, "sad", 0.5, (-0.0, 0.0, 1.0, -1e-9, 0.0, 0.0), 0, 0)
    listening = Listening(listening=True, muted=False, source="stdin", recogniser="none")
    assert b"-0" not in payload.state(calm, listening, ORIGIN, Stamp(0, NOON)).split(b'"state":', 1)[1]


@pytest.mark.parametrize("name", [*Kind, "availability"])
def test_every_field_of_every_schema_is_described(name: str) -> None:
    rules = schema(name)
    Draft202012Validator.check_schema(rules)
    assert rules["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for path, field in fields_of(rules, name):
        assert field.get("description"), f"{path} says nothing"
        if path.rsplit("_", 1)[-1] in ("s", "ms", "mb"):
            assert "second" in field["description"] or "megabytes" in field["description"], f"{path} has no unit"


def fields_of(rules: Mapping[str, Any], path: str) -> list[tuple[str, Mapping[str, Any]]]:
    found: list[tuple[str, Mapping[str, Any]]] = []
    nested = [rules, *rules.get("oneOf", []), rules.get("items", {}), rules.get("additionalProperties") or {}]
    for part in nested:
        for name, field in part.get("properties", {}).items():
            found += [(f"{path}.{name}", field), *fields_of(field, f"{path}.{name}")]
    return found


def test_the_availability_schema_knows_what_we_say() -> None:
    assert schema("availability")["enum"] == [*Presence]
    assert {payload.schema_name(kind) for kind in Kind} | {"availability.schema.json"} == {
        file.name for file in SCHEMAS.glob("*.schema.json")
    }
