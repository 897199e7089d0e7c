"""A subscriber of the tests: everything that arrives, with how it arrived, and waiting for something to arrive."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import aiomqtt

PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One message as the broker delivered it."""

    topic: str
    payload: bytes
    qos: int
    retained: bool
    """The broker had it before we subscribed."""
    expiry_s: int | None

    @property
    def kind(self) -> str:
        """Return the last segment of the topic."""
        return self.topic.rsplit("/", 1)[-1]


class Subscriber:
    """Collects messages; made by `listening`."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self._more = asyncio.Event()

    def add(self, message: aiomqtt.Message) -> None:
        """Note one message."""
        assert isinstance(message.payload, bytes)
        expiry_s = getattr(message.properties, "MessageExpiryInterval", None)
        self.heard.append(Heard(str(message.topic), message.payload, message.qos, bool(message.retain), expiry_s))
        self._more.set()

    async def until(self, wanted: Callable[[Heard], bool]) -> Heard:
        """Return the first message that is `wanted`, waiting for it; what is heard stays in `heard`."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for message in self.heard:
                    if wanted(message):
                        return message
                self._more.clear()
                await self._more.wait()

    async def text(self, kind: str, payload: bytes) -> Heard:
        """Wait for this payload on a topic that ends with `kind`."""
        return await self.until(lambda message: message.kind == kind and message.payload == payload)


@contextlib.asynccontextmanager
async def listening(port: int, topic: str = "#", *, v5: bool = True) -> AsyncIterator[Subscriber]:
    """Yield a subscriber that the broker knows."""
    protocol = aiomqtt.ProtocolVersion.V5 if v5 else aiomqtt.ProtocolVersion.V311
    subscriber = Subscriber()

    async def collect(client: aiomqtt.Client) -> None:
        with contextlib.suppress(aiomqtt.MqttError):  # the broker is killed in some tests
            async for message in client.messages:
                subscriber.add(message)

    async with contextlib.AsyncExitStack() as stack:
        client = aiomqtt.Client("127.0.0.1", port, protocol=protocol, timeout=PATIENCE_S)
        with contextlib.suppress(aiomqtt.MqttError):
            await stack.enter_async_context(client)
            await client.subscribe(topic, qos=1)
        task = asyncio.create_task(collect(client))
        try:
            yield subscriber
        finally:
            task.cancel()
            await asyncio.wait([task])
