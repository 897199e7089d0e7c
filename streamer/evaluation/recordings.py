"""Whole recordings as the stream hears them. The edge of the evaluation where files are read."""

from pathlib import Path

import numpy as np

from streamer.records import Samples
from streamer.sources.soundfiles import inspect, sound_of


def heard(path: Path) -> Samples:
    """Return a recording as mono sound at the stream rate, resampled as the monitor does it.

    Raises: SourceError where it cannot be read as sound, SourceLost where it breaks off.
    """
    return np.concatenate([np.zeros(0, np.float32), *sound_of((inspect(path),))])
