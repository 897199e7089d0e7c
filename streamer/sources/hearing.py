"""From the blocks of a device to the chunks of the stream: resampling, holes, digital silence. Pure, no clock.

A stretch is sound without a hole. Inside it positions follow the resampler's count; a hole ends it, and the next
stretch begins with a resampler of its own.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from streamer.network import contract
from streamer.records import Chunk, Samples
from streamer.sources.resample import Resampler, from_int16, to_mono

SILENT_AFTER_S: Final = 2.0
"""Zeros for this long come from a switch or a missing permission: even a quiet room moves a converter's last bit."""


@dataclass(frozen=True, slots=True)
class Raw:
    """What one callback brought."""

    data: bytes
    """Interleaved 16-bit frames."""
    n_frames: int
    channels: int
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Block:
    """Raw sound with its place."""

    raw: Raw
    opening: int
    """Number of the device's opening that it belongs to."""
    first_frame: int
    """Counted from the opening, frames that the device lost included."""
    opened_at: int
    """Stream position of frame 0 of the opening."""
    arrived_s: float
    """Monotonic clock at the callback."""
    after_pause: bool
    """The time before this opening was spent paused on request: no loss."""


class Hearing:
    """Turn blocks into chunks, and count what is missing between them."""

    def __init__(self) -> None:
        self.lost_samples = 0
        self.holes = 0
        self.silent = False
        """Whether the device itself delivers nothing but zeros."""
        self._position = 0
        self._opening = -1
        self._next_frame = 0
        self._stretch_start = 0
        self._stretch_frame = 0
        self._zero_frames = 0
        self._resampler = Resampler(contract.STREAM_RATE_HZ)
        self._last_arrival_s = 0.0

    def take(self, block: Block) -> list[Chunk]:
        """Return the chunks that a block completes: the tail of an ended stretch, then its own; both may be missing."""
        chunks: list[Chunk] = []
        if block.opening != self._opening or block.first_frame != self._next_frame:
            chunks = self.finish()
            self._begin_stretch(block)
        self._next_frame = block.first_frame + block.raw.n_frames
        self._last_arrival_s = block.arrived_s
        self._notice_silence(block.raw)
        mono = to_mono(from_int16(block.raw.data).reshape(-1, block.raw.channels))
        block_end = self._stretch_start + _stream_samples(self._next_frame - self._stretch_frame, block.raw.rate_hz)
        return chunks + self._chunk(self._resampler.process(mono), block_end)

    def finish(self) -> list[Chunk]:
        """Return what the resampler held back: the tail of the sound."""
        tail = self._resampler.finish()
        self._resampler = Resampler(contract.STREAM_RATE_HZ)
        return self._chunk(tail, self._position + len(tail))

    def _begin_stretch(self, block: Block) -> None:
        start = block.opened_at + _stream_samples(block.first_frame, block.raw.rate_hz)
        hole = max(0, start - self._position)
        if hole and not (block.after_pause and block.opening != self._opening):
            self.holes += 1
            self.lost_samples += hole
        if block.opening != self._opening:
            self._zero_frames = 0
        self._position += hole
        self._opening = block.opening
        self._stretch_start = self._position
        self._stretch_frame = block.first_frame
        self._resampler = Resampler(block.raw.rate_hz)

    def _notice_silence(self, raw: Raw) -> None:
        zeros = raw.data.count(0) == len(raw.data)
        self._zero_frames = self._zero_frames + raw.n_frames if zeros else 0
        self.silent = self._zero_frames > SILENT_AFTER_S * raw.rate_hz

    def _chunk(self, samples: Samples, block_end: int) -> list[Chunk]:
        if not len(samples):
            return []
        start = self._position
        self._position += len(samples)
        # What the resampler still holds arrived later than the last sample that it gave out.
        held_s = max(0, block_end - self._position) / contract.STREAM_RATE_HZ
        captured_s = self._last_arrival_s - held_s
        return [Chunk(np.ascontiguousarray(samples), start, captured_s, silent_device=self.silent)]


def _stream_samples(n_frames: int, rate_hz: int) -> int:
    return round(n_frames * contract.STREAM_RATE_HZ / rate_hz)
