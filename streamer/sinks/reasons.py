"""Why the broker cannot be used, in one plain sentence each, and what kind of trouble it is. Pure.

The sentences are made here so that each stands once; `link` finds out which one is true.
"""

import ssl
from dataclasses import dataclass
from enum import Enum, auto
from socket import gaierror
from typing import Final

from streamer.errors import BrokerError
from streamer.sinks.address import Address


class Trouble(Enum):
    """What kind of trouble it is: it decides when to try again."""

    ABSENT = auto()
    """Nothing there, or it has stopped answering."""
    SILENT = auto()
    """It took the connection and never answered MQTT."""
    NO_ANSWER = auto()
    """It took the connection and closed it without an answer to MQTT."""
    VERSION = auto()
    """It does not speak this version of MQTT."""
    REFUSED = auto()
    """It answered no: wrong password, wrong certificate; asking again soon does not help."""
    LOST = auto()
    """The link was there and broke."""
    TAKEN_OVER = auto()
    """Another client came with our name."""


class LinkError(BrokerError):
    """There is no link to the broker (any more); the text is the sentence for the user."""

    def __init__(self, trouble: Trouble, sentence: str) -> None:
        super().__init__(sentence)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Who:
    """Whom we spoke to, and as whom."""

    address: Address
    topics: str
    """The topics that we write to, for the sentence about rights."""


MQTT5_TAKEN_OVER: Final = 142
_VERSION: Final = (1, 132)
_BAD_NAME: Final = (2, 133)
_BAD_PASSWORD: Final = (4, 134)
_NOT_AUTHORISED: Final = (5, 135)
_BANNED: Final = 138

_CERTIFICATE: Final = {
    9: "is not valid yet: check the clock of this machine",
    10: "has expired: renew it on the broker",
    62: "was made for another name than {host}: use the name that stands in it",
    64: "was made for another address than {host}: use the name that stands in it",
}
"""OpenSSL's X509_V_ERR_* numbers; every other one means that we do not trust the signer."""


def refused(code: int, who: Who) -> LinkError:
    """Return the error for a CONNACK with `code` (MQTT 3.1.1: 1 to 5; MQTT 5: 128 and above)."""
    at, user = who.address, who.address.user
    if code in _VERSION:
        return LinkError(Trouble.VERSION, f"The broker at {at} does not speak this version of MQTT.")
    if code in _BAD_NAME:
        return LinkError(
            Trouble.REFUSED, f"The broker at {at} does not accept our client name; choose a shorter mqtt.node."
        )
    if code in (*_BAD_PASSWORD, *_NOT_AUTHORISED) and user:
        return LinkError(
            Trouble.REFUSED,
            f"The broker at {at} refused user {user!r}: wrong user or password; "
            "check mqtt.username and EMOSTREAM_MQTT_PASSWORD.",
        )
    if code in (*_BAD_PASSWORD, *_NOT_AUTHORISED):
        return LinkError(
            Trouble.REFUSED,
            f"The broker at {at} lets in nobody without a password; set mqtt.username and EMOSTREAM_MQTT_PASSWORD.",
        )
    if code == _BANNED:
        return LinkError(Trouble.REFUSED, f"The broker at {at} has banned this client; ask its administrator.")
    return LinkError(Trouble.ABSENT, f"The broker at {at} cannot take us now (MQTT reason {code}); trying again.")


def unreachable(error: OSError, who: Who) -> LinkError:
    """Return the error for a connection that failed before MQTT began."""
    at = who.address
    if isinstance(error, ssl.SSLCertVerificationError):
        what = _CERTIFICATE.get(
            error.verify_code,
            "was signed by an authority that this machine does not trust: name its PEM file in mqtt.ca_file",
        )
        return LinkError(Trouble.REFUSED, f"The certificate of the broker at {at} {what.format(host=at.host)}.")
    if at.tls and isinstance(error, ssl.SSLError | ConnectionResetError | BrokenPipeError):
        return LinkError(
            Trouble.REFUSED,
            f"The broker at {at} does not speak TLS on this port; use its TLS port (often 8883) or mqtt://.",
        )
    if isinstance(error, gaierror):
        return LinkError(Trouble.ABSENT, f"There is no address for the broker's name {at.host}; check its spelling.")
    if isinstance(error, ConnectionRefusedError):
        return LinkError(
            Trouble.ABSENT, f"Nothing listens at {at} (connection refused); start the broker or correct its address."
        )
    if isinstance(error, TimeoutError):
        return LinkError(
            Trouble.ABSENT, f"The broker at {at} cannot be reached (timed out); check address and firewall."
        )
    return LinkError(
        Trouble.ABSENT, f"The broker at {at} cannot be reached ({error.strerror or error}); check address and network."
    )


def closed_without_answer(who: Who) -> LinkError:
    """Return the error for a peer that hung up on our CONNECT."""
    if who.address.tls:
        return LinkError(
            Trouble.NO_ANSWER, f"The broker at {who.address} hung up without an answer; is this an MQTT port?"
        )
    return LinkError(
        Trouble.NO_ANSWER,
        f"The broker at {who.address} did not answer and hung up; is this a TLS port? Then use mqtts:// instead.",
    )


def not_mqtt(who: Who) -> LinkError:
    """Return the error for an answer that makes no sense."""
    return LinkError(Trouble.ABSENT, f"What answers at {who.address} does not speak MQTT; is this an MQTT port?")


def silent(who: Who, timeout_s: float) -> LinkError:
    """Return the error for a peer that takes the connection and says nothing."""
    hint = "is this an MQTT port?" if who.address.tls else "is this a TLS port? Then use mqtts:// instead."
    return LinkError(Trouble.SILENT, f"The broker at {who.address} did not answer within {timeout_s:g} s; {hint}")


def no_authority(ca_file: str, who: Who) -> LinkError:
    """Return the error for a CA file that holds no certificate."""
    return LinkError(
        Trouble.REFUSED, f"mqtt.ca_file {ca_file} holds no PEM certificate; name the file that signed {who.address}'s."
    )


def lost(who: Who) -> LinkError:
    """Return the error for a link that broke."""
    return LinkError(Trouble.LOST, f"The broker at {who.address} closed the connection; trying again.")


def frozen(who: Who, timeout_s: float) -> LinkError:
    """Return the error for a link over which no acknowledgement comes back."""
    return LinkError(
        Trouble.ABSENT,
        f"The broker at {who.address} has not acknowledged a message within {timeout_s:g} s; trying again.",
    )


def taken_over(who: Who) -> LinkError:
    """Return the error for a broker that says that another client came with our name."""
    return LinkError(Trouble.TAKEN_OVER, f"The broker at {who.address} gave our place to another client with our name.")


def fighting(who: Who, pause_s: float) -> str:
    """Return the sentence for two clients that throw each other out."""
    return (
        f"Another monitor uses the same name at the broker at {who.address}, and each throws the other out: give one "
        f"of them another mqtt.node or mqtt.stream; trying again in {pause_s:g} s."
    )


def no_echo(who: Who) -> str:
    """Return the sentence for a broker that takes our birth and does not pass it on."""
    return (
        f"The broker at {who.address} accepts the connection but does not pass on what we publish; "
        f"give {_user(who)} the right to write and read {who.topics} in its ACL."
    )


def publishing_refused(topic: str, who: Who) -> str:
    """Return the sentence for a PUBACK with a reason of refusal."""
    return (
        f"The broker at {who.address} refuses what we publish on {topic}; "
        f"give {_user(who)} the right to write and read {who.topics} in its ACL."
    )


def _user(who: Who) -> str:
    return f"user {who.address.user!r}" if who.address.user else "clients without a user"
