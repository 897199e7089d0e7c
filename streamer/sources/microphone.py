"""The microphone: one device, opened in callback mode, watched, reopened when lost, and really closed when paused.

PortAudio's thread copies and hands over; the loop numbers, resamples and watches. A lost or frozen device raises
nothing, so what is watched is whether callbacks come, and whether they bring as much sound as time has passed.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from streamer.channel import Channel
from streamer.errors import SourceError, SourceLost
from streamer.records import Chunk
from streamer.sources.devices import DEFAULT, DEFAULT_FOLLOW, Device, choose
from streamer.sources.hearing import Block, Hearing, Raw
from streamer.sources.line import Line
from streamer.sources.opening import Before, Opening
from streamer.sources.pace import Clock
from streamer.sources.pulse import Tap
from streamer.sources.source import SourceState, SourceStatus
from streamer.sources.watch import pause_s

log = logging.getLogger(__name__)

WAITING_MS: Final = 2_000
"""Sound that may wait for the consumer; the oldest goes, and leaves a hole."""

LOOK_EVERY_S: Final = 0.25
ASK_EVERY_S: Final = 1.0
START_TIMEOUT_S: Final = 10.0
PAUSE_TIMEOUT_S: Final = 4.0

FROZEN: Final = "the sound system does not answer"
ZEROS: Final = "the device delivers digital silence; is it muted or switched off?"


class Microphone:
    """Listen to one input device. `wanted`: `default`, `default-follow`, an index, or a part of a name."""

    live = True

    def __init__(
        self,
        wanted: str = DEFAULT,
        *,
        chunk_ms: int = 20,
        clock: Clock = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self._wanted = wanted
        self._chunk_ms = chunk_ms
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311 (pauses, not secrets)
        self._blocks: Channel[Block] = Channel(max(1, WAITING_MS // chunk_ms))
        self._hearing = Hearing()
        self._line: Line | None = None
        self._lock = asyncio.Lock()  # held around opening and closing
        self._device: Device | None = None
        self._opening: Opening | None = None
        self._tap: Tap | None = None
        self.home: str | None = None  # the source that the user agreed to; None: the sound system names none
        self._before: Before | None = None
        self._n_openings = 0
        self._admitted = 0  # number of the opening whose sound is taken
        self._attempt = 0
        self._try_at_s = 0.0
        self._reopened = 0
        self._paused = self._after_pause = False
        self._trouble: tuple[SourceState, str] | None = None
        self._failure: BaseException | None = None
        self._watchers: tuple[asyncio.Task[None], ...] = ()

    @property
    def name(self) -> str:
        """The device's name."""
        return self._wanted if self._device is None else self._device.name

    async def __aenter__(self) -> Self:
        self._line = line = Line()
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                self._device = choose(await line.devices(), self._wanted)
                await self._open(line, self._device)
        except TimeoutError as error:
            await self.close()
            message = f"{FROZEN}; restart it, or name a recording with --wav"
            raise SourceError(message) from error
        except BaseException:
            await self.close()
            raise
        self._watchers = (
            asyncio.create_task(self._watch_device(line), name="watch the device"),
            asyncio.create_task(self._watch_source(line), name="watch the source"),
        )
        for watcher in self._watchers:
            watcher.add_done_callback(self._watcher_ended)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def chunks(self) -> AsyncIterator[Chunk]:
        """Yield the sound until `close`; raises SourceLost where another microphone would be heard."""
        async for block in self._blocks:
            if self._failure is not None:
                break
            for chunk in self._hearing.take(block):
                yield chunk
        if self._failure is not None:
            raise self._failure
        for chunk in self._hearing.finish():
            yield chunk

    def status(self) -> SourceStatus:
        """Return how the microphone is."""
        state, reason = self._condition()
        return SourceStatus(state, reason, self._hearing.lost_samples, self._hearing.holes, self._reopened)

    def _condition(self) -> tuple[SourceState, str | None]:
        if self._failure is not None:
            return SourceState.CLOSED, str(self._failure)
        if self._line is None:
            return SourceState.CLOSED, None
        if self._paused:
            return (SourceState.PAUSED, None) if self._opening is None else (SourceState.STALLED, FROZEN)
        if self._trouble is not None:
            return self._trouble
        if self._hearing.silent:
            return SourceState.SILENT, ZEROS
        return SourceState.LISTENING, None

    async def pause(self) -> None:
        """Close the device. Sound stops at once; a frozen sound server can delay the closing, which `status` tells."""
        self._paused = True
        self._admitted = 0
        with suppress(TimeoutError):  # the watchdog closes it as soon as the server answers
            async with asyncio.timeout(PAUSE_TIMEOUT_S), self._lock:
                if self._line is not None:
                    await self._shut(self._line)

    async def resume(self) -> None:
        """Open the device again; positions go on with the time that passed."""
        self._paused, self._after_pause = False, True
        self._attempt = 0
        self._try_at_s = self._clock()
        with suppress(TimeoutError):  # the watchdog goes on trying
            async with asyncio.timeout(START_TIMEOUT_S), self._lock:
                if self._line is not None and self._opening is None:
                    await self._try_again(self._line)

    async def close(self) -> None:
        """Stop listening. Waits 5 s at most, even while the sound system is frozen."""
        line, self._line = self._line, None
        self._admitted = 0
        if line is None:
            return
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        if not await line.stop():
            log.warning("%s; the microphone is left behind without closing it", FROZEN)
        self._blocks.close()

    # --- opening and closing ---

    async def _open(self, line: Line, device: Device, patience_s: float = 0.0) -> None:
        """Open a device; admit its sound once it is known to come from where it came before."""
        loop = asyncio.get_running_loop()
        self._n_openings += 1
        opening = Opening(
            self._n_openings,
            self._before,
            opened_s=self._clock(),
            patience_s=patience_s,
            after_pause=self._after_pause,
        )

        def heard(raw: Raw) -> None:
            with suppress(RuntimeError):  # the loop has gone: a frozen device was left behind
                loop.call_soon_threadsafe(self._take, opening, raw, self._clock())

        self._opening = opening
        self._admitted = opening.number if self.home is None else 0
        try:
            tap = await line.open(device, self._chunk_ms, heard)
        except SourceError:
            self._opening = None
            raise
        self._tap = tap
        source = tap.source if tap is not None else None
        if self.home is None or self._wanted == DEFAULT_FOLLOW:
            self.home = source
        elif source != self.home:
            await self._shut(line)
            found = f"now offers {source!r}" if source else "does not say where its sound comes from"
            message = f"waiting for the microphone {self.home!r}; the sound system {found}"
            raise SourceError(message)
        self._admitted = 0 if self._paused else opening.number
        log.info("microphone open: %s, from %s", device.name, source or "the device itself")

    async def _shut(self, line: Line) -> None:
        self._admitted = 0
        await line.close()
        if self._opening is not None:
            self._before = self._opening.so_far()
        self._opening = self._tap = None

    def _take(self, opening: Opening, raw: Raw, arrived_s: float) -> None:
        """Number and queue what a callback brought, on the loop."""
        if opening.number != self._admitted:
            return
        if not opening.heard and self._trouble is not None:
            self._trouble = None
            self._attempt = 0
            self._reopened += 1
            log.info("microphone heard again: %s", self.name)
        self._after_pause = False
        self._blocks.offer(opening.block(raw, arrived_s))

    # --- watching ---

    async def _watch_device(self, line: Line) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            async with self._lock:
                await self._look(line)

    async def _look(self, line: Line) -> None:
        opening, now_s = self._opening, self._clock()
        if self._paused or self._failure is not None:
            if opening is not None:
                await self._shut(line)
            return
        if opening is None:
            if now_s >= self._try_at_s:
                await self._try_again(line)
            return
        if not await line.is_active():
            self._trouble = (SourceState.REOPENING, "the device was lost")
        elif (waited_s := opening.overdue_s(now_s)) is not None:
            self._trouble = (SourceState.STALLED, f"no sound from the device for {waited_s:.0f} s")
        else:
            return
        log.warning("microphone %s: %s", self.name, self._trouble[1])
        # After an opening that stayed mute the pause was spent waiting for it.
        self._try_at_s = now_s + (pause_s(self._attempt, self._rng) if opening.heard else 0.0)
        await self._shut(line)

    async def _try_again(self, line: Line) -> None:
        """Open the device once more, at first as it was, then with a new list of devices."""
        self._attempt += 1
        patience_s = pause_s(self._attempt, self._rng)
        try:
            try:
                if self._device is None:
                    return
                await self._open(line, self._device, patience_s)
            except SourceError:
                wanted = self._wanted if self._wanted in (DEFAULT, DEFAULT_FOLLOW) else self.name
                device = choose(await line.devices(), wanted)
                await self._open(line, device, patience_s)
                self._device = device
        except SourceError as error:
            self._trouble = (SourceState.REOPENING, str(error))
            self._try_at_s = self._clock() + patience_s

    async def _watch_source(self, line: Line) -> None:
        """Notice when the sound system moves our recording to another microphone: it tells nobody."""
        while True:
            await asyncio.sleep(ASK_EVERY_S)
            tap = self._tap
            if tap is None:
                continue
            now = next((found for found in await line.taps() if found.index == tap.index), tap)
            if self._tap is not tap or now.source in ("", tap.source):
                continue
            if self._wanted == DEFAULT_FOLLOW:
                log.info("microphone follows the sound system to %s", now.source)
                self._tap, self.home = now, now.source
                continue
            message = (
                f"the sound system moved the recording from {tap.source!r} to {now.source!r}; stopped, because that "
                f"is another microphone (to allow it: --mic {DEFAULT_FOLLOW})"
            )
            raise SourceLost(message)

    def _watcher_ended(self, watcher: asyncio.Task[None]) -> None:
        if not watcher.cancelled() and (error := watcher.exception()) is not None:
            self._failure = error
            self._admitted = 0  # the other watcher closes the device
            self._blocks.close()
