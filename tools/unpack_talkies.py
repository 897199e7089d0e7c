#!/usr/bin/env python3
"""Unpack the speech of three free talking adventure games, as sound files of voices that nobody has labelled.

`python tools/unpack_talkies.py FOLDER OUT` finds the data of Beneath a Steel Sky (sky.dnr, sky.dsk), Drascula (*.ALS)
and Flight of the Amazon Queen (queen.1c) anywhere under FOLDER, where the Debian packages of these names were unpacked,
and writes OUT/GAME/NAME.flac: about 7 hours of acted English by some dozens of people. Licence of the games: they may
be given away, used and changed, not sold by themselves.

The layouts of the files are documented by the program that plays them, ScummVM.
"""

import argparse
import io
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

Voice = tuple[str, NDArray[np.float32], int]
"""Name of a line, its sound (n,), its rate in Hz."""

RATE_HZ: Final = 11_025
"""Of the raw sound in two of the games."""

SHORTEST_S: Final = 0.5

SKY_FIRST_LINE: Final = 50_000
"""Number of the first file of speech."""
SKY_HEADER: Final = 22
SKY_SIZE: Final = 0x3FFFFF
SKY_FAR: Final = 1 << 23
"""Bit of a file's place that says: in blocks of 16 bytes."""

QUEEN_ENTRIES: Final = 15
"""Where the table of files begins; the number of its entries stands in the two bytes before it."""
QUEEN_ENTRY: Final = struct.Struct(">12sxII")

DRASCULA_HEADER: Final = 32


def sky(index: bytes, data: bytes) -> Iterator[Voice]:
    """Yield the lines of Beneath a Steel Sky: eight-bit sound, where a 0 stands for nothing."""
    (count,) = struct.unpack_from("<I", index)
    for at in range(4, 4 + 8 * count, 8):
        number = int.from_bytes(index[at : at + 2], "little")
        place = int.from_bytes(index[at + 2 : at + 5], "little")
        size = int.from_bytes(index[at + 5 : at + 8], "little") & SKY_SIZE
        if number < SKY_FIRST_LINE:
            continue
        begin = (place & ~SKY_FAR) * (16 if place & SKY_FAR else 1)
        held = np.frombuffer(data[begin + SKY_HEADER : begin + size], np.uint8)
        yield str(number), unsigned(np.where(held == 0, 127, held)), RATE_HZ


def queen(data: bytes) -> Iterator[Voice]:
    """Yield the lines of Flight of the Amazon Queen: one compressed file each."""
    (count,) = struct.unpack_from(">H", data, QUEEN_ENTRIES - 2)
    for entry in range(count):
        name, begin, size = QUEEN_ENTRY.unpack_from(data, QUEEN_ENTRIES + entry * QUEEN_ENTRY.size)
        line, _, kind = name.rstrip(b"\0").decode("ascii").partition(".")
        if kind == "SB":
            sound, rate_hz = soundfile.read(io.BytesIO(data[begin : begin + size]), dtype="float32", always_2d=True)
            yield line, sound.mean(axis=1), rate_hz


def drascula(data: bytes) -> NDArray[np.float32]:
    """Return one line of Drascula."""
    return unsigned(np.frombuffer(data[DRASCULA_HEADER:], np.uint8))


def unsigned(held: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return eight-bit sound (n,) as f32 in [-1, 1)."""
    return np.asarray((held.astype(np.float32) - 128.0) / 128.0, np.float32)


def voices(folder: Path) -> Iterator[tuple[str, Voice]]:
    """Yield every line of every game found under `folder`, and which game it is of."""
    for index in sorted(folder.rglob("sky.dnr")):
        yield from (("sky", line) for line in sky(index.read_bytes(), index.with_name("sky.dsk").read_bytes()))
    for path in sorted(folder.rglob("*.ALS")):
        yield "drascula", (path.stem, drascula(path.read_bytes()), RATE_HZ)
    for path in sorted(folder.rglob("queen.1c")):
        yield from (("queen", line) for line in queen(path.read_bytes()))


def main() -> None:
    """Write the files and say how much there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    total_s: dict[str, float] = {}
    for game, (name, sound, rate_hz) in voices(args.folder):
        if len(sound) >= SHORTEST_S * rate_hz:
            (args.out / game).mkdir(parents=True, exist_ok=True)
            soundfile.write(args.out / game / f"{name}.flac", sound, rate_hz)
            total_s[game] = total_s.get(game, 0.0) + len(sound) / rate_hz
    if not total_s:
        sys.exit(f"found neither sky.dnr nor queen.1c nor *.ALS under {args.folder}, wanted the unpacked packages")
    print(", ".join(f"{game} {seconds / 60:.0f} min" for game, seconds in sorted(total_s.items())))


if __name__ == "__main__":
    main()
