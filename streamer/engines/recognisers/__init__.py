"""The recognisers that a child process can run; each file alone imports its library. All answer one protocol."""

from collections.abc import Iterator
from typing import Protocol

from streamer.engines.wire import Pcm, Words


class Recogniser(Protocol):
    """Hears one utterance after the other; words come with stream positions, and never depend on how sound was cut."""

    def begin(self, start: int) -> None:
        """Forget everything and hear an utterance whose first sample is at stream position `start`."""

    def hear(self, pcm: Pcm, *, more: bool) -> Iterator[Words]:
        """Take the next sound of the utterance; yield its words so far whenever they change."""

    def end(self) -> Words:
        """Return the settled words of the utterance."""
