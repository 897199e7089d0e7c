"""docs/mqtt.md cannot lie: its messages are valid, its Python runs, its ACL lets the monitor in and others out."""

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import streamer
from streamer.sinks.address import BrokerSettings, parse_address
from streamer.sinks.topics import DELIVERY, Kind
from streamer.sinks.trial import try_once
from tests.harness.mosquitto import Mosquitto

DOCUMENT = (Path(streamer.__file__).parents[1] / "docs" / "mqtt.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)
    assert len(found) == 1, f"one block of {language}"
    return str(found[0])


@pytest.mark.parametrize("kind", [Kind.ESTIMATE, Kind.STATE, Kind.EVENT, Kind.TRANSCRIPT])
def test_the_messages_shown_are_whole_and_valid(kind: Kind) -> None:
    file = Path(streamer.__file__).parent / "schema" / f"{kind}.schema.json"
    rules, message = json.loads(file.read_text(encoding="utf-8")), json.loads(block(f"json {kind}"))
    Draft202012Validator(rules).validate(message)
    assert list(message) == list(rules["properties"])


@pytest.mark.parametrize("kind", Kind)
def test_the_table_of_topics_says_what_the_program_does(kind: Kind) -> None:
    row = next(line for line in DOCUMENT.splitlines() if line.startswith(f"| `emostream/<node>/<stream>/{kind}`"))
    *_, qos, retained, expires = (cell.strip() for cell in row.strip("|").split("|"))
    rule = DELIVERY[kind]
    assert (qos, expires) == (str(rule.qos), f"{rule.expiry_s} s")
    assert retained == ("MQTT 5 only" if rule.retained else "never")


async def test_the_python_example_runs(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker") as mosquitto:
        program = block("python").replace("1883", str(mosquitto.port))
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        publish = ["mosquitto_pub", "-p", str(mosquitto.port), "-t", "emostream/kitchen/mic/state"]
        try:
            for message, line in [
                (block("json state"), b"kitchen happy 0.66\n"),
                ("", b"the monitor has stopped\n"),
            ]:
                reading = asyncio.create_task(process.stdout.readline())
                while not reading.done():  # until the example has subscribed
                    sent = await asyncio.create_subprocess_exec(*publish, "-m", message)
                    await sent.wait()
                    await asyncio.wait([reading], timeout=0.2)
                    if message == "" and reading.done() and await reading != line:
                        reading = asyncio.create_task(process.stdout.readline())  # an earlier state
                assert await reading == line
        finally:
            process.kill()
            await process.wait()


async def test_the_acl_lets_the_monitor_in_and_keeps_the_lamp_from_writing(tmp_path: Path) -> None:
    users = {"kitchen-monitor": "one", "kitchen-lamp": "two"}
    with Mosquitto(tmp_path / "broker", users=users, acl=block("acl")) as mosquitto:
        for user, password in users.items():
            address = parse_address(f"mqtt://{user}@127.0.0.1:{mosquitto.port}")
            reason = await try_once(BrokerSettings(address, "kitchen", "mic", password))
            assert (reason is None) == (user == "kitchen-monitor")
