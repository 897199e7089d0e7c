"""The broker inside the program: what we promise of it, with mosquitto_sub and MQTT 3.1.1 clients."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator

import pytest

from streamer.errors import BrokerError, ConfigError
from streamer.sinks.address import Address, BrokerSettings, Protocol
from streamer.sinks.broker import Broker, LinkState, Message
from streamer.sinks.embedded import EmbeddedBroker
from streamer.sinks.topics import Kind
from streamer.sinks.trial import try_once
from tests.harness.subscriber import listening


@pytest.fixture
async def embedded() -> AsyncIterator[Address]:
    async with EmbeddedBroker(port=0) as broker:
        yield broker.address


def settings_for(address: Address) -> BrokerSettings:
    return BrokerSettings(address, "kitchen", "mic", protocol=Protocol.V311)


async def online(broker: Broker) -> None:
    async with asyncio.timeout(10):
        while broker.status().state is not LinkState.ONLINE:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_it_listens_on_loopback_at_a_port_of_its_own(embedded: Address) -> None:
    assert embedded.host == "127.0.0.1"
    assert embedded.port > 0
    assert await try_once(settings_for(embedded)) is None


async def test_a_client_that_would_rather_speak_mqtt_5_finds_its_way(embedded: Address) -> None:
    broker = Broker(BrokerSettings(embedded, "kitchen", "mic", timeout_s=0.5))
    running = asyncio.create_task(broker.run())
    await online(broker)
    assert broker.status().protocol is Protocol.V311
    broker.close_input()
    await running


async def test_mosquitto_sub_receives_estimates(embedded: Address) -> None:
    command = [
        "mosquitto_sub",
        "-h",
        "127.0.0.1",
        "-p",
        str(embedded.port),
        "-t",
        "emostream/+/+/estimate",
        "-C",
        "3",
        "-W",
        "30",
    ]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    broker = Broker(settings_for(embedded))
    running = asyncio.create_task(broker.run())
    seq = 0
    while process.returncode is None:
        broker.offer(Message(Kind.ESTIMATE, json.dumps({"seq": seq}).encode()))
        seq += 1
        await asyncio.sleep(0.02)
    lines = (await process.communicate())[0].splitlines()
    first, second, third = (json.loads(line)["seq"] for line in lines)
    assert (second, third) == (first + 1, first + 2)
    assert broker.status().protocol is Protocol.V311
    broker.close_input()
    await running


async def test_availability_is_retained_and_the_state_is_not(embedded: Address) -> None:
    broker = Broker(settings_for(embedded))
    running = asyncio.create_task(broker.run())
    broker.offer(Message(Kind.STATE, b"feeling"))
    await online(broker)
    async with listening(embedded.port, "emostream/#", v5=False) as late:
        assert (await late.text("availability", b"online")).retained
        broker.offer(Message(Kind.EVENT, b"end"))
        await late.text("event", b"end")
        assert [heard.kind for heard in late.heard if heard.retained] == ["availability"]
        broker.close_input()
        await running
        await late.text("availability", b"offline")
    async with listening(embedded.port, "emostream/#", v5=False) as after:
        assert (await after.text("availability", b"offline")).retained


async def test_a_subscriber_hears_only_what_it_asked_for_and_once(embedded: Address) -> None:
    broker = Broker(settings_for(embedded))
    running = asyncio.create_task(broker.run())
    await online(broker)
    async with (
        listening(embedded.port, "emostream/+/availability", v5=False) as one,
        listening(embedded.port, "emostream/+/+/event", v5=False) as two,
    ):
        for number in range(20):
            broker.offer(Message(Kind.EVENT, b"%d" % number))
        await two.text("event", b"19")
        assert [heard.payload for heard in two.heard] == [b"%d" % number for number in range(20)]
        assert [heard.payload for heard in one.heard] == [b"online"]
    broker.close_input()
    await running


async def test_a_subscriber_that_is_killed_disturbs_nobody(embedded: Address) -> None:
    broker = Broker(settings_for(embedded))
    running = asyncio.create_task(broker.run())
    await online(broker)
    command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(embedded.port), "-q", "1", "-t", "emostream/#"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"online\n"
    process.kill()
    await process.wait()
    async with listening(embedded.port, "emostream/#", v5=False) as subscriber:
        broker.offer(Message(Kind.EVENT, b"still here"))
        await subscriber.text("event", b"still here")
    assert broker.status().reconnects == 0
    broker.close_input()
    await running


async def test_it_stops_with_subscribers_still_there() -> None:
    async with EmbeddedBroker(port=0) as broker:
        command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(broker.address.port), "-t", "#"]
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
        assert await try_once(settings_for(broker.address)) is None
    process.kill()
    await process.wait()
    with socket.socket() as probe:
        assert probe.connect_ex((broker.address.host, broker.address.port)) != 0


async def test_a_port_that_is_taken_is_one_sentence(embedded: Address) -> None:
    with pytest.raises(BrokerError) as error:
        async with EmbeddedBroker(embedded.port):
            pass
    assert str(error.value) == (
        f"The embedded broker cannot listen at 127.0.0.1:{embedded.port} (the port is in use); use that broker with "
        f"--mqtt mqtt://127.0.0.1:{embedded.port}, or set mqtt.embedded_port to 0 for any free port."
    )


async def test_a_missing_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amqtt.broker", None)  # as if it were not installed
    with pytest.raises(ConfigError) as error:
        async with EmbeddedBroker(0):
            pass
    assert str(error.value) == ("The embedded broker is not installed; run: pip install 'emostream[embedded-broker]'")


async def test_nothing_of_it_is_logged(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    async with EmbeddedBroker(port=0) as broker:
        assert await try_once(settings_for(broker.address)) is None
    assert [record.name for record in caplog.records if record.name.startswith("amqtt")] == []
    assert capfd.readouterr() == ("", "")
