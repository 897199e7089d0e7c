"""Measure what the monitor costs and how late it is: a file fed in real time, recogniser and MQTT on.

Latency is the time from the arrival of a window's last sample (the payload's `time`) to the arrival of the message at a
subscriber of a real broker on loopback. Run it on a quiet machine: `python tools/measure_latency.py --seconds 60`.
"""

import argparse
import asyncio
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import aiomqtt
import numpy as np
import psutil

DEMO = Path(__file__).resolve().parent.parent / "streamer" / "data" / "demo.flac"
START_LIMIT_S = 120.0


@dataclass
class Run:
    """What one run of the monitor showed."""

    first_estimate_s: float = 0.0
    to_subscriber_ms: list[float] = field(default_factory=list)
    inside_ms: list[float] = field(default_factory=list)
    model_ms: list[float] = field(default_factory=list)
    cpu_percent: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    n_with_words: int = 0
    n_missing: int = 0


@contextmanager
def broker() -> Iterator[int]:
    """Run a mosquitto on a free loopback port and yield the port."""
    program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "mosquitto.conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n")
        process = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()
            process.wait()


def family(pid: int) -> list[psutil.Process]:
    """Return the process and its children, as many as still live."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


async def watch_cost(pid: int, run: Run) -> None:
    """Note processor share and memory of the whole family once a second."""
    known: dict[int, psutil.Process] = {}
    while True:
        await asyncio.sleep(1.0)
        cpu = memory = 0.0
        for process in family(pid):
            try:
                seen = known.setdefault(process.pid, process)
                cpu += seen.cpu_percent(None)
                memory += seen.memory_full_info().pss / 1e6
            except psutil.NoSuchProcess:
                continue
        run.cpu_percent.append(cpu)
        run.memory_mb.append(memory)


async def receive(client: aiomqtt.Client, started: float, seconds: float, run: Run) -> None:
    """Take estimates until `seconds` of them have come."""
    first = last_seq = None
    async for message in client.messages:
        now = time.time()
        payload = json.loads(bytes(message.payload))
        if first is None:
            first = now
            run.first_estimate_s = time.monotonic() - started
        if last_seq is not None:
            run.n_missing += payload["seq"] - last_seq - 1
        last_seq = payload["seq"]
        sent = datetime.fromisoformat(payload["time"]).timestamp()
        run.to_subscriber_ms.append(1e3 * (now - sent))
        run.inside_ms.append(payload["latency_ms"]["total"])
        if payload["probabilities"]:
            run.model_ms.append(payload["latency_ms"]["model"])
        run.n_with_words += payload["words"] > 0
        if now - first >= seconds:
            return


async def measure(wav: Path, seconds: float, arguments: list[str]) -> Run:
    """Run the monitor once against a broker of its own."""
    run = Run()
    with broker() as port:
        async with aiomqtt.Client("127.0.0.1", port) as client:
            await client.subscribe("emostream/+/+/estimate")
            command = [
                sys.executable,
                "-m",
                "streamer",
                "--mqtt",
                f"mqtt://127.0.0.1:{port}",
                "--no-dashboard",
                *arguments,
            ]
            command += ["--wav", *([str(wav)] * 20)]
            started = time.monotonic()
            process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
            cost = asyncio.create_task(watch_cost(process.pid, run))
            try:
                async with asyncio.timeout(START_LIMIT_S + seconds):
                    await receive(client, started, seconds, run)
            finally:
                cost.cancel()
                if process.returncode is None:
                    process.terminate()
                await process.wait()
    return run


def percentiles(values: list[float]) -> str:
    """Return p50, p95, p99 and the maximum as text."""
    if not values:
        return "none"
    p50, p95, p99 = np.percentile(values, [50, 95, 99])
    return f"p50 {p50:.1f}  p95 {p95:.1f}  p99 {p99:.1f}  max {max(values):.1f}"


def report(name: str, run: Run) -> str:
    """Return the table of one run."""
    return "\n".join(
        (
            f"{name}: {len(run.to_subscriber_ms)} estimates, {run.n_missing} missing, {run.n_with_words} with words",
            f"  last sample to subscriber, ms   {percentiles(run.to_subscriber_ms)}",
            f"  last sample to publish, ms      {percentiles(run.inside_ms)}",
            f"  network alone, ms               {percentiles(run.model_ms)}",
            f"  processor, % of one core        mean {statistics.fmean(run.cpu_percent[1:] or [0]):.1f}",
            f"  memory with children, MB (PSS)  max {max(run.memory_mb, default=0):.0f}",
            f"  start to first estimate, s      {run.first_estimate_s:.2f}",
        )
    )


def main() -> None:
    """Measure a first start and a warm one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wav", type=Path, default=DEMO, help="recording to feed, repeated as needed")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the warm run")
    parser.add_argument("arguments", nargs="*", help="further arguments of emostream, after --")
    options = parser.parse_args()
    print(report("first start", asyncio.run(measure(options.wav, 2.0, options.arguments))))
    print(report("warm start", asyncio.run(measure(options.wav, options.seconds, options.arguments))))


if __name__ == "__main__":
    main()
