"""A real recogniser at work for tests: what it heard, and its child process, found from outside."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import psutil

from streamer.engines.restarts import Restarts
from streamer.engines.transcriber import RecogniserSpec, Transcriber
from streamer.records import SpeechSound, Transcript, Word

PATIENCE_S = 60.0


@dataclass
class Listening:
    """A running transcriber and all it has said."""

    said: list[Transcript] = field(default_factory=list)
    others: frozenset[psutil.Process] = field(default_factory=lambda: frozenset(children()))
    """Children of transcribers that were already running."""
    transcriber: Transcriber = field(init=False)

    async def hear(self, sounds: Iterable[SpeechSound], *, settle_each: bool = False) -> list[Transcript]:
        """Offer `sounds`, wait until they are answered, return what was said to them."""
        before = len(self.said)
        for sound in sounds:
            self.transcriber.offer(sound)
            if settle_each:
                await self.transcriber.settle()
        await self.transcriber.settle()
        return self.said[before:]

    async def reaches(self, state: str) -> None:
        """Wait until the recogniser says that it is in `state`."""
        async with asyncio.timeout(PATIENCE_S):
            while self.transcriber.status().state != state:  # noqa: ASYNC110 (looked at, as the dashboard does)
                await asyncio.sleep(0.01)

    async def child(self) -> psutil.Process:
        """Return the child process, once it is ready."""
        await self.reaches("ready")
        (process,) = set(children()) - self.others
        return process


def children() -> list[psutil.Process]:
    """Return the recognisers that this test process has started."""
    found = []
    for process in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if "streamer.engines.recogniser_child" in process.cmdline():
                found.append(process)
    return found


@asynccontextmanager
async def listening(spec: RecogniserSpec, restarts: Restarts | None = None) -> AsyncIterator[Listening]:
    """Run a transcriber; at the end its input is closed and what waits is answered."""
    ears = Listening()
    async with Transcriber(spec, ears.said.append, restarts=restarts) as ears.transcriber:
        running = asyncio.create_task(ears.transcriber.run())
        try:
            yield ears
            ears.transcriber.close_input()
            await running
        finally:
            running.cancel()
            await asyncio.wait([running])


def texts(words: Iterable[Word]) -> list[str]:
    """Return the words without the marks."""
    return [word.text for word in words if word.text.isalpha()]
