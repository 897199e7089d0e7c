"""Where each message goes, and how: topic names and delivery rules. Pure.

Nothing that was spoken, or that a device calls itself, can get into a topic: a segment is one of our own words or
passes `segment`, which knows letters, digits, `_` and `-`. (A NUL in a topic makes mosquitto drop the connection.)
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from streamer.errors import ConfigError

ROOT: Final = "emostream"

LARGEST_MESSAGE_BYTES: Final = 8192
"""Our own limit: a broker with a smaller one than ours drops the message on MQTT 3.1.1 and the connection on 5."""

LONGEST_SEGMENT: Final = 64


class Kind(StrEnum):
    """What a message is; its value is the last segment of its topic."""

    ESTIMATE = "estimate"
    STATE = "state"
    EVENT = "event"
    HEALTH = "health"
    TRANSCRIPT = "transcript"


class Presence(StrEnum):
    """What stands on the availability topic, as plain text."""

    ONLINE = "online"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one kind of message is sent."""

    qos: int
    expiry_s: int
    """Neither the broker (on MQTT 5) nor our outbox keeps it longer: an old feeling is not passed on as a new one."""
    retained: bool = False
    """On MQTT 5 only: 3.1.1 has no expiry, and a feeling must not outlive the monitor in the broker's memory."""


DELIVERY: Final[Mapping[Kind, Delivery]] = MappingProxyType(
    {
        Kind.ESTIMATE: Delivery(qos=0, expiry_s=10),
        Kind.STATE: Delivery(qos=1, expiry_s=60, retained=True),
        Kind.EVENT: Delivery(qos=1, expiry_s=30),
        Kind.HEALTH: Delivery(qos=0, expiry_s=60),
        Kind.TRANSCRIPT: Delivery(qos=0, expiry_s=10),
    }
)


def segment(text: str, key: str) -> str:
    """Return `text` if it may be one segment of a topic.

    Raises: ConfigError naming `key`, the setting that it came from.
    """
    if re.fullmatch(rf"[A-Za-z0-9_-]{{1,{LONGEST_SEGMENT}}}", text, flags=re.ASCII):
        return text
    message = (
        f"{key} is {text[:80]!r}, wanted 1 to {LONGEST_SEGMENT} letters, digits, _ or - because it becomes a part of "
        f"the MQTT topic; for example {default_node(text)!r}."
    )
    raise ConfigError(message)


def default_node(host_name: str) -> str:
    """Return a legal node name made of a host name: its first label, with whatever is not allowed turned into `-`."""
    legal = re.sub(r"[^A-Za-z0-9_-]+", "-", host_name.split(".", 1)[0], flags=re.ASCII).strip("-")
    return legal[:LONGEST_SEGMENT] or "home"


def availability_topic(node: str) -> str:
    """Return the topic on which `Presence` stands."""
    return f"{ROOT}/{segment(node, 'mqtt.node')}/availability"


def check_topic(node: str) -> str:
    """Return the topic that `emostream check` writes to and reads back; nothing is retained there."""
    return f"{ROOT}/{segment(node, 'mqtt.node')}/check"


def stream_topic(node: str, stream: str, kind: Kind) -> str:
    """Return the topic of one kind of message."""
    return f"{ROOT}/{segment(node, 'mqtt.node')}/{segment(stream, 'mqtt.stream')}/{kind}"


def client_name(node: str, stream: str, suffix: str) -> str:
    """Return the MQTT client id. It is the same after a restart, so that two monitors under one name are noticed."""
    return "-".join((ROOT, segment(node, "mqtt.node"), segment(stream, "mqtt.stream"), segment(suffix, "suffix")))
