"""Input devices: what they are, and which one is meant. Pure: the list comes from `portaudio.list_devices`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from streamer.errors import SourceError

DEFAULT: Final = "default"
DEFAULT_FOLLOW: Final = "default-follow"
"""As `default`, and the sound system may move the recording to another microphone while it runs."""


@dataclass(frozen=True, slots=True)
class Device:
    """One input device."""

    index: int
    name: str
    channels: int
    rate_hz: int
    """The rate it prefers."""
    host_api: str
    default: bool


class NoInputDeviceError(SourceError):
    """There is no input device at all; a caller may play a recording instead."""


def choose(devices: Sequence[Device], wanted: str) -> Device:
    """Return the device that `wanted` means: `default`, an index, or a part of a name, upper and lower case alike.

    Raises: NoInputDeviceError if the list is empty; SourceError if nothing or more than one thing is meant.
    """
    if not devices:
        message = "no input device was found; plug in a microphone, or name a recording with --wav"
        raise NoInputDeviceError(message)
    if wanted in (DEFAULT, DEFAULT_FOLLOW):
        # Without a default the first one is what every other program takes, too.
        return next((device for device in devices if device.default), devices[0])
    if wanted.isascii() and wanted.removeprefix("-").isdigit():
        return _by_index(devices, int(wanted))
    return _by_name(devices, wanted)


def _by_index(devices: Sequence[Device], index: int) -> Device:
    for device in devices:
        if device.index == index:
            return device
    message = f"there is no input device {index}; there are {_listed(devices)} (see: emostream devices)"
    raise SourceError(message)


def _by_name(devices: Sequence[Device], wanted: str) -> Device:
    exact = [device for device in devices if device.name == wanted]
    found = exact or [device for device in devices if wanted.casefold() in device.name.casefold()]
    if not found or not wanted:
        message = f"no input device has {wanted!r} in its name; there are {_listed(devices)} (see: emostream devices)"
        raise SourceError(message)
    if len(found) > 1:
        message = f"{wanted!r} fits {len(found)} input devices: {_listed(found)}; give more of the name, or the index"
        raise SourceError(message)
    return found[0]


def _listed(devices: Sequence[Device]) -> str:
    return ", ".join(f"{device.index} {device.name!r}" for device in devices)
