"""Publishing to a real mosquitto: what arrives, what stays, and what is true of availability, whatever happens."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import streamer
from streamer.records import Estimate, Mood, Stage, State, Transcript, Word
from streamer.sinks import payload
from streamer.sinks.address import BrokerSettings, Protocol, parse_address
from streamer.sinks.broker import Broker, LinkState, Message
from streamer.sinks.messages import Change, Health, Listening, MoodEvent, RecogniserHealth, SourceHealth
from streamer.sinks.payload import Origin, Stamp
from streamer.sinks.topics import DELIVERY, LARGEST_MESSAGE_BYTES, Kind
from tests.harness.mosquitto import Mosquitto, free_port
from tests.harness.subscriber import PATIENCE_S, listening

ORIGIN = Origin("kitchen", "mic", "k3f9", "stream-en")
SIX = (0.5, 0.1, 0.1, 0.1, 0.1, 0.1)
STOP_S = 5.0
"""The monitor's promise: it leaves within this time, whatever the broker does."""

both = pytest.mark.parametrize("protocol", [Protocol.V5, Protocol.V311])


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as broker:
        yield broker


def settings_for(url: str, protocol: Protocol = Protocol.AUTO) -> BrokerSettings:
    return BrokerSettings(parse_address(url), "kitchen", "mic", protocol=protocol)


@contextlib.asynccontextmanager
async def publishing(settings: BrokerSettings) -> AsyncIterator[Broker]:
    """Yield a broker whose `run` is under way; leave it cleanly."""
    broker = Broker(settings, random=lambda: 0.0)
    running = asyncio.create_task(broker.run())
    try:
        yield broker
    finally:
        broker.close_input()
        await asyncio.wait_for(running, STOP_S)
        counters = broker.status().counters
        assert counters.offered == counters.delivered + counters.dropped + counters.waiting


async def come_true(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 (seen from outside, the status has no event)
            await asyncio.sleep(0.01)


async def reached(broker: Broker, state: LinkState) -> None:
    await come_true(lambda: broker.status().state is state)


async def delivered(broker: Broker) -> None:
    await come_true(lambda: broker.status().counters.waiting == 0)


def one_of_each(seq: int = 0) -> dict[Kind, bytes]:
    stamp = Stamp(seq, datetime.now(UTC))
    estimate = Estimate(0, 16_000, State.SPEECH, Stage.FINAL, 0, 1, SIX, 0.0, 3, 0.0, 0.0, 0.0, 0.0)
    words = (Word("hello", 0, 8000, 0.9, final=True),)
    recogniser, source = RecogniserHealth("vosk", "ready", 0.1, 0, 0), SourceHealth("microphone", "listening")
    health = Health(1.0, 200.0, 0.0, 0.005, recogniser, source)
    listener = Listening(listening=True, muted=False, source="microphone", recogniser="vosk")
    mood = Mood(State.SPEECH, "happy", 0.5, SIX, 0, 16_000)
    return {
        Kind.ESTIMATE: payload.estimate(estimate, ORIGIN, stamp),
        Kind.STATE: payload.state(mood, listener, ORIGIN, stamp),
        Kind.EVENT: payload.event(MoodEvent(Change.ENTER, "happy", 0.5, 0, 0), ORIGIN, stamp),
        Kind.HEALTH: payload.health(health, ORIGIN, stamp),
        Kind.TRANSCRIPT: payload.transcript(Transcript(0, words, 8000, final=True), ORIGIN, stamp),
    }


def validate(kind: str, message: bytes) -> None:
    file = Path(streamer.__file__).parent / "schema" / f"{kind}.schema.json"
    rules: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    Draft202012Validator(rules).validate(message.decode() if kind == "availability" else json.loads(message))


@both
async def test_a_subscriber_receives_every_kind_as_promised(mosquitto: Mosquitto, protocol: Protocol) -> None:
    messages = one_of_each()
    async with listening(mosquitto.port, "emostream/#") as subscriber:
        async with publishing(settings_for(mosquitto.url, protocol)) as broker:
            for kind, message in messages.items():
                broker.offer(Message(kind, message))
            for kind, message in messages.items():
                heard = await subscriber.text(kind, message)
                validate(kind, message)
                assert heard.topic == f"emostream/kitchen/mic/{kind}"
                assert (heard.qos, heard.retained) == (DELIVERY[kind].qos, False)
                longest_s = DELIVERY[kind].expiry_s
                if protocol is Protocol.V5:
                    assert heard.expiry_s in range(longest_s - 5, longest_s + 1)
                else:
                    assert heard.expiry_s is None
            assert broker.status().protocol is protocol
        birth, *_, death = [heard.payload for heard in subscriber.heard if heard.kind == "availability"]
        assert (birth, death) == (b"online", b"offline")


@pytest.mark.parametrize("version", ["mqttv5", "mqttv311"])
async def test_mosquitto_sub_receives_valid_estimates(mosquitto: Mosquitto, version: str) -> None:
    topic = "emostream/+/+/estimate"
    command = [
        "mosquitto_sub",
        "-h",
        "127.0.0.1",
        "-p",
        str(mosquitto.port),
        "-V",
        version,
        "-t",
        topic,
        "-C",
        "3",
        "-W",
        "30",
    ]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with publishing(settings_for(mosquitto.url)) as broker:
        seq = 0
        while process.returncode is None:
            broker.offer(Message(Kind.ESTIMATE, one_of_each(seq)[Kind.ESTIMATE]))
            seq += 1
            await asyncio.sleep(0.02)
    lines = (await process.communicate())[0].splitlines()
    first, second, third = (json.loads(line)["seq"] for line in lines)
    assert (second, third) == (first + 1, first + 2)
    for line in lines:
        validate("estimate", line)


@both
async def test_the_broker_keeps_only_availability_and_on_mqtt_5_a_state_that_expires(
    mosquitto: Mosquitto, protocol: Protocol
) -> None:
    async with publishing(settings_for(mosquitto.url, protocol)) as broker:
        for kind, message in one_of_each().items():
            broker.offer(Message(kind, message))
        await delivered(broker)
        async with listening(mosquitto.port) as late:
            await late.text("availability", b"online")
            broker.offer(Message(Kind.EVENT, b"end"))
            await late.text("event", b"end")
        kept = {heard.kind: heard for heard in late.heard if heard.retained}
        assert set(kept) == ({"availability", "state"} if protocol is Protocol.V5 else {"availability"})
        if protocol is Protocol.V5:
            assert 0 < (kept["state"].expiry_s or 0) <= 60
    async with listening(mosquitto.port) as after:
        await after.text("availability", b"offline")
        async with publishing(settings_for(mosquitto.url, protocol)):
            await after.text("availability", b"online")
    assert [heard.kind for heard in after.heard if heard.retained] == ["availability"]


async def test_the_stream_goes_on_when_the_broker_is_killed_and_started_again(mosquitto: Mosquitto) -> None:
    async with publishing(settings_for(mosquitto.url)) as broker:
        broker.offer(Message(Kind.STATE, b"before"))
        await reached(broker, LinkState.ONLINE)
        mosquitto.kill()
        await reached(broker, LinkState.OFFLINE)
        broker.offer(Message(Kind.STATE, b"older"))
        broker.offer(Message(Kind.STATE, b"during"))
        mosquitto.start()
        await reached(broker, LinkState.ONLINE)
        await delivered(broker)
        async with listening(mosquitto.port) as subscriber:
            assert (await subscriber.text("availability", b"online")).retained
            assert (await subscriber.text("state", b"during")).retained
            broker.offer(Message(Kind.ESTIMATE, b"after"))
            await subscriber.text("estimate", b"after")
        received = [line for line in mosquitto.log.splitlines() if "Received PUBLISH from emostream-" in line]
        states = [line for line in received if "'emostream/kitchen/mic/state'" in line]
        assert len(states) == 2, "a state that is older than one already sent is not sent"
        assert broker.status().reconnects == 1
        assert broker.status().reason is None


async def test_a_message_that_was_not_acknowledged_is_sent_again(mosquitto: Mosquitto) -> None:
    async with publishing(settings_for(mosquitto.url)) as broker:
        await reached(broker, LinkState.ONLINE)
        mosquitto.freeze()
        broker.offer(Message(Kind.EVENT, b"{}"))
        await asyncio.sleep(0.1)
        assert broker.status().counters.waiting == 1
        mosquitto.kill()
        assert "mic/event" not in mosquitto.log
        mosquitto.start()
        await delivered(broker)
        assert mosquitto.log.count("'emostream/kitchen/mic/event'") == 1
        assert broker.status().counters.delivered == 1


async def test_a_frozen_broker_is_noticed_and_found_again(mosquitto: Mosquitto) -> None:
    async with publishing(settings_for(mosquitto.url)) as broker:
        await reached(broker, LinkState.ONLINE)
        mosquitto.freeze()
        broker.offer(Message(Kind.STATE, b"heartbeat"))
        await reached(broker, LinkState.OFFLINE)
        assert broker.status().reason == (
            f"The broker at 127.0.0.1:{mosquitto.port} has not acknowledged a message within 5 s; trying again."
        )
        mosquitto.thaw()
        await reached(broker, LinkState.ONLINE)
        await delivered(broker)
        async with listening(mosquitto.port) as subscriber:
            assert (await subscriber.until(lambda heard: heard.kind == "availability")).payload == b"online"


async def test_it_leaves_in_time_when_the_broker_is_frozen_and_the_will_speaks_for_it(mosquitto: Mosquitto) -> None:
    async with publishing(settings_for(mosquitto.url)) as broker:
        broker.offer(Message(Kind.STATE, b"feeling"))
        await reached(broker, LinkState.ONLINE)
        await delivered(broker)
        mosquitto.freeze()
        broker.offer(Message(Kind.EVENT, b"last"))
    assert broker.status().counters.waiting == 1
    mosquitto.thaw()
    async with listening(mosquitto.port) as subscriber:
        await subscriber.text("availability", b"offline")


async def test_it_leaves_at_once_when_there_is_no_broker() -> None:
    async with publishing(settings_for(f"mqtt://127.0.0.1:{free_port()}")) as broker:
        broker.offer(Message(Kind.STATE, b"nobody hears"))
        await reached(broker, LinkState.OFFLINE)
    assert broker.status().counters.waiting == 1
    assert broker.status().state is LinkState.OFF


CHILD = """
import asyncio, sys
from streamer.sinks.address import BrokerSettings, parse_address
from streamer.sinks.broker import Broker
asyncio.run(Broker(BrokerSettings(parse_address(sys.argv[1]), "kitchen", "mic")).run())
"""


async def test_the_broker_says_offline_when_we_are_killed_and_online_when_we_are_back(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto.port) as subscriber:
        for _ in range(2):
            subscriber.heard.clear()
            child = await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, mosquitto.url)
            try:
                await subscriber.text("availability", b"online")
                child.send_signal(signal.SIGKILL)
                await subscriber.text("availability", b"offline")
            finally:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
                await child.wait()
    async with listening(mosquitto.port) as late:
        assert (await late.text("availability", b"offline")).retained


async def test_a_will_that_comes_late_is_contradicted(mosquitto: Mosquitto) -> None:
    async with publishing(settings_for(mosquitto.url)) as broker:
        await reached(broker, LinkState.ONLINE)
        async with listening(mosquitto.port, "emostream/kitchen/availability") as subscriber:
            await subscriber.until(lambda heard: heard.retained)
            async with publishing(BrokerSettings(parse_address(mosquitto.url), "kitchen", "line-in")):
                pass  # another stream of the same node comes and goes, and says offline
            await subscriber.text("availability", b"offline")
            await subscriber.until(lambda heard: heard is subscriber.heard[-1] and heard.payload == b"online")


@both
async def test_two_monitors_under_one_name_are_told_so(mosquitto: Mosquitto, protocol: Protocol) -> None:
    settings = settings_for(mosquitto.url, protocol)
    async with publishing(settings) as one, publishing(settings) as other:
        await come_true(lambda: LinkState.REFUSED in (one.status().state, other.status().state))
        loser, winner = (one, other) if one.status().state is LinkState.REFUSED else (other, one)
        assert loser.status().reason == (
            f"Another monitor uses the same name at the broker at 127.0.0.1:{mosquitto.port}, and each throws the "
            "other out: give one of them another mqtt.node or mqtt.stream; trying again in 60 s."
        )
        await reached(winner, LinkState.ONLINE)


@both
async def test_an_acl_that_forbids_publishing_is_noticed(tmp_path: Path, protocol: Protocol) -> None:
    acl = "topic read emostream/#\nuser admin\ntopic readwrite emostream/#\n"
    with Mosquitto(tmp_path / "broker", acl=acl) as mosquitto:
        command = ["mosquitto_pub", "-p", str(mosquitto.port), "-u", "admin", "-r", "-m", "online"]
        leftover = await asyncio.create_subprocess_exec(*command, "-t", "emostream/kitchen/availability")
        assert await leftover.wait() == 0
        async with publishing(settings_for(mosquitto.url, protocol)) as broker:
            await reached(broker, LinkState.REFUSED)
            what = "accepts the connection but does not pass on what we publish"
            if protocol is Protocol.V5:
                what = "refuses what we publish on emostream/kitchen/availability"
            assert broker.status().reason == (
                f"The broker at 127.0.0.1:{mosquitto.port} {what}; "
                "give clients without a user the right to write and read emostream/kitchen/# in its ACL."
            )


async def test_an_acl_that_forbids_one_topic_is_noticed_on_mqtt_5(tmp_path: Path) -> None:
    acl = "topic readwrite emostream/kitchen/availability\ntopic write emostream/kitchen/mic/state\n"
    with Mosquitto(tmp_path / "broker", users={"anna": "secret"}, acl=f"user anna\n{acl}") as mosquitto:
        url = f"mqtt://anna@127.0.0.1:{mosquitto.port}"
        settings = BrokerSettings(parse_address(url), "kitchen", "mic", password="secret")
        async with publishing(settings) as broker:
            broker.offer(Message(Kind.EVENT, b"{}"))
            await reached(broker, LinkState.REFUSED)
            assert broker.status().reason == (
                f"The broker at 127.0.0.1:{mosquitto.port} refuses what we publish on emostream/kitchen/mic/event; "
                "give user 'anna' the right to write and read emostream/kitchen/# in its ACL."
            )
            broker.offer(Message(Kind.STATE, b"{}"))
            await delivered(broker)
            assert broker.status().refused == 1
            assert (broker.status().counters.delivered, broker.status().counters.dropped) == (1, 1)


async def test_a_message_that_is_too_large_is_not_sent(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto.port) as subscriber, publishing(settings_for(mosquitto.url)) as broker:
        broker.offer(Message(Kind.EVENT, b"x" * (LARGEST_MESSAGE_BYTES + 1)))
        broker.offer(Message(Kind.EVENT, b"y" * LARGEST_MESSAGE_BYTES))
        await subscriber.until(lambda heard: heard.kind == "event")
        assert [heard.payload[:1] for heard in subscriber.heard if heard.kind == "event"] == [b"y"]
        assert broker.status().counters.dropped == 1


async def test_publishing_without_a_broker_never_waits_and_never_grows() -> None:
    async with publishing(settings_for(f"mqtt://127.0.0.1:{free_port()}")) as broker:
        for number in range(10_000):
            broker.offer(Message(Kind.ESTIMATE, b"%d" % number))
        await reached(broker, LinkState.OFFLINE)
        counters = broker.status().counters
        assert (counters.offered, counters.delivered, counters.dropped) == (10_000, 0, 10_000 - counters.waiting)
        assert counters.waiting <= 256


async def test_what_a_short_recording_says_is_sent_although_it_is_over_at_once(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto.port) as subscriber:
        async with publishing(settings_for(mosquitto.url)) as broker:
            broker.offer(Message(Kind.ESTIMATE, b"only"))
        await subscriber.text("estimate", b"only")
        await subscriber.text("availability", b"offline")
