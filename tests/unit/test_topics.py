"""Topics: nothing but our own letters gets in, whatever a host, a device or a user is called."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.errors import ConfigError
from streamer.sinks import topics
from streamer.sinks.topics import Kind

LEGAL = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
anything = st.text() | st.text("a\x00+#/$\n -_.é", min_size=1) | st.from_regex(r"[\w-]{0,70}\n?", fullmatch=True)


@given(anything, anything)
def test_a_topic_has_only_legal_segments_or_is_refused(node: str, stream: str) -> None:
    legal = bool(LEGAL.match(node) and LEGAL.match(stream))
    try:
        made = [topics.stream_topic(node, stream, kind) for kind in Kind]
        made += [topics.client_name(node, stream, "0")]
    except ConfigError:
        assert not legal
        return
    assert legal
    for topic in made[:-1]:
        assert re.fullmatch(r"emostream/[A-Za-z0-9_-]+/[A-Za-z0-9_-]+/[a-z]+", topic)


@given(anything)
def test_the_availability_topic_is_as_careful(node: str) -> None:
    if LEGAL.match(node):
        assert topics.availability_topic(node) == f"emostream/{node}/availability"
        assert topics.check_topic(node) == f"emostream/{node}/check"
    else:
        for make in topics.availability_topic, topics.check_topic:
            with pytest.raises(ConfigError):
                make(node)


@given(anything)
def test_every_host_name_gives_a_legal_node(host_name: str) -> None:
    assert LEGAL.match(topics.default_node(host_name))


@pytest.mark.parametrize(
    ("host_name", "node"),
    [
        ("kitchen", "kitchen"),
        ("pi.local", "pi"),
        ("Anna's PC", "Anna-s-PC"),
        ("", "home"),
        ("書斎", "home"),
        ("-", "home"),
    ],
)
def test_host_names_and_their_nodes(host_name: str, node: str) -> None:
    assert topics.default_node(host_name) == node


def test_a_refused_name_is_one_sentence_with_a_proposal() -> None:
    with pytest.raises(ConfigError) as error:
        topics.availability_topic("living room/#")
    assert str(error.value) == (
        "mqtt.node is 'living room/#', wanted 1 to 64 letters, digits, _ or - because it becomes a part of the MQTT "
        "topic; for example 'living-room'."
    )


def test_only_the_state_is_retained_and_everything_expires() -> None:
    assert [kind for kind, rule in topics.DELIVERY.items() if rule.retained] == [Kind.STATE]
    assert set(topics.DELIVERY) == set(Kind)
    assert all(0 < rule.expiry_s <= 60 for rule in topics.DELIVERY.values())
    assert [kind for kind, rule in topics.DELIVERY.items() if rule.qos == 1] == [Kind.STATE, Kind.EVENT]
