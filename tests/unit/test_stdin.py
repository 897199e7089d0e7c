"""Standard input: pipes, files and terminals, by arrival or fast, and the exact sentence for what is no sound."""

import asyncio
import os
import pty
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.errors import SourceError
from streamer.records import Chunk
from streamer.sources.source import Source
from streamer.sources.stdin import Stdin
from tests import signals
from tests.harness.source_contract import SourceContract, joined


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:  # the test has closed it
            continue


def write_all(descriptor: int, data: bytes, piece: int) -> None:
    """Write in pieces, as another program would, and close; a reader that has gone is no mistake of ours."""
    try:
        for at in range(0, len(data), piece):
            os.write(descriptor, data[at : at + piece])
    except BrokenPipeError:
        pass
    finally:
        os.close(descriptor)


@asynccontextmanager
async def piped(data: bytes, rate_hz: int, *, piece: int = 4_096, fast: bool = True) -> AsyncIterator[Stdin]:
    ours, theirs = os.pipe()
    writer = Thread(target=write_all, args=(theirs, data, piece))
    writer.start()
    try:
        async with Stdin(rate_hz, fast=fast, descriptor=ours) as source:
            yield source
    finally:
        os.close(ours)
        writer.join()


async def heard_from(data: bytes, rate_hz: int, *, piece: int = 4_096) -> list[Chunk]:
    async with piped(data, rate_hz, piece=piece) as source:
        return [chunk async for chunk in source.chunks()]


async def refusal(data: bytes, rate_hz: int = 16_000) -> str:
    with pytest.raises(SourceError) as caught:
        await heard_from(data, rate_hz)
    assert caught.value.exit_code == 4
    return str(caught.value)


class TestStdinIsASource(SourceContract):
    @asynccontextmanager
    async def _playing(self, held: NDArray[np.int16], chunk_ms: int) -> AsyncIterator[Source]:
        ours, theirs = os.pipe()
        writer = Thread(target=write_all, args=(theirs, held.tobytes(), 999))
        writer.start()
        try:
            async with Stdin(16_000, chunk_ms=chunk_ms, descriptor=ours) as source:
                yield source
        finally:
            os.close(ours)
            writer.join()

    def playing(self, held: NDArray[np.int16], chunk_ms: int) -> AbstractAsyncContextManager[Source]:
        return self._playing(held, chunk_ms)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
async def test_resampled_sound_does_not_depend_on_how_it_was_written(rate_hz: int) -> None:
    data = signals.as_int16(signals.chirp(rate_hz, rate_hz=rate_hz)).tobytes()

    first, *others = [joined(await heard_from(data, rate_hz, piece=piece)) for piece in (1_001, 7_777, 100_000)]

    assert abs(len(first) - 16_000) <= 1
    assert all(np.array_equal(first, other) for other in others)


async def test_a_file_is_read_like_a_pipe(tmp_path: Path) -> None:
    held = signals.as_int16(signals.noise(8_000))
    path = tmp_path / "sound.raw"
    path.write_bytes(held.tobytes())
    with path.open("rb") as file:
        async with Stdin(16_000, fast=True, descriptor=file.fileno()) as source:
            heard = joined([chunk async for chunk in source.chunks()])

    assert np.array_equal(heard, signals.from_int16(held))


async def test_a_file_plays_in_real_time(tmp_path: Path) -> None:
    path = tmp_path / "sound.raw"
    path.write_bytes(bytes(32_000))
    now_s = [50.0]

    async def sleep(seconds: float) -> None:
        now_s[0] += seconds

    with path.open("rb") as file:
        async with Stdin(16_000, descriptor=file.fileno(), clock=lambda: now_s[0], sleep=sleep) as source:
            captured = [chunk.captured_s async for chunk in source.chunks()]

    assert captured == pytest.approx([50.0 + 0.02 * (number + 1) for number in range(50)])


async def test_a_pipe_gives_its_backlog_at_once_and_then_no_flood(pipe: tuple[int, int]) -> None:
    ours, theirs = pipe
    now_s = [50.0]

    async def sleep(seconds: float) -> None:
        now_s[0] += seconds

    os.write(theirs, bytes(64_000))  # two seconds that came while we started
    async with Stdin(16_000, descriptor=ours, clock=lambda: now_s[0], sleep=sleep) as source:
        chunks = aiter(source.chunks())
        backlog = [(await anext(chunks)).captured_s for _ in range(100)]
        os.write(theirs, bytes(64_000))
        os.close(theirs)
        flood = [chunk.captured_s async for chunk in chunks]

    assert backlog == pytest.approx([50.0] * 100)
    assert flood[-1] == pytest.approx(52.0, abs=0.03)


async def test_a_sample_split_between_two_writes_is_whole(pipe: tuple[int, int]) -> None:
    ours, theirs = pipe
    data = signals.as_int16(signals.noise(4_000)).tobytes()
    async with Stdin(16_000, fast=True, descriptor=ours) as source:
        listener = asyncio.create_task(_all(source))
        for part in (data[:1], data[1:4], data[4:999], data[999:]):
            os.write(theirs, part)
            await asyncio.sleep(0.02)
        os.close(theirs)
        heard = joined(await listener)

    assert np.array_equal(heard, signals.from_int16(np.frombuffer(data, "<i2")))


async def test_an_odd_byte_at_the_end_is_left_out_and_told() -> None:
    async with piped(bytes(9_001), 16_000) as source:
        chunks = [chunk async for chunk in source.chunks()]
        reason = source.status().reason

    assert chunks[-1].end == 4_500
    assert reason == "1 odd byte at the end was left out; a sample has two"


async def test_closing_wakes_a_reader_for_whom_nothing_comes(pipe: tuple[int, int]) -> None:
    async with Stdin(16_000, descriptor=pipe[0]) as source:
        listener = asyncio.create_task(_all(source))
        await asyncio.sleep(0.05)
        assert not listener.done()
        await source.close()
        assert await listener == []


async def test_the_descriptor_of_others_stays_blocking(pipe: tuple[int, int]) -> None:
    async with Stdin(16_000, descriptor=pipe[0]) as source:
        listener = asyncio.create_task(_all(source))
        await asyncio.sleep(0.02)
        assert os.get_blocking(pipe[0])
        listener.cancel()


async def test_nothing_at_all() -> None:
    assert await refusal(b"") == ("standard input ended without any sound; wanted raw 16-bit mono samples at 16000 Hz")


async def test_dev_null_is_nothing_at_all() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    async with Stdin(16_000, descriptor=nothing) as source:
        with pytest.raises(SourceError, match=r"^standard input ended without any sound; wanted"):
            await _all(source)
    os.close(nothing)


async def test_one_sample() -> None:
    assert await refusal(b"\1\2") == (
        "standard input held 1 sample of sound (0.0001 s); the first estimate needs 0.24 s"
    )


async def test_too_short_is_reckoned_at_the_rate_of_the_input() -> None:
    assert await refusal(bytes(2 * 11_519), 48_000) == (
        "standard input held 11519 samples of sound (0.2400 s); the first estimate needs 0.24 s"
    )
    assert len(joined(await heard_from(bytes(2 * 11_520), 48_000))) == 3_840


@pytest.mark.parametrize("rate_hz", [-16_000, 0, 999, 384_001])
def test_a_rate_that_no_sound_has(rate_hz: int) -> None:
    with pytest.raises(SourceError) as caught:
        Stdin(rate_hz)
    assert str(caught.value) == f"the rate of standard input is {rate_hz} Hz; wanted 1000 to 384000 Hz"


async def test_a_terminal() -> None:
    ours, theirs = pty.openpty()
    with pytest.raises(SourceError) as caught:
        async with Stdin(16_000, descriptor=theirs):
            pass
    os.close(ours)
    os.close(theirs)
    assert str(caught.value) == (
        "standard input is a terminal, not sound; pipe raw 16-bit mono samples at 16000 Hz into it"
    )


async def test_a_folder_and_a_closed_descriptor(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(SourceError, match=r"^standard input is a folder; pipe raw 16-bit mono samples at 16000 Hz"):
        async with Stdin(16_000, descriptor=folder):
            pass
    os.close(folder)
    with pytest.raises(SourceError, match=r"^standard input is closed; pipe raw 16-bit mono samples at 16000 Hz"):
        async with Stdin(16_000, descriptor=folder):
            pass


async def _all(source: Stdin) -> list[Chunk]:
    return [chunk async for chunk in source.chunks()]
