"""Where sound came from: what changes when the speaker may be another, and at no other time."""

from pathlib import Path

from streamer.app import origin_of
from streamer.sources.microphone import Microphone
from streamer.sources.recording import Recording
from streamer.sources.stdin import Stdin
from tests import signals
from tests.unit.test_recording import written


async def test_each_file_is_an_origin_of_its_own_whatever_its_name(tmp_path: Path) -> None:
    for folder in ("anna", "otto"):
        (tmp_path / folder).mkdir()
    first, second = (written(tmp_path / folder / "01.wav", signals.tone(8_000, 300.0)) for folder in ("anna", "otto"))
    async with Recording([first, second], fast=True) as recording:
        origins = [origin_of(recording, position) for position in (0, 7_999, 8_000, 15_999, 16_000)]
    assert origins == [str(first)] * 2 + [str(second)] * 3


def test_a_microphone_is_what_the_sound_system_records_from() -> None:
    microphone = Microphone("default-follow")
    assert origin_of(microphone, 0) == "default-follow"
    microphone.home = "usb-headset"
    assert origin_of(microphone, 10**6) == "usb-headset"


def test_standard_input_is_one_origin() -> None:
    assert origin_of(Stdin(16_000), 0) == origin_of(Stdin(16_000), 10**9)
