"""The speech of three games, from small files with their layouts."""

import io
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tools import unpack_talkies

ROOT = Path(__file__).parents[2]
RATE = unpack_talkies.RATE_HZ


def tone(n: int, seed: int) -> np.ndarray:
    return np.asarray(128 + 100 * np.sin(np.arange(n) * (0.02 + 0.01 * seed)), np.uint8)


def sky(lines: dict[int, np.ndarray]) -> tuple[bytes, bytes]:
    data, entries = b"\0" * 16, []
    for number, (key, line) in enumerate(lines.items()):
        data += b"\0" * (-len(data) % 16)
        far = number % 2 == 1
        place = len(data) // 16 | unpack_talkies.SKY_FAR if far else len(data)
        held = b"h" * unpack_talkies.SKY_HEADER + line.tobytes()
        entries.append(
            key.to_bytes(2, "little") + place.to_bytes(3, "little") + (len(held) | 1 << 23).to_bytes(3, "little")
        )
        data += held
    return struct.pack("<I", len(entries)) + b"".join(entries), data


def queen(files: dict[str, bytes]) -> bytes:
    begin = unpack_talkies.QUEEN_ENTRIES + len(files) * unpack_talkies.QUEEN_ENTRY.size
    table, data = b"", b""
    for name, held in files.items():
        table += unpack_talkies.QUEEN_ENTRY.pack(name.encode().ljust(12, b"\0"), begin + len(data), len(held))
        data += held
    return b"QTBLCEM10\0\0\0\x01" + struct.pack(">H", len(files)) + table + data


def flac(held: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, (held.astype(np.float32) - 128) / 128, RATE, format="FLAC")
    return file.getvalue()


def test_the_lines_of_sky_are_found_near_and_far_and_other_files_are_not() -> None:
    lines = {50_001: tone(9_000, 1), 40: tone(9_000, 2), 50_007: tone(7_000, 3)}
    lines[50_007][5] = 0
    found = {name: (sound, rate) for name, sound, rate in unpack_talkies.sky(*sky(lines))}
    assert found.keys() == {"50001", "50007"}
    assert {rate for _, rate in found.values()} == {RATE}
    np.testing.assert_allclose(found["50001"][0], (lines[50_001] - 128.0) / 128.0, atol=1e-6)
    assert found["50007"][0][5] == pytest.approx(-1 / 128), "a 0 stands for nothing, not for the lowest value"


def test_the_lines_of_the_queen_are_files_of_their_own() -> None:
    found = list(unpack_talkies.queen(queen({"1000.SB": flac(tone(9_000, 1)), "ROOM.PCX": b"picture"})))
    assert [(name, rate) for name, _, rate in found] == [("1000", RATE)]
    np.testing.assert_allclose(found[0][1], (tone(9_000, 1) - 128.0) / 128.0, atol=1e-4)


def test_the_program_writes_what_is_long_enough_and_says_how_much(tmp_path: Path) -> None:
    index, data = sky({50_001: tone(2 * RATE, 1), 50_002: tone(100, 1)})
    games = tmp_path / "games"
    (games / "usr").mkdir(parents=True)
    (games / "usr" / "sky.dnr").write_bytes(index)
    (games / "usr" / "sky.dsk").write_bytes(data)
    (games / "D3.ALS").write_bytes(b"\0" * unpack_talkies.DRASCULA_HEADER + tone(RATE, 2).tobytes())
    (games / "queen.1c").write_bytes(queen({"1000.SB": flac(tone(RATE, 3))}))
    done = run(games, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "drascula 0 min, queen 0 min, sky 0 min"
    written = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*"))
    assert written == ["drascula/D3.flac", "queen/1000.flac", "sky/50001.flac"]
    nothing = run(tmp_path / "out", tmp_path / "again")
    assert nothing.returncode == 1
    assert "wanted the unpacked packages" in nothing.stderr


def run(folder: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "unpack_talkies.py"), str(folder), str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
