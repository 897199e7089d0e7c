"""The main job, nothing replaced: a microphone, spoken English, the dashboard in a terminal, a broker that dies."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from streamer.network import contract
from tests.e2e.program import DEMO, Subscriber, command, environment, subscriber
from tests.e2e.terminal import Terminal
from tests.harness.mosquitto import Mosquitto
from tests.harness.pulse import PipeMicrophone, PulseServer

RATE = contract.STREAM_RATE_HZ
PATIENCE_S = 30.0
BROKER_AWAY_S = 3.0


def demo() -> NDArray[np.int16]:
    sound, rate_hz = soundfile.read(DEMO, dtype="int16")
    assert rate_hz == RATE
    return np.asarray(sound, np.int16)


def silence(seconds: float) -> NDArray[np.int16]:
    """Return a quiet room: digital zeros would be a dead microphone."""
    return np.random.default_rng(0).integers(-3, 4, int(seconds * RATE)).astype(np.int16)


def until(holds: Callable[[], object], what: str) -> None:
    limit_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < limit_s, what
        time.sleep(0.1)


@dataclass
class Seen:
    """What was seen of one whole run."""

    received: Subscriber
    screens: list[str]
    code: int
    errors: str
    restarted_after: int
    """Estimates that had come before the broker died."""
    muted_screen: str
    paused_screen: str
    open_while_paused: list[str]
    open_after: list[str]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """Play the recording into the microphone once, with everything happening that a test below asks about."""
    home = tmp_path_factory.mktemp("home")
    with (
        PulseServer() as server,
        PipeMicrophone(server) as microphone,
        Mosquitto(home / "broker") as broker,
        subscriber(home, broker.port) as received,
        Terminal(
            command("--mic", "default", "--mqtt", broker.url),
            environment(home, **server.environment) | {"HOME": str(home)},
            home,
        ) as terminal,
    ):
        microphone.say(silence(1))
        terminal.wait_for("listening", "whisper", "online")
        speaking = microphone.say(np.concatenate((demo(), silence(600))))
        screens = []
        until(lambda: len(received.messages("estimate")) > 60, "no estimates came")
        screens.append(terminal.screen)
        before = len(received.messages("estimate"))
        broker.kill()
        time.sleep(BROKER_AWAY_S)
        screens.append(terminal.screen)
        broker.start()
        until(lambda: received.messages("availability")[-2:] != ["online"], "the broker was not seen again")
        began = time.monotonic()
        while time.monotonic() - began < len(demo()) / RATE - 15:
            time.sleep(1.0)
            screens.append(terminal.screen)
        terminal.press("m")
        muted = terminal.wait_for("muted")
        terminal.press("m")
        terminal.wait_for("● listening")
        terminal.press(" ")
        paused = terminal.wait_for("paused")
        while_paused = server.source_outputs()
        terminal.press(" ")
        terminal.wait_for("● listening")
        after = server.source_outputs()
        terminal.press("q")
        code, errors = terminal.end()
        microphone.hush()
        speaking.join()
        until(lambda: received.messages("availability")[-1] == "offline", "the farewell did not come")
        yield Seen(received, screens, code, errors, before, muted, paused, while_paused, after)


def test_it_ends_with_zero_and_without_a_complaint(seen: Seen) -> None:
    assert seen.code == 0
    assert "Traceback" not in seen.errors


def test_a_subscriber_receives_valid_estimates_whose_label_changes(seen: Seen) -> None:
    labels = [one["label"] for one in seen.received.decoded("estimate") if one["label"]]
    assert len(set(labels)) >= 2, set(labels)


def test_words_arrive_while_people_speak(seen: Seen) -> None:
    assert max(one["words"] for one in seen.received.decoded("estimate")) >= 4
    assert "partial" in {one["stage"] for one in seen.received.decoded("estimate")}


def test_the_stream_goes_on_while_the_broker_is_away(seen: Seen) -> None:
    """Numbers go on by one per hop whether or not they arrive; after the restart they arrive again."""
    found = seen.received.decoded("estimate")
    after = found[seen.restarted_after + 30 :]
    assert len(after) > 60
    hops = round((after[-1]["end_s"] - found[0]["end_s"]) / 0.16)
    assert after[-1]["seq"] - found[0]["seq"] == pytest.approx(hops, abs=0.1 * hops)


def test_availability_is_right_throughout(seen: Seen) -> None:
    told = seen.received.messages("availability")
    assert told[0] == "online"
    assert told[-1] == "offline"
    assert set(told) == {"online", "offline"}
    assert "offline" not in told[:-1], "the broker died, not the monitor"


def test_state_and_events_tell_the_same_story(seen: Seen) -> None:
    events = seen.received.decoded("event")
    states = [one for one in seen.received.decoded("state") if one["label"]]
    assert {one["label"] for one in events} & {one["label"] for one in states}
    assert all(one["label"] is None or one["state"] == "speech" for one in seen.received.decoded("state"))


def test_health_counts_everything(seen: Seen) -> None:
    last = seen.received.decoded("health")[-1]
    windows = last["channels"]["windows"]
    assert windows["offered"] == windows["delivered"] + windows["dropped"] + windows["waiting"]
    assert last["recogniser"]["name"] == "whisper"
    assert last["memory_mb"] > 50


def test_no_spoken_word_leaves_unasked(seen: Seen) -> None:
    assert seen.received.messages("transcript") == []
    everything = seen.received.file.read_text().lower()
    assert not any(word in everything for word in ("kids", "talking", "dogs", "sitting", "door"))


def test_the_screen_always_says_that_it_listens_and_shows_words_and_emotions(seen: Seen) -> None:
    assert all("● listening" in screen for screen in seen.screens)
    assert all(emotion in seen.screens[-1] for emotion in contract.EMOTIONS)
    assert any("door" in screen or "talking" in screen or "sitting" in screen for screen in seen.screens)
    assert any("offline" in screen or "connecting" in screen for screen in seen.screens[1:3])


def test_mute_is_shown_and_pause_really_closes_the_device(seen: Seen) -> None:
    assert "muted" in seen.muted_screen
    assert "paused" in seen.paused_screen
    assert seen.open_while_paused == []
    assert len(seen.open_after) == 1
