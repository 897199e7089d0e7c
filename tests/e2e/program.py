"""The real program as a user starts it, and a real subscriber beside it. No part of it is replaced."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "streamer" / "data" / "demo.flac"
SCHEMAS = ROOT / "streamer" / "schema"
START_PATIENCE_S = 30.0
NOT_REPEATED = ("time", "latency_ms")
"""Fields that no two runs share."""


def command(*options: str) -> list[str]:
    """Return the command line of the program."""
    return [sys.executable, "-m", "streamer", *options]


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment whose home is `home`, so that nobody's settings, models or logs take part."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EMOSTREAM", "XDG", "VOSK"))}
    places = {"HOME": str(home), "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    return {**kept, **places, **more}


def run(
    home: Path, *options: str, sound: bytes | None = None, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run the program to its end and return what it wrote."""
    return subprocess.run(
        command(*options),
        input=sound,
        stdin=subprocess.DEVNULL if sound is None else None,
        capture_output=True,
        env=environment(home, **(more or {})),
        cwd=home,
        timeout=100,
        check=False,
    )


def estimates(output: bytes) -> list[dict[str, Any]]:
    """Return the estimates of an output of JSON lines, each checked against the schema."""
    found = [json.loads(line) for line in output.splitlines()]
    for estimate in found:
        validate(estimate)
    return found


def validate(message: dict[str, Any]) -> None:
    """Check one message against the schema that it names."""
    name = str(message["schema"]).removeprefix("emostream.").split("/", 1)[0]
    jsonschema.validate(message, schema(name), format_checker=jsonschema.FormatChecker())


@cache
def schema(name: str) -> dict[str, Any]:
    """Return a schema of the repository."""
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return found


def repeatable(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the estimates without what no two runs share."""
    return [{name: value for name, value in one.items() if name not in NOT_REPEATED} for one in found]


@dataclass
class Subscriber:
    """What a `mosquitto_sub` has received so far."""

    file: Path
    topics: set[str] = field(default_factory=set)

    def messages(self, last_segment: str) -> list[str]:
        """Return the payloads of all topics that end so, in the order of arrival."""
        lines = [line.split(" ", 1) for line in self.file.read_text(encoding="utf-8").splitlines()]
        return [line[1] if len(line) > 1 else "" for line in lines if line[0].rsplit("/", 1)[-1] == last_segment]

    def decoded(self, last_segment: str) -> list[dict[str, Any]]:
        """Return the messages of one kind as objects, each checked against its schema."""
        found = [json.loads(message) for message in self.messages(last_segment) if message]
        for message in found:
            validate(message)
        return found


def _wait_for_listener(port: int) -> None:
    """Wait until somebody listens: mosquitto_sub gives up if its very first connection is refused."""
    until_s = time.monotonic() + START_PATIENCE_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < until_s, f"nothing listens at port {port}"
        time.sleep(0.05)


@contextmanager
def subscriber(folder: Path, port: int) -> Iterator[Subscriber]:
    """Run Debian's `mosquitto_sub` on everything of ours; it comes back by itself when the broker does."""
    program = shutil.which("mosquitto_sub")
    assert program, "mosquitto_sub is missing; run: apt-get install mosquitto-clients"
    file = folder / "received.txt"
    _wait_for_listener(port)
    topics = ["-t", "emostream/+/availability", "-t", "emostream/+/+/+"]
    with file.open("wb") as out:
        process = subprocess.Popen(
            [program, "-h", "127.0.0.1", "-p", str(port), "-q", "1", "-k", "5", "-F", "%t %p", *topics], stdout=out
        )
        try:
            yield Subscriber(file)
        finally:
            process.terminate()
            process.wait()
