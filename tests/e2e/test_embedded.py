"""A subscriber with nothing installed: the broker lives inside the program."""

import subprocess
from pathlib import Path

from tests.e2e.program import DEMO, command, environment, estimates, subscriber
from tests.harness.mosquitto import free_port


def test_a_subscriber_of_the_embedded_broker_receives_valid_estimates(tmp_path: Path) -> None:
    port = free_port()
    more = {"EMOSTREAM_MQTT__EMBEDDED_PORT": str(port)}
    options = ("--wav", str(DEMO), "--broker", "embedded", "--asr", "none", "--no-dashboard")
    with (
        subprocess.Popen(
            command(*options), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment(tmp_path, **more), cwd=tmp_path,
        ) as program,
        subscriber(tmp_path, port) as received,
    ):  # fmt: skip
        assert program.stdout
        assert program.stderr
        first = program.stdout.readline()
        while len(received.messages("estimate")) < 20:
            line = program.stdout.readline()
            assert line, program.stderr.read()
        program.terminate()
        assert program.wait(timeout=10) == 0
        errors = program.stderr.read()
    assert first == b"listening to demo.flac\n"
    assert estimates("\n".join(received.messages("estimate")).encode())
    assert received.messages("availability")[0] == "online"
    assert b"Traceback" not in errors
