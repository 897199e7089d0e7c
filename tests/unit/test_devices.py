"""Which device is meant, and the exact sentence when none or more than one is."""

import pytest

from streamer.errors import SourceError
from streamer.sources.devices import Device, NoInputDeviceError, choose

BUILT_IN = Device(0, "HDA Intel PCH: ALC257 (hw:0,0)", 2, 48_000, "ALSA", default=False)
HEADSET = Device(2, "Jabra Evolve 30", 1, 16_000, "ALSA", default=True)
CAMERA = Device(5, "Jabra PanaCast", 2, 48_000, "ALSA", default=False)
ALL = (BUILT_IN, HEADSET, CAMERA)
LISTED = "0 'HDA Intel PCH: ALC257 (hw:0,0)', 2 'Jabra Evolve 30', 5 'Jabra PanaCast'"


@pytest.mark.parametrize(
    ("wanted", "device"),
    [
        ("default", HEADSET),
        ("default-follow", HEADSET),
        ("5", CAMERA),
        ("evolve", HEADSET),
        ("PANACAST", CAMERA),
        ("Jabra Evolve 30", HEADSET),
    ],
)
def test_a_device_is_chosen_by_default_index_or_part_of_its_name(wanted: str, device: Device) -> None:
    assert choose(ALL, wanted) is device


def test_a_whole_name_wins_over_the_same_part_of_another() -> None:
    longer = Device(7, "Jabra Evolve 30 II", 1, 16_000, "ALSA", default=False)

    assert choose((longer, HEADSET), "Jabra Evolve 30") is HEADSET


def test_without_a_default_the_first_is_taken() -> None:
    assert choose((BUILT_IN, CAMERA), "default") is BUILT_IN


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("1", f"there is no input device 1; there are {LISTED} (see: emostream devices)"),
        ("-1", f"there is no input device -1; there are {LISTED} (see: emostream devices)"),
        ("Shure", f"no input device has 'Shure' in its name; there are {LISTED} (see: emostream devices)"),
        ("", f"no input device has '' in its name; there are {LISTED} (see: emostream devices)"),
        (
            "jabra",
            "'jabra' fits 2 input devices: 2 'Jabra Evolve 30', 5 'Jabra PanaCast'; give more of the name, or the index",  # noqa: E501
        ),
    ],
)
def test_what_fits_nothing_or_too_much_is_refused_with_the_list(wanted: str, sentence: str) -> None:
    with pytest.raises(SourceError) as caught:
        choose(ALL, wanted)

    assert str(caught.value) == sentence
    assert not isinstance(caught.value, NoInputDeviceError)


def test_no_device_at_all_is_an_error_of_its_own() -> None:
    with pytest.raises(NoInputDeviceError) as caught:
        choose((), "default")

    assert caught.value.exit_code == 4
    assert str(caught.value) == "no input device was found; plug in a microphone, or name a recording with --wav"
