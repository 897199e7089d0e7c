"""One recogniser's child process: started, asked piece by piece, killed. Knows nothing of utterances or restarts."""

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import streamer
from streamer.engines import wire
from streamer.errors import RecogniserError
from streamer.records import SpeechSound

EXIT_WITHIN_S: Final = 2.0
"""How long to wait for the end of a child that has closed its output, to tell how it ended."""

KEPT_STDERR_LINES: Final = 5

_GARBAGE: Final = "the recogniser answered with something that is no answer"

_PLACE: Final = re.compile(r"^[A-Z_]+ \([\w:~<>]{1,80}(?:\(\))?[\w:.-]{0,80}\)", re.ASCII)
"""How Kaldi opens a line, `ASSERTION_FAILED (VoskAPI:Foo():foo.cc:42)`: all of it that can hold no spoken word."""

_SECRETS: Final = "EMOSTREAM_"
"""Our own settings from the environment, passwords among them, are not for the child."""


class ChildLostError(RecogniserError):
    """The child crashed, hung, spoke garbage or gave up; it has been or must be killed."""

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        super().__init__(reason)
        self.for_good = for_good
        """Starting again cannot help."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to start; plain values that become the child's one argument."""

    engine: str
    folder: str
    deterministic: bool
    lock_step: bool
    partial_every_s: float

    def command(self, scratch: str) -> list[str]:
        """Return the command line; `scratch` is a folder for the child's own use.

        `-P`: a stray vosk.py in the user's folder is not imported.
        """
        fields = asdict(self) | {"scratch": scratch}
        return [sys.executable, "-P", "-m", "streamer.engines.recogniser_child", json.dumps(fields)]


class Child:
    """A running child process. Made by `start`, which also ends it."""

    def __init__(self, process: Process, gone: Callable[[], None]) -> None:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None  # noqa: S101, PT018
        self._process = process
        self._stdin, self._stdout, self._stderr = process.stdin, process.stdout, process.stderr
        self._gone = gone
        self._last_lines: deque[str] = deque(maxlen=KEPT_STDERR_LINES)
        self._has_sound = False
        self._ended = asyncio.Event()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def is_lost(self) -> bool:
        """Say whether the child has ended."""
        return self._ended.is_set()

    @property
    def resident_mb(self) -> float:
        """Memory in use; 0 where the system has no /proc."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        except (OSError, ValueError, IndexError):
            return 0.0
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    async def ready(self, deadline_s: float) -> None:
        """Wait until the model is loaded.

        Raises: ChildLostError.
        """
        async with self._within(deadline_s, "load its model"):
            if not isinstance(await self._reply(0, 0), wire.Ready):
                raise ChildLostError(_GARBAGE)

    async def hear(
        self, sound: SpeechSound, begin: int, said: Callable[[wire.Words], None], *, more: bool, deadline_s: float
    ) -> None:
        """Send a piece of the stretch that began at `begin`; hand its words to `said`, until all of it has been heard.

        Raises: ChildLostError.
        """
        self._has_sound = True
        async with self._within(deadline_s, "answer"):
            with suppress(BrokenPipeError, ConnectionResetError):  # reading says why
                self._stdin.write(wire.piece_to_bytes(sound, more=more))
                await self._stdin.drain()
            while not isinstance(reply := await self._reply(begin, sound.end), wire.Heard):
                if not isinstance(reply, wire.Words):
                    raise ChildLostError(_GARBAGE)
                said(reply)

    @asynccontextmanager
    async def _within(self, deadline_s: float, task: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(deadline_s):
                yield
        except TimeoutError as error:
            message = f"the recogniser did not {task} within {deadline_s:.1f} s"
            raise ChildLostError(message) from error

    async def _reply(self, begin: int, end: int) -> wire.Reply:
        try:
            line = await self._stdout.readline()
        except ValueError as error:  # longer than the stream's limit
            raise ChildLostError(_GARBAGE) from error
        if not line.endswith(b"\n"):
            raise await self.why_lost()
        try:
            reply = wire.line_to_reply(line, begin, end)
        except RecogniserError as error:
            raise ChildLostError(_GARBAGE) from error
        if isinstance(reply, wire.Failed):
            raise ChildLostError(reply.reason, for_good=reply.for_good)
        return reply

    async def why_lost(self) -> ChildLostError:
        """Return how a child ended that has closed its output."""
        try:
            async with asyncio.timeout(EXIT_WITHIN_S):
                await self._ended.wait()
                code = await self._process.wait()
        except TimeoutError:
            return ChildLostError("the recogniser closed its output")
        how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        said = f": {self._last_lines[-1]}" if self._last_lines else ""
        return ChildLostError(f"the recogniser stopped ({how}){said}")

    async def watch(self) -> None:
        """Read stderr to its end, which is the child's end; keep the last lines, none that could hold a spoken word.

        Before the child has been given sound it can know no words. Afterwards only the place that opens a line of
        native code is kept.
        """
        while True:
            try:
                line = await self._stderr.readline()
            except ValueError:
                continue  # an endless line has been thrown away
            if not line:
                break
            text = wire.printable(line.decode("utf-8", "replace")).strip()
            place = _PLACE.match(text)
            text = (place.group() if place else "") if self._has_sound else text[: wire.MAX_REASON_LETTERS]
            if text:
                self._last_lines.append(text)
        self._ended.set()
        self._gone()

    def kill(self) -> None:
        """Kill the child now, if it is still there."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()


@asynccontextmanager
async def start(spec: ChildSpec, environment: Mapping[str, str], gone: Callable[[], None]) -> AsyncIterator[Child]:
    """Start a child; kill it at the exit of this context, since it holds nothing but what has been answered.

    `gone` is called when it has ended. Its own session: Ctrl-C in the terminal is for the monitor alone.
    Raises: ChildLostError where the system cannot start it.
    """
    with TemporaryDirectory(prefix="emostream-") as scratch:
        try:
            process = await asyncio.create_subprocess_exec(
                *spec.command(scratch),
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                limit=wire.MAX_LINE_BYTES,
                start_new_session=True,
                env=child_environment(environment),
            )
        except OSError as error:
            message = f"the recogniser's process cannot be started ({error.strerror})"
            raise ChildLostError(message) from error
        child = Child(process, gone)
        watching = asyncio.create_task(child.watch(), name="recogniser stderr")
        try:
            yield child
        finally:
            child.kill()
            await process.wait()
            await watching


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for the child: able to find this program, one thread, offline, without our secrets."""
    paths = [str(Path(streamer.__file__).parent.parent), environment.get("PYTHONPATH", "")]
    kept = {name: value for name, value in environment.items() if not name.startswith(_SECRETS)}
    return kept | {"PYTHONPATH": os.pathsep.join(p for p in paths if p), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
