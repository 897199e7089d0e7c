"""The list of microphones, and microphones that are not there, beside a real sound server and without one."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.program import run
from tests.harness.pulse import PipeMicrophone, PulseServer


@pytest.fixture(scope="module")
def server() -> Iterator[PulseServer]:
    with PulseServer() as server, PipeMicrophone(server):
        yield server


def told(home: Path, server: PulseServer, *options: str) -> tuple[int, str, str]:
    done = run(home, *options, more={**server.environment, "HOME": str(home)})
    return done.returncode, done.stdout.decode(), done.stderr.decode().strip()


def test_devices_are_listed_and_the_default_is_marked(server: PulseServer, tmp_path: Path) -> None:
    code, text, errors = told(tmp_path, server, "devices")
    assert (code, errors) == (0, "")
    assert "default" in text
    code, text, errors = told(tmp_path, server, "devices", "--json")
    found = json.loads(text)
    assert code == 0
    assert sum(device["default"] for device in found) == 1
    assert all({"index", "name", "channels", "rate_hz"} <= device.keys() for device in found)


def test_an_index_out_of_range_is_refused(server: PulseServer, tmp_path: Path) -> None:
    _, text, _ = told(tmp_path, server, "devices", "--json")
    there = ", ".join(f"{device['index']} {device['name']!r}" for device in json.loads(text))
    code, text, error = told(tmp_path, server, "--mic", "99")
    assert (code, text) == (4, "")
    assert error == f"emostream: there is no input device 99; there are {there} (see: emostream devices)"


def test_an_unknown_name_is_refused(server: PulseServer, tmp_path: Path) -> None:
    code, text, error = told(tmp_path, server, "--mic", "no such microphone")
    assert (code, text) == (4, "")
    assert error.startswith("emostream: no input device has 'no such microphone' in its name")
    assert len(error.splitlines()) == 1


def test_without_any_microphone_it_is_said_in_one_sentence(tmp_path: Path) -> None:
    nowhere = {"PULSE_SERVER": f"unix:{tmp_path}/nowhere", "XDG_RUNTIME_DIR": str(tmp_path)}
    done = run(tmp_path, "--mic", "default", more=nowhere)
    assert done.returncode == 4
    assert done.stderr.decode().strip() == (
        "emostream: no input device was found; plug in a microphone, or name a recording with --wav"
    )


def test_without_any_microphone_the_bundled_recording_plays_where_that_was_asked_for(tmp_path: Path) -> None:
    nowhere = {"PULSE_SERVER": f"unix:{tmp_path}/nowhere", "XDG_RUNTIME_DIR": str(tmp_path)}
    done = run(tmp_path, "--mic", "default", "--demo-if-no-mic", "--check-config", more=nowhere)
    assert done.returncode == 0
