"""The windows of one video: words, and sound where there is some, as the rows of the store's arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.errors import SourceError
from streamer.features.words import WordVectors, word_matrix
from streamer.network import contract
from tools.mosei import csd, labels, sound, speech, store


@dataclass(frozen=True, slots=True)
class Material:
    """What windows are made of."""

    words: csd.Sequence
    vectors: csd.Sequence | None
    """The published vectors, where they are there."""
    vocabulary: WordVectors | None
    """Otherwise our own."""
    sounds: dict[str, Path] | None
    """Video -> WAV file; None: words and labels only."""


@dataclass(slots=True)
class Note:
    """What is to be remembered of a prepared video: goes into `done.jsonl`."""

    words: int
    words_outside: int
    pauses: int
    repeats: int
    backwards: int
    columns: list[int] = field(default_factory=list)
    """Per segment."""
    tokens: list[int] = field(default_factory=list)
    """Per segment: word slots in use."""
    known: list[int] = field(default_factory=list)
    """Per segment: word slots with a vector."""
    texts: list[str] = field(default_factory=list)
    refused: str | None = None
    """Why its sound could not be used."""


@dataclass(slots=True)
class _Picture:
    columns: NDArray[np.float32]
    end_s: float


def windows(material: Material, segments: Sequence[labels.Segment]) -> tuple[dict[str, NDArray[Any]], Note]:
    """Return the rows of all segments of one video, and its note. Memory: one video."""
    video = segments[0].video
    said = speech.read(material.words, video)
    words = said.words
    if material.vectors is not None:
        words = speech.with_vectors(words, material.vectors, video)
    given, n_outside = speech.share_out(words, segments)
    n_inside = len({at for one in given for at in one})
    note = Note(n_inside, n_outside, said.n_pauses, said.n_repeats, said.n_backwards)
    pictures = _pictures(material, segments, note)
    with_sound = material.sounds is not None
    rows = {
        name: np.zeros((len(segments), *shape), dtype)
        for name, (dtype, shape) in store.arrays(with_sound=with_sound).items()
    }
    for at, segment in enumerate(segments):
        mine = [words[number] for number in given[at]]
        end_s = pictures[at].end_s if with_sound else segment.end_s
        matrix, mask, spans, n_slots = _words(mine, material.vocabulary, end_s)
        rows["words"][at], rows["word_mask"][at], rows["word_spans"][at] = matrix, mask, spans
        rows["intensities"][at], rows["sentiment"][at] = segment.intensities, segment.sentiment
        if with_sound and (n_columns := pictures[at].columns.shape[1]):
            rows["pictures"][at, :, -n_columns:] = np.rint(pictures[at].columns * store.PICTURE_STEPS)
            rows["columns"][at, -n_columns:] = True
        note.columns.append(pictures[at].columns.shape[1] if with_sound else 0)
        note.tokens.append(n_slots)
        note.known.append(int(mask.sum()))
        note.texts.append(" ".join(word.text for word in mine))
    return rows, note


def _words(
    words: Sequence[speech.Said], vocabulary: WordVectors | None, end_s: float
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32], int]:
    """Return matrix, mask and spans of the last 40, newest last, and how many slots are in use."""
    numbered = vocabulary is None
    end = round(end_s * contract.STREAM_RATE_HZ)
    placed = speech.placed(words, end, numbered=numbered)
    start = min((word.start for word in placed), default=end) - 1
    matrix, mask, spans = word_matrix(
        placed, speech.TimedVectors(words) if vocabulary is None else vocabulary, start, end, sound.STEP
    )
    return matrix, mask, spans, min(speech.n_tokens(words, numbered=numbered), contract.N_WORDS)


def _pictures(material: Material, segments: Sequence[labels.Segment], note: Note) -> list[_Picture]:
    """Return each segment's columns; none, and a reason in the note, where the sound is missing or damaged."""
    if material.sounds is None:
        return []
    video = segments[0].video
    path = material.sounds.get(video)
    try:
        if path is None:
            message = f"there is no {video}.wav; its {len(segments)} segments have words and labels only"
            raise SourceError(message)
        heard = sound.VideoSound(path)
        return [_Picture(*heard.segment(segment.start_s, segment.end_s)) for segment in segments]
    except SourceError as error:
        note.refused = str(error)
        nothing = np.zeros((contract.N_BANDS, 0), np.float32)
        return [_Picture(nothing, segment.end_s) for segment in segments]
