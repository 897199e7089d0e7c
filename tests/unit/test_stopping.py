"""Stopping: the first signal asks, the second insists, and only Ctrl-C is an interruption. With real signals."""

import asyncio
import os
import signal

import pytest

from streamer.stopping import run_until_stopped


def run(*signals: signal.Signals) -> tuple[int, list[str]]:
    """Send ourselves `signals`, one after another; return the exit code and what the work lived to do."""
    done: list[str] = []

    async def work(stop: asyncio.Event) -> None:
        for which in signals:
            os.kill(os.getpid(), which)
            await asyncio.sleep(0.01)
        await stop.wait()
        done.append("told")
        done.append("drained")

    return asyncio.run(run_until_stopped(work)), done


def test_ctrl_c_drains_and_is_130() -> None:
    assert run(signal.SIGINT) == (130, ["told", "drained"])


def test_sigterm_drains_and_is_fine() -> None:
    assert run(signal.SIGTERM) == (0, ["told", "drained"])


def test_a_second_signal_does_not_wait() -> None:
    async def work(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await stop.wait()
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(60)

    assert asyncio.run(run_until_stopped(work)) == 130


def test_work_that_ends_by_itself_is_fine_and_its_errors_travel_on() -> None:
    async def done(stop: asyncio.Event) -> None:
        assert not stop.is_set()

    async def failing(_: asyncio.Event) -> None:
        raise KeyError

    assert asyncio.run(run_until_stopped(done)) == 0
    with pytest.raises(KeyError):
        asyncio.run(run_until_stopped(failing))


def test_signals_have_their_old_meaning_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM)
    run(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before
