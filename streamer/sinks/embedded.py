"""A broker inside the program, for `--broker embedded`: the only file that imports amqtt (extra `embedded-broker`).

For this machine only and for everybody on it: loopback, no password, MQTT 3.1.1, nothing kept on disk. It lives and
dies with the monitor, so it cannot say "offline" when the monitor is killed; a subscriber sees its connection end.
"""

import asyncio
import logging
from types import TracebackType
from typing import Any, Final, Self

from streamer.errors import BrokerError, ConfigError
from streamer.sinks.address import Address

HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 1883
STOP_S: Final = 2.0

_QUIET: Final = ("amqtt", "transitions")
"""Loggers that tell every connection, and subscribers' names with it."""

_PLUGINS: Final[dict[str, dict[str, Any]]] = {
    "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
}
"""Not amqtt's own selection: that one logs every packet and publishes $SYS topics."""


class EmbeddedBroker:
    """`async with EmbeddedBroker(port) as broker:` and connect to `broker.address`. Leave it after the publisher."""

    def __init__(self, port: int = DEFAULT_PORT) -> None:
        """Take the port to listen at; 0 for any free one."""
        self._port = port
        self._broker: Any = None  # amqtt.broker.Broker, which is imported late

    @property
    def address(self) -> Address:
        """Return where it listens; it speaks `Protocol.V311`."""
        return Address(HOST, self._port)

    async def __aenter__(self) -> Self:
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        broker = _make(self._port)
        try:
            await broker.start()
        except Exception as error:  # amqtt raises its own BrokerError for whatever happens
            raise BrokerError(self._why(error)) from error
        self._broker = broker
        self._port = _listening_port(broker)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        broker, self._broker = self._broker, None
        if broker is None:
            return
        try:
            async with asyncio.timeout(STOP_S):  # from Python 3.12 on it waits for every subscriber to leave
                await broker.shutdown()
        except TimeoutError:
            logging.getLogger(__name__).info("the embedded broker left subscribers behind")

    def _why(self, error: Exception) -> str:
        cause = error.__cause__
        if isinstance(cause, OSError):
            return (
                f"The embedded broker cannot listen at {HOST}:{self._port} ({_plain(cause)}); use that broker with "
                f"--mqtt mqtt://{HOST}:{self._port}, or set mqtt.embedded_port to 0 for any free port."
            )
        return f"The embedded broker cannot start ({cause or error}); use a broker of your own with --mqtt."


def _plain(error: OSError) -> str:
    return "the port is in use" if error.errno == 98 else str(error.strerror)  # noqa: PLR2004 (EADDRINUSE)


def _make(port: int) -> Any:  # noqa: ANN401 (amqtt's types are imported late)
    try:
        # Imported late: an optional extra.
        from amqtt.broker import Broker  # noqa: PLC0415
        from amqtt.contexts import BrokerConfig, ListenerConfig  # noqa: PLC0415
    except ImportError as error:
        message = "The embedded broker is not installed; run: pip install 'emostream[embedded-broker]'"
        raise ConfigError(message) from error

    class _Broker(Broker):  # type: ignore[misc]
        """amqtt 0.12.1 sends a client that connects every retained message that anybody has subscribed to."""

        async def _publish_retained_messages_for_subscription(
            self,
            subscription: tuple[str, int],
            session: Any,  # noqa: ANN401
        ) -> None:
            holders = self.subscriptions.get(subscription[0], [])
            if any(holder.client_id == session.client_id for holder, _ in holders):
                await super()._publish_retained_messages_for_subscription(subscription, session)

    listeners = {"default": ListenerConfig(bind=f"{HOST}:{port}")}
    return _Broker(BrokerConfig(listeners=listeners, plugins=_PLUGINS))


def _listening_port(broker: Any) -> int:  # noqa: ANN401
    # amqtt tells nobody which port it was given for 0.
    port: int = broker._servers["default"].instance.sockets[0].getsockname()[1]  # noqa: SLF001
    return port
