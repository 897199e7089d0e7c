"""Threads that may be left behind, and a quiet file descriptor 2."""

import asyncio
import functools
import os
import subprocess
import sys
import threading

import pytest

from streamer.sources.native import NativeThread, quiet_stderr


async def test_calls_run_in_order_on_one_thread_off_the_loop() -> None:
    native = NativeThread("test")
    ran: list[tuple[int, int]] = []

    def run(number: int) -> None:
        ran.append((number, threading.get_ident()))

    await asyncio.gather(*(native.call(functools.partial(run, number)) for number in range(5)))
    native.leave()

    assert [number for number, _ in ran] == [0, 1, 2, 3, 4]
    assert {thread for _, thread in ran} != {threading.get_ident()}
    assert len({thread for _, thread in ran}) == 1


async def test_errors_travel_to_the_caller_and_the_thread_goes_on() -> None:
    native = NativeThread("test")
    with pytest.raises(ZeroDivisionError):
        await native.call(lambda: 1 // 0)
    assert await native.call(lambda: 7) == 7
    native.leave()


@pytest.mark.parametrize("turns", range(5))
@pytest.mark.parametrize("timeout_s", [None, 5.0])
async def test_whoever_is_cancelled_as_the_work_is_done_is_cancelled(turns: int, timeout_s: float | None) -> None:
    native = NativeThread("test")
    done = threading.Event()
    waiting = asyncio.create_task(native.call(done.set, timeout_s))
    await asyncio.sleep(0)
    done.wait()  # the loop stands still meanwhile, as it does behind any slow callback
    for _ in range(turns):
        await asyncio.sleep(0)
    was_waiting = waiting.cancel()
    await asyncio.wait((waiting,))
    native.leave()

    assert waiting.cancelled() == was_waiting


def test_a_program_ends_although_a_call_hangs_for_ever() -> None:
    program = (
        "import asyncio, threading\n"
        "from streamer.sources.native import NativeThread\n"
        "async def main():\n"
        "    native = NativeThread('test')\n"
        "    try: await native.call(threading.Event().wait, 0.1)\n"
        "    except TimeoutError: print('left behind')\n"
        "    native.leave()\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert (ended.stdout, ended.stderr) == ("left behind\n", "")


def test_descriptor_2_is_quiet_inside_and_back_afterwards(capfd: pytest.CaptureFixture[str]) -> None:
    os.write(2, b"before ")
    with quiet_stderr():
        os.write(2, b"inside ")
    os.write(2, b"after")

    assert capfd.readouterr().err == "before after"


def test_a_closed_descriptor_2_is_no_obstacle() -> None:
    program = (
        "import os; os.close(2)\n"
        "from streamer.sources.native import quiet_stderr\n"
        "with quiet_stderr(): print('inside')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ended.stdout == "inside\n"
