"""What every source must keep, whatever it listens to. Each kind inherits these tests and says how it is played."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.records import Chunk, Samples
from streamer.sources.source import Source, SourceState
from tests import signals


async def take(source: Source, n_samples: int) -> list[Chunk]:
    """Return the first chunks of a source that hold `n_samples` together."""
    taken: list[Chunk] = []
    chunks = aiter(source.chunks())
    while sum(len(chunk.samples) for chunk in taken) < n_samples:
        taken.append(await anext(chunks))
    return taken


def joined(chunks: Sequence[Chunk]) -> Samples:
    return np.concatenate([chunk.samples for chunk in chunks])


class SourceContract:
    """Inherit, and give a fixture-free `playing` for the kind."""

    def playing(self, held: NDArray[np.int16], chunk_ms: int) -> AbstractAsyncContextManager[Source]:
        """Return a source, still closed, that will hear 16-bit samples at the stream rate."""
        raise NotImplementedError

    @pytest.fixture
    def held(self) -> NDArray[np.int16]:
        return signals.as_int16(signals.chirp(9_600) + signals.noise(9_600, level_db=-40))

    async def test_every_sample_arrives_exactly_and_in_its_place(self, held: NDArray[np.int16]) -> None:
        async with self.playing(held, 20) as source:
            chunks = await take(source, len(held))

        assert np.array_equal(joined(chunks)[: len(held)], signals.from_int16(held))
        assert chunks[0].start == 0
        assert all(before.end == after.start for before, after in pairwise(chunks))

    @pytest.mark.parametrize("chunk_ms", [7, 32, 100])
    async def test_the_size_of_chunks_changes_nothing_else(self, held: NDArray[np.int16], chunk_ms: int) -> None:
        async with self.playing(held, chunk_ms) as source:
            chunks = await take(source, len(held))

        assert np.array_equal(joined(chunks)[: len(held)], signals.from_int16(held))
        assert {len(chunk.samples) for chunk in chunks[:-1]} == {16 * chunk_ms}

    async def test_chunks_are_mono_float32_and_captured_before_they_are_handed_over(
        self, held: NDArray[np.int16]
    ) -> None:
        handed_over: list[tuple[Chunk, float]] = []
        async with self.playing(held, 20) as source:
            chunks = aiter(source.chunks())
            handed_over.extend([(await anext(chunks), time.monotonic()) for _ in range(20)])

        for chunk, at_s in handed_over:
            assert chunk.samples.dtype == np.float32
            assert chunk.samples.ndim == 1
            assert chunk.captured_s <= at_s
            assert not chunk.muted
            assert not chunk.silent_device
        assert all(before.captured_s <= after.captured_s for (before, _), (after, _) in pairwise(handed_over))

    async def test_it_says_that_it_listens_without_a_loss_and_then_that_it_is_closed(
        self, held: NDArray[np.int16]
    ) -> None:
        async with self.playing(held, 20) as source:
            await take(source, 1_600)
            status = source.status()
            assert (status.state, status.lost_samples, status.holes, status.reopened) == (
                SourceState.LISTENING, 0, 0, 0,
            )  # fmt: skip
            assert source.name
        assert source.status().state is SourceState.CLOSED

    async def test_closing_ends_the_sound_and_may_be_repeated(self, held: NDArray[np.int16]) -> None:
        async with self.playing(held, 20) as source:
            heard = 0
            async for _ in source.chunks():
                heard += 1
                if heard == 5:
                    await source.close()
            await source.close()
        assert heard >= 5

    async def test_a_listener_can_be_cancelled_at_any_moment(self, held: NDArray[np.int16]) -> None:
        async with self.playing(held, 20) as source:
            listener = asyncio.create_task(take(source, 10**9))
            await asyncio.sleep(0.1)
            listener.cancel()
            with pytest.raises((asyncio.CancelledError, StopAsyncIteration)):
                await listener
