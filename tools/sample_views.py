"""Made-up instants of the monitor, for golden screens, pictures and tests. Nobody said these words."""

from collections.abc import Mapping
from dataclasses import replace
from math import exp, sin
from typing import Final

from streamer.network import contract
from streamer.records import Mood, State, Word
from streamer.sinks.view import Hearing, Status, View

RATE: Final = contract.STREAM_RATE_HZ

SHARES: Final = (0.71, 0.05, 0.06, 0.11, 0.03, 0.04)


def _history(shares: tuple[float, ...]) -> tuple[tuple[float | None, ...], ...]:
    """Return 60 values per emotion that move towards `shares`, with a pause in which nobody spoke."""
    return tuple(tuple(_past(share, k, i) for i in range(60)) for k, share in enumerate(shares))


def _past(share: float, emotion: int, i: int) -> float | None:
    if 44 <= i < 47:
        return None
    before = 0.17 + 0.15 * sin(i / 3 + 2 * emotion)
    settled = 1 / (1 + exp((50 - i) / 1.5))
    return max(0.0, min(1.0, share * settled + before * (1 - settled)))


def spoken(final: str, partial: str = "") -> tuple[Word, ...]:
    """Return words as a recogniser would give them."""
    texts = [(text, True) for text in final.split()] + [(text, False) for text in partial.split()]
    return tuple(
        Word(text, i * 4000, i * 4000 + 3000, 0.9 if done else 0.6, done) for i, (text, done) in enumerate(texts)
    )


SPEECH: Final = View(
    hearing=Hearing.LISTENING,
    source="USB microphone",
    mood=Mood(State.SPEECH, "happy", 0.71, SHARES, 60 * RATE, 64 * RATE),
    confidence=0.78,
    history=_history(SHARES),
    level_db=-23.4,
    peak_db=-11.2,
    words=spoken("we got the keys this morning , and the garden is twice as big as we", "thought it would"),
    latency_p50_ms=9.2,
    latency_p95_ms=21.4,
    recogniser=Status("Whisper tiny.en"),
    device=Status("cpu, stream-en"),
    broker=Status("online, 127.0.0.1:1883"),
    drops=(("windows", 0), ("sound", 0), ("messages", 0)),
    elapsed_s=754,
)
"""Somebody speaks, everything works: the picture in README."""

SILENCE: Final = replace(
    SPEECH,
    mood=Mood(State.NO_SPEECH, None, 0.0, None, 70 * RATE, 82 * RATE),
    confidence=None,
    history=tuple((*past[24:], *[None] * 24) for past in _history(SHARES)),
    words=(),
    level_db=-58.0,
    peak_db=-49.0,
)

UNSURE: Final = replace(
    SPEECH,
    mood=Mood(State.UNSURE, None, 0.31, (0.24, 0.31, 0.12, 0.14, 0.1, 0.09), 70 * RATE, 72 * RATE),
    confidence=0.31,
)

OFFLINE: Final = replace(
    SPEECH,
    mood=Mood(State.SPEECH, "surprised", 0.52, (0.2, 0.1, 0.06, 0.52, 0.03, 0.09), 60 * RATE, 61 * RATE),
    broker=Status("offline: connection refused by 127.0.0.1:1883, next try in 8 s", well=False),
    recogniser=Status("Vosk, restarting: no answer within 10 s", well=False),
    drops=(("windows", 3), ("sound", 0), ("messages", 120)),
    words=spoken("안녕하세요 오늘은 날씨가 아주 좋네요 그래서 우리는 공원에 갔어요 그리고 나서 집에", "돌아왔습니다"),
)

MUTED: Final = replace(
    SILENCE,
    hearing=Hearing.MUTED,
    mood=Mood(State.MUTED, None, 0.0, None, 70 * RATE, 82 * RATE),
    level_db=None,
    peak_db=None,
    notice="Inferring emotions at work or in education is prohibited in the EU. Tell everybody who can be heard.",
)

LOST: Final = replace(
    SILENCE,
    hearing=Hearing.REOPENING,
    reason="the device delivered nothing for 2 s; next try in 4 s",
    level_db=float("-inf"),
)

VIEWS: Final[Mapping[str, View]] = {
    "speech": SPEECH,
    "silence": SILENCE,
    "unsure": UNSURE,
    "offline": OFFLINE,
    "muted": MUTED,
    "lost": LOST,
}
