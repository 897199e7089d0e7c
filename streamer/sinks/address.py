"""Which broker, under which name, with which secrets: what can be wrong with it before the first connection.

`BrokerSettings` is frozen and holds plain values; its repr never shows the password.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from stat import S_IRWXG, S_IRWXO
from typing import Final
from urllib.parse import unquote, urlsplit
from uuid import getnode

from streamer.errors import ConfigError
from streamer.sinks import topics

DEFAULT_PORT: Final = 1883
DEFAULT_TLS_PORT: Final = 8883
LARGEST_PASSWORD_FILE_BYTES: Final = 65_536


class Protocol(StrEnum):
    """Which MQTT to speak."""

    AUTO = "auto"
    """5, and 3.1.1 with a broker that knows only that."""
    V5 = "5"
    V311 = "3.1.1"


@dataclass(frozen=True, slots=True)
class Address:
    """What an address like `mqtts://anna@broker.example:8883` says."""

    host: str
    port: int
    tls: bool = False
    user: str | None = None

    def __str__(self) -> str:
        """Return host and port, as sentences name the broker."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """Where and how to publish; `checked` says whether it may be used."""

    address: Address
    node: str
    stream: str
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    """PEM file of the authority that signed the broker's certificate; None: the system's."""
    allow_plaintext: bool = False
    protocol: Protocol = Protocol.AUTO
    suffix: str = "0"
    """Last part of the client id, the same at every start on this machine: see `machine_suffix`."""
    keepalive_s: int = 15
    """A link over which nothing comes back is given up after twice this time; QoS 1 notices within `timeout_s`."""
    timeout_s: float = 5.0
    """Time for one step: connecting, an acknowledgement, the echo of our own birth."""


def parse_address(url: str) -> Address:
    """Return what `mqtt://[user@]host[:port]` or `mqtts://...` says; default ports 1883 and 8883.

    Raises: ConfigError with a sentence. The URL is never repeated in it, because it may hold a password.
    """
    if sentence := _wrong_in_url(url):
        raise ConfigError(sentence)
    parts = urlsplit(url)
    tls = parts.scheme == "mqtts"
    port = parts.port or (DEFAULT_TLS_PORT if tls else DEFAULT_PORT)
    return Address(parts.hostname or "", port, tls, unquote(parts.username) if parts.username else None)


def checked(settings: BrokerSettings) -> BrokerSettings:
    """Return `settings` if a connection may be tried with them.

    Raises: ConfigError: topic names, a secret without its user, no CA file, no encryption beyond loopback.
    """
    topics.client_name(settings.node, settings.stream, settings.suffix)
    if sentence := _wrong_together(settings):
        raise ConfigError(sentence)
    return settings


def read_password(file: Path) -> str:
    """Return the first line of a password file that only its owner can read.

    Raises: ConfigError with a sentence.
    """
    if sentence := _wrong_with_file(file):
        raise ConfigError(sentence)
    return _first_line(file)


def is_loopback(host: str) -> bool:
    """Return whether what is sent to `host` stays on this machine. Names are not looked up."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        number = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(number, "ipv4_mapped", None)
    return bool(mapped.is_loopback if mapped is not None else number.is_loopback)


def machine_suffix(machine_id_file: Path = Path("/etc/machine-id")) -> str:
    """Return eight letters and digits that stay the same on this machine and do not reveal which one it is."""
    try:
        known = machine_id_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        known = ""
    return sha256(f"emostream {known or getnode()}".encode()).hexdigest()[:8]


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            ip_address(host.partition("%")[0])
        except ValueError:
            return False
        return True
    labels = host.rstrip(".").split(".")
    return len(host) <= 253 and all(re.fullmatch(r"[A-Za-z0-9_-]{1,63}", label, re.ASCII) for label in labels)  # noqa: PLR2004 (DNS)


def _wrong_in_url(url: str) -> str | None:
    wanted = "wanted mqtt://HOST[:PORT], or mqtts://HOST[:PORT] for an encrypted connection."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return f"The broker's address has no valid host or port; {wanted}"
    if parts.password is not None:
        return (
            "The broker's address holds a password, which every user of this machine could read in the list of "
            "processes: take it out, and set EMOSTREAM_MQTT_PASSWORD or mqtt.password_file instead."
        )
    if parts.scheme not in ("mqtt", "mqtts"):
        return f"The broker's address does not begin with mqtt:// or mqtts://; {wanted}"
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        return f"The broker's address goes on after host and port; {wanted}"
    if not _is_host(parts.hostname or ""):
        return f"The broker's address has no valid host; {wanted}"
    return f"The broker's address has port 0, which no broker can have; {wanted}" if port == 0 else None


def _wrong_together(settings: BrokerSettings) -> str | None:
    address, ca_file = settings.address, settings.ca_file
    if settings.password is not None and not address.user:
        return f"There is a password for the broker at {address} but no user; set mqtt.username as well."
    if ca_file is not None and not address.tls:
        return f"mqtt.ca_file needs an encrypted connection; write mqtts://{address} as the broker's address."
    if ca_file is not None and not ca_file.is_file():
        return f"mqtt.ca_file is {ca_file}, where there is no file; name the PEM file of the authority."
    if not address.tls and not settings.allow_plaintext and not is_loopback(address.host):
        return (
            f"The broker at {address} is on another machine, and mqtt:// would send a person's feelings there "
            f"unencrypted: use mqtts://{address.host}, or say --allow-plaintext if that network is yours alone."
        )
    return None


def _wrong_with_file(file: Path) -> str | None:
    try:
        about = file.stat()
        if about.st_mode & (S_IRWXG | S_IRWXO):
            return f"The password file {file} can be used by other users of this machine; run: chmod 600 {file}"
        if about.st_size > LARGEST_PASSWORD_FILE_BYTES:
            return f"The password file {file} has {about.st_size} bytes; wanted the password alone on its first line."
        if not _first_line(file):
            return f"The password file {file} has an empty first line; wanted the password there."
    except OSError as error:
        return f"The password file {file} cannot be read: {error.strerror}; check mqtt.password_file."
    except UnicodeDecodeError:
        return f"The password file {file} is not UTF-8 text; wanted the password on its first line."
    return None


def _first_line(file: Path) -> str:
    return file.read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
