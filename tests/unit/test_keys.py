"""Keys on a real pseudo-terminal: heard one by one, escapes ignored, the terminal left as found."""

import os
import pty
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from streamer.sinks.keys import keys_in

PROGRAM = """
import asyncio, os, sys
from streamer.sinks.keys import Keys

async def main():
    os.close(os.open(os.ttyname(1), os.O_RDWR))  # the terminal that controls this session
    heard, done = [], asyncio.Event()
    def on_key(key):
        heard.append(key)
        if key == "q":
            done.set()
    keys = Keys(on_key)
    started = keys.start()
    print("ready", started, flush=True)
    if started:
        await done.wait()
    keys.stop()
    keys.stop()
    print("heard", *heard, flush=True)

asyncio.run(main())
"""


@contextmanager
def program(stdin: int | None = None) -> Iterator[tuple[int, int, subprocess.Popen[bytes]]]:
    """Run `PROGRAM` on a terminal of its own; keys may come from it although standard input is something else."""
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=theirs if stdin is None else stdin, stdout=theirs, start_new_session=True
    )
    try:
        yield ours, theirs, running
    finally:
        running.kill()
        running.wait()
        os.close(ours)
        os.close(theirs)


def read_until(fd: int, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        seen += os.read(fd, 1024)
    return seen


def test_only_our_keys_are_keys_in_either_case() -> None:
    assert keys_in(b"qQ mMnNxyz1") == ("q", "q", "space", "m", "m", "n", "n")


@pytest.mark.parametrize(
    "typed",
    [
        b"\x1b[A",
        b"\x1bOQ",
        b"\x1b[1;5q",
        b"\x1bq",
        b"\x1b[<0;10;20m",
        b"\x1b",
        "ㅂ".encode(),
        b"\xff\xfe",
        b"\t\r\n\x00",
    ],
)
def test_arrows_function_keys_and_other_scripts_are_no_keys(typed: bytes) -> None:
    assert keys_in(typed) == ()
    assert keys_in(typed + b" m")[-1:] == ("m",)


@pytest.mark.parametrize("stdin", [None, subprocess.DEVNULL], ids=["terminal", "sound"])
def test_keys_are_heard_at_once_and_the_terminal_is_left_as_found(stdin: int | None) -> None:
    with program(stdin) as (ours, theirs, running):
        before = termios.tcgetattr(theirs)
        read_until(ours, b"ready True\r\n")
        assert not termios.tcgetattr(theirs)[3] & (termios.ICANON | termios.ECHO)
        assert termios.tcgetattr(theirs)[3] & termios.ISIG
        os.write(ours, b" M\x1b[Aq")
        assert read_until(ours, b"heard space m q")
        assert running.wait(timeout=20) == 0
        assert termios.tcgetattr(theirs) == before


def test_without_any_terminal_there_are_no_keys() -> None:
    program_text = PROGRAM.replace("os.close(os.open(os.ttyname(1), os.O_RDWR))", "pass")
    done = subprocess.run(
        [sys.executable, "-c", program_text],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        check=True,
        timeout=20,
    )
    assert done.stdout.split() == [b"ready", b"False", b"heard"]


HANGUP = PROGRAM.replace(
    "await done.wait()",
    """
        while keys.is_listening:
            await asyncio.sleep(0.01)
        os.write(2, b"stopped")
        os._exit(0)
""",
).replace("import asyncio", "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); import asyncio", 1)


def test_a_terminal_that_goes_away_ends_the_listening_without_noise() -> None:
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-c", HANGUP], stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, start_new_session=True
    )
    os.close(theirs)
    read_until(ours, b"ready True\r\n")
    os.close(ours)
    assert running.communicate(timeout=20)[1] == b"stopped"
    assert running.returncode == 0
