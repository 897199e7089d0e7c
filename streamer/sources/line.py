"""The line to the sound system: PortAudio and PulseAudio behind two threads, for one microphone at a time.

Here every native call gets its thread and, where somebody waits for it, its time limit. Decides nothing.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from streamer.sources.devices import Device
from streamer.sources.native import NativeThread
from streamer.sources.portaudio import Heard, PortAudio
from streamer.sources.pulse import Pulse, Tap
from streamer.sources.source import HIGHEST_RATE_HZ, LOWEST_RATE_HZ

CLOSE_TIMEOUT_S: Final = 2.0
CUT_AFTER_S: Final = 0.5
ASK_TIMEOUT_S: Final = 1.0

SERVER_DEVICES: Final = ("default", "pulse", "pipewire")
"""PortAudio devices behind which a sound server decides, and resamples to whatever rate it is asked for."""

Answer = TypeVar("Answer")


class Line:
    """Owner of the native side. Calls run in order; a hung one holds up the next, never the loop."""

    def __init__(self) -> None:
        self._native = NativeThread("portaudio")
        self._asking = NativeThread("pulse")
        self._pulse = Pulse(os.getpid())
        self._portaudio: PortAudio | None = None
        self._tap: Tap | None = None

    async def devices(self) -> tuple[Device, ...]:
        """Start the library, anew if it had been, and return what it finds. SourceError without PyAudio."""
        return await self._native.call(self._start)

    async def open(self, device: Device, chunk_ms: int, heard: Heard) -> Tap | None:
        """Open a device of the newest list; return where its sound comes from, if a sound server knows.

        Raises: SourceError if it cannot be opened.
        """
        known = await self.taps()
        server_rate_hz = await self._ask(self._pulse.default_rate_hz, None) if device.name in SERVER_DEVICES else None
        rates_hz = [
            rate_hz
            for rate_hz in (server_rate_hz, device.rate_hz)
            if rate_hz is not None and LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ
        ]
        await self._native.call(lambda: self._started().open(device, rates_hz, chunk_ms, heard))
        before = {tap.index for tap in known}
        self._tap = next((tap for tap in await self.taps() if tap.index not in before), None)
        return self._tap

    async def taps(self) -> tuple[Tap, ...]:
        """Return our recordings at the sound server; empty without one, or while it does not answer."""
        return await self._ask(self._pulse.taps, ())

    async def is_active(self) -> bool:
        """Return whether the open stream may still bring sound."""
        return await self._native.call(lambda: self._started().is_active())

    async def close(self) -> None:
        """Close the stream. Waits for as long as the sound server is frozen."""
        await self._end(self._native.submit(lambda: self._started().close()), None)

    async def stop(self) -> bool:
        """Give everything back; False if the sound server did not answer and was left behind."""
        stopped = await self._end(self._native.submit(self._stop), CLOSE_TIMEOUT_S)
        self._native.leave()
        with suppress(TimeoutError):
            await self._asking.call(self._pulse.close, ASK_TIMEOUT_S)
        self._asking.leave()
        return stopped

    async def _end(self, closing: asyncio.Future[None], timeout_s: float | None) -> bool:
        """Wait for a stream to be closed; return whether it was.

        PortAudio waits for the next callback, for ever if none comes (measured); cut off by the server, it returns.
        """
        done, _ = await asyncio.wait((closing,), timeout=CUT_AFTER_S)
        if not done and self._tap is not None:
            tap = self._tap
            await self._ask(lambda: self._pulse.cut(tap), None)
        done, _ = await asyncio.wait((closing,), timeout=timeout_s)
        if done:
            closing.result()
        return bool(done)

    async def _ask(self, question: Callable[[], Answer], otherwise: Answer) -> Answer:
        try:
            return await self._asking.call(question, ASK_TIMEOUT_S)
        except TimeoutError:
            return otherwise

    def _start(self) -> tuple[Device, ...]:
        if self._portaudio is None:
            self._portaudio = PortAudio()
        self._portaudio.start()
        return self._portaudio.devices()

    def _stop(self) -> None:
        if self._portaudio is not None:
            self._portaudio.stop()

    def _started(self) -> PortAudio:
        if self._portaudio is None:
            message = "the list of devices was never asked for"
            raise RuntimeError(message)
        return self._portaudio
