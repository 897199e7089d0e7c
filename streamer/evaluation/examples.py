"""Recordings and written lines as windows, made by the live program's own decimator, columns and word matrix. Pure.

There is no voice gate here: every window is judged, because the answer is forced. The newest column and the newest
word are last, as live.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import dropwhile
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamer.features.decimate import Decimator
from streamer.features.mel import MelStream, frames_of_columns
from streamer.features.spectrogram import ColumnStream
from streamer.features.words import MARKS, PAUSE_SLOTS, WordVectors, tokens, word_matrix
from streamer.network import contract
from streamer.records import Mels, Picture, Samples, Stage, State, Window, Word

RATIO: Final = contract.SAMPLES_PER_PICTURE_SAMPLE
WINDOW_SAMPLES: Final = contract.samples_of(contract.N_COLUMNS) * RATIO
"""Stream samples under one window: 8.08 s."""

PIECE: Final = 10 * contract.STREAM_RATE_HZ
"""Samples whose spectra are in memory at once."""

FRAME: Final = contract.STREAM_RATE_HZ // 50
NEAR_DB: Final = 30.0
OVER_DB: Final = 6.0
LOUD_DB: Final = 12.0
LEAD_SAMPLES: Final = contract.STREAM_RATE_HZ // 10
TAIL_SAMPLES: Final = 3 * contract.STREAM_RATE_HZ // 10
"""What a recording keeps of the silence before and after its voice: 0.1 s and 0.3 s, as in training."""

WORD_S: Final = 0.3
"""Time that a word takes where nobody knows better (choice: 200 words a minute)."""

PAUSE: Final = "\n"
"""Among tokens: a pause, as a written line's end is one."""

PAUSE_TIME: Final = 6 * contract.STREAM_RATE_HZ // 10
"""What a pause takes in stream samples (choice: a little over what counts as one)."""

_PLACEHOLDER: Final = re.compile(r"\[[A-Za-z]+\]")
_SPLIT_CLITIC: Final = re.compile(r"\s+(['\u2019])\s*(s|m|re|ve|ll|d|t)\b", re.IGNORECASE)


def spoken_tokens(text: str, *, plain: bool) -> list[str]:
    """Return what is said in written lines: no placeholders like `[NAME]`, `I ' m` drawn together, `PAUSE` between.

    `plain` drops the marks `?!.,` as well, as a recogniser without punctuation does; case never counts.
    """
    said: list[str] = []
    for line in _SPLIT_CLITIC.sub(r"\1\2", _PLACEHOLDER.sub(" ", text)).splitlines():
        found = [token for token in tokens(line) if not (plain and token in MARKS)]
        said += [PAUSE, *found] if said and found else found
    return said


def spread(said: Sequence[str], start: int, end: int) -> list[Word]:
    """Return the tokens as words, each with an equal share of `start` to `end`; marks take no time, a pause its own.

    Pauses take half of the time at most: where there is too little of it they are none.
    """
    pauses = np.cumsum([0, *(token == PAUSE for token in said)])
    shares = np.cumsum([0, *(token not in (*MARKS, PAUSE) for token in said)])
    pause = min(PAUSE_TIME, (end - 1 - start) // (2 * max(1, int(pauses[-1]))))
    speech = end - 1 - start - pause * int(pauses[-1])
    places = start + speech * shares / max(1, int(shares[-1])) + pause * pauses
    return [
        Word(token, round(places[i]), round(places[i + 1]), 1.0, final=True)
        for i, token in enumerate(said)
        if token != PAUSE
    ]


def sound_columns(sound: Samples) -> Picture:
    """Return (F, n) columns of a whole recording at the stream rate, running level included."""
    decimator, columns = Decimator(), ColumnStream()
    # In pieces, because spectra take far more memory than columns; any split gives the same columns.
    pieces = [columns.push(decimator.push(sound[at : at + PIECE])) for at in range(0, len(sound), PIECE)]
    return np.concatenate((*pieces, columns.push(decimator.flush())), axis=1)


def sound_mels(sound: Samples) -> Mels:
    """Return (80, 2 n) mel frames of the columns of a whole recording at the stream rate."""
    decimator, mels = Decimator(), MelStream()
    pieces = [mels.push(decimator.push(sound[at : at + PIECE])) for at in range(0, len(sound), PIECE)]
    frames = np.concatenate((*pieces, mels.push(decimator.flush())), axis=1)
    n_columns = (frames.shape[1] - contract.MEL_LEAD_FRAMES) // contract.MELS_PER_COLUMN
    return frames_of_columns(frames, max(0, n_columns))


def voice_of(sound: Samples) -> tuple[int, int]:
    """Return the samples between which a recording of one utterance lies: what is near its loud frames, with a margin.

    Live, what lies before an utterance is masked and the last word is followed by little; recordings bring seconds of
    silence at both ends. Near: within 12 dB of the 95th percentile, or within 30 dB and 6 dB over the 10th: noise is
    silence, too. No voice detector is asked: it would miss whispers and cries.
    """
    n_frames = len(sound) // FRAME
    if n_frames == 0:
        return 0, len(sound)
    energy = np.square(sound[: n_frames * FRAME], dtype=np.float64).reshape(n_frames, FRAME).mean(axis=1)
    db = 10.0 * np.log10(energy + 1e-12)
    quiet, loud = np.percentile(db, (10, 95))
    near = np.flatnonzero(db >= min(max(loud - NEAR_DB, quiet + OVER_DB), loud - LOUD_DB))
    start = max(0, int(near[0]) * FRAME - LEAD_SAMPLES)
    return start, min(len(sound), int(near[-1] + 1) * FRAME + TAIL_SAMPLES)


def windows_of(
    sound: Samples, said: list[str], vectors: WordVectors, hop: int, *, with_mels: bool = False
) -> Iterator[Window]:
    """Yield the windows of one recording, with its tokens spread over its voice.

    Columns outside of `voice_of` are left out. One window where all others fit in; else one per `hop` columns from the
    first full one on, and the last.
    """
    columns = sound_columns(sound)
    mels = sound_mels(sound) if with_mels else None
    begin, finish = voice_of(sound)
    first = min(-(-begin // (RATIO * contract.LIVE_STEP_SAMPLES)), max(0, columns.shape[1] - 1))
    last = max(first + 1, contract.columns_in(finish // RATIO))
    columns = columns[:, first:last]
    mels = None if mels is None else mels[:, contract.MELS_PER_COLUMN * first : contract.MELS_PER_COLUMN * last]
    origin = first * contract.LIVE_STEP_SAMPLES * RATIO
    words = spread(said, begin, finish)
    n = columns.shape[1]
    for shown in sorted({*range(contract.N_COLUMNS, n, hop), n}):
        width = min(shown, contract.N_COLUMNS)
        picture = newest(columns[:, :shown], contract.PICTURE_SHAPE)
        frames = None if mels is None else newest(mels[:, : contract.MELS_PER_COLUMN * shown], contract.MELS_SHAPE)
        # The last window's words end with the voice, not with its last whole column.
        end = finish if shown == n else origin + contract.samples_of(shown) * RATIO
        yield _window(picture, frames, width, words, vectors, end)


def newest(columns: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the newest columns (F, n) in an array of `shape` (F, T), at its right, zeros before them."""
    held = np.zeros(shape, np.float32)
    width = min(columns.shape[1], shape[1])
    held[:, shape[1] - width :] = columns[:, columns.shape[1] - width :]
    return held


def window_of_words(said: list[str], vectors: WordVectors, *, with_mels: bool = False) -> Window:
    """Return the window of lines without sound, spoken at a plausible pace; what its 40 slots hold is inside."""
    held = in_slots(said)
    n_spoken = sum(token not in (*MARKS, PAUSE) for token in held)
    length = round(n_spoken * WORD_S * contract.STREAM_RATE_HZ) + PAUSE_TIME * held.count(PAUSE)
    end = WINDOW_SAMPLES
    words = spread(held, end - min(max(1, length), WINDOW_SAMPLES), end)
    mels = np.zeros(contract.MELS_SHAPE, np.float32) if with_mels else None
    return _window(np.zeros(contract.PICTURE_SHAPE, np.float32), mels, 0, words, vectors, end)


def in_slots(said: Sequence[str]) -> list[str]:
    """Return the newest tokens that 40 slots hold, a pause taking as many as it ages what was said before it."""
    taken = np.cumsum([PAUSE_SLOTS if token == PAUSE else 1 for token in reversed(said)])
    held = said[len(said) - int(np.searchsorted(taken, contract.N_WORDS, side="right")) :]
    return list(dropwhile(lambda token: token == PAUSE, held))


def _window(
    picture: Picture, mels: Mels | None, width: int, words: list[Word], vectors: WordVectors, end: int
) -> Window:
    matrix, mask, spans = word_matrix(words, vectors, end - WINDOW_SAMPLES, end, pause_slots=PAUSE_SLOTS)
    return Window(
        picture=picture,
        mels=mels,
        columns=np.arange(contract.N_COLUMNS) >= contract.N_COLUMNS - width,
        words=matrix,
        word_mask=mask,
        word_spans=spans,
        start=max(0, end - WINDOW_SAMPLES),
        end=end,
        state=State.SPEECH,
        stage=Stage.FINAL if words else Stage.AUDIO,
        utterance=0,
        revision=0,
        n_words=sum(word.text not in MARKS for word in words),
        captured_s=0.0,
        features_s=0.0,
    )
