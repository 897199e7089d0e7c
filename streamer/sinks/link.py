"""One connection to a broker, from CONNECT to its end: the only file that imports aiomqtt.

aiomqtt 2.5 throws away what we must know (the reason in a PUBACK, why a CONNECT was not answered) and leaves a socket
open behind a failed CONNECT, whose late answer would throw out our next connection. `_Client` mends both. Every error
leaves as a `LinkError` with a sentence.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Sequence
from typing import Any, Final

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.client import DisconnectFlags
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from streamer.sinks import reasons
from streamer.sinks.address import BrokerSettings, Protocol
from streamer.sinks.reasons import LinkError, Trouble, Who
from streamer.sinks.topics import ROOT, Presence, availability_topic

CLOSE_S: Final = 1.0
"""Time for a DISCONNECT to leave; after it the socket is closed."""

CONNECT_S: Final = 4.0
"""Time for TCP, and again for TLS: paho does both in a thread, which the end of the program has to wait for."""

REFUSAL: Final = 0x80
"""Reason codes from here on mean that the broker refused."""

_PROTOCOL_ERROR: Final = 130
_KEEPALIVE_TIMEOUT: Final = 141
_INCOMING_LIMIT: Final = 64
_VERSIONS: Final = {Protocol.V5: aiomqtt.ProtocolVersion.V5, Protocol.V311: aiomqtt.ProtocolVersion.V311}


class _HungUp(aiomqtt.MqttError):
    """The peer closed the connection before it answered our CONNECT, or after an answer that is not MQTT."""

    def __init__(self, *, answered: bool) -> None:
        super().__init__("hung up")
        self.answered = answered


class _Tls(ssl.SSLContext):
    """Verifies the broker, and knows the socket that is being secured: paho leaves it open when that fails."""

    socket: ssl.SSLSocket | None = None

    def wrap_socket(self, *args: Any, **keywords: Any) -> ssl.SSLSocket:  # noqa: ANN401
        self.socket = super().wrap_socket(*args, **keywords)
        return self.socket


class _Client(aiomqtt.Client):
    """aiomqtt's client, which also keeps reason codes and can be dropped."""

    publish_reason = 0
    opened = False
    """The connection was made, and CONNECT was sent."""
    _dropped = False

    def __init__(self, *args: Any, tls: _Tls | None, **keywords: Any) -> None:  # noqa: ANN401
        super().__init__(*args, tls_context=tls, **keywords)
        self._tls = tls

    def drop(self) -> None:
        """Close the socket at once, without DISCONNECT: the broker sends our Last Will. Also one that is still made."""
        self._dropped = True
        if not self.opened and self._tls is not None and self._tls.socket is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._tls.socket, socket.SHUT_RDWR)  # ends a handshake in paho's thread
        # paho knows no public way to hang up; this one tells aiomqtt, which then forgets the socket, too.
        self._client._sock_close()  # noqa: SLF001
        if self._disconnected.done() and not self._disconnected.cancelled():
            self._disconnected.exception()  # seen: asyncio need not complain that nobody looked

    def why_disconnected(self) -> int | None:
        """Return the reason code of a connection that is gone, -1 where it has none, None where it is not gone."""
        if not self._disconnected.done() or self._disconnected.cancelled():
            return None
        reason = getattr(self._disconnected.exception(), "rc", None)
        return reason.value if isinstance(reason, ReasonCode) else -1

    def _client_connect(self) -> None:
        self._client.connect_timeout = CONNECT_S
        try:
            super()._client_connect()
        except OSError:
            if self._tls is not None and self._tls.socket is not None:
                self._tls.socket.close()
            raise
        self.opened = True
        if self._dropped:
            self._loop.call_soon_threadsafe(self.drop)

    def _on_disconnect(
        self,
        client: PahoClient,
        userdata: Any,  # noqa: ANN401
        flags: DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        # An answer that begins like an MQTT packet and ends too early is not MQTT either.
        answered = reason_code.value == _PROTOCOL_ERROR or bool(client._in_packet["command"])  # noqa: SLF001
        self._loop.call_soon_threadsafe(self._hung_up, answered)
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _hung_up(self, answered: bool) -> None:  # noqa: FBT001 (call_soon has no keywords)
        if not self._connected.done():
            self._connected.set_exception(_HungUp(answered=answered))
            self._connected.exception()  # seen, should nobody wait any more

    def _on_publish(
        self,
        client: PahoClient,
        userdata: Any,  # noqa: ANN401
        mid: int,
        reason_code: ReasonCode,
        properties: Properties,
    ) -> None:
        self.publish_reason = reason_code.value
        super()._on_publish(client, userdata, mid, reason_code, properties)


class Link:
    """An open connection. Made by `connect`."""

    def __init__(self, client: _Client, who: Who, protocol: Protocol, timeout_s: float) -> None:
        self._client, self._who, self._timeout_s = client, who, timeout_s
        self._one_at_a_time = asyncio.Lock()
        self.protocol = protocol
        self.fell_back = False
        """The broker said that it does not speak what we would rather have spoken."""

    async def subscribe(self, topic: str) -> None:
        """Ask for messages on `topic`; a refusal shows in that none come.

        Raises: LinkError.
        """
        try:
            await self._client.subscribe(topic, qos=1)
        except aiomqtt.MqttError as error:
            raise self._broken() from error

    async def publish(
        self, topic: str, payload: bytes, *, qos: int, retain: bool = False, expiry_s: int | None = None
    ) -> int:
        """Send one message, with QoS 1 until it is acknowledged; return the broker's reason code (0 on MQTT 3.1.1).

        Raises: LinkError when the link is gone; the broker may or may not have the message.
        """
        async with self._one_at_a_time:
            self._client.publish_reason = 0
            try:
                await self._client.publish(topic, payload, qos, retain, self._properties(expiry_s))
            except aiomqtt.MqttError as error:
                raise self._broken() from error
            return self._client.publish_reason

    async def receive(self) -> tuple[bytes, bool]:
        """Return the next message that we have subscribed to, and whether it is one that the broker had retained.

        Raises: LinkError when the link is gone.
        """
        try:
            message = await anext(self._client.messages)
        except aiomqtt.MqttError as error:
            raise self._broken() from error
        return message.payload, message.retain

    async def close(self) -> None:
        """Say goodbye if that can be done quickly, so that the Last Will is not sent; then close the socket."""
        with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._client.__aexit__(None, None, None)
        self.drop()

    def drop(self) -> None:
        """Close the socket without a goodbye."""
        self._client.drop()

    def _properties(self, expiry_s: int | None) -> Properties | None:
        if self.protocol is not Protocol.V5:
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if expiry_s is not None:
            properties.MessageExpiryInterval = expiry_s
        return properties

    def _broken(self) -> LinkError:
        code = self._client.why_disconnected()
        if code == reasons.MQTT5_TAKEN_OVER:
            return reasons.taken_over(self._who)
        if code is None or code == _KEEPALIVE_TIMEOUT:
            return reasons.frozen(self._who, self._timeout_s)
        return reasons.lost(self._who)


def whom(settings: BrokerSettings) -> Who:
    """Return whom we speak to, for the sentences."""
    return Who(settings.address, f"{ROOT}/{settings.node}/#")


def protocols(settings: BrokerSettings) -> tuple[Protocol, ...]:
    """Return what may be spoken, best first."""
    return (Protocol.V5, Protocol.V311) if settings.protocol is Protocol.AUTO else (settings.protocol,)


async def connect(settings: BrokerSettings, name: str, may_speak: Sequence[Protocol], *, will: bool) -> Link:
    """Return a link that speaks the first of `may_speak` that the broker knows.

    `name` is the client id; with `will`, the broker says "offline" for us when the link breaks.
    Raises: LinkError.
    """
    fell_back = False
    for protocol in may_speak[:-1]:
        try:
            return await _open(settings, name, protocol, will=will)
        except LinkError as error:
            # An old broker may hang up on MQTT 5 without a word, and amqtt never answers it. So may a broker that is
            # just being stopped, which is why only the plain word is remembered.
            if error.trouble not in (Trouble.VERSION, Trouble.NO_ANSWER, Trouble.SILENT):
                raise
            fell_back = error.trouble is Trouble.VERSION
    link = await _open(settings, name, may_speak[-1], will=will)
    link.fell_back = fell_back
    return link


async def _open(settings: BrokerSettings, name: str, protocol: Protocol, *, will: bool) -> Link:
    who, topic = whom(settings), availability_topic(settings.node)
    client = _Client(
        settings.address.host,
        settings.address.port,
        username=settings.address.user,
        password=settings.password,
        identifier=name,
        protocol=_VERSIONS[protocol],
        will=aiomqtt.Will(topic, Presence.OFFLINE.encode(), qos=1, retain=True) if will else None,
        timeout=settings.timeout_s,
        keepalive=settings.keepalive_s,
        tls=_tls(settings, who) if settings.address.tls else None,
        max_queued_incoming_messages=_INCOMING_LIMIT,
        # Without it, a small message waits up to 40 ms for the acknowledgement of the one before.
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    )
    try:
        await client.__aenter__()
    except BaseException as error:
        client.drop()
        if not isinstance(error, aiomqtt.MqttError | UnicodeError):
            raise
        raise _refusal(error, client.opened, who, settings.timeout_s) from error
    return Link(client, who, protocol, settings.timeout_s)


def _tls(settings: BrokerSettings, who: Who) -> _Tls:
    context = _Tls(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificate and host name, TLS 1.2 and later
    try:
        if settings.ca_file is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(cafile=settings.ca_file)
    except OSError as error:
        raise reasons.no_authority(str(settings.ca_file), who) from error
    return context


def _refusal(error: aiomqtt.MqttError | UnicodeError, opened: bool, who: Who, timeout_s: float) -> LinkError:  # noqa: FBT001
    if isinstance(error, MqttConnectError):
        code = error.rc.value if isinstance(error.rc, ReasonCode) else error.rc
        return reasons.refused(code or 0, who)
    if isinstance(error, _HungUp):
        return reasons.not_mqtt(who) if error.answered else reasons.closed_without_answer(who)
    if isinstance(error, UnicodeError):  # a host name that cannot be encoded
        return reasons.unreachable(socket.gaierror(), who)
    if not opened and isinstance(error.__context__, OSError):  # aiomqtt turned it into text
        return reasons.unreachable(error.__context__, who)
    return reasons.silent(who, timeout_s)
