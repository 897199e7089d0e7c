"""Word vectors from elsewhere (GloVe, word2vec) into a model folder of ours: int8 rows with a scale each.

gensim reads the files. It is imported here alone and only when asked for: it costs a second and 86 MB.
"""

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from streamer.errors import ModelError
from streamer.features.words import tokens
from streamer.network import contract
from streamer.network.checkpoint import sha256, write_whole

SCHEMA: Final = "emostream.vectors/1"
LARGEST_INT8: Final = 127
LOOKED_AT_BYTES: Final = 65536


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import has made."""

    folder: Path
    rows: int
    passed_over: int
    """Words that the monitor's tokens can never ask for: phrases, other spellings of a word that came before."""


def import_vectors(file: Path, folder: Path, limit: int) -> Imported:
    """Convert the first `limit` rows of `file` into `folder`, made if need be.

    Raises: ModelError if the file is missing, is none of the formats, or does not have 300 numbers per word.
    """
    has_header, is_binary = _format(file)
    words, matrix = _read(file, limit, has_header=has_header, is_binary=is_binary)
    if matrix.shape[1] != contract.WORD_DIMS:
        message = f"{file} has {matrix.shape[1]} numbers per word, wanted {contract.WORD_DIMS}"
        raise ModelError(message)
    kept = usable(words)
    if not kept or not np.isfinite(matrix[list(kept.values())]).all():
        message = f"{file} holds {'numbers that are not finite' if kept else 'no usable word'}; wanted word vectors"
        raise ModelError(message)
    vectors, scales = quantised(matrix[list(kept.values())])
    table = safetensors.numpy.save({"vectors": vectors, "scales": scales})
    vocabulary = ("\n".join(kept) + "\n").encode()
    card = {
        "schema": SCHEMA,
        "name": folder.name,
        "source": file.name,
        "rows": len(kept),
        "licence": "that of the imported file",
        "files": {
            name: {"sha256": sha256(content), "bytes": len(content)}
            for name, content in (("vectors.safetensors", table), ("vocabulary.txt", vocabulary))
        },
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "vectors.safetensors", table)
        write_whole(folder / "vocabulary.txt", vocabulary)
        write_whole(folder / "card.json", (json.dumps(card, indent=1) + "\n").encode())
    except OSError as error:
        message = f"{folder} cannot be written ({error.strerror}); free the place or name another with XDG_DATA_HOME"
        raise ModelError(message) from error
    return Imported(folder, len(kept), len(words) - len(kept))


def usable(words: Sequence[str]) -> dict[str, int]:
    """Return token -> row for the words that the monitor can ask for; the first spelling of a word wins."""
    kept: dict[str, int] = {}
    for row, word in enumerate(words):
        token = word.lower().replace("\u2019", "'")
        if token not in kept and tokens(token) == [token]:
            kept[token] = row
    return kept


def quantised(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return (n, E) int8 and (n,) float32 scales whose product is `matrix` to within half a scale."""
    scales = np.abs(matrix).max(axis=1).astype(np.float32) / LARGEST_INT8
    scales[scales == 0] = 1.0
    return np.round(matrix / scales[:, None]).astype(np.int8), scales


def _format(file: Path) -> tuple[bool, bool]:
    """Return (has a header of count and dimensions, rows are binary)."""
    try:
        with _open(file) as stream:
            head: bytes = stream.read(LOOKED_AT_BYTES)
    except (OSError, EOFError) as error:
        message = f"{file} cannot be read ({getattr(error, 'strerror', None) or error}); wanted a file of word vectors"
        raise ModelError(message) from error
    first, _, rest = head.partition(b"\n")
    numbers = first.split()
    if len(numbers) == 2 and all(number.isdigit() for number in numbers):  # noqa: PLR2004 (count and dimensions)
        row = rest.partition(b"\n")[0].split()
        return True, len(row) != int(numbers[1]) + 1 or not _are_floats(row[1:])
    if len(numbers) > 2 and _are_floats(numbers[1:]):  # noqa: PLR2004 (a word and at least two numbers)
        return False, False
    message = f"{file} is no file of word vectors; wanted GloVe text, or word2vec text or binary"
    raise ModelError(message)


def _are_floats(texts: Sequence[bytes]) -> bool:
    try:
        return all(np.isfinite(float(text)) for text in texts)
    except ValueError:
        return False


def _open(file: Path):  # type: ignore[no-untyped-def]  # noqa: ANN202 (gensim's own, which also reads .gz)
    from gensim import utils  # noqa: PLC0415 (see the top)

    return utils.open(str(file), "rb")


def _read(file: Path, limit: int, *, has_header: bool, is_binary: bool) -> tuple[list[str], NDArray[np.float32]]:
    from gensim.models import KeyedVectors  # noqa: PLC0415 (see the top)

    # gensim 4.4 leaves files without a header open; they are closed, with a warning, when its frames go.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            table = KeyedVectors.load_word2vec_format(
                str(file), binary=is_binary, no_header=not has_header, limit=limit, unicode_errors="replace"
            )
        except (OSError, EOFError, ValueError, OverflowError, MemoryError, AssertionError) as error:
            message = f"{file} is damaged or no file of word vectors ({error}); fetch it again"
            raise ModelError(message) from error.with_traceback(None)
    return list(table.index_to_key), np.asarray(table.vectors, np.float32)
