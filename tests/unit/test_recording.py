"""Recordings: what plays, in which pace, and the exact sentence for what cannot."""

import os
import resource
import struct
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from streamer.errors import SourceError, SourceLost
from streamer.records import Chunk, Samples
from streamer.sources.recording import Recording
from streamer.sources.source import Source, SourceState
from tests import signals
from tests.harness.source_contract import SourceContract, joined


class HandClock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


async def played(*paths: Path, chunk_ms: int = 20) -> list[Chunk]:
    async with Recording(paths, fast=True, chunk_ms=chunk_ms) as recording:
        return [chunk async for chunk in recording.chunks()]


async def refusal(*paths: Path | str) -> str:
    with pytest.raises(SourceError) as caught:
        async with Recording(paths):
            pass
    assert caught.value.exit_code == 4
    return str(caught.value)


def written(path: Path, sound: NDArray[np.generic], rate_hz: int = 16_000, subtype: str | None = None) -> Path:
    soundfile.write(path, sound, rate_hz, subtype=subtype)
    return path


class TestRecordingIsASource(SourceContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / "held.wav"

    def playing(self, held: NDArray[np.int16], chunk_ms: int) -> AbstractAsyncContextManager[Source]:
        soundfile.write(self.path, held, 16_000)
        return Recording([self.path], chunk_ms=chunk_ms)


@pytest.mark.parametrize(
    ("ending", "rate_hz", "channels", "tolerance"),
    [
        ("wav", 16_000, 1, 1e-4),
        ("wav", 192_000, 1, 1e-3),
        ("wav", 8_000, 8, 1e-3),
        ("flac", 44_100, 2, 1e-3),
        ("ogg", 48_000, 2, 0.05),
        ("mp3", 22_050, 1, 0.05),
    ],
)
async def test_any_format_rate_and_channel_count_plays(
    tmp_path: Path, ending: str, rate_hz: int, channels: int, tolerance: float
) -> None:
    tone = signals.tone(rate_hz, 440.0, rate_hz=rate_hz)
    path = written(tmp_path / f"a.{ending}", np.repeat(tone[:, None], channels, axis=1), rate_hz)

    heard = joined(await played(path))

    assert abs(len(heard) - 16_000) <= 1
    assert np.abs(heard[800:15_000] - signals.tone(16_000, 440.0)[800:15_000]).max() < tolerance


async def test_the_size_of_chunks_does_not_change_resampled_sound(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", signals.noise(400_000).reshape(-1, 2), 44_100)

    first, *others = [joined(await played(path, chunk_ms=chunk_ms)) for chunk_ms in (1, 20, 333)]

    assert all(np.array_equal(first, other) for other in others)


async def test_files_play_one_after_another_and_positions_go_on(tmp_path: Path) -> None:
    low = written(tmp_path / "low.wav", signals.tone(8_050, 300.0))
    high = written(tmp_path / "high.wav", signals.tone(48_000, 900.0, rate_hz=48_000), 48_000)
    async with Recording([low, high], fast=True) as recording:
        named = [(chunk, recording.name) async for chunk in recording.chunks()]
        assert recording.names == ("low.wav", "high.wav")
        assert recording.seconds == pytest.approx(8_050 / 16_000 + 1.0)
        assert (recording.name_at(8_049), recording.name_at(8_050)) == ("low.wav", "high.wav")
        assert (recording.file_at(8_049), recording.file_at(8_050)) == (low, high)

    assert [chunk.start for chunk, _ in named] == list(range(0, 24_050, 320))
    assert named[-1][0].end == 24_050
    assert (named[0][1], named[-1][1]) == ("low.wav", "high.wav")


async def test_sound_is_due_when_its_last_sample_is_and_late_wake_ups_do_not_add_up(tmp_path: Path) -> None:
    clock = HandClock()
    captured: list[float] = []

    async def sleep_too_long(seconds: float) -> None:
        await clock.sleep(seconds + 0.013)

    path = written(tmp_path / "a.wav", signals.noise(16_000))
    async with Recording([path], clock=clock, sleep=sleep_too_long) as recording:
        assert recording.live
        captured.extend([chunk.captured_s async for chunk in recording.chunks()])

    assert captured == pytest.approx([100.0 + 0.02 * (number + 1) for number in range(50)])
    assert clock.now_s == pytest.approx(101.0 + 0.013)


async def test_fast_never_sleeps(tmp_path: Path) -> None:
    clock = HandClock()
    path = written(tmp_path / "a.wav", signals.noise(16_000))
    async with Recording([path], fast=True, clock=clock, sleep=clock.sleep) as recording:
        assert not recording.live
        assert [chunk.captured_s async for chunk in recording.chunks()] == [100.0] * 50


async def test_a_large_file_is_never_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.wav"
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 2**28 - 8000, b"WAVE", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16,
                         b"data", 2**28 - 8192)  # fmt: skip
    path.write_bytes(header)
    os.truncate(path, len(header) + 2**28 - 8192)  # a hole on disk: 268 MB, more than two hours
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with Recording([path], fast=True) as recording:
        assert recording.seconds > 8_000
        async for chunk in recording.chunks():
            if chunk.end > 1_000_000:
                break

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 100_000


async def test_a_file_that_is_cut_while_it_plays_is_lost_with_its_place(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", signals.noise(2_000_000))
    async with Recording([path], fast=True) as recording:
        chunks = aiter(recording.chunks())
        await anext(chunks)
        os.truncate(path, 2_000_044)
        with pytest.raises(SourceLost, match=r"a\.wav' broke off after \d+\.\d\d s of 125\.00 s; the file is damaged"):
            async for _ in chunks:
                pass


async def test_missing(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.wav"
    assert await refusal(path) == f"'{path}' does not exist; wanted a wav, flac, ogg or mp3 file"


async def test_a_dash_points_to_stdin() -> None:
    assert await refusal("-") == "'-' does not exist; sound on standard input is read with --stdin RATE"


async def test_a_name_that_the_system_refuses() -> None:
    name = "x" * 300
    assert await refusal(name) == (
        f"'{name}' cannot be opened (File name too long); wanted a wav, flac, ogg or mp3 file"
    )


async def test_a_folder(tmp_path: Path) -> None:
    assert await refusal(tmp_path) == f"'{tmp_path}' is a folder; name the recordings inside it"


async def test_a_pipe_points_to_stdin(tmp_path: Path) -> None:
    path = tmp_path / "pipe.wav"
    os.mkfifo(path)
    ending = "is a pipe or a device, not a file; raw 16-bit mono sound is read with --stdin RATE"
    assert await refusal(path) == f"'{path}' {ending}"
    assert await refusal("/dev/stdin") == f"'/dev/stdin' {ending}"
    assert await refusal("/dev/null") == f"'/dev/null' {ending}"


async def test_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.touch()
    assert await refusal(path) == f"'{path}' is empty (0 bytes); wanted a wav, flac, ogg or mp3 file"


@pytest.mark.parametrize("name", ["a.wav", "a.txt"])
async def test_not_audio(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("Dear diary, today I recorded nothing. " * 100)
    assert await refusal(path) == (
        f"'{path}' cannot be read as sound (Format not recognised); wanted a wav, flac, ogg or mp3 file"
    )


async def test_raw_samples_point_to_stdin(tmp_path: Path) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(bytes(32_000))
    assert await refusal(path) == f"'{path}' has no header; raw 16-bit mono sound is read with --stdin RATE"


async def test_a_wav_that_is_cut_short(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", signals.noise(32_000))
    os.truncate(path, 5_000)
    assert await refusal(path) == (
        f"'{path}' is cut short: its header promises 64000 bytes of sound, the file holds 4956; copy or record it again"
    )


@pytest.mark.parametrize("ending", ["flac", "mp3"])
async def test_others_that_are_cut_short(tmp_path: Path, ending: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / f"a.{ending}", signals.noise(32_000))
    os.truncate(path, path.stat().st_size // 2)
    assert await refusal(path) == (
        f"'{path}' is cut short: its header promises 2.00 s of sound, but the end cannot be read; "
        f"copy or record it again"
    )
    assert capfd.readouterr().err == ""


async def test_a_header_that_a_pipe_left_unfinished_is_believed_about_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", signals.noise(16_000))
    data = bytearray(path.read_bytes())
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(data)

    assert len(joined(await played(path))) == 16_000


@pytest.mark.parametrize(("subtype", "bad"), [("FLOAT", np.nan), ("DOUBLE", -np.inf)])
async def test_samples_that_are_not_finite(tmp_path: Path, subtype: str, bad: float) -> None:
    sound = signals.noise(600_000).reshape(-1, 2)
    sound[280_000, 1] = bad
    path = written(tmp_path / "a.wav", sound, subtype=subtype)
    assert await refusal(path) == (
        f"'{path}' holds samples that are not finite numbers, the first at 17.500 s; write it again from its source"
    )


async def test_samples_beyond_full_scale_are_clipped(tmp_path: Path) -> None:
    sound: Samples = np.full(16_000, 1e30, np.float32)
    path = written(tmp_path / "a.wav", sound, subtype="FLOAT")
    assert joined(await played(path)).max() == 1.0


async def test_one_sample(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", signals.noise(1))
    assert await refusal(path) == f"'{path}' holds 1 sample of sound (0.0001 s); the first estimate needs 0.24 s"


async def test_a_header_without_sound(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", signals.noise(0))
    assert await refusal(path) == f"'{path}' holds 0 samples of sound (0.0000 s); the first estimate needs 0.24 s"


async def test_short_recordings_count_together(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", signals.noise(1_600))
    assert await refusal(path, path) == (
        "the 2 recordings hold together 3200 samples of sound (0.2000 s); the first estimate needs 0.24 s"
    )
    assert len(joined(await played(path, path, path))) == 4_800


async def test_a_rate_that_no_sound_has(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", signals.noise(16_000), 999)
    assert await refusal(path) == f"the rate of '{path}' is 999 Hz; wanted 1000 to 384000 Hz"


async def test_no_file_at_all() -> None:
    assert await refusal() == "no recording was named; give at least one wav, flac, ogg or mp3 file"


async def test_after_the_last_sample_it_is_closed(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", signals.noise(4_000))
    async with Recording([path], fast=True) as recording:
        chunks = [chunk async for chunk in recording.chunks()]
        assert recording.status().state is SourceState.CLOSED
    assert (chunks[-1].end, len(chunks[-1].samples)) == (4_000, 160)
