"""Raw 16-bit little-endian mono sound on standard input, for a microphone that another program holds.

One thread waits for bytes, so that pipes, files and sockets are read alike and nobody's descriptor is switched
to non-blocking. A pipe in our own hands wakes that thread at the end.
"""

import asyncio
import logging
import os
import select
import stat
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

from streamer.errors import SourceError, SourceLost
from streamer.network import contract
from streamer.records import Chunk, Samples
from streamer.sources.pace import Clock, Pacer, Sleep
from streamer.sources.resample import Resampler, Slicer, chunk_samples, from_int16
from streamer.sources.source import SHORTEST_SAMPLES, SourceState, SourceStatus, check_rate, too_short

log = logging.getLogger(__name__)

READ_BYTES: Final = 1 << 16
"""As much as a Linux pipe holds."""

PIPE_SPEED: Final = 1.01
"""Choice: a pipe is read as it fills, but no faster than this. A live writer's clock may run a little fast and must
not pile up sound before us; `cat file |` must not flood a monitor that listens in real time."""

SAMPLE_BYTES: Final = 2
ODD_BYTE: Final = "1 odd byte at the end was left out; a sample has two"


class Stdin:
    """Read raw samples from a descriptor: by arrival, a file at real-time pace, or as fast as they are taken.

    Chunks hold exactly `chunk_ms`; only the last one may be shorter.
    """

    name = "standard input"

    def __init__(
        self,
        rate_hz: int,
        *,
        fast: bool = False,
        chunk_ms: int = 20,
        descriptor: int = 0,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        check_rate(rate_hz, "the rate of standard input")
        self._rate_hz = rate_hz
        self._fast = fast
        self._descriptor = descriptor
        self._clock = clock
        self._sleep = sleep
        self._resampler = Resampler(rate_hz)
        self._slicer = Slicer(chunk_samples(chunk_ms))
        self._n_bytes = 0
        self._position = 0
        self._is_file = False
        self._state = SourceState.CLOSED

    @property
    def live(self) -> bool:
        """Whether the sound comes in real time."""
        return not self._fast

    async def __aenter__(self) -> Self:
        self._check_descriptor()
        self._wake_end, self._wake = os.pipe()
        self._thread = ThreadPoolExecutor(1, "stdin")
        self._state = SourceState.LISTENING
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
        self._thread.shutdown(wait=True)
        os.close(self._wake_end)
        os.close(self._wake)

    async def close(self) -> None:
        """Read no more."""
        if self._state is not SourceState.CLOSED:
            self._state = SourceState.CLOSED
            os.write(self._wake, b"!")

    def status(self) -> SourceStatus:
        """Return whether it is read, and whether an odd byte was left over."""
        odd = self._n_bytes % SAMPLE_BYTES and self._state is SourceState.CLOSED
        return SourceStatus(self._state, ODD_BYTE if odd else None)

    async def chunks(self) -> AsyncIterator[Chunk]:
        """Yield the sound until the input ends; SourceError if it ends before the first estimate."""
        loop = asyncio.get_running_loop()
        pacer: Pacer | None = None
        odd = b""
        while data := await loop.run_in_executor(self._thread, self._read):
            arrived_s = self._clock()
            self._n_bytes += len(data)
            whole = len(odd + data) // SAMPLE_BYTES * SAMPLE_BYTES
            sound, odd = (odd + data)[:whole], (odd + data)[whole:]
            samples = self._resampler.process(from_int16(sound))
            pacer = pacer or self._pacer(len(samples))
            for piece in self._slicer.cut(samples):
                yield await self._chunk(piece, arrived_s, pacer)
                if self._state is SourceState.CLOSED:
                    return
        if self._state is SourceState.CLOSED:
            return
        for piece in (*self._slicer.cut(self._resampler.finish()), *self._slicer.rest()):
            yield await self._chunk(piece, self._clock(), pacer)
        self._end()

    def _pacer(self, waiting: int) -> Pacer | None:
        if self._fast:
            return None
        if self._is_file:
            return Pacer(self._clock, self._sleep)
        # What had been waiting in the pipe while we started is late already.
        return Pacer(self._clock, self._sleep, speed=PIPE_SPEED, head_start=waiting)

    async def _chunk(self, piece: Samples, arrived_s: float, pacer: Pacer | None) -> Chunk:
        start = self._position
        self._position += len(piece)
        if pacer is not None:
            return Chunk(piece, start, max(arrived_s, await pacer.until(self._position)))
        await asyncio.sleep(0)  # one turn for everybody else
        return Chunk(piece, start, arrived_s)

    def _end(self) -> None:
        self._state = SourceState.CLOSED
        if self._n_bytes % SAMPLE_BYTES:
            log.warning("standard input: %s", ODD_BYTE)
        n_samples = self._n_bytes // SAMPLE_BYTES
        if self._n_bytes == 0:
            message = f"standard input ended without any sound; wanted raw 16-bit mono samples at {self._rate_hz} Hz"
            raise SourceError(message)
        if n_samples * contract.STREAM_RATE_HZ < SHORTEST_SAMPLES * self._rate_hz:
            refusal = too_short("standard input held", n_samples, n_samples / self._rate_hz)
            raise refusal

    def _check_descriptor(self) -> None:
        try:
            mode = os.fstat(self._descriptor).st_mode
        except OSError as error:
            message = f"standard input is closed; pipe raw 16-bit mono samples at {self._rate_hz} Hz into it"
            raise SourceError(message) from error
        if os.isatty(self._descriptor):
            message = (
                f"standard input is a terminal, not sound; pipe raw 16-bit mono samples at {self._rate_hz} Hz into it"
            )
            raise SourceError(message)
        if stat.S_ISDIR(mode):
            message = f"standard input is a folder; pipe raw 16-bit mono samples at {self._rate_hz} Hz into it"
            raise SourceError(message)
        self._is_file = stat.S_ISREG(mode)

    def _read(self) -> bytes:
        """Wait for bytes, in our own thread; empty at the end and when woken."""
        waiting = select.poll()
        waiting.register(self._descriptor, select.POLLIN)
        waiting.register(self._wake_end, select.POLLIN)
        if any(descriptor == self._wake_end for descriptor, _ in waiting.poll()):
            return b""
        try:
            return os.read(self._descriptor, READ_BYTES)
        except OSError as error:
            message = f"standard input cannot be read any more ({error.strerror}); start it again"
            raise SourceLost(message) from error
