"""Records to JSON bytes: what the world outside may rely on. Pure; each function is one `schema/*.schema.json`.

Fields are added, never renamed; their order is fixed and floats are rounded, so that the same record gives the same
bytes. Seconds are seconds of the stream; the only wall clock is `time`, which is handed in.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from streamer.network import contract
from streamer.records import Estimate, Mood, State, Transcript, seconds
from streamer.sinks.messages import BrokerHealth, ChannelHealth, Health, Listening, MoodEvent, RecogniserHealth
from streamer.sinks.topics import LARGEST_MESSAGE_BYTES, Kind

PROBABILITY_DECIMALS = 4
SECONDS_DECIMALS = 3
MILLISECONDS_DECIMALS = 1


@dataclass(frozen=True, slots=True)
class Origin:
    """What stays the same for a whole run."""

    node: str
    stream: str
    session: str
    """Names this run of the program; utterance 3 of it is `<session>-3`."""
    model: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is new with every message."""

    seq: int
    """Rises by 1 within a kind of message, so that a subscriber sees a gap."""
    time: datetime
    """Wall clock, with its time zone."""
    published_s: float = 0.0
    """Monotonic clock, for the total latency of an estimate."""


def estimate(record: Estimate, origin: Origin, stamp: Stamp) -> bytes:
    """Return one estimate. The label stands only beside `speech`; probabilities are null where nobody was asked."""
    best = max(record.probabilities, default=0.0) if record.probabilities is not None else None
    speech = record.state is State.SPEECH and record.probabilities is not None
    return _json(
        {
            "schema": "emostream.estimate/1",
            **_origin(origin, stamp),
            "id": _utterance(origin, record.utterance),
            "revision": record.revision,
            "stage": str(record.stage),
            "time": _time(stamp),
            "start_s": _seconds(max(0, record.start)),
            "end_s": _seconds(max(0, record.end)),
            "state": str(record.state),
            "label": _likeliest(record.probabilities) if speech else None,
            "confidence": _rounded(best, PROBABILITY_DECIMALS),
            "probabilities": _probabilities(record.probabilities),
            "latency_ms": {
                "queue": _milliseconds(record.queue_s),
                "features": _milliseconds(record.features_s),
                "model": _milliseconds(record.model_s),
                "total": _milliseconds(stamp.published_s - record.captured_s),
            },
            "model": origin.model,
            "words": record.n_words,
        }
    )


def state(mood: Mood, listening: Listening, origin: Origin, stamp: Stamp) -> bytes:
    """Return how the speaker sounds now; also the heartbeat."""
    return _json(
        {
            "schema": "emostream.state/1",
            **_origin(origin, stamp),
            "time": _time(stamp),
            "state": str(mood.state),
            "label": mood.label,
            "confidence": _rounded(mood.confidence, PROBABILITY_DECIMALS) if mood.probabilities is not None else None,
            "probabilities": _probabilities(mood.probabilities),
            "since_s": _seconds(max(0, mood.start)),
            "end_s": _seconds(max(0, mood.end)),
            "listening": listening.listening,
            "muted": listening.muted,
            "source": listening.source,
            "recogniser": listening.recogniser,
            "model": origin.model,
        }
    )


def event(change: MoodEvent, origin: Origin, stamp: Stamp) -> bytes:
    """Return that an emotion was entered or left."""
    return _json(
        {
            "schema": "emostream.event/1",
            **_origin(origin, stamp),
            "time": _time(stamp),
            "event": str(change.change),
            "label": change.label,
            "confidence": _rounded(change.confidence, PROBABILITY_DECIMALS),
            "at_s": _seconds(max(0, change.at)),
            "duration_s": _seconds(max(0, change.at - change.since)),
        }
    )


def health(report: Health, origin: Origin, stamp: Stamp) -> bytes:
    """Return how the monitor itself is."""
    return _json(
        {
            "schema": "emostream.health/1",
            **_origin(origin, stamp),
            "time": _time(stamp),
            "uptime_s": _rounded(report.uptime_s, MILLISECONDS_DECIMALS),
            "memory_mb": _rounded(report.memory_mb, MILLISECONDS_DECIMALS),
            "loop_lag_ms": _milliseconds(report.loop_lag_s),
            "engine_ms": _milliseconds(report.engine_s) if report.engine_s is not None else None,
            "channels": {name: _channel(counters) for name, counters in sorted(report.channels.items())},
            "broker": _broker(report.broker) if report.broker is not None else None,
            "recogniser": _recogniser(report.recogniser),
            "source": {
                "kind": report.source.kind,
                "state": report.source.state,
                "lost_samples": report.source.lost_samples,
                "holes": report.source.holes,
                "reopened": report.source.reopened,
            },
        }
    )


def transcript(record: Transcript, origin: Origin, stamp: Stamp) -> bytes:
    """Return what was said in one utterance. Oldest words go where there are more than one message may hold."""
    words: list[dict[str, object]] = [
        {
            "word": word.text,
            "start_s": _seconds(max(0, word.start)),
            "end_s": _seconds(max(0, word.end)),
            "confidence": _rounded(word.confidence, PROBABILITY_DECIMALS),
            "final": word.final,
        }
        for word in record.words
    ]
    head = {
        "schema": "emostream.transcript/1",
        **_origin(origin, stamp),
        "id": _utterance(origin, record.utterance),
        "time": _time(stamp),
        "at_s": _seconds(max(0, record.at)),
        "final": record.final,
    }
    room = LARGEST_MESSAGE_BYTES - len(_json({**head, "truncated": False, "words": []}))
    kept = _newest_that_fit(words, room)
    return _json({**head, "truncated": len(kept) < len(words), "words": kept})


def schema_name(kind: Kind) -> str:
    """Return the file in `streamer/schema` that describes a kind of message."""
    return f"{kind}.schema.json"


def _newest_that_fit(words: Sequence[dict[str, object]], room: int) -> list[dict[str, object]]:
    kept: list[dict[str, object]] = []
    for word in reversed(words):
        room -= len(_json(word)) + 1  # the comma
        if room < 0:
            break
        kept.insert(0, word)
    return kept


def _origin(origin: Origin, stamp: Stamp) -> dict[str, object]:
    return {"node": origin.node, "stream": origin.stream, "seq": stamp.seq}


def _utterance(origin: Origin, utterance: int) -> str | None:
    return f"{origin.session}-{utterance}" if utterance >= 0 else None


def _likeliest(probabilities: Sequence[float] | None) -> str | None:
    """Return the emotion with the largest probability; the first in the order of the contract if there are two."""
    if not probabilities:
        return None
    return contract.EMOTIONS[max(range(contract.N_EMOTIONS), key=probabilities.__getitem__)]


def _probabilities(values: Sequence[float] | None) -> dict[str, float | None] | None:
    if values is None:
        return None
    return {name: _rounded(value, PROBABILITY_DECIMALS) for name, value in zip(contract.EMOTIONS, values, strict=True)}


def _channel(counters: ChannelHealth) -> dict[str, int]:
    return {
        "offered": counters.offered,
        "delivered": counters.delivered,
        "dropped": counters.dropped,
        "waiting": counters.waiting,
    }


def _broker(broker: BrokerHealth) -> dict[str, object]:
    return {
        "state": broker.state,
        "retries": broker.retries,
        "reconnects": broker.reconnects,
        "refused": broker.refused,
        **_channel(broker.outbox),
    }


def _recogniser(recogniser: RecogniserHealth) -> dict[str, object]:
    return {
        "name": recogniser.name,
        "state": recogniser.state,
        "lag_s": _rounded(recogniser.lag_s, SECONDS_DECIMALS),
        "dropped": recogniser.dropped,
        "restarts": recogniser.restarts,
    }


def _time(stamp: Stamp) -> str:
    if stamp.time.utcoffset() is None:
        message = "the wall clock handed in has no time zone"
        raise ValueError(message)
    return stamp.time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _seconds(position: int) -> float | None:
    return _rounded(seconds(position), SECONDS_DECIMALS)


def _milliseconds(duration_s: float) -> float | None:
    return _rounded(max(0.0, duration_s) * 1000.0, MILLISECONDS_DECIMALS)


def _rounded(value: float | None, decimals: int) -> float | None:
    return None if value is None else round(float(value), decimals) + 0.0  # + 0.0 turns -0.0 into 0.0


def _json(fields: Mapping[str, object]) -> bytes:
    # A lone surrogate in a word becomes "?"; a NaN is a bug of ours and raises ValueError.
    text = json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")
