"""The speaker's running mean in the whole program: `evaluate` shows its gain, the monitor repeats itself with it."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import soundfile

from streamer.network import contract
from tests.e2e.program import DEMO, estimates, repeatable, run
from tests.harness.adapting import write_adapting
from tests.harness.speech import spoken

LINES = {
    "happy": "What a wonderful day, I am so happy!",
    "sad": "I miss her so much, it breaks my heart.",
    "angry": "How dare you talk to me like that!",
    "neutral": "The train leaves at nine from platform two.",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    write_adapting(folder)
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two speakers, their lines in turn, and the same clips without a speaker."""
    folder = tmp_path_factory.mktemp("corpus")
    rows = []
    for emotion, line in LINES.items():
        for speaker, voice in (("anna", "en-us+f3"), ("otto", "en-us+m3")):
            name = f"{speaker}-{emotion}.wav"
            soundfile.write(folder / name, spoken(line, voice), contract.STREAM_RATE_HZ)
            rows.append((name, emotion, speaker))
    with (folder / "named.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "emotion", "speaker"), *rows])
    with (folder / "nobody.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "emotion"), *(row[:2] for row in rows)])
    return folder


def measured(home: Path, manifest: Path, model: str, *options: str) -> dict[str, Any]:
    done = run(home, "evaluate", "--manifest", str(manifest), "--model", model, *options, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_both_orders_are_measured_beside_no_adaptation(home: Path, corpus: Path) -> None:
    drawn, by_file = (measured(home, corpus / "named.csv", "adapting", "--order", o) for o in ("random", "file"))
    never = measured(home, corpus / "named.csv", "never")
    assert drawn == measured(home, corpus / "named.csv", "adapting")
    assert (drawn["order"], by_file["order"]) == ("random", "file")
    # Untrained, so nothing is gained; but the answers change, and with the order again.
    assert len({found["nll"] for found in (drawn, by_file, never)}) == 3
    for found in (drawn, by_file):
        for name in ("uar", "uar_own", "uar7"):
            assert found[f"{name}_no_adaptation"] == never[name]
        assert found["adaptation"] == {
            "prior": 0.5, "strength": 1.0, "warm_up": 1, "order": found["order"],
            "gain": pytest.approx(found["uar"] - found["uar_no_adaptation"]),
            "gain_ci95": found["adaptation"]["gain_ci95"],
        }  # fmt: skip
        low, high = found["adaptation"]["gain_ci95"]
        assert low <= found["adaptation"]["gain"] <= high


def test_a_model_that_does_not_adapt_gives_equal_figures_in_any_order(home: Path, corpus: Path) -> None:
    drawn, by_file = (measured(home, corpus / "named.csv", "never", "--order", o) for o in ("random", "file"))
    assert drawn["adaptation"] is None
    assert drawn["uar_no_adaptation"] == drawn["uar"]
    assert {**drawn, "order": "file"} == by_file


def test_rows_without_a_speaker_are_nobody_twice(home: Path, corpus: Path) -> None:
    found = measured(home, corpus / "nobody.csv", "adapting")
    assert found["adaptation"]["gain"] == 0.0
    assert found["nll"] == measured(home, corpus / "nobody.csv", "never")["nll"]


def test_people_read_the_gain(home: Path, corpus: Path) -> None:
    told = {}
    for model in ("adapting", "never"):
        done = run(home, "evaluate", "--manifest", str(corpus / "named.csv"), "--model", model, "--order", "file")
        told[model] = done.stdout.decode()
    assert "adapted to each speaker, file order: uar " in told["adapting"]
    assert "the model does not adapt to speakers" in told["never"]
    assert "\nuar_no_adaptation   " in told["never"]


def test_joined_recordings_know_their_speaker(home: Path, corpus: Path) -> None:
    streams = [measured(home, corpus / "named.csv", model, "--stream") for model in ("adapting", "never")]
    assert streams[0]["adaptation"] == {"prior": 0.5, "strength": 1.0, "warm_up": 1, "order": "random"}
    assert streams[0]["stream"]["recordings"] == streams[1]["stream"]["recordings"] == 2


def heard(home: Path, model: str, *options: str) -> list[dict[str, Any]]:
    done = run(home, "--wav", str(DEMO), "--fast", "--json", "--asr", "none", "--model", model, *options)
    assert done.returncode == 0, done.stderr
    return repeatable(estimates(done.stdout))


@pytest.fixture(scope="module")
def never(home: Path) -> list[dict[str, Any]]:
    return heard(home, "never")


@pytest.fixture(scope="module")
def once(home: Path, never: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What an adapting model says of the recording; it writes no file that the other did not."""
    before = {path for path in home.rglob("*") if path.is_file()}
    found = heard(home, "adapting", "--chunk-ms", "100")
    assert {path for path in home.rglob("*") if path.is_file()} == before
    return found


def test_the_monitor_adapts_from_the_second_utterance_on(
    once: list[dict[str, Any]], never: list[dict[str, Any]]
) -> None:
    assert [one.keys() for one in once] == [one.keys() for one in never]
    judged = [(one, other) for one, other in zip(once, never, strict=True) if one["probabilities"]]
    changed = [one["probabilities"] != other["probabilities"] for one, other in judged]
    first = judged[0][0]["id"]
    assert [one["id"] == first for one, _ in judged] == [not is_changed for is_changed in changed]


def test_the_same_comes_whatever_the_chunks(home: Path, once: list[dict[str, Any]]) -> None:
    assert heard(home, "adapting", "--chunk-ms", "7") == once
