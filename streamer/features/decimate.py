"""Sound at the stream rate to sound at the picture rate, with 6 ms of look-ahead.

Why not soxr here: its streaming form works in blocks and holds back up to 115 ms at this ratio (measured, any quality
but the one that aliases), which is more than the whole latency budget. Halving the rate needs one half-band filter.
"""

import numpy as np
from numpy.typing import NDArray

from streamer.network import contract
from streamer.records import Samples

HALF_TAPS = 95
"""Taps on either side of the middle one: 5.9 ms of look-ahead, passband to 3.8 kHz, stopband from 4.2 kHz."""

KAISER_BETA = 7.9
"""Stopband about 80 dB down, the depth of the picture."""


def half_band() -> NDArray[np.float64]:
    """Return taps 1, 3, 5 ... right of the middle of the symmetric filter; the middle tap is 0.5, the others are 0."""
    n = np.arange(1, HALF_TAPS + 1, 2)
    window = np.kaiser(2 * HALF_TAPS + 1, KAISER_BETA)[HALF_TAPS + n]
    taps: NDArray[np.float64] = 0.5 * np.sinc(n / 2.0) * window
    taps *= 0.25 / taps.sum()
    return taps


class Decimator:
    """Halve the rate of sound in pieces of any length; sample j of the output lies at sample 2j of the input.

    The sums run tap by tap over whole pieces, so every output sample sees the same additions in the same order
    whatever the pieces are: any split gives the same bits.
    """

    def __init__(self) -> None:
        self._taps = half_band()
        self._sound: NDArray[np.float64] = np.zeros(HALF_TAPS)
        """Input still needed, from `HALF_TAPS` before the next output sample on."""

    def push(self, samples: Samples) -> Samples:
        """Return the samples at `contract.PICTURE_RATE_HZ` that `samples` complete."""
        sound: NDArray[np.float64] = np.concatenate((self._sound, samples))
        ratio = contract.SAMPLES_PER_PICTURE_SAMPLE
        n = max(0, (len(sound) - 2 * HALF_TAPS - 1) // ratio + 1) if len(sound) > 2 * HALF_TAPS else 0
        middle = sound[HALF_TAPS : HALF_TAPS + n * ratio : ratio]
        out: NDArray[np.float64] = 0.5 * middle
        for offset, tap in zip(range(1, HALF_TAPS + 1, 2), self._taps.tolist(), strict=True):
            before = sound[HALF_TAPS - offset : HALF_TAPS - offset + n * ratio : ratio]
            after = sound[HALF_TAPS + offset : HALF_TAPS + offset + n * ratio : ratio]
            out = out + tap * (before + after)
        self._sound = sound[n * ratio :]
        return out.astype(np.float32)

    def flush(self) -> Samples:
        """Return what is left, as if silence followed; the stream is over."""
        return self.push(np.zeros(HALF_TAPS, np.float32))
