"""Samples to mel frames as the speech encoder of `deep` wants them: log power, 10 ms apart, each computed once.

Whisper's own features at 16 kHz, of sound that ends at 4 kHz: a taper of 25 ms and bins of 40 Hz are the same at 8 kHz
with half as many samples, and the bands above 4 kHz are empty. No level is taken out here: that is the network's part.
"""

import numpy as np
from numpy.typing import NDArray

from streamer.network import contract
from streamer.records import Samples

_MEL_BREAK_HZ = 1000.0
_MEL_LINEAR_HZ = 200.0 / 3.0
_MEL_LOG_STEP = np.log(6.4) / 27.0
"""Slaney's scale: linear to 1 kHz, logarithmic above, 27 bands for a factor of 6.4."""

LOWEST_POWER = 1e-10


def _hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    log_from = _MEL_BREAK_HZ / _MEL_LINEAR_HZ
    above = _MEL_BREAK_HZ * np.exp(_MEL_LOG_STEP * (np.maximum(mel, log_from) - log_from))
    return np.where(mel < log_from, mel * _MEL_LINEAR_HZ, above)


def filters() -> NDArray[np.float64]:
    """Return (contract.N_MELS, bins) triangles of equal area between 0 and 8 kHz, cut off at 4 kHz.

    Source: Slaney's Auditory Toolbox, as librosa and Whisper make it.
    """
    top_hz = contract.STREAM_RATE_HZ / 2
    top_mel = _MEL_BREAK_HZ / _MEL_LINEAR_HZ + np.log(top_hz / _MEL_BREAK_HZ) / _MEL_LOG_STEP
    edges = _hz(np.linspace(0.0, top_mel, contract.N_MELS + 2))
    bins = np.fft.rfftfreq(contract.MEL_SEGMENT_SAMPLES, 1.0 / contract.PICTURE_RATE_HZ)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    area = 2.0 / (edges[2:] - edges[:-2])
    return np.maximum(0.0, np.minimum(rising, falling)) * area[:, None]


def taper() -> NDArray[np.float64]:
    """Return the periodic Hann taper, (contract.MEL_SEGMENT_SAMPLES,)."""
    n = np.arange(contract.MEL_SEGMENT_SAMPLES)
    hann: NDArray[np.float64] = 0.5 - 0.5 * np.cos(2.0 * np.pi * n / contract.MEL_SEGMENT_SAMPLES)
    return hann


class MelStream:
    """Sound in pieces of any length in, finished mel frames out."""

    def __init__(self) -> None:
        self._rest: Samples = np.zeros(0, np.float32)
        self._filters = filters().T
        self._taper = taper()

    def push(self, samples: Samples) -> NDArray[np.float32]:
        """Return the frames (contract.N_MELS, n) that `samples` (8 kHz) complete: log10 of power, n >= 0."""
        sound = np.concatenate((self._rest, samples))
        size, step = contract.MEL_SEGMENT_SAMPLES, contract.MEL_STEP_SAMPLES
        if len(sound) < size:
            self._rest = sound
            return np.zeros((contract.N_MELS, 0), np.float32)
        segments = np.lib.stride_tricks.sliding_window_view(sound, size)[::step]
        self._rest = sound[len(segments) * step :]
        spectrum = np.fft.rfft(segments * self._taper, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        # One product per frame: a product of many rows rounds each row as its neighbours want, and a frame would
        # depend on how the sound was split.
        bands = (power[:, np.newaxis] @ self._filters)[:, 0]
        return np.log10(np.maximum(bands, LOWEST_POWER)).astype(np.float32).T


def mel_frames(samples: Samples) -> NDArray[np.float32]:
    """Return all frames (contract.N_MELS, n) of a whole recording at contract.PICTURE_RATE_HZ."""
    return MelStream().push(samples)


class ColumnMels:
    """Mel frames in step with the columns of a picture made of the same samples."""

    def __init__(self) -> None:
        self._stream = MelStream()
        self._frames = np.zeros((contract.N_MELS, 0), np.float32)
        self._lead = contract.MEL_LEAD_FRAMES

    def push(self, samples: Samples) -> None:
        """Take samples at contract.PICTURE_RATE_HZ."""
        frames = self._stream.push(samples)
        leading = min(self._lead, frames.shape[1])
        self._lead -= leading
        self._frames = np.concatenate((self._frames, frames[:, leading:]), axis=1)

    def take(self, n_columns: int) -> NDArray[np.float32]:
        """Return the frames (contract.N_MELS, 2 n_columns) of the next columns; those have come before the columns."""
        n_frames = contract.MELS_PER_COLUMN * n_columns
        taken, self._frames = self._frames[:, :n_frames], self._frames[:, n_frames:]
        return taken


def frames_of_columns(frames: NDArray[np.float32], n_columns: int) -> NDArray[np.float32]:
    """Return the frames (contract.N_MELS, 2 n_columns) that go with the first `n_columns` columns of a picture.

    A column ends 100 ms after it begins and a frame 25 ms: the two newest frames that are whole when a column is whole
    belong to it, and the first `contract.MEL_LEAD_FRAMES` belong to none.
    """
    lead = contract.MEL_LEAD_FRAMES
    return frames[:, lead : lead + contract.MELS_PER_COLUMN * n_columns]
