"""Recordings as a source: wav, flac, ogg, mp3, any rate, any number of channels, one after another.

Files are read in blocks by one thread of their own, so that memory stays flat and the loop never waits for a disk.
What is refused, and how, is in `inspection.py`'s sentences; reading itself is here.
"""

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from streamer.errors import SourceError
from streamer.network import contract
from streamer.records import Chunk, Samples
from streamer.sources.pace import Clock, Pacer, Sleep
from streamer.sources.resample import Slicer, chunk_samples
from streamer.sources.soundfiles import Facts, inspect_all, sound_of
from streamer.sources.source import SourceState, SourceStatus


class Recording:
    """Play recordings, in real time against `clock`, or as fast as the consumer takes them.

    Chunks hold exactly `chunk_ms`, across the borders of files; only the last one may be shorter.
    """

    def __init__(
        self,
        paths: Sequence[Path | str],
        *,
        fast: bool = False,
        chunk_ms: int = 20,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        if not paths:
            message = "no recording was named; give at least one wav, flac, ogg or mp3 file"
            raise SourceError(message)
        self._paths = tuple(Path(path) for path in paths)
        self._fast = fast
        self._slicer = Slicer(chunk_samples(chunk_ms))
        self._clock = clock
        self._sleep = sleep
        self._facts: tuple[Facts, ...] = ()
        self._position = 0
        self._state = SourceState.CLOSED

    @property
    def names(self) -> tuple[str, ...]:
        """The files' names, in playing order."""
        return tuple(path.name for path in self._paths)

    @property
    def name(self) -> str:
        """The name of the file that is playing."""
        return self.name_at(self._position)

    @property
    def live(self) -> bool:
        """Whether it plays in real time."""
        return not self._fast

    @property
    def seconds(self) -> float:
        """How long all files play together, known once they are open."""
        return sum(facts.seconds for facts in self._facts)

    def name_at(self, position: int) -> str:
        """Return the name of the file that holds a stream position."""
        return self.file_at(position).name

    def file_at(self, position: int) -> Path:
        """Return the file that holds a stream position."""
        end = 0
        for facts in self._facts:
            end += round(facts.frames * contract.STREAM_RATE_HZ / facts.rate_hz)
            if position < end:
                return facts.path
        return self._paths[-1 if self._facts else 0]

    async def __aenter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1, "recording")
        try:
            loop = asyncio.get_running_loop()
            self._facts = await loop.run_in_executor(self._thread, inspect_all, self._paths)
        except BaseException:
            self._thread.shutdown(wait=True)
            raise
        self._sound = sound_of(self._facts)
        self._state = SourceState.LISTENING
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
        # Queued behind a read that may still run: a file is never closed under its reader.
        self._thread.submit(self._sound.close)
        self._thread.shutdown(wait=True)

    async def close(self) -> None:
        """Stop playing."""
        self._state = SourceState.CLOSED

    def status(self) -> SourceStatus:
        """Return whether it plays; a recording has no holes."""
        return SourceStatus(self._state)

    async def chunks(self) -> AsyncIterator[Chunk]:
        """Yield all files as one stream; raises SourceLost where a file breaks off."""
        pacer = None if self._fast else Pacer(self._clock, self._sleep)
        async for samples in self._read_ahead(self._sound):
            for piece in self._slicer.cut(samples):
                yield await self._chunk(piece, pacer)
                if self._state is SourceState.CLOSED:
                    return
        for piece in self._slicer.rest():
            yield await self._chunk(piece, pacer)
        self._state = SourceState.CLOSED

    async def _read_ahead(self, sound: Generator[Samples, None, None]) -> AsyncIterator[Samples]:
        """Yield the blocks, the next one always being read meanwhile."""
        read = functools.partial(asyncio.get_running_loop().run_in_executor, self._thread, next, sound, None)
        ahead = read()
        try:
            while (samples := await ahead) is not None:
                ahead = read()
                yield samples
        finally:
            if not ahead.cancel() and not ahead.cancelled():
                ahead.exception()  # nobody will ask any more; asked here, it is not reported as forgotten

    async def _chunk(self, piece: Samples, pacer: Pacer | None) -> Chunk:
        start = self._position
        self._position += len(piece)
        if pacer is not None:
            return Chunk(piece, start, await pacer.until(self._position))
        await asyncio.sleep(0)  # one turn for everybody else
        return Chunk(piece, start, self._clock())
