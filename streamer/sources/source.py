"""What the house asks of every source, and how a source says how it is. Imports no audio library.

A source owns its device or file. It hands over `Chunk`s: 16 kHz, mono, float32, each with its stream position.
A position that jumps forward is a hole: sound that was lost, or time that passed without a device.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Final, Protocol, Self

from streamer.errors import SourceError
from streamer.network import contract
from streamer.records import Chunk

LOWEST_RATE_HZ: Final = 1_000
HIGHEST_RATE_HZ: Final = 384_000
"""Choice: rates outside are a mistake in a header or on a command line, and could ask soxr for absurd memory."""

SHORTEST_SAMPLES: Final = contract.SAMPLES_PER_PICTURE_SAMPLE * contract.samples_of(contract.DEFAULT_HOP_COLUMNS)
"""Stream samples that the first estimate needs: one default hop of whole columns."""


class SourceState(StrEnum):
    """What a source is doing."""

    LISTENING = "listening"
    SILENT = "silent"
    """The device itself delivers digital silence: a switch on the microphone, or no permission."""
    STALLED = "stalled"
    """The device is open and delivers nothing."""
    REOPENING = "reopening"
    PAUSED = "paused"
    """Closed on request; nothing can be heard."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """How a source is, as of now."""

    state: SourceState
    reason: str | None = None
    """Why, where the state is not `LISTENING`, or what is worth saying about the input."""
    lost_samples: int = 0
    """Stream samples inside holes; time paused on request is not counted."""
    holes: int = 0
    reopened: int = 0
    """How often a lost device came back."""


class Source(Protocol):
    """One input. Ready when `__aenter__` returns; `chunks` is walked once."""

    @property
    def name(self) -> str:
        """What is being listened to, for the screen; never part of a topic."""

    @property
    def live(self) -> bool:
        """Whether the sound arrives at its own pace and cannot be slowed."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def chunks(self) -> AsyncIterator[Chunk]:
        """Yield the sound until it ends or `close` is called; raise SourceLost where it cannot go on."""

    def status(self) -> SourceStatus:
        """Return how the source is."""

    async def close(self) -> None:
        """End the sound: `chunks` yields what is left and ends. May be called twice."""


def check_rate(rate_hz: int, whose: str) -> None:
    """Raise SourceError unless a sample rate is one that sound can have."""
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        message = f"{whose} is {rate_hz} Hz; wanted {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz"
        raise SourceError(message)


def too_short(subject: str, n_samples: int, held_s: float) -> SourceError:
    """Return the refusal of sound that ends before the first estimate."""
    unit = "sample" if n_samples == 1 else "samples"
    wanted_s = SHORTEST_SAMPLES / contract.STREAM_RATE_HZ
    return SourceError(f"{subject} {n_samples} {unit} of sound ({held_s:.4f} s); the first estimate needs {wanted_s} s")
