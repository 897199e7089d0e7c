"""What `payload` is told beside the records of the house: listening, change of mood, health. Frozen, pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from streamer.channel import Counters as ChannelHealth

__all__ = [
    "BrokerHealth",
    "Change",
    "ChannelHealth",
    "Health",
    "Listening",
    "MoodEvent",
    "RecogniserHealth",
    "SourceHealth",
]


@dataclass(frozen=True, slots=True)
class Listening:
    """Whether and with what the monitor listens."""

    listening: bool
    """The device is open and not muted."""
    muted: bool
    source: str
    """Kind of the source: "microphone", "recording" or "stdin"; never a device's or a file's name."""
    recogniser: str
    """"vosk", "whisper" or "none"."""


class Change(StrEnum):
    """What happened to a label."""

    ENTER = "enter"
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class MoodEvent:
    """An emotion was entered or left."""

    change: Change
    label: str
    confidence: float
    since: int
    """Stream position at which the label was entered."""
    at: int
    """Stream position at which this happened; equals `since` where the label is entered."""


@dataclass(frozen=True, slots=True)
class BrokerHealth:
    """The link to the broker."""

    state: str
    retries: int
    """Attempts to connect that failed."""
    reconnects: int
    """How often a lost connection was made again."""
    refused: int
    """Messages that the broker refused to take (MQTT 5 tells)."""
    outbox: ChannelHealth


@dataclass(frozen=True, slots=True)
class RecogniserHealth:
    """The recogniser, without its reason, which may name files."""

    name: str
    state: str
    lag_s: float
    dropped: int
    restarts: int


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """The source of sound, without its name."""

    kind: str
    state: str
    lost_samples: int = 0
    holes: int = 0
    reopened: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """How the monitor itself is."""

    uptime_s: float
    memory_mb: float
    """Resident memory of the program and its children."""
    loop_lag_s: float
    """How late the event loop was at its latest check."""
    engine_s: float | None
    """Time that the network took for its latest window."""
    recogniser: RecogniserHealth
    source: SourceHealth
    channels: Mapping[str, ChannelHealth] = field(default_factory=dict)
    """Counters by the channel's name."""
    broker: BrokerHealth | None = None
