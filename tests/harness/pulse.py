"""A real PulseAudio server of our own, with a FIFO for a microphone: what is written there is heard sample for sample.

Runs without sound hardware, D-Bus or a desktop, as root too. Nothing of the machine's own sound system is touched.
"""

import os
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

INSTALL: Final = "apt-get install --no-install-recommends pulseaudio pulseaudio-utils libasound2-plugins libportaudio2"
READY_WITHIN_S: Final = 10.0
PIECE_S: Final = 0.01


class PulseServer:
    """A private server. Inside `with`, this process's environment points to it; `environment` is for children."""

    def __init__(self) -> None:
        missing = [program for program in ("pulseaudio", "pactl") if shutil.which(program) is None]
        if missing:
            message = f"{' and '.join(missing)} not found; these tests need a sound server: {INSTALL}"
            raise RuntimeError(message)
        # Not below pytest's folder: the path of a socket holds at most 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="pulse-"))
        self.socket = self.folder / "native"
        self.environment = {
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.folder),
            "PULSE_RUNTIME_PATH": str(self.folder),
            "PULSE_SERVER": f"unix:{self.socket}",
        }
        self._kept: dict[str, str | None] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._kept = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        for name, value in self._kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start the server, without a single device, and wait until it answers."""
        script = self.folder / "default.pa"
        script.write_text(f".fail\nload-module module-native-protocol-unix auth-anonymous=1 socket={self.socket}\n")
        command = (
            f"pulseaudio -n -F {script} --daemonize=no --exit-idle-time=-1 --disallow-exit=yes "
            "--use-pid-file=no --log-target=stderr"
        )
        with (self.folder / "server.log").open("ab") as told:
            self._process = subprocess.Popen(command.split(), stderr=told, stdin=subprocess.DEVNULL)
        until_s = time.monotonic() + READY_WITHIN_S
        while subprocess.run(["pactl", "info"], capture_output=True, check=False).returncode:
            if time.monotonic() > until_s or self._process.poll() is not None:
                raise RuntimeError((self.folder / "server.log").read_text())
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill the server, as a crash would; frozen or not."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            self.socket.unlink(missing_ok=True)

    def freeze(self) -> None:
        """Stop the server without ending it."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._signal(signal.SIGCONT)

    def load(self, module: str, **options: str | int) -> str:
        """Load a module; return its number for `unload`."""
        return self.pactl("load-module", module, *(f"{name}={value}" for name, value in options.items()))

    def unload(self, number: str) -> None:
        """Unload a module."""
        self.pactl("unload-module", number)

    def source_outputs(self) -> list[str]:
        """Who is recording now, one line each."""
        return self.pactl("list", "short", "source-outputs").splitlines()

    def pactl(self, *words: str) -> str:
        """Return what pactl answers."""
        return subprocess.run(["pactl", *words], check=True, capture_output=True, text=True).stdout.strip()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


class PipeMicrophone:
    """A microphone made of a FIFO: the default source of its server, silent until something is written."""

    def __init__(self, server: PulseServer, name: str = "pipemic", *, rate_hz: int = 16_000) -> None:
        self._server = server
        self.name = name
        self.rate_hz = rate_hz
        self._fifo = server.folder / f"{name}.fifo"
        self._stopped = threading.Event()
        self._writers: list[threading.Thread] = []
        self.plug_in()

    def plug_in(self) -> None:
        """Make the source, and make it the default one."""
        self._fifo.unlink(missing_ok=True)  # left by a server that was killed, it would be refused
        self._module = self._server.load(
            "module-pipe-source", source_name=self.name, file=str(self._fifo), format="s16le", rate=self.rate_hz,
            channels=1,
        )  # fmt: skip
        self._server.pactl("set-default-source", self.name)

    def unplug(self) -> None:
        """Take the source away, as pulling a plug does."""
        self._server.unload(self._module)

    def say(self, held: NDArray[np.int16]) -> threading.Thread:
        """Write samples in real time, in a thread that is returned; several say one after another."""
        before = self._writers[-1] if self._writers else None
        writer = threading.Thread(target=self._write, args=(np.asarray(held, "<i2"), before))
        self._writers.append(writer)
        writer.start()
        return writer

    def hush(self) -> None:
        """Stop writing."""
        self._stopped.set()
        for writer in self._writers:
            writer.join()
        self._writers.clear()
        self._stopped.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hush()

    def _write(self, held: NDArray[np.int16], before: threading.Thread | None) -> None:
        if before is not None:
            before.join()
        piece = round(self.rate_hz * PIECE_S)
        # Read-write, so that opening never waits and the server never sees an end; non-blocking, so that we can stop.
        fifo = os.open(self._fifo, os.O_RDWR | os.O_NONBLOCK)
        try:
            start_s = time.monotonic()
            for number, at in enumerate(range(0, len(held), piece)):
                if self._stopped.wait(max(0.0, start_s + number * PIECE_S - time.monotonic())):
                    return
                data = held[at : at + piece].tobytes()
                while not select.select([], [fifo], [], PIECE_S)[1]:
                    if self._stopped.is_set():
                        return
                os.write(fifo, data)
        finally:
            os.close(fifo)
