"""Why a broker cannot be used: each reason is one exact sentence, found out at a real broker or a real socket."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from socket import gaierror

import pytest
import trustme

from streamer.sinks import reasons
from streamer.sinks.address import BrokerSettings, Protocol, parse_address
from streamer.sinks.broker import Broker, LinkState
from streamer.sinks.link import whom
from streamer.sinks.trial import try_once
from tests.harness.mosquitto import Mosquitto, free_port

PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return file


@pytest.fixture
def secured(authority: trustme.CA, tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker with TLS (for localhost and 127.0.0.1) and a plain listener, both open to all."""
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    with Mosquitto(tmp_path / "secured", certificate=certificate, extra="allow_anonymous true") as broker:
        yield broker


async def reason(url: str, **more: object) -> str | None:
    return await try_once(BrokerSettings(parse_address(url), "kitchen", "mic", **more))  # type: ignore[arg-type]


async def test_nothing_listens() -> None:
    port = free_port()
    assert await reason(f"mqtt://127.0.0.1:{port}") == (
        f"Nothing listens at 127.0.0.1:{port} (connection refused); start the broker or correct its address."
    )


@pytest.mark.parametrize("protocol", Protocol)
async def test_a_wrong_password(tmp_path: Path, protocol: Protocol) -> None:
    with Mosquitto(tmp_path / "broker", users={"anna": "secret"}) as broker:
        url = f"mqtt://anna@127.0.0.1:{broker.port}"
        assert await reason(url, password="secret", protocol=protocol) is None
        assert await reason(url, password="guess", protocol=protocol) == (
            f"The broker at 127.0.0.1:{broker.port} refused user 'anna': wrong user or password; "
            "check mqtt.username and EMOSTREAM_MQTT_PASSWORD."
        )
        assert await reason(broker.url, protocol=protocol) == (
            f"The broker at 127.0.0.1:{broker.port} lets in nobody without a password; "
            "set mqtt.username and EMOSTREAM_MQTT_PASSWORD."
        )


async def test_a_wrong_password_is_not_tried_again_at_once(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker", users={"anna": "secret"}) as mosquitto:
        settings = BrokerSettings(parse_address(f"mqtt://anna@127.0.0.1:{mosquitto.port}"), "kitchen", "mic", "guess")
        broker = Broker(settings)
        running = asyncio.create_task(broker.run())
        async with asyncio.timeout(PATIENCE_S):
            while broker.status().state is not LinkState.REFUSED:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        assert broker.status().retries == 1
        assert "guess" not in repr((broker.status(), settings))
        broker.close_input()
        await running


async def test_a_connection_with_tls_and_password(authority: trustme.CA, ca_file: Path, tmp_path: Path) -> None:
    certificate = authority.issue_cert("localhost")
    extra = "per_listener_settings false\nallow_anonymous false"
    with Mosquitto(tmp_path / "broker", users={"anna": "secret"}, certificate=certificate, extra=extra) as broker:
        url = f"mqtts://anna@localhost:{broker.tls_port}"
        assert await reason(url, password="secret", ca_file=ca_file) is None
        assert "wrong user or password" in str(await reason(url, password="guess", ca_file=ca_file))


async def test_an_unknown_authority(secured: Mosquitto) -> None:
    assert await reason(f"mqtts://localhost:{secured.tls_port}") == (
        f"The certificate of the broker at localhost:{secured.tls_port} was signed by an authority that this machine "
        "does not trust: name its PEM file in mqtt.ca_file."
    )


async def test_the_wrong_authority(secured: Mosquitto, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    assert await reason(f"mqtts://localhost:{secured.tls_port}", ca_file=tmp_path / "other.pem") == (
        f"The certificate of the broker at localhost:{secured.tls_port} was signed by an authority that this machine "
        "does not trust: name its PEM file in mqtt.ca_file."
    )


async def test_a_certificate_for_another_name(authority: trustme.CA, ca_file: Path, tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker", certificate=authority.issue_cert("broker.example")) as broker:
        for host, what in ("localhost", "name"), ("127.0.0.1", "address"):
            assert await reason(f"mqtts://{host}:{broker.tls_port}", ca_file=ca_file) == (
                f"The certificate of the broker at {host}:{broker.tls_port} was made for another {what} than {host}: "
                "use the name that stands in it."
            )


async def test_a_certificate_that_has_expired(authority: trustme.CA, ca_file: Path, tmp_path: Path) -> None:
    past = datetime(2020, 1, 1, tzinfo=UTC)
    with Mosquitto(tmp_path / "broker", certificate=authority.issue_cert("localhost", not_after=past)) as broker:
        assert await reason(f"mqtts://localhost:{broker.tls_port}", ca_file=ca_file) == (
            f"The certificate of the broker at localhost:{broker.tls_port} has expired: renew it on the broker."
        )


async def test_a_ca_file_that_is_none(secured: Mosquitto, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no certificate")
    assert await reason(f"mqtts://localhost:{secured.tls_port}", ca_file=tmp_path / "notes.txt") == (
        f"mqtt.ca_file {tmp_path / 'notes.txt'} holds no PEM certificate; "
        f"name the file that signed localhost:{secured.tls_port}'s."
    )


@pytest.mark.parametrize("protocol", Protocol)
async def test_a_plain_client_on_a_tls_port(secured: Mosquitto, protocol: Protocol) -> None:
    assert await reason(f"mqtt://localhost:{secured.tls_port}", protocol=protocol) == (
        f"The broker at localhost:{secured.tls_port} did not answer and hung up; is this a TLS port? "
        "Then use mqtts:// instead."
    )


async def test_tls_on_a_plain_port(secured: Mosquitto, ca_file: Path) -> None:
    assert await reason(f"mqtts://localhost:{secured.port}", ca_file=ca_file) == (
        f"The broker at localhost:{secured.port} does not speak TLS on this port; "
        "use its TLS port (often 8883) or mqtt://."
    )


@asynccontextmanager
async def peer(answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[int]:
    """Yield the port of something that is no broker."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_a_web_server() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(16)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with peer(refuse) as port:
        assert await reason(f"mqtt://127.0.0.1:{port}") == (
            f"What answers at 127.0.0.1:{port} does not speak MQTT; is this an MQTT port?"
        )


async def test_a_port_that_says_nothing() -> None:
    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def listen_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(100):
            pass

    for silence in wait, listen_on:
        async with peer(silence) as port:
            assert await reason(f"mqtt://127.0.0.1:{port}", timeout_s=0.3) == (
                f"The broker at 127.0.0.1:{port} did not answer within 0.3 s; is this a TLS port? "
                "Then use mqtts:// instead."
            )


ANYWHERE = BrokerSettings(parse_address("mqtts://broker.example"), "kitchen", "mic")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (gaierror(), "There is no address for the broker's name broker.example; check its spelling."),
        (
            TimeoutError(),
            "The broker at broker.example:8883 cannot be reached (timed out); check address and firewall.",
        ),
        (
            OSError(101, "Network is unreachable"),
            "The broker at broker.example:8883 cannot be reached (Network is unreachable); check address and network.",
        ),
        (
            ssl.SSLError(1, "WRONG_VERSION_NUMBER"),
            (
                "The broker at broker.example:8883 does not speak TLS on this port; "
                "use its TLS port (often 8883) or mqtt://."
            ),
        ),
    ],
)
def test_reasons_that_need_another_machine(error: OSError, sentence: str) -> None:
    assert str(reasons.unreachable(error, whom(ANYWHERE))) == sentence


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (133, "The broker at broker.example:8883 does not accept our client name; choose a shorter mqtt.node."),
        (138, "The broker at broker.example:8883 has banned this client; ask its administrator."),
        (137, "The broker at broker.example:8883 cannot take us now (MQTT reason 137); trying again."),
    ],
)
def test_refusals_that_mosquitto_does_not_know(code: int, sentence: str) -> None:
    assert str(reasons.refused(code, whom(ANYWHERE))) == sentence
