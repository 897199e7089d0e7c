"""Try a broker once, for `emostream check`: a message must make the round trip, because a connection proves little."""

import asyncio
import secrets

from streamer.sinks import reasons, topics
from streamer.sinks.address import BrokerSettings, checked
from streamer.sinks.link import REFUSAL, connect, protocols, whom
from streamer.sinks.reasons import LinkError


async def try_once(settings: BrokerSettings) -> str | None:
    """Return why nothing can be published with `settings`, in one sentence; None if a message made the round trip.

    Writes to `emostream/<node>/check` under a name of its own: a running monitor is not disturbed.
    Raises: ConfigError as `checked`.
    """
    checked(settings)
    who, topic, word = whom(settings), topics.check_topic(settings.node), secrets.token_hex(8).encode()
    name = topics.client_name(settings.node, "check", secrets.token_hex(4))
    try:
        link = await connect(settings, name, protocols(settings), will=False)
        try:
            await link.subscribe(topic)
            if await link.publish(topic, word, qos=1) >= REFUSAL:
                return reasons.publishing_refused(topic, who)
            async with asyncio.timeout(settings.timeout_s):
                while (await link.receive())[0] != word:
                    pass
        finally:
            await link.close()
    except LinkError as error:
        return str(error)
    except TimeoutError:
        return reasons.no_echo(who)
    return None
