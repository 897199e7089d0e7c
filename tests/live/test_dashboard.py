"""The real dashboard on a real pseudo-terminal, read by an emulator: resized, stalled, hung up, crashed, left."""

import fcntl
import json
import os
import pty
import random
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pyte
import pytest

ROOT = Path(__file__).parent.parent.parent

LEFT = b"\x1b[?1049l"
CURSOR_BACK = b"\x1b[?25h"
COLOUR = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")


class Stage:
    """A terminal with the program on it; `seen` is all that it has sent, `screen` what a person would see."""

    def __init__(self, task: str, columns: int, rows: int, environ: Mapping[str, str]) -> None:
        self.ours, self.theirs = pty.openpty()
        self.seen = b""
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.resize(columns, rows)
        self.before = termios.tcgetattr(self.theirs)
        self.program = subprocess.Popen(
            [sys.executable, "-m", "tests.live.dashboard_program", task],
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "xterm-256color", **environ},
        )

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self.ours, keys.encode())

    def read(self, timeout_s: float = 0.05) -> None:
        if select.select([self.ours], [], [], timeout_s)[0]:
            sent = os.read(self.ours, 65536)
            self.seen += sent
            self._stream.feed(sent)

    def shows(self, *wanted: str, within_s: float = 20.0) -> str:
        """Read until all of `wanted` is on the screen, and return the screen."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            self.read()
            shown = "\n".join(self.screen.display)
            if all(text in shown for text in wanted):
                return shown
        message = f"{wanted} not all on the screen:\n" + "\n".join(self.screen.display)
        raise AssertionError(message)

    def ended(self, within_s: float = 20.0) -> dict[str, Any]:
        """Read until the program has ended, and return its report, or its standard error as `error`."""
        until = time.monotonic() + within_s
        while self.program.poll() is None and time.monotonic() < until:
            self.read()
        while select.select([self.ours], [], [], 0)[0]:
            self.read()
        report = self.program.communicate(timeout=30)[1].decode()
        return json.loads(report) if self.program.returncode == 0 else {"error": report}

    def is_restored(self) -> bool:
        end = self.seen[self.seen.rindex(LEFT) - 40 :] if LEFT in self.seen else b""
        return CURSOR_BACK in end and termios.tcgetattr(self.theirs) == self.before

    def hang_up(self) -> None:
        os.close(self.theirs)
        os.close(self.ours)
        self.ours = self.theirs = -1

    def close(self) -> None:
        self.program.kill()
        self.program.communicate()
        if self.ours >= 0:
            os.close(self.ours)
            os.close(self.theirs)


Start: TypeAlias = Callable[..., Stage]


@pytest.fixture
def stages() -> Iterator[list[Stage]]:
    opened: list[Stage] = []
    yield opened
    for stage in opened:
        stage.close()


@pytest.fixture
def start(stages: list[Stage]) -> Start:
    def begin(task: str = "run", columns: int = 80, rows: int = 24, **environ: str) -> Stage:
        stages.append(Stage(task, columns, rows, environ))
        return stages[-1]

    return begin


@pytest.mark.parametrize(("columns", "rows"), [(60, 20), (80, 24), (120, 40)])
def test_the_screen_in_a_terminal_is_the_golden_screen(start: Start, columns: int, rows: int) -> None:
    stage = start("same", columns, rows)
    shown = stage.shows("listening", "m mute")
    golden = (ROOT / "tests" / "golden" / f"screen-{columns}x{rows}.txt").read_text(encoding="utf-8")
    assert [line.rstrip() for line in shown.split("\n")] == golden.splitlines()


def test_an_equal_view_is_painted_once(start: Start) -> None:
    stage = start("same", LIMIT_S="1")
    report = stage.ended()
    assert report["views"] > 10
    assert stage.seen.count(b"USB microphone") == 1


def test_keys_reach_the_monitor_and_q_ends_with_the_terminal_restored(start: Start) -> None:
    stage = start()
    stage.shows("● listening", "space pause")
    assert not termios.tcgetattr(stage.theirs)[3] & termios.ECHO
    stage.press(" ")
    stage.shows("○ paused", "the microphone is closed", "space go on")
    stage.press(" M\x1b[A")
    stage.shows("● listening")
    stage.press("q")
    report = stage.ended()
    assert report["outcome"] == "closed"
    assert report["keys"] == ["space", "space", "m", "q"]
    assert stage.is_restored()


def test_a_storm_of_sizes_does_no_harm(start: Start) -> None:
    stage = start(FRAMES_PER_S="200")
    stage.shows("listening")
    sizes = random.Random(35)
    for i in range(300):
        columns, rows = (1, 1) if i % 50 == 0 else (sizes.randint(1, 200), sizes.randint(1, 60))
        stage.resize(columns, rows)
        stage.read(0.01)
    stage.screen.resize(24, 80)
    stage.screen.reset()
    stage.resize(80, 24)
    stage.shows("● listening", "happy", "surprised", "broker", "q quit")
    stage.press("q")
    assert stage.ended()["outcome"] == "closed"
    assert stage.is_restored()


def test_no_colour_when_the_user_wants_none(start: Start) -> None:
    stage = start("same", NO_COLOR="1", COLORTERM="truecolor", LIMIT_S="1")
    stage.ended()
    assert b"listening" in stage.seen
    assert not COLOUR.search(stage.seen)
    coloured = start("same", COLORTERM="truecolor", LIMIT_S="1")
    coloured.ended()
    assert COLOUR.search(coloured.seen), "the check itself can see colours"


def test_a_terminal_that_cannot_say_blocks_gets_ascii(start: Start) -> None:
    stage = start("same", PYTHONIOENCODING="ascii", LIMIT_S="1")
    stage.ended()
    assert b"(*) listening" in stage.seen
    assert stage.seen.isascii()


def test_a_crash_leaves_the_terminal_as_it_was(start: Start) -> None:
    stage = start("crash")
    assert "made to fail" in stage.ended()["error"]
    assert stage.is_restored()


def test_ctrl_c_leaves_the_terminal_as_it_was(start: Start) -> None:
    stage = start()
    stage.shows("listening")
    stage.press("\x03")
    assert "KeyboardInterrupt" in stage.ended()["error"]
    assert stage.is_restored()


def test_a_closed_terminal_ends_the_dashboard_and_not_the_monitor(start: Start) -> None:
    stage = start("hangup")
    stage.shows("listening")
    stage.hang_up()
    report = json.loads(stage.program.communicate(timeout=20)[1])
    assert report["outcome"] == "terminal gone"
    assert report["went_on"]


def test_a_stalled_terminal_does_not_hold_up_the_monitor(start: Start) -> None:
    stage = start(LIMIT_S="3")  # and nobody reads: its buffer fills after some frames
    report = json.loads(stage.program.communicate(timeout=20)[1])
    assert report["outcome"] == "closed"
    assert report["ticks"] > 100, "the loop must go on turning"
    assert report["views"] < 100, "frames that cannot be shown are not made"


def test_what_a_stalled_terminal_missed_comes_whole_when_it_goes_on(start: Start) -> None:
    stage = start()
    time.sleep(2)
    stage.shows("● listening", "q quit")
    stage.press(" ")
    stage.shows("○ paused", "broker", "space go on")


def test_ctrl_z_gives_the_terminal_back_and_fg_takes_it_again(start: Start) -> None:
    stage = start("stoppable")
    stage.shows("listening")
    stopping = Path(f"/proc/{stage.program.pid}/task/{stage.program.pid}/children").read_text().split()
    monitor = int(stopping[0])
    stage.press("\x1a")
    until = time.monotonic() + 20
    while Path(f"/proc/{monitor}/stat").read_text().rsplit(")", 1)[1].split()[0] != "T" and time.monotonic() < until:
        stage.read()
    while select.select([stage.ours], [], [], 0.1)[0]:
        stage.read()
    assert stage.is_restored()
    stage.screen.reset()
    os.kill(monitor, signal.SIGCONT)
    stage.shows("● listening", "q quit")
    stage.press("q")
    stage.ended()
    assert stage.is_restored()
