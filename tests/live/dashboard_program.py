"""A small program for `test_dashboard.py`: the real dashboard on its own terminal, fed with made-up views.

Argument: what to do ("run", "same", "crash", "hangup", "stoppable"). "q" ends it. What happened goes to standard error
as JSON.
"""

import asyncio
import json
import os
import resource
import signal
import sys
from dataclasses import replace
from typing import Any

from streamer.sinks.dashboard import Dashboard
from streamer.sinks.view import Hearing, View
from tools.sample_views import SPEECH

FRAMES_PER_S = float(os.environ.get("FRAMES_PER_S", "50"))


class Monitor:
    """Stands in for the app: counts ticks, answers keys, makes a new view for each paint."""

    def __init__(self, task: str) -> None:
        self.task = task
        self.keys: list[str] = []
        self.views = 0
        self.ticks = 0
        self.hearing = Hearing.LISTENING
        self.dashboard = Dashboard(sys.stdout, os.environ, self.on_key, frames_per_s=FRAMES_PER_S)

    def on_key(self, key: str) -> None:
        self.keys.append(key)
        if key == "q":
            self.dashboard.close()
        if key == "space":
            self.hearing = Hearing.LISTENING if self.hearing is Hearing.PAUSED else Hearing.PAUSED

    def view(self) -> View:
        self.views += 1
        if self.task == "crash" and self.views > 3:
            message = "made to fail"
            raise RuntimeError(message)
        if self.task == "same":
            return SPEECH
        return replace(SPEECH, hearing=self.hearing, level_db=-60.0 + self.views % 60)

    async def tick(self) -> None:
        while True:
            await asyncio.sleep(0.01)
            self.ticks += 1

    async def main(self) -> dict[str, Any]:
        ticking = asyncio.create_task(self.tick())
        limit_s = float(os.environ.get("LIMIT_S", "60"))
        asyncio.get_running_loop().call_later(limit_s, self.dashboard.close)
        outcome = await self.dashboard.run(self.view)
        ticks_at_end = self.ticks
        await asyncio.sleep(0.1)
        ticking.cancel()
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "outcome": outcome,
            "keys": self.keys,
            "views": self.views,
            "ticks": ticks_at_end,
            "went_on": self.ticks > ticks_at_end,
            "cpu_s": used.ru_utime + used.ru_stime,
        }


def own_terminal() -> None:
    """Make standard output's terminal the one that controls this session."""
    os.close(os.open(os.ttyname(1), os.O_RDWR))


def as_a_child() -> None:
    """Go on in a child with the terminal in its hands, and wait here as a shell does: else Ctrl-Z stops nothing."""
    child = os.fork()
    os.setpgid(child, child)
    if child:
        os.tcsetpgrp(1, child)
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell runs the tests in the background
    own_terminal()
    if sys.argv[1] == "hangup":
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if sys.argv[1] == "stoppable":
        as_a_child()
    json.dump(asyncio.run(Monitor(sys.argv[1]).main()), sys.stderr)
