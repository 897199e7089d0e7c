"""From what a device or file holds to mono float32 at the stream rate. Pure arithmetic, no waiting.

Law: any way of cutting the input into blocks gives the same joined output, sample for sample.
"""

from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from streamer.network import contract
from streamer.records import Samples

INT16_FULL_SCALE: Final = 32_768.0


def from_int16(data: bytes) -> Samples:
    """Return raw 16-bit little-endian samples as float32 in [-1, 1)."""
    samples: Samples = np.divide(np.frombuffer(data, dtype="<i2"), INT16_FULL_SCALE, dtype=np.float32)
    return samples


def to_mono(frames: NDArray[np.float32]) -> Samples:
    """Return the mean of the channels, clipped to full scale.

    Shapes: frames (n, channels) -> (n,).
    Channels are added one after another, because numpy's own order of summing depends on the block's size.
    """
    total = frames[:, 0].astype(np.float64)
    for channel in range(1, frames.shape[1]):
        total += frames[:, channel]
    mono: Samples = np.clip(total / frames.shape[1], -1.0, 1.0).astype(np.float32)
    return mono


def quality_for(rate_hz: int) -> str:
    """Return soxr's quality for a source: LQ where its passband, 3/8 of the slower rate, holds the whole picture."""
    return "LQ" if rate_hz * 3 >= contract.PICTURE_RATE_HZ // 2 * 8 else "HQ"


class Resampler:
    """Turn mono sound of one rate into the stream rate, block by block (soxr).

    Quality LQ is flat to 6 kHz with aliases 77 dB down, and holds back up to 20 ms (measured from 48 kHz; HQ: 40 ms).
    From slow sources it would cut into the picture's 4 kHz (from 8 kHz: -8 dB at 3.4 kHz), so these get HQ, and wait up
    to 115 ms. What is held back comes with more sound or `finish`. The output is aligned with the input.
    At the stream rate it passes samples on untouched.
    """

    def __init__(self, rate_hz: int) -> None:
        self._stream = (
            None
            if rate_hz == contract.STREAM_RATE_HZ
            else soxr.ResampleStream(rate_hz, contract.STREAM_RATE_HZ, 1, dtype="float32", quality=quality_for(rate_hz))
        )

    def process(self, samples: Samples) -> Samples:
        """Return what can be told after this block; may be empty."""
        if self._stream is None:
            return samples
        heard: Samples = self._stream.resample_chunk(samples)
        return heard

    def finish(self) -> Samples:
        """Return what was held back; the resampler is used up."""
        nothing: Samples = np.zeros(0, np.float32)
        if self._stream is None:
            return nothing
        heard: Samples = self._stream.resample_chunk(nothing, last=True)
        return heard


class Slicer:
    """Cut a stream into pieces of exactly `size` samples; the rest comes last."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._rest: Samples = np.zeros(0, np.float32)

    def cut(self, samples: Samples) -> list[Samples]:
        """Return the whole pieces that are there now."""
        joined = np.concatenate((self._rest, samples)) if len(self._rest) else samples
        whole = len(joined) - len(joined) % self._size
        self._rest = joined[whole:]
        return [joined[at : at + self._size] for at in range(0, whole, self._size)]

    def rest(self) -> list[Samples]:
        """Return what is shorter than a piece, if anything."""
        rest, self._rest = self._rest, np.zeros(0, np.float32)
        return [rest] if len(rest) else []


def chunk_samples(chunk_ms: int) -> int:
    """Return the stream samples of one chunk."""
    return max(1, contract.STREAM_RATE_HZ * chunk_ms // 1000)
