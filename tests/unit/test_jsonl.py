"""Lines of JSON: whole, at once, and quietly over when the reader leaves; a slow reader never holds up the loop."""

import asyncio
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from streamer.errors import EmostreamError
from streamer.sinks.jsonl import JsonLines


async def test_each_line_is_readable_as_soon_as_it_is_written() -> None:
    reader, writer = os.pipe()
    lines = JsonLines(writer)
    running = asyncio.create_task(lines.run())
    for number in range(3):
        lines.offer(b'{"seq":%d}' % number)
        assert await asyncio.to_thread(os.read, reader, 100) == b'{"seq":%d}\n' % number
    lines.close_input()
    await running
    os.close(reader)
    os.close(writer)


async def test_a_file_gets_every_line_in_order(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        lines = JsonLines(file.fileno(), capacity=4)
        running = asyncio.create_task(lines.run())
        for number in range(1000):
            await lines.put(b"%d" % number)
        lines.close_input()
        await running
    assert (tmp_path / "out").read_bytes() == b"".join(b"%d\n" % number for number in range(1000))


async def test_a_reader_that_leaves_ends_it_quietly() -> None:
    reader, writer = os.pipe()
    lines = JsonLines(writer)
    running = asyncio.create_task(lines.run())
    os.close(reader)
    lines.offer(b"nobody reads this")
    await running
    assert lines.reader_left
    await lines.put(b"nor this")
    os.close(writer)


async def test_a_slow_reader_never_holds_up_the_loop_and_nothing_grows() -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    lines = JsonLines(writer, capacity=10)
    running = asyncio.create_task(lines.run())
    line = b"x" * 5000
    for _ in range(50):
        lines.offer(line)
        await asyncio.sleep(0)
    counters = lines.counters
    assert counters.waiting == 10
    assert counters.offered == counters.delivered + counters.dropped + counters.waiting
    lines.close_input()
    whole = b""
    while not running.done():
        whole += await asyncio.to_thread(os.read, reader, 4096)
        await asyncio.sleep(0)
    os.close(writer)
    whole += os.read(reader, 65_536)
    assert set(whole.splitlines()) == {line}
    os.close(reader)


async def test_it_can_be_cancelled_while_the_reader_sleeps() -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    lines = JsonLines(writer)
    running = asyncio.create_task(lines.run())
    lines.offer(b"x" * 10_000)
    await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    os.close(reader)
    os.close(writer)


async def test_a_full_disk_is_one_sentence() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    lines = JsonLines(full)
    lines.offer(b"{}")
    with pytest.raises(EmostreamError) as error:
        await lines.run()
    assert str(error.value) == (
        "The estimates cannot be written: No space left on device; give standard output another place."
    )
    os.close(full)


PROGRAM = """
import asyncio
from streamer.sinks.jsonl import JsonLines
async def main():
    lines = JsonLines(1)
    running = asyncio.create_task(lines.run())
    while not lines.reader_left:
        await lines.put(b'{"a":1}')
asyncio.run(main())
"""


def test_head_gets_its_line_and_nobody_complains() -> None:
    command = f"{sys.executable} -c '{PROGRAM.replace(chr(39), chr(39) + chr(92) + chr(39) * 2)}' | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b'{"a":1}\n', b"")
