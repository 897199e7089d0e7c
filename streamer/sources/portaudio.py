"""PortAudio through PyAudio: plain blocking calls for one thread, holding at most one stream.

The only room that imports pyaudio, and only when a microphone is asked for.

Traps, all measured: an index beyond the list kills the process; the library writes to file descriptor 2;
a lost device raises nothing, its callbacks just stop; closing hangs while the sound server is frozen.
"""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from streamer.errors import SourceError
from streamer.sources.devices import Device
from streamer.sources.hearing import Raw
from streamer.sources.native import quiet_stderr

Heard = Callable[[Raw], None]
"""Called in PortAudio's own thread; must copy nothing more and never raise."""


class PortAudio:
    """The library, started; every call belongs to the thread that made it."""

    def __init__(self) -> None:
        self._module = _pyaudio()
        self._library: Any = None
        self._stream: Any = None

    def start(self) -> None:
        """Load the list of devices anew, closing what is open. SourceError if the sound system refuses."""
        self.stop()
        try:
            with quiet_stderr():
                self._library = self._module.PyAudio()
        except OSError as error:
            message = f"the sound system cannot be started ({error.args[-1]}); name a recording with --wav"
            raise SourceError(message) from error

    def stop(self) -> None:
        """Close the stream and give the library back."""
        self.close()
        library, self._library = self._library, None
        if library is not None:
            with quiet_stderr():
                library.terminate()

    def devices(self) -> tuple[Device, ...]:
        """Return the input devices, in the library's order."""
        try:
            default = int(self._library.get_default_input_device_info()["index"])
        except OSError:  # its way of saying that there is none
            default = -1
        infos = [self._library.get_device_info_by_index(index) for index in range(self._library.get_device_count())]
        return tuple(
            Device(
                index=int(info["index"]),
                name=str(info["name"]),
                channels=int(info["maxInputChannels"]),
                rate_hz=int(info["defaultSampleRate"]),
                host_api=str(self._library.get_host_api_info_by_index(info["hostApi"])["name"]),
                default=int(info["index"]) == default,
            )
            for info in infos
            if int(info["maxInputChannels"]) > 0
        )

    def open(self, device: Device, rates_hz: Sequence[int], chunk_ms: int, heard: Heard) -> None:
        """Open a device at the first rate that it takes, calling `heard` from now on.

        Raises: SourceError if it is not in the list any more, or takes none of the rates.
        """
        if device not in self.devices():
            message = f"the microphone '{device.name}' is not there any more"
            raise SourceError(message)
        refusal = ""
        for rate_hz in rates_hz:
            for channels in dict.fromkeys((1, min(2, device.channels), device.channels)):
                try:
                    self._open(device.index, rate_hz, channels, rate_hz * chunk_ms // 1_000, heard)
                    return
                except OSError as error:
                    refusal = str(error.args[-1])
        message = f"the microphone '{device.name}' cannot be opened ({refusal}); choose another with --mic"
        raise SourceError(message)

    def _open(self, index: int, rate_hz: int, channels: int, n_frames: int, heard: Heard) -> None:
        go_on = self._module.paContinue

        def callback(data: bytes, frames: int, _times: object, _flags: int) -> tuple[None, int]:
            heard(Raw(data, frames, channels, rate_hz))
            return None, go_on

        with quiet_stderr():
            self._stream = self._library.open(
                rate=rate_hz,
                channels=channels,
                format=self._module.paInt16,
                input=True,
                input_device_index=index,
                frames_per_buffer=max(1, n_frames),
                stream_callback=callback,
            )

    def is_active(self) -> bool:
        """Return whether callbacks may still come; False after the device was lost."""
        try:
            return self._stream is not None and bool(self._stream.is_active())
        except OSError:
            return False

    def close(self) -> None:
        """Close the stream, if one is open. May hang while the sound server is frozen."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        with quiet_stderr():
            try:
                stream.stop_stream()
            except OSError:  # the device has gone; what is left is to free the stream
                pass
            finally:
                stream.close()


def list_devices() -> tuple[Device, ...]:
    """Return the input devices of this machine; may be empty."""
    library = PortAudio()
    library.start()
    try:
        return library.devices()
    finally:
        library.stop()


def _pyaudio() -> ModuleType:
    try:
        import pyaudio  # noqa: PLC0415 (the extra `mic`: files and stdin work without it)
    except ImportError as error:
        message = (
            f"the microphone needs PyAudio, which is not there ({error}); run pip install 'emostream[mic]' "
            f"(on Debian first: apt-get install portaudio19-dev libportaudio2)"
        )
        raise SourceError(message) from error
    module: ModuleType = pyaudio
    return module
