"""Addresses, secrets and what must not go together: each mistake is one sentence, before anything is opened."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.errors import ConfigError
from streamer.sinks.address import (
    Address,
    BrokerSettings,
    checked,
    is_loopback,
    machine_suffix,
    parse_address,
    read_password,
)

WANTED = "wanted mqtt://HOST[:PORT], or mqtts://HOST[:PORT] for an encrypted connection."
HOME = BrokerSettings(Address("localhost", 1883, user="anna"), "kitchen", "mic")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://localhost", Address("localhost", 1883)),
        ("mqtts://broker.example", Address("broker.example", 8883, tls=True)),
        ("mqtt://anna@10.0.0.7:2000/", Address("10.0.0.7", 2000, user="anna")),
        ("MQTTS://[::1]:1", Address("::1", 1, tls=True)),
        ("mqtt://a%40b@localhost", Address("localhost", 1883, user="a@b")),
    ],
)
def test_an_address_says(url: str, address: Address) -> None:
    assert parse_address(url) == address


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("localhost", f"The broker's address does not begin with mqtt:// or mqtts://; {WANTED}"),
        ("http://localhost", f"The broker's address does not begin with mqtt:// or mqtts://; {WANTED}"),
        ("mqtt://", f"The broker's address has no valid host; {WANTED}"),
        ("mqtt://a b", f"The broker's address has no valid host; {WANTED}"),
        ("mqtt://local\x00host", f"The broker's address has no valid host; {WANTED}"),
        ("mqtt://localhost:0", f"The broker's address has port 0, which no broker can have; {WANTED}"),
        ("mqtt://localhost:65536", f"The broker's address has no valid host or port; {WANTED}"),
        ("mqtt://localhost:x", f"The broker's address has no valid host or port; {WANTED}"),
        ("mqtt://[::1", f"The broker's address has no valid host or port; {WANTED}"),
        ("mqtt://localhost/topic", f"The broker's address goes on after host and port; {WANTED}"),
        ("mqtt://localhost?tls=1", f"The broker's address goes on after host and port; {WANTED}"),
    ],
)
def test_an_address_that_cannot_be_followed_is_one_sentence(url: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_address(url)
    assert str(error.value) == sentence


@pytest.mark.parametrize("url", ["mqtt://anna:hunter2@localhost", "mqtts://:hunter2@h:x1", "http://a:hunter2@b/c"])
def test_a_password_in_the_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_address(url)
    assert "hunter2" not in str(error.value)


def test_a_password_in_the_address_is_told_where_it_belongs() -> None:
    with pytest.raises(ConfigError) as error:
        parse_address("mqtt://anna:hunter2@localhost")
    assert str(error.value) == (
        "The broker's address holds a password, which every user of this machine could read in the list of "
        "processes: take it out, and set EMOSTREAM_MQTT_PASSWORD or mqtt.password_file instead."
    )


@given(st.text() | st.text("mqts:/@[]%.0aA\x00").map(lambda rest: f"mqtt://{rest}"))
def test_no_address_is_anything_but_understood_or_refused(url: str) -> None:
    try:
        address = parse_address(url)
    except ConfigError:
        return
    assert address.host
    assert 0 < address.port < 65536


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "pi.localhost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)
    checked(replace(HOME, address=Address(host, 1883)))


@pytest.mark.parametrize("host", ["broker.example", "10.0.0.7", "0.0.0.1", "::", "127.0.0.1.example", "localhost.evil"])
def test_plaintext_beyond_loopback_is_refused(host: str) -> None:
    settings = replace(HOME, address=Address(host, 1883))
    with pytest.raises(ConfigError) as error:
        checked(settings)
    assert str(error.value) == (
        f"The broker at {settings.address} is on another machine, and mqtt:// would send a person's feelings there "
        f"unencrypted: use mqtts://{host}, or say --allow-plaintext if that network is yours alone."
    )
    checked(replace(settings, allow_plaintext=True))
    checked(replace(settings, address=Address(host, 8883, tls=True)))


def test_what_does_not_go_together(tmp_path: Path) -> None:
    nobody, ca_file = Address("localhost", 1883), tmp_path / "ca.pem"
    for settings, sentence in [
        (
            replace(HOME, address=nobody, password="x"),
            "There is a password for the broker at localhost:1883 but no user; set mqtt.username as well.",
        ),
        (
            replace(HOME, ca_file=ca_file),
            "mqtt.ca_file needs an encrypted connection; write mqtts://localhost:1883 as the broker's address.",
        ),
        (
            replace(HOME, ca_file=ca_file, address=Address("localhost", 8883, tls=True)),
            f"mqtt.ca_file is {ca_file}, where there is no file; name the PEM file of the authority.",
        ),
    ]:
        with pytest.raises(ConfigError) as error:
            checked(settings)
        assert str(error.value) == sentence
    with pytest.raises(ConfigError, match=r"mqtt\.node is 'a/b'"):
        checked(replace(HOME, node="a/b"))


def test_the_password_is_never_shown() -> None:
    assert "hunter2" not in repr(replace(HOME, password="hunter2"))


def test_a_password_file_gives_its_first_line(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("sécret word \r\nsecond line\n", encoding="utf-8", newline="")
    file.chmod(0o600)
    assert read_password(file) == "sécret word "


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610])
def test_a_password_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "password"
    file.write_text("secret")
    file.chmod(mode)
    with pytest.raises(ConfigError) as error:
        read_password(file)
    assert str(error.value) == (
        f"The password file {file} can be used by other users of this machine; run: chmod 600 {file}"
    )


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\nsecret", "has an empty first line; wanted the password there."),
        (b"\xff\xfe", "is not UTF-8 text; wanted the password on its first line."),
        (b"x" * 65_537, "has 65537 bytes; wanted the password alone on its first line."),
        (None, "cannot be read: No such file or directory; check mqtt.password_file."),
    ],
)
def test_a_password_file_that_holds_none_is_one_sentence(tmp_path: Path, content: bytes | None, what: str) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
        file.chmod(0o600)
    with pytest.raises(ConfigError) as error:
        read_password(file)
    assert str(error.value) == f"The password file {file} {what}"


def test_the_suffix_stays_the_same_and_does_not_tell_the_machine(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("0123456789abcdef\n")
    (tmp_path / "two").write_text("fedcba9876543210\n")
    one, two = machine_suffix(tmp_path / "one"), machine_suffix(tmp_path / "two")
    assert one == machine_suffix(tmp_path / "one")
    assert len({one, two, machine_suffix(tmp_path / "none")}) == 3
    assert "0123456789abcdef".find(one) < 0
    assert len(one) == 8
