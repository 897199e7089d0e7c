"""Two tools for native audio libraries: keep their noise off the screen, and survive calls that never return."""

import asyncio
import os
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final, TypeVar

Result = TypeVar("Result")

STDERR: Final = 2


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Move file descriptor 2 away meanwhile: PortAudio starts with about 80 lines of ALSA chatter, written from C."""
    try:
        kept = os.dup(STDERR)
    except OSError:  # the program was started with stderr closed
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, STDERR)
        yield
    finally:
        os.dup2(kept, STDERR)
        os.close(kept)
        os.close(nowhere)


class NativeThread:
    """Run calls one after another on one thread that may be left behind.

    Closing a stream waits for ever while the sound server is frozen (measured), and Python's own executors wait
    at exit for their threads. So this thread is a daemon: who owns it waits with a limit, and then goes.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        """Return what `work` will return, run after everything asked before."""
        future: Future[Result] = Future()
        self._calls.put((future, work))
        return asyncio.wrap_future(future)

    async def call(self, work: Callable[[], Result], timeout_s: float | None = None) -> Result:
        """Return what `work` returns; TimeoutError leaves it running."""
        # Not wait_for: in Python 3.11 it swallows a cancellation that comes just as the work is done, and then a
        # watcher that is being closed watches on for ever (measured).
        async with asyncio.timeout(timeout_s):
            return await self.submit(work)

    def leave(self) -> None:
        """Let the thread end after what it still has to do; never waits."""
        self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            future, work = call
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 (it travels to the caller, whatever it is)
                future.set_exception(error)
            else:
                future.set_result(result)
