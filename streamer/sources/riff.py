"""How much sound a WAV or AIFF header promises, and how much its file holds. An open file in, numbers out.

libsndfile reads a file that was cut short without a word (measured), so we look ourselves.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO, Final

UNFINISHED_BYTES: Final = 0x7FFF_F000
"""Sizes from here on mean "unknown when the header was written": ffmpeg and sox write them into pipes."""


@dataclass(frozen=True, slots=True)
class Promise:
    """Bytes of sound."""

    promised: int
    held: int


def promise(file: BinaryIO, file_bytes: int) -> Promise | None:
    """Return what the header says about its sound, or None where it says nothing that could be checked."""
    head = file.read(12)
    order = {b"RIFF": "<", b"RF64": "<", b"RIFX": ">", b"FORM": ">"}.get(head[:4])
    if order is None:
        return None
    long_form: int | None = None
    while len(header := file.read(8)) == 8:  # noqa: PLR2004
        kind, size = struct.unpack(f"{order}4sI", header)
        body = file.tell()
        if kind in (b"data", b"SSND"):
            size = size if long_form is None else long_form
            known = long_form is not None or 0 < size < UNFINISHED_BYTES
            return Promise(size, file_bytes - body) if known else None
        if kind == b"ds64" and len(sizes := file.read(16)) == 16:  # noqa: PLR2004
            (long_form,) = struct.unpack("<Q", sizes[8:])
        file.seek(body + size + size % 2)  # chunks are padded to even length
    return None
