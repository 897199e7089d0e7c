"""The numbers that every part shares: rates, shapes, axis order, class names. Plain values, no torch.

Settled in the design; whatever can be derived is derived here with exact division and stands nowhere else.
"""

from typing import Final

STREAM_RATE_HZ: Final = 16_000
"""Rate of the stream inside the house; every `start` and `end` is a sample position at this rate."""

PICTURE_RATE_HZ: Final = 8_000
"""Rate of the sound that the spectrogram sees (paper)."""

SAMPLES_PER_PICTURE_SAMPLE: Final = STREAM_RATE_HZ // PICTURE_RATE_HZ

SEGMENT_SAMPLES: Final = 800
"""Samples under one Hamming taper, at the picture rate: 100 ms (paper)."""

LIVE_STEP_SAMPLES: Final = 160
"""Picture samples between two columns, live profile: 20 ms."""

PAPER_STEP_SAMPLES: Final = 400
"""Picture samples between two columns, paper profile: 50 ms (our reading of the paper)."""

N_BINS: Final = SEGMENT_SAMPLES // 2 + 1
N_BANDS: Final = 200
"""F: bins without DC, summed in neighbouring pairs: 20 Hz each over 0 to 4 kHz."""

N_COLUMNS: Final = 400
"""T: columns of one picture."""

N_WORDS: Final = 40
"""L: word slots of one window."""

WORD_DIMS: Final = 300
"""E: numbers per word vector."""

PICTURE_SHAPE: Final = (N_BANDS, N_COLUMNS)
"""Axis 0 low to high frequency, axis 1 old to new time."""

WORDS_SHAPE: Final = (WORD_DIMS, N_WORDS)
"""Axis 0 vector dimension, axis 1 old to new word."""

N_MELS: Final = 80
"""Bands of the mel frames that the speech encoder of `deep` takes (Whisper)."""

MEL_SEGMENT_SAMPLES: Final = 200
"""Samples under one mel frame, at the picture rate: 25 ms (Whisper)."""

MEL_STEP_SAMPLES: Final = 80
"""Picture samples between two mel frames: 10 ms (Whisper)."""

MELS_PER_COLUMN: Final = LIVE_STEP_SAMPLES // MEL_STEP_SAMPLES

MEL_LEAD_FRAMES: Final = (SEGMENT_SAMPLES - MEL_SEGMENT_SAMPLES) // MEL_STEP_SAMPLES + 1 - MELS_PER_COLUMN
"""Mel frames that are whole before the first column's own two: 6."""

MELS_SHAPE: Final = (N_MELS, MELS_PER_COLUMN * N_COLUMNS)
"""Axis 0 low to high frequency, axis 1 old to new time."""

POOLING_GRID_COLUMNS: Final = 4
"""2^P with P = 2: the estimate hop is a multiple of this many columns."""

DEFAULT_HOP_COLUMNS: Final = 8
"""Columns between two estimates: 160 ms."""

RANGE_DB: Final = 80.0
"""Depth of the picture: `clip((dB - reference + 80) / 80, 0, 1)`, so silence is 0."""

EMOTIONS: Final = ("happy", "angry", "sad", "surprised", "disgusted", "fear")
"""The six classes in the order of every array of logits or probabilities."""

N_EMOTIONS: Final = len(EMOTIONS)


def columns_in(n_samples: int, step: int = LIVE_STEP_SAMPLES) -> int:
    """Return how many whole columns `n_samples` picture samples hold."""
    return 0 if n_samples < SEGMENT_SAMPLES else (n_samples - SEGMENT_SAMPLES) // step + 1


def samples_of(n_columns: int, step: int = LIVE_STEP_SAMPLES) -> int:
    """Return how many picture samples `n_columns` whole columns span."""
    return 0 if n_columns <= 0 else (n_columns - 1) * step + SEGMENT_SAMPLES
