"""Speech that waits for the recogniser: bounded by its length, oldest pieces go first, ends are never lost. Pure."""

from collections import deque
from collections.abc import Iterator
from typing import Final

import numpy as np

from streamer.engines import wire
from streamer.network import contract
from streamer.records import Samples, SpeechSound

NO_SOUND: Final[Samples] = np.zeros(0, np.float32)


class Backlog:
    """Pieces in order; `dropped` counts those that went unheard."""

    def __init__(self, longest_s: float) -> None:
        self._longest = round(longest_s * contract.STREAM_RATE_HZ)
        self._pieces: deque[SpeechSound] = deque()
        self._waiting = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._pieces)

    @property
    def oldest(self) -> SpeechSound:
        """Return the piece that `take` would take."""
        return self._pieces[0]

    def add(self, sound: SpeechSound) -> None:
        """Append `sound` in pieces short enough for the wire; drop the oldest beyond the bound."""
        for piece in in_short_pieces(sound):
            self._pieces.append(piece)
            self._waiting += len(piece.samples)
        ends: list[SpeechSound] = []
        while self._waiting > self._longest:
            piece = self.drop()
            if piece.last:
                # The sound goes, but that the utterance is over must be known.
                ends.append(end_of(piece))
        self._pieces.extendleft(reversed(ends))

    def take(self) -> SpeechSound:
        """Remove and return the oldest piece."""
        piece = self._pieces.popleft()
        self._waiting -= len(piece.samples)
        return piece

    def drop(self) -> SpeechSound:
        """Remove and return the oldest piece, counted as unheard if it holds sound."""
        piece = self.take()
        self.dropped += bool(len(piece.samples))
        return piece


def end_of(sound: SpeechSound) -> SpeechSound:
    """Return the end of the utterance right after `sound`."""
    return SpeechSound(sound.utterance, sound.end, NO_SOUND, last=True)


def in_short_pieces(sound: SpeechSound) -> Iterator[SpeechSound]:
    """Cut `sound` to what the wire carries; only the last piece may end the utterance."""
    for i in range(0, max(len(sound.samples), 1), wire.MAX_PIECE_SAMPLES):
        samples = sound.samples[i : i + wire.MAX_PIECE_SAMPLES]
        last = sound.last and i + wire.MAX_PIECE_SAMPLES >= len(sound.samples)
        yield SpeechSound(sound.utterance, sound.start + i, samples, last)
