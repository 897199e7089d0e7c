"""What the screen needs to know at one instant, and the plain sentences it says. Pure: no clock, no device.

`Dashboard` and `PlainLines` are shown the same `View`; the words for every state stand here once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from streamer.network import contract
from streamer.records import Mood, State, Word, seconds
from streamer.sinks.bars import percent


class Hearing(StrEnum):
    """Whether sound comes in. The values are those of `SourceStatus.state`, and "muted"."""

    LISTENING = "listening"
    MUTED = "muted"
    PAUSED = "paused"
    SILENT = "silent"
    STALLED = "stalled"
    REOPENING = "reopening"
    CLOSED = "closed"


HEADS: Final[Mapping[Hearing, str]] = {
    Hearing.LISTENING: "listening",
    Hearing.MUTED: "muted",
    Hearing.PAUSED: "paused",
    Hearing.SILENT: "device silent",
    Hearing.STALLED: "no sound arrives",
    Hearing.REOPENING: "reopening",
    Hearing.CLOSED: "ended",
}

NOT_HEARING: Final[Mapping[Hearing, str]] = {
    Hearing.MUTED: "muted",
    Hearing.PAUSED: "paused: the microphone is closed",
    Hearing.SILENT: "the microphone gives digital silence",
    Hearing.STALLED: "no sound arrives from the microphone",
    Hearing.REOPENING: "the microphone is being reopened",
    Hearing.CLOSED: "the sound has ended",
}

NO_LABEL: Final[Mapping[State, str]] = {
    State.SPEECH: "not sure",
    State.NO_SPEECH: "nobody speaks",
    State.TOO_LITTLE: "too little speech yet",
    State.UNSURE: "not sure",
    State.DEVICE_SILENT: "the microphone gives digital silence",
    State.OVERLOADED: "overloaded",
    State.MUTED: "muted",
}


@dataclass(frozen=True, slots=True)
class Status:
    """One part's line, e.g. "online 127.0.0.1:1883"; `well` is False where the user should look."""

    text: str
    well: bool = True


@dataclass(frozen=True, slots=True)
class View:
    """Everything the panels show, and nothing else. Equal views are painted once, so round what need not be exact."""

    hearing: Hearing
    source: str
    """Name of the input as a person would say it."""
    mood: Mood | None = None
    """None before the first estimate."""
    confidence: float | None = None
    """Best probability of the newest estimate alone, unsmoothed."""
    history: tuple[tuple[float | None, ...], ...] = ((),) * contract.N_EMOTIONS
    """Per emotion in the order of `contract.EMOTIONS`, oldest first: smoothed probabilities at a fixed pace (two a
    second reads well), None where there was no answer. Up to 60; the newest that fit are shown."""
    reason: str = ""
    """Why there is no sound, in plain words; empty while all is well."""
    level_db: float | None = None
    """Level of the last moment, dB of full scale."""
    peak_db: float | None = None
    """Highest sample of the last moments, dB of full scale."""
    words: tuple[Word, ...] = ()
    """The running transcript, oldest first. Shown, never logged."""
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    recogniser: Status = Status("none")
    device: Status = Status("cpu")
    """Where the network runs, and which network."""
    broker: Status = Status("off")
    drops: tuple[tuple[str, int], ...] = ()
    """What was dropped so far, e.g. (("windows", 3), ("sound", 0))."""
    elapsed_s: int = 0
    notice: str = ""
    """A sentence for the user, such as the legal notice of the first run."""
    adapts: bool = False
    """The network gets to know the speaker, and can be told that there is another one."""


def statement(view: View) -> str:
    """Return what can be said of the speaker now, without a number: the label, or why there is none."""
    if view.hearing in NOT_HEARING:
        return NOT_HEARING[view.hearing]
    if view.mood is None:
        return "starting"
    return label(view) or NO_LABEL[view.mood.state]


def label(view: View) -> str | None:
    """Return the emotion in force; None unless sound comes in and the mood says so."""
    mood = view.mood
    if view.hearing in NOT_HEARING or mood is None or mood.state is not State.SPEECH:
        return None
    return mood.label


def headline(view: View) -> str:
    """Return the statement with its confidence: "happy 71 %", or a plain statement of the state."""
    named = label(view)
    if named and view.mood is not None:
        return f"{named} {percent(view.mood.confidence)}"
    return statement(view)


def detail(view: View, between: str = "·") -> str:
    """Return what stands under the headline: the reason, or since when and how sure the newest estimate is."""
    if view.hearing in NOT_HEARING or view.mood is None:
        return view.reason
    mood = view.mood
    said = [f"for {max(0.0, seconds(mood.end - mood.start)):.0f} s"]
    if label(view) and view.confidence is not None:
        said.append(f"newest window {percent(view.confidence)}")
    elif mood.state is State.UNSURE and mood.probabilities:
        best = max(range(len(mood.probabilities)), key=mood.probabilities.__getitem__)
        said.append(f"nearest {contract.EMOTIONS[best]} {percent(mood.probabilities[best])}")
    if view.reason:
        said.append(view.reason)
    return f" {between} ".join(said)


def losses(view: View) -> Status:
    """Return the line about what was dropped."""
    lost = [f"{count} {what}" for what, count in view.drops if count]
    return Status(", ".join(lost), well=False) if lost else Status("nothing")


def latency(view: View) -> Status:
    """Return the line about how long answers take."""
    if view.latency_p50_ms is None:
        return Status("not measured yet")
    worst = f", p95 {view.latency_p95_ms:.0f} ms" if view.latency_p95_ms is not None else ""
    return Status(f"{view.latency_p50_ms:.0f} ms{worst}")


def clock(elapsed_s: float) -> str:
    """Return a duration as H:MM:SS."""
    minutes, whole_s = divmod(max(0, int(elapsed_s)), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{whole_s:02d}"
