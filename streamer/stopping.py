"""Run until done or told to stop: the first signal asks, the second insists."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Final

INTERRUPTED: Final = 130
"""Exit code after Ctrl-C; SIGTERM is a wish like any other, and ends with 0."""


async def run_until_stopped(work: Callable[[asyncio.Event], Awaitable[None]]) -> int:
    """Run `work` with an event that the first SIGINT or SIGTERM sets; a second signal cancels it. Return the exit code.

    For the main thread of a Unix process. Errors of `work` travel on.
    """
    stop, code = asyncio.Event(), 0
    task = asyncio.ensure_future(work(stop))

    def told(which: signal.Signals) -> None:
        nonlocal code
        if which is signal.SIGINT:
            code = INTERRUPTED
        if stop.is_set():
            task.cancel()
        stop.set()

    loop = asyncio.get_running_loop()
    for which in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(which, told, which)
    try:
        await task
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    finally:
        for which in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(which)
    return code
