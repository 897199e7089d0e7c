"""Owner of our place at the broker: birth and Last Will, self-echo, reconnecting for ever, a clean leave.

The monitor never waits for it: `offer` returns at once, the outbox is bounded, and whatever the broker does ends up in
`status`. An acknowledgement is not acceptance (on MQTT 3.1.1 a broker acknowledges what its ACL forbids), so every
link begins with an echo: we subscribe to our own availability and expect to hear our birth.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from streamer.channel import Counters
from streamer.sinks import reasons, topics
from streamer.sinks.address import BrokerSettings, Protocol, checked
from streamer.sinks.link import REFUSAL, Link, connect, protocols, whom
from streamer.sinks.outbox import Message, Outbox, Parcel
from streamer.sinks.reasons import LinkError, Trouble
from streamer.sinks.retry import FIGHT_PAUSE_S, Retry
from streamer.sinks.topics import DELIVERY, Kind, Presence

__all__ = ["Broker", "BrokerStatus", "LinkState", "Message"]

log = logging.getLogger(__name__)

OUTBOX_MESSAGES: Final = 256
"""At six estimates a second about 40 s, longer than anything in it is worth sending."""

DRAIN_S: Final = 2.0
FAREWELL_S: Final = 1.5


class _ClosedError(Exception):
    """The input was closed while we waited for something else."""


class LinkState(StrEnum):
    """What can be said of the broker."""

    OFF = "off"
    CONNECTING = "connecting"
    ONLINE = "online"
    OFFLINE = "offline"
    REFUSED = "refused"
    """It is there and does not want us, or not all of what we publish."""


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """The link as of now."""

    state: LinkState
    reason: str | None
    """One sentence; None while all is well."""
    counters: Counters
    """A message counts as delivered once the link has taken it, with QoS 1 once it has been acknowledged."""
    retries: int
    """Attempts to connect that failed."""
    reconnects: int
    """How often a lost link was made again."""
    refused: int
    """Messages that the broker refused to take; only MQTT 5 tells."""
    address: str
    protocol: Protocol | None
    """What was spoken last; None before the first link."""


class Broker:
    """Publish until the input is closed. `run` is the one task; all else is called on the same loop."""

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        capacity: int = OUTBOX_MESSAGES,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._settings, self._clock = checked(settings), clock
        self._who = whom(settings)
        self._availability = topics.availability_topic(settings.node)
        self._topics = {kind: topics.stream_topic(settings.node, settings.stream, kind) for kind in Kind}
        self._outbox, self._retry = Outbox(capacity, clock), Retry(clock, random)
        self._protocols = protocols(settings)
        self._protocol: Protocol | None = None
        self._state, self._reason = LinkState.OFF, ""
        self._echoed_at: float | None = None
        self._denied: set[str] = set()
        self._retries = self._links = self._refused = 0
        self._retains_state = False
        self._closed_at: float | None = None
        self._deadline: asyncio.Timeout | None = None
        self._grace_s = 0.0

    def offer(self, message: Message) -> None:
        """Hand over `message` without waiting."""
        if not self._outbox.offer(message):
            log.warning("a message of kind %s has %d bytes and was not sent", message.kind, len(message.payload))

    def status(self) -> BrokerStatus:
        """Return the link as of now."""
        return BrokerStatus(
            state=self._state,
            reason=self._reason or None,
            counters=self._outbox.counters,
            retries=self._retries,
            reconnects=max(0, self._links - 1),
            refused=self._refused,
            address=str(self._settings.address),
            protocol=self._protocol,
        )

    def close_input(self) -> None:
        """Take no more. `run` then sends what waits for at most 2 s, says offline and returns, all within 5 s."""
        self._outbox.close()
        if self._closed_at is None:
            self._closed_at = asyncio.get_running_loop().time()
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(self._closed_at + self._grace_s)

    async def run(self) -> None:
        """Keep a link and publish over it, until the input is closed. Whatever the broker does raises nothing here."""
        self._say(LinkState.CONNECTING)
        try:
            while True:
                try:
                    return await self._one_link()
                except LinkError as error:
                    pause_s = self._lost(error)
                    async with self._until_closing(0.0):
                        await asyncio.sleep(pause_s)
        except _ClosedError:
            return None
        finally:
            self._say(LinkState.OFF)

    async def _one_link(self) -> None:
        """Live through one connection. Returns when the input is closed; raises LinkError when the link is lost."""
        name = topics.client_name(self._settings.node, self._settings.stream, self._settings.suffix)
        # A short recording may be over before the broker has answered for the first time.
        async with self._until_closing(DRAIN_S if self._state is LinkState.CONNECTING else 0.0):
            link = await connect(self._settings, name, self._protocols, will=True)
        try:
            with contextlib.suppress(_ClosedError):
                async with self._until_closing(DRAIN_S):
                    await self._publish_over(link)
            if await self._farewell(link):
                await link.close()
        finally:
            link.drop()  # without a goodbye, so that the broker says offline for us

    async def _publish_over(self, link: Link) -> None:
        self._protocol = link.protocol
        if link.fell_back or link.protocol is Protocol.V5:
            self._protocols = (link.protocol,)
        try:
            async with asyncio.TaskGroup() as group:
                await self._greet(link)
                watching = group.create_task(self._watch(link), name="broker-watch")
                await self._empty_outbox(link)
                watching.cancel()
        except BaseExceptionGroup as errors:
            lost, other = errors.split(LinkError)
            if other is not None or lost is None:
                raise
            raise _first(lost) from None

    async def _greet(self, link: Link) -> None:
        """Say that we are there, and what is retained: a broker may have lost both. Listen to our own availability."""
        self._links += 1
        self._denied.clear()
        await link.subscribe(self._availability)
        await self._announce(link)
        state = self._outbox.newest_state()
        if state is not None:
            await self._send(link, state)
            self._outbox.state_sent(state)

    async def _announce(self, link: Link) -> None:
        await self._put(link, self._availability, Presence.ONLINE.encode(), qos=1, retain=True)

    async def _watch(self, link: Link) -> None:
        """Wait for our echo; say online again whenever offline is said for us, by a Last Will that comes late."""
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                while self._echoed_at is None:
                    await self._hear(link)
        except TimeoutError:
            if not self._denied:
                self._say(LinkState.REFUSED, reasons.no_echo(self._who))
        while True:
            await self._hear(link)

    async def _hear(self, link: Link) -> None:
        payload, retained = await link.receive()
        if retained:  # what the broker remembers, which may be our Last Will
            return
        if payload == Presence.ONLINE.encode() and self._echoed_at is None:
            self._echoed_at = self._clock()
            self._judge()
        elif payload == Presence.OFFLINE.encode():
            await self._announce(link)

    async def _empty_outbox(self, link: Link) -> None:
        while (parcel := await self._outbox.next()) is not None:
            self._outbox.done(delivered=await self._send(link, parcel))

    async def _send(self, link: Link, parcel: Parcel) -> bool:
        """Send one parcel; return whether the broker took it."""
        kind, rule = parcel.message.kind, DELIVERY[parcel.message.kind]
        retain = rule.retained and link.protocol is Protocol.V5
        self._retains_state |= retain
        left_s = max(1, round(self._outbox.left_s(parcel)))
        topic = self._topics[kind]
        return await self._put(link, topic, parcel.message.payload, qos=rule.qos, retain=retain, expiry_s=left_s)

    async def _put(
        self, link: Link, topic: str, payload: bytes, *, qos: int, retain: bool = False, expiry_s: int | None = None
    ) -> bool:
        taken = await link.publish(topic, payload, qos=qos, retain=retain, expiry_s=expiry_s) < REFUSAL
        if not taken:
            self._refused += 1
        if taken == (topic in self._denied):
            (self._denied.discard if taken else self._denied.add)(topic)
            self._judge()
        return taken

    async def _farewell(self, link: Link) -> bool:
        """Leave nothing of a person's feelings behind, and say that we are gone; return whether that arrived."""
        with contextlib.suppress(LinkError, TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                if self._retains_state:
                    await self._put(link, self._topics[Kind.STATE], b"", qos=1, retain=True)
                await self._put(link, self._availability, Presence.OFFLINE.encode(), qos=1, retain=True)
                return True
        return False

    def _judge(self) -> None:
        """Say what acknowledgements and echo amount to."""
        if self._denied:
            self._say(LinkState.REFUSED, reasons.publishing_refused(min(self._denied), self._who))
        elif self._echoed_at is not None:
            self._say(LinkState.ONLINE)

    def _lost(self, error: LinkError) -> float:
        """Say that there is no link, and return how long to wait before the next."""
        online_s = None if self._echoed_at is None else self._clock() - self._echoed_at
        self._echoed_at = None
        self._retries += online_s is None
        if error.trouble in (Trouble.VERSION, Trouble.NO_ANSWER):
            self._protocols = protocols(self._settings)
        pause_s = self._retry.pause_s(error.trouble, online_s)
        if pause_s == FIGHT_PAUSE_S:
            self._say(LinkState.REFUSED, reasons.fighting(self._who, pause_s))
        else:
            self._say(LinkState.REFUSED if error.trouble is Trouble.REFUSED else LinkState.OFFLINE, str(error))
        return pause_s

    def _say(self, state: LinkState, reason: str = "") -> None:
        if (state, reason) != (self._state, self._reason):
            self._state, self._reason = state, reason
            level = logging.WARNING if state in (LinkState.OFFLINE, LinkState.REFUSED) else logging.INFO
            log.log(level, "broker %s: %s. %s", self._settings.address, state, reason)

    @contextlib.asynccontextmanager
    async def _until_closing(self, grace_s: float) -> AsyncIterator[None]:
        """Leave the body with _ClosedError, `grace_s` after the input is closed."""
        try:
            async with asyncio.timeout(None) as self._deadline:
                self._grace_s = grace_s
                if self._closed_at is not None:
                    self._deadline.reschedule(self._closed_at + grace_s)
                yield
        except TimeoutError:
            if self._closed_at is None:
                raise
            raise _ClosedError from None
        finally:
            self._deadline = None


def _first(group: BaseExceptionGroup[LinkError]) -> LinkError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
