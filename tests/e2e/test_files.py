"""A recording through the whole program: one valid estimate per hop, the same bytes whatever the chunks, with words."""

import subprocess
from pathlib import Path

import pytest
import soundfile

from streamer.network import contract
from tests.e2e.program import DEMO, command, environment, estimates, repeatable, run, subscriber
from tests.harness.mosquitto import Mosquitto

HOP_S = 0.16
FIRST_END_S = 0.24


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    done = run(tmp_path_factory.mktemp("home"), "--wav", str(DEMO), "--fast", "--json")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_is_one_valid_estimate_per_hop(once: bytes) -> None:
    found = estimates(once)
    length_s = soundfile.info(DEMO).duration
    assert [one["seq"] for one in found] == list(range(len(found)))
    assert [one["end_s"] for one in found] == pytest.approx(
        [FIRST_END_S + i * HOP_S for i in range(len(found))], abs=1e-3
    )
    assert length_s - HOP_S < found[-1]["end_s"] <= length_s


@pytest.mark.parametrize("chunk_ms", ["7", "1000"])
def test_the_same_bytes_come_whatever_the_chunks(once: bytes, chunk_ms: str, tmp_path: Path) -> None:
    again = run(tmp_path, "--wav", str(DEMO), "--fast", "--json", "--chunk-ms", chunk_ms)
    assert repeatable(estimates(again.stdout)) == repeatable(estimates(once))


def test_words_are_heard_and_revised(once: bytes) -> None:
    found = estimates(once)
    assert max(one["words"] for one in found) >= 5
    assert {one["stage"] for one in found} == {"audio", "partial", "final"}
    assert max(one["revision"] for one in found) >= 2


def test_the_label_changes_with_the_recording(once: bytes) -> None:
    labels = [one["label"] for one in estimates(once) if one["label"]]
    assert len(set(labels)) >= 3, f"only {set(labels)}"
    assert set(labels) <= set(contract.EMOTIONS)


def test_a_label_stands_only_beside_speech(once: bytes) -> None:
    for one in estimates(once):
        assert (one["label"] is not None) == (one["state"] == "speech")
        if one["probabilities"]:
            assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-3)


def test_raw_sound_on_standard_input_gives_what_the_file_gives(once: bytes, tmp_path: Path) -> None:
    sound, rate_hz = soundfile.read(DEMO, dtype="int16")
    done = run(tmp_path, "--stdin", str(rate_hz), "--fast", "--json", "--stream", "wav", sound=sound.tobytes())
    assert done.returncode == 0, done.stderr
    ids = ("id", *("time", "latency_ms"))
    without_ids = [{k: v for k, v in one.items() if k not in ids} for one in estimates(once)]
    assert [{k: v for k, v in one.items() if k not in ids} for one in estimates(done.stdout)] == without_ids


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    with subprocess.Popen(
        command("--wav", str(DEMO), "--fast", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment(tmp_path), cwd=tmp_path,
    ) as program:  # fmt: skip
        assert program.stdout
        assert program.stderr
        program.stdout.readline()
        program.stdout.close()
        assert program.wait(timeout=60) == 0
        assert b"Traceback" not in program.stderr.read()


@pytest.mark.parametrize("source", ["wav", "stdin"])
def test_a_subscriber_gets_the_very_bytes_that_the_lines_have(source: str, tmp_path: Path) -> None:
    sound, rate_hz = soundfile.read(DEMO, dtype="int16")
    options = ("--wav", str(DEMO)) if source == "wav" else ("--stdin", str(rate_hz))
    with Mosquitto(tmp_path / "broker") as broker, subscriber(tmp_path, broker.port) as received:
        done = run(
            tmp_path, *options, "--fast", "--json", "--asr", "none", "--mqtt", broker.url,
            sound=sound.tobytes() if source == "stdin" else None,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        told = received.messages("estimate")
    lines = done.stdout.decode().splitlines()
    assert told == lines[-len(told) :]
    assert len(told) > len(lines) / 2, "the outbox holds what the first connection has to wait for"
    assert received.messages("availability")[-1] == "offline"
    assert received.messages("state")
