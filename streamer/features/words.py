"""Words to the network's 300 x 40 matrix: tokens, the vector table, the matrix with its mask and times.

The table is one int8 row and one scale per token, memory-mapped; no gensim, no torch. Where the table's card allows it,
words that are spelled alike answer for an unknown one (`spelling`); else it has no vector, and its slot stays zero and
masked.
"""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer import errors
from streamer.features.spelling import Spelling
from streamer.network import contract
from streamer.records import Mask, Spans, Word, WordMatrix

MARKS = "?!.,"
"""Punctuation that has vectors of its own; some recognisers give it, others do not."""

_PIECES = re.compile(rf"[a-z0-9]+(?:['\u2019][a-z]+)*['\u2019]?|[{re.escape(MARKS)}]|['\u2019][a-z]+")

PAUSE_SAMPLES = contract.STREAM_RATE_HZ // 2
"""From half a second of silence between two words on, they belong to two utterances."""

PAUSE_SLOTS = 16
"""By so many words a pause ages what was said before it (models/EXPERIMENTS.md)."""

HEADER_CAP_BYTES = 1 << 20

ALIKE = "alike_answer_for_unknown"
"""Entry of a table's card: true where words may answer for others that are spelled alike."""

_SAFETENSORS_NAMES = {np.int8: "I8", np.float32: "F32"}

_CLITICS = ("'s", "'m", "'re", "'ve", "'ll", "'d")

_NEGATION = "n't"

_WHOLE = {
    "cannot": ("can", "not"),
    "gonna": ("gon", "na"),
    "wanna": ("wan", "na"),
    "gotta": ("got", "ta"),
}


def tokens(text: str) -> list[str]:
    """Return the tokens of a text: lower case, contractions split (do + n't, i + 'm), marks by themselves.

    Everything but letters, digits, apostrophes within words and `MARKS` is dropped; runs of a mark count once.
    """
    found: list[str] = []
    for piece in _PIECES.findall(text.lower()):
        for token in _split(piece.replace("\u2019", "'")):
            if token not in MARKS or not found or found[-1] != token:
                found.append(token)
    return found


def _split(piece: str) -> Sequence[str]:
    piece = piece.rstrip("'") if len(piece) > 1 else piece
    if piece in _WHOLE:
        return _WHOLE[piece]
    if piece.endswith(_NEGATION) and piece != _NEGATION:
        return piece.removesuffix(_NEGATION), _NEGATION
    for clitic in _CLITICS:
        if piece.endswith(clitic) and len(piece) > len(clitic):
            return piece[: -len(clitic)], clitic
    return (piece,)


class WordVectors:
    """Tokens to rows of a memory-mapped table."""

    def __init__(
        self,
        rows: dict[str, int],
        vectors: NDArray[np.int8],
        scales: NDArray[np.float32],
        spelling: Spelling | None = None,
    ) -> None:
        if vectors.shape != (len(rows), contract.WORD_DIMS) or scales.shape != (len(rows),):
            message = (
                f"the word vectors have shape {vectors.shape} with {len(scales)} scales for {len(rows)} words, "
                f"wanted ({len(rows)}, {contract.WORD_DIMS}); install the model again"
            )
            raise errors.ModelError(message)
        self._rows = rows
        self._vectors = vectors
        self._scales = scales
        self._spelling = spelling

    @classmethod
    def load(cls, folder: Path | None) -> "WordVectors":
        """Return the table in `folder` (vectors.safetensors, vocabulary.txt); None: one that knows no word.

        Its card.json, where there is one, says whether words may answer for others that are spelled alike (`ALIKE`).

        Raises: ModelError if a file is missing, damaged, or of another shape.
        """
        if folder is None:
            return cls({}, np.zeros((0, contract.WORD_DIMS), np.int8), np.zeros(0, np.float32))
        try:
            words = (folder / "vocabulary.txt").read_text(encoding="utf-8").splitlines()
            table = folder / "vectors.safetensors"
            vectors, scales = _mapped(table, "vectors", np.int8), _mapped(table, "scales", np.float32)
            spelling = Spelling(words) if _allows_alike(folder / "card.json") else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            message = (
                f"the word vectors in {folder} cannot be read ({error}); wanted vocabulary.txt and "
                "vectors.safetensors, install the model again"
            )
            raise errors.ModelError(message) from error
        return cls({word: i for i, word in enumerate(words)}, vectors, scales, spelling)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, token: str) -> bool:
        return token in self._rows

    def row(self, token: str) -> int | None:
        """Return the row of a token, None where it is unknown."""
        return self._rows.get(token)

    def vector(self, token: str) -> NDArray[np.float32] | None:
        """Return (300,) f32, of an unknown token the mean of those spelled alike; None where there are none."""
        row = self._rows.get(token)
        if row is not None:
            return np.asarray(self._vectors[row] * self._scales[row], np.float32)
        if self._spelling is None:
            return None
        rows, shares = self._spelling.alike(token)
        if not len(rows):
            return None
        return np.asarray((shares * self._scales[rows]) @ self._vectors[rows], np.float32)


def _allows_alike(card: Path) -> bool:
    return card.exists() and json.loads(card.read_text(encoding="utf-8")).get(ALIKE) is True


def _mapped(path: Path, name: str, dtype: type[Any]) -> NDArray[Any]:
    """Return one tensor of a safetensors file, memory-mapped; raises ValueError or KeyError where it is not there."""
    with path.open("rb") as file:
        n_header = int.from_bytes(file.read(8), "little")
        if not 0 < n_header <= HEADER_CAP_BYTES:
            message = f"its header claims {n_header} bytes"
            raise ValueError(message)
        note = json.loads(file.read(n_header))[name]
    wanted = _SAFETENSORS_NAMES[dtype]
    if note["dtype"] != wanted:
        message = f"{name} is {note['dtype']}, wanted {wanted}"
        raise ValueError(message)
    begin, end = note["data_offsets"]
    shape = tuple(int(side) for side in note["shape"])
    if end - begin != math.prod(shape) * np.dtype(dtype).itemsize:
        message = f"{name} has {end - begin} bytes for shape {shape}"
        raise ValueError(message)
    return np.memmap(path, dtype, "r", offset=8 + n_header + begin, shape=shape)


def word_matrix(
    words: Sequence[Word],
    vectors: WordVectors,
    start: int,
    end: int,
    step: int = contract.LIVE_STEP_SAMPLES,
    *,
    pause_slots: int = 0,
) -> tuple[WordMatrix, Mask, Spans]:
    """Return the last 40 tokens of the words that lie inside [start, end), newest last.

    Shapes: matrix contract.WORDS_SHAPE f32, mask (L,), spans (L, 2) f32 in columns of the picture whose last column
    ends at `end`, 0 = left edge. Words count as inside if any part of them is. An unknown token keeps its slot, so that
    distances from the newest word stay what they were in training, but is zero and masked. A pause ages what was said
    before it by `pause_slots`: as many slots stay empty. Units: `start`, `end` in stream samples, `step` in picture
    samples per column.
    """
    inside = [w for w in words if w.end > start and w.start < end][-contract.N_WORDS :]
    spoken: list[tuple[str, Word]] = []
    for before, word in zip([None, *inside], inside, strict=False):
        if before and word.start - before.end >= PAUSE_SAMPLES:
            spoken += [("", word)] * pause_slots
        spoken += [(token, word) for token in tokens(word.text)]
    spoken = spoken[-contract.N_WORDS :]
    matrix = np.zeros(contract.WORDS_SHAPE, np.float32)
    mask = np.zeros(contract.N_WORDS, np.bool_)
    spans = np.zeros((contract.N_WORDS, 2), np.float32)
    samples_per_column = step * contract.SAMPLES_PER_PICTURE_SAMPLE
    left = end - contract.samples_of(contract.N_COLUMNS, step) * contract.SAMPLES_PER_PICTURE_SAMPLE
    # A column stands for the middle of its segment, which is wider than a step.
    offset = (contract.SEGMENT_SAMPLES / step - 1.0) / 2.0
    for slot, (token, word) in enumerate(spoken, contract.N_WORDS - len(spoken)):
        vector = vectors.vector(token)
        if vector is None:
            continue
        matrix[:, slot] = vector
        mask[slot] = True
        place = np.array((word.start - left, word.end - left)) / samples_per_column - offset
        spans[slot] = np.clip(place, 0.0, contract.N_COLUMNS)
    return matrix, mask, spans
