"""Real speech at the stream rate, spoken by espeak-ng: the same text and voice give the same samples."""

import io
import subprocess
from collections.abc import Iterator
from functools import cache

import numpy as np
import soundfile as sf
import soxr

from streamer.network import contract
from streamer.records import Samples, SpeechSound


@cache
def spoken(text: str, voice: str = "en-us") -> Samples:
    """Return `text` spoken at 140 words a minute; treat as read-only."""
    wav = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", "140", "--stdout", text], check=True, capture_output=True
    ).stdout
    samples, rate_hz = sf.read(io.BytesIO(wav), dtype="float32")
    resampled: Samples = soxr.resample(samples, rate_hz, contract.STREAM_RATE_HZ).astype(np.float32)
    return resampled


def utterance(number: int, start: int, samples: Samples, piece: int = 1600) -> Iterator[SpeechSound]:
    """Cut an utterance that begins at stream position `start` into pieces of `piece` samples."""
    for i in range(0, len(samples), piece):
        yield SpeechSound(number, start + i, samples[i : i + piece], last=i + piece >= len(samples))
