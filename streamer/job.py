"""What one run is to do, as the command line hands it to `app`: plain values, nothing opened yet."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from streamer.settings import Settings


@dataclass(frozen=True, slots=True)
class Microphone:
    """Listen to a device: "default", its number, or a part of its name."""

    device: str


@dataclass(frozen=True, slots=True)
class Recordings:
    """Play sound files one after another, in real time or as fast as they can be processed."""

    paths: tuple[Path, ...]
    fast: bool


@dataclass(frozen=True, slots=True)
class RawInput:
    """Read signed 16-bit little-endian mono sound from standard input, in real time or as fast as it comes."""

    rate_hz: int
    fast: bool = False


class Show(StrEnum):
    """What goes to standard output."""

    DASHBOARD = "dashboard"
    LINES = "lines"
    """One plain line per change of mood."""
    JSON = "json"
    """One estimate per line."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run of the monitor."""

    settings: Settings
    source: Microphone | Recordings | RawInput
    show: Show
    debug: bool = False

    @property
    def stream(self) -> str:
        """Return the sound's place in the MQTT topics."""
        kinds = {Microphone: "mic", Recordings: "wav", RawInput: "stdin"}
        return self.settings.mqtt.stream or kinds[type(self.source)]
