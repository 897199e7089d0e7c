"""The microphone against a real PulseAudio server and a real PortAudio: exact sound, every way to lose it, recovery."""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.errors import SourceError, SourceLost
from streamer.records import Chunk
from streamer.sources.devices import NoInputDeviceError
from streamer.sources.microphone import Microphone
from streamer.sources.portaudio import list_devices
from streamer.sources.source import Source, SourceState
from tests import signals
from tests.harness.pulse import PipeMicrophone, PulseServer
from tests.harness.source_contract import SourceContract, joined, take

SOUND = signals.as_int16(signals.noise(40 * 16_000))


@pytest.fixture
def server() -> Iterator[PulseServer]:
    with PulseServer() as running:
        yield running


@pytest.fixture
def pipe(server: PulseServer) -> Iterator[PipeMicrophone]:
    with PipeMicrophone(server) as plugged:
        yield plugged


class Listener:
    """Walk a microphone's chunks in a task, keeping them."""

    def __init__(self, microphone: Microphone) -> None:
        self.chunks: list[Chunk] = []
        self.task = asyncio.create_task(self._listen(microphone))

    async def _listen(self, microphone: Microphone) -> None:
        async for chunk in microphone.chunks():
            self.chunks.append(chunk)

    async def hears_more(self) -> None:
        """Wait for half a second of new sound."""
        wanted = len(self.chunks) + 25
        await until(lambda: len(self.chunks) >= wanted)

    def holes(self) -> list[int]:
        return [after.start - before.end for before, after in pairwise(self.chunks) if after.start != before.end]


async def until(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 (servers and devices set no events of ours)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def listening(wanted: str = "default") -> AsyncIterator[tuple[Microphone, Listener]]:
    async with Microphone(wanted, rng=random.Random(1)) as microphone:
        listener = Listener(microphone)
        yield microphone, listener
    if not listener.task.done() or listener.task.exception() is None:
        await listener.task


class TestMicrophoneIsASource(SourceContract):
    @pytest.fixture(autouse=True)
    def _microphone(self, pipe: PipeMicrophone) -> None:
        self.pipe = pipe

    @asynccontextmanager
    async def _playing(self, held: NDArray[np.int16], chunk_ms: int) -> AsyncIterator[Source]:
        async with Microphone(chunk_ms=chunk_ms) as microphone:
            self.pipe.say(np.concatenate((held, np.ones(16_000, np.int16))))
            yield microphone

    def playing(self, held: NDArray[np.int16], chunk_ms: int) -> AbstractAsyncContextManager[Source]:
        return self._playing(held, chunk_ms)


async def test_a_device_of_another_rate_is_opened_at_that_rate_and_resampled(server: PulseServer) -> None:
    tone = signals.as_int16(signals.tone(96_000, 500.0, rate_hz=48_000))
    with PipeMicrophone(server, rate_hz=48_000) as pipe:
        async with Microphone() as microphone:
            pipe.say(tone)
            assert "48000Hz" in server.source_outputs()[0]
            heard = joined(await take(microphone, 24_000))

    assert np.abs(heard[800:23_000] - signals.tone(24_000, 500.0)[800:23_000]).max() < 1e-3


async def test_nothing_is_written_to_stderr(pipe: PipeMicrophone, capfd: pytest.CaptureFixture[str]) -> None:
    async with Microphone():
        pass
    os.write(2, b"still here\n")

    assert capfd.readouterr().err == "still here\n"


async def test_a_device_that_delivers_nothing_is_stalled_until_it_does(pipe: PipeMicrophone) -> None:
    async with listening() as (microphone, listener):
        await until(lambda: microphone.status().state is SourceState.STALLED)
        assert "no sound from the device for" in (microphone.status().reason or "")
        pipe.say(SOUND)
        await listener.hears_more()

        assert microphone.status().state is SourceState.LISTENING
        assert microphone.status().reopened == 1
        assert listener.chunks[0].start == 0


async def test_a_device_that_falls_silent_leaves_a_hole_of_the_time_that_passed(pipe: PipeMicrophone) -> None:
    async with listening() as (microphone, listener):
        pipe.say(SOUND)
        await listener.hears_more()
        pipe.hush()
        hushed_s = time.monotonic()
        await until(lambda: microphone.status().state is SourceState.STALLED)
        pipe.say(SOUND)
        said_s = time.monotonic()
        await listener.hears_more()
        status = microphone.status()

    assert status.state is SourceState.LISTENING
    assert (status.holes, status.reopened) == (1, 1)
    assert listener.holes() == [status.lost_samples]
    # The hole is as long as the clock says, give or take the blocks on their way when the sound stopped and began.
    assert status.lost_samples / 16_000 >= said_s - hushed_s - 0.5


async def test_an_unplugged_device_is_reopened_when_it_comes_back(pipe: PipeMicrophone) -> None:
    async with listening() as (microphone, listener):
        pipe.say(SOUND)
        await listener.hears_more()
        pipe.unplug()
        await until(lambda: microphone.status().state is SourceState.REOPENING)
        assert microphone.status().reason == "the device was lost"
        pipe.hush()
        pipe.plug_in()
        pipe.say(SOUND)
        await listener.hears_more()

        status = microphone.status()
        assert (status.state, status.reopened, status.holes) == (SourceState.LISTENING, 1, 1)


async def test_a_killed_sound_server_is_survived(server: PulseServer, pipe: PipeMicrophone) -> None:
    async with listening() as (microphone, listener):
        pipe.say(SOUND)
        await listener.hears_more()
        server.kill()
        pipe.hush()
        await until(lambda: microphone.status().state is SourceState.REOPENING)
        await until(lambda: "no input device" in (microphone.status().reason or ""))
        server.start()
        pipe.plug_in()
        pipe.say(SOUND)
        await listener.hears_more()

        assert microphone.status().state is SourceState.LISTENING
        assert microphone.status().reopened == 1
    assert server.source_outputs() == []


async def test_a_frozen_sound_server_is_told_and_survived(server: PulseServer, pipe: PipeMicrophone) -> None:
    async with listening() as (microphone, listener):
        pipe.say(SOUND)
        await listener.hears_more()
        server.freeze()
        await until(lambda: microphone.status().state is SourceState.STALLED)
        server.thaw()
        await listener.hears_more()

        assert microphone.status().state is SourceState.LISTENING


async def test_closing_does_not_wait_for_a_frozen_sound_server(server: PulseServer, pipe: PipeMicrophone) -> None:
    async with listening() as (_, listener):
        pipe.say(SOUND)
        await listener.hears_more()
        server.freeze()
    # Reaching this line is the proof: the server never answers again.
    assert listener.task.done()
    server.thaw()
    await asyncio.sleep(0.5)  # the thread that was left behind returns, to a loop that does not care


async def test_sound_that_is_moved_to_another_microphone_ends_the_run(
    server: PulseServer, pipe: PipeMicrophone
) -> None:
    server.load("module-null-sink", sink_name="other")
    async with listening() as (microphone, listener):
        pipe.say(SOUND)
        await listener.hears_more()
        pipe.unplug()  # PulseAudio moves the recording, and tells nobody
        with pytest.raises(SourceLost) as caught:
            await listener.task
        await until(lambda: server.source_outputs() == [])
        assert microphone.status().state is SourceState.CLOSED

    assert str(caught.value) == (
        "the sound system moved the recording from 'pipemic' to 'other.monitor'; stopped, because that is another "
        "microphone (to allow it: --mic default-follow)"
    )


async def test_following_is_possible_on_purpose(server: PulseServer, pipe: PipeMicrophone) -> None:
    server.load("module-null-sink", sink_name="other")
    async with listening("default-follow") as (microphone, listener):
        pipe.say(SOUND)
        await listener.hears_more()
        pipe.unplug()
        await until(lambda: microphone.status().state is SourceState.SILENT)
        await until(lambda: listener.chunks[-1].silent_device)

    assert not listener.chunks[0].silent_device


async def test_another_microphone_is_not_taken_in_place_of_a_lost_one(
    server: PulseServer, pipe: PipeMicrophone
) -> None:
    async with listening() as (microphone, listener):
        pipe.say(SOUND)
        await listener.hears_more()
        pipe.unplug()
        await until(lambda: microphone.status().state is SourceState.REOPENING)
        server.load("module-null-sink", sink_name="other")
        heard = len(listener.chunks)
        await until(lambda: "waiting for" in (microphone.status().reason or ""))
        assert microphone.status().reason == (
            "waiting for the microphone 'pipemic'; the sound system now offers 'other.monitor'"
        )
        assert len(listener.chunks) == heard
        pipe.hush()
        pipe.plug_in()
        pipe.say(SOUND)
        await listener.hears_more()


async def test_pausing_really_closes_the_device_and_time_goes_on(server: PulseServer, pipe: PipeMicrophone) -> None:
    async with listening() as (microphone, listener):
        pipe.say(SOUND)
        await listener.hears_more()
        assert len(server.source_outputs()) == 1
        await microphone.pause()
        assert server.source_outputs() == []
        assert microphone.status().state is SourceState.PAUSED
        heard = len(listener.chunks)
        await asyncio.sleep(1.0)
        assert server.source_outputs() == []
        assert len(listener.chunks) <= heard + 1
        await microphone.resume()
        await listener.hears_more()
        status = microphone.status()

    assert len(listener.holes()) == 1
    assert listener.holes()[0] / 16_000 > 0.9
    # Asked for, so not lost.
    assert (status.state, status.lost_samples, status.holes, status.reopened) == (SourceState.LISTENING, 0, 0, 0)


async def test_a_slow_listener_loses_the_oldest_sound_and_sees_the_hole(pipe: PipeMicrophone) -> None:
    async with Microphone() as microphone:
        pipe.say(SOUND)
        chunks = aiter(microphone.chunks())
        first = await anext(chunks)
        await asyncio.sleep(3.0)
        second = await anext(chunks)
        status = microphone.status()

    assert second.start - first.end == status.lost_samples > 0
    assert status.holes == 1
    held = signals.from_int16(SOUND[second.start : second.end])
    assert np.array_equal(second.samples, held)


def refused(wanted: str) -> Callable[[], Awaitable[str]]:
    async def attempt() -> str:
        with pytest.raises(SourceError) as caught:
            async with Microphone(wanted):
                pass
        assert caught.value.exit_code == 4
        return str(caught.value)

    return attempt


async def test_an_index_beyond_the_list(pipe: PipeMicrophone) -> None:
    assert await refused("99")() == (
        "there is no input device 99; there are 0 'pulse', 1 'default' (see: emostream devices)"
    )


async def test_an_unknown_name(pipe: PipeMicrophone) -> None:
    assert await refused("Jabra")() == (
        "no input device has 'Jabra' in its name; there are 0 'pulse', 1 'default' (see: emostream devices)"
    )


async def test_a_part_of_a_name_opens_that_device(server: PulseServer, pipe: PipeMicrophone) -> None:
    async with Microphone("PUL") as microphone:
        assert microphone.name == "pulse"
        assert len(server.source_outputs()) == 1


async def test_no_device_at_all(server: PulseServer) -> None:
    server.kill()
    with pytest.raises(NoInputDeviceError, match=r"^no input device was found; plug in a microphone, or name a"):
        async with Microphone():
            pass


async def test_a_server_without_a_source(server: PulseServer) -> None:
    assert await refused("default")() == (
        "the microphone 'default' cannot be opened (Unanticipated host error); choose another with --mic"
    )


def test_devices_are_listed_with_the_default_marked(pipe: PipeMicrophone) -> None:
    devices = list_devices()

    assert [(device.name, device.host_api, device.default) for device in devices] == [
        ("pulse", "ALSA", False),
        ("default", "ALSA", True),
    ]
    assert all(device.channels == 32 and device.rate_hz == 44_100 for device in devices)


def test_without_pyaudio_the_sentence_names_the_extra() -> None:
    program = (
        "import sys; sys.modules['pyaudio'] = None\n"
        "from streamer.sources.portaudio import list_devices\n"
        "try: list_devices()\nexcept Exception as error: print(type(error).__name__, error)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert told == (
        "SourceError the microphone needs PyAudio, which is not there (import of pyaudio halted; None in sys.modules); "
        "run pip install 'emostream[mic]' (on Debian first: apt-get install portaudio19-dev libportaudio2)\n"
    )


async def test_a_device_that_delivers_nothing_can_still_be_paused_and_closed(
    server: PulseServer, pipe: PipeMicrophone
) -> None:
    async with listening() as (microphone, _):
        assert len(server.source_outputs()) == 1
        await microphone.pause()
        assert microphone.status().state is SourceState.PAUSED
        assert server.source_outputs() == []
        await microphone.resume()
        assert len(server.source_outputs()) == 1
    assert server.source_outputs() == []


async def test_pausing_during_a_loss_keeps_it_closed_and_resuming_finds_the_device(
    server: PulseServer, pipe: PipeMicrophone
) -> None:
    async with listening() as (microphone, listener):
        pipe.say(SOUND)
        await listener.hears_more()
        pipe.unplug()
        await until(lambda: microphone.status().state is SourceState.REOPENING)
        await microphone.pause()
        assert microphone.status().state is SourceState.PAUSED
        pipe.hush()
        pipe.plug_in()
        await asyncio.sleep(3.0)  # longer than the pause before a new attempt
        assert server.source_outputs() == []
        await microphone.resume()
        pipe.say(SOUND)
        await listener.hears_more()
