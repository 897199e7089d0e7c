"""Start of the word table: the 300-d vectors of the spaCy wheel (MIT), read without spaCy or unpickling."""

import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamer.network import contract

VECTOR_NORM = 5.0
"""Length to which every starting vector is brought; the wheel's lengths say how rare a word is, not what it means."""

_MASK = (1 << 64) - 1
_MULTIPLIER = 0xC6A4A7935BD1E995
_INTEGERS = {0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q"}


def murmur(text: str, seed: int = 1) -> int:
    """Return MurmurHash64A, by which spaCy names its strings."""
    data = text.encode()
    h = seed ^ (len(data) * _MULTIPLIER & _MASK)
    whole = len(data) // 8 * 8
    for (word,) in struct.iter_unpack("<Q", data[:whole]):
        k = word * _MULTIPLIER & _MASK
        h = (h ^ ((k ^ (k >> 47)) * _MULTIPLIER & _MASK)) * _MULTIPLIER & _MASK
    if len(data) > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _MULTIPLIER & _MASK
    h = (h ^ (h >> 47)) * _MULTIPLIER & _MASK
    return h ^ (h >> 47)


def read_map(data: bytes) -> dict[int, int]:
    """Return a MessagePack map of whole numbers to whole numbers."""
    if data[0] != 0xDF:
        message = f"the vector index begins with 0x{data[0]:02x}, wanted a MessagePack map (0xdf)"
        raise ValueError(message)
    at = 5

    def number() -> int:
        nonlocal at
        kind = data[at]
        at += 1
        if kind < 0x80:
            return kind
        (value,) = struct.unpack_from(_INTEGERS[kind], data, at)
        at += struct.calcsize(_INTEGERS[kind])
        return int(value)

    return {number(): number() for _ in range(int.from_bytes(data[1:5], "big"))}


class SpacyVectors:
    """Words to their 300-d rows."""

    def __init__(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            (folder,) = {n.removesuffix("vectors") for n in archive.namelist() if n.endswith("/vocab/vectors")}
            table = np.load(io.BytesIO(archive.read(folder + "vectors")), allow_pickle=False)
            self._rows = read_map(archive.read(folder + "key2row"))
            self.strings: list[str] = json.loads(archive.read(folder + "strings.json"))
        if table.shape[1] != contract.WORD_DIMS:
            message = f"the vectors in {wheel.name} have {table.shape[1]} numbers, wanted {contract.WORD_DIMS}"
            raise ValueError(message)
        self._table: NDArray[np.float32] = np.asarray(table, np.float32)

    def row(self, word: str) -> int | None:
        """Return the row of a word, None where it has none."""
        return self._rows.get(murmur(word))

    def vector(self, word: str) -> NDArray[np.float32] | None:
        """Return (300,) f32, None where the word has none."""
        row = self.row(word)
        return None if row is None else self._table[row]

    def known(self, vocabulary: list[str]) -> tuple[list[str], NDArray[np.float32]]:
        """Return the words that have a vector, and these (words, 300), all equally long."""
        found = [(word, vector) for word in vocabulary if (vector := self.vector(word)) is not None and vector.any()]
        vectors = np.stack([vector for _, vector in found])
        return [word for word, _ in found], vectors * (VECTOR_NORM / np.linalg.norm(vectors, axis=1, keepdims=True))
