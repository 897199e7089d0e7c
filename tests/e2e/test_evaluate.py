"""`emostream evaluate` as a user starts it, on a folder of recordings and a file of texts made here."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from streamer.network import contract
from tests.e2e.program import run
from tests.harness.speech import spoken

COLUMNS = ("path", "corpus", "speaker", "gender", "emotion", "intensity", "text", "language", "split")
LINES = {
    "happy": "What a wonderful day, I am so happy!",
    "sad": "I miss her so much, it breaks my heart.",
    "angry": "How dare you talk to me like that!",
    "neutral": "The train leaves at nine from platform two.",
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two speakers with four lines each, one row whose recording is missing and one of an unknown emotion."""
    folder = tmp_path_factory.mktemp("corpus")
    rows = []
    for speaker, voice in (("anna", "en-us+f3"), ("otto", "en-us+m3")):
        for emotion, line in LINES.items():
            name = f"{speaker}-{emotion}.wav"
            soundfile.write(folder / name, spoken(line, voice), contract.STREAM_RATE_HZ)
            rows.append((name, "made", speaker, voice[6], emotion, "", line, "en", "test"))
    rows += [
        ("gone.wav", "made", "anna", "f", "sad", "", "", "en", "test"),
        ("anna-sad.wav", "made", "anna", "f", "bored", "", "", "en", "test"),
        ("anna-sad.wav", "made", "berta", "f", "sad", "", "", "en", "train"),
    ]
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return folder


def measured(home: Path, *options: str) -> dict[str, Any]:
    done = run(home, "evaluate", *options, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


FIELDS = {
    "model", "n", "labels", "uar", "accuracy", "macro_f1", "weighted_f1", "per_class", "confusion", "ece", "nll",
    "brier", "uar_by_gender", "ci95", "uar7", "neutral_recall", "coverage", "accuracy_when_sure",
}  # fmt: skip


def test_recordings_are_judged_and_broken_rows_are_told(corpus: Path, tmp_path: Path) -> None:
    found = measured(tmp_path, "--manifest", str(corpus / "manifest.csv"), "--split", "test")
    assert found.keys() >= FIELDS
    assert (found["modality"], found["rows"], found["n"], found["n_neutral"]) == ("sound", 10, 6, 2)
    assert found["labels"] == ["happy", "angry", "sad"]
    assert [sum(row) for row in found["confusion"]] == [2, 2, 2]
    assert found["uar_by_gender"].keys() == {"f", "m"}
    low, high = found["ci95"]
    assert low <= found["uar"] <= high
    assert found["n_unreadable"] == 2
    gone, bored = found["unreadable"]
    assert gone == {
        "line": 10,
        "path": str(corpus / "gone.wav"),
        "reason": f"'{corpus}/gone.wav' does not exist; wanted a wav, flac, ogg or mp3 file",
    }
    assert bored["reason"].startswith("its emotion is 'bored', wanted one of happy, ")


def test_the_same_seed_gives_the_same_document(corpus: Path, tmp_path: Path) -> None:
    asked = ("--manifest", str(corpus / "manifest.csv"), "--split", "test", "--noise", "babble", "--snr", "5")
    once = measured(tmp_path, *asked, "--codec", "g711")
    assert once == measured(tmp_path, *asked, "--codec", "g711")
    assert once["nll"] != measured(tmp_path, *asked, "--codec", "g711", "--seed", "1")["nll"]
    assert once["nll"] != measured(tmp_path, *asked)["nll"]


def test_texts_alone_are_judged_with_and_without_punctuation(tmp_path: Path) -> None:
    texts = tmp_path / "texts.csv.gz"
    with gzip.open(texts, "wt", newline="") as file:
        csv.writer(file).writerows([("text", "emotion"), *((line, emotion) for emotion, line in LINES.items())])
    found = measured(tmp_path, "--manifest", str(texts))
    assert (found["modality"], found["n"], found["n_neutral"], found["speakers"]) == ("words", 3, 1, 0)
    assert found["per_class"]["happy"]["recall"] == 1.0
    plain = measured(tmp_path, "--manifest", str(texts), "--plain-words")
    assert plain["nll"] != found["nll"]


def test_words_beside_the_sound_count(corpus: Path, tmp_path: Path) -> None:
    asked = ("--manifest", str(corpus / "manifest.csv"), "--split", "test", "--modality")
    by_modality = {name: measured(tmp_path, *asked, name) for name in ("sound", "words", "joint")}
    assert len({found["nll"] for found in by_modality.values()}) == 3
    # The row whose recording is missing has no text either, so it can be read by nobody.
    assert {found["n_unreadable"] for found in by_modality.values()} == {2}


def test_joined_recordings_are_heard_by_the_monitor(corpus: Path, tmp_path: Path) -> None:
    asked = ("--manifest", str(corpus / "manifest.csv"), "--split", "test", "--stream")
    found = measured(tmp_path, *asked)
    stream = found["stream"]
    assert (found["n"], found["n_unreadable"]) == (8, 2)
    assert (stream["recordings"], stream["episodes"]) == (2, 6)
    assert 0.3 < stream["minutes"] < 2
    assert stream["accuracy_over_hops"]["hops"] > 30
    assert stream.keys() >= {
        "time_to_first_correct_s", "time_to_stable_correct_s", "flips_per_minute", "false_flips_per_minute",
        "false_alarms_per_hour", "drift",
    }  # fmt: skip
    assert found == measured(tmp_path, *asked)
    assert measured(tmp_path, *asked, "--modality", "joint")["stream"] != stream


def test_people_get_a_table_and_the_broken_rows(corpus: Path, tmp_path: Path) -> None:
    done = run(tmp_path, "evaluate", "--manifest", str(corpus / "manifest.csv"), "--limit", "11")
    text = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    assert "2 of 11 rows cannot be read and are not counted" in text
    assert any(line.startswith("uar ") for line in text.splitlines())
    streamed = run(tmp_path, "evaluate", "--manifest", str(corpus / "manifest.csv"), "--split", "train", "--stream")
    assert "false_alarms_per_hour" in streamed.stdout.decode()


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (
            ("--manifest", "none.csv"),
            4,
            "the manifest 'none.csv' cannot be read (No such file or directory); wanted a .csv or .csv.gz file",
        ),
        (
            ("--manifest", "{corpus}", "--split", "dev"),
            2,
            "--split is 'dev', and no row of '{corpus}' is of it; its splits are test, train",
        ),
        (
            ("--manifest", "{corpus}", "--noise", "rain.wav", "--snr", "3"),
            4,
            "--noise is 'rain.wav', and there is no such file; wanted white, babble or a sound file",
        ),
        (
            ("--manifest", "{corpus}", "--noise", "silent.wav", "--snr", "3"),
            4,
            "--noise 'silent.wav' is silent; wanted white, babble or a file with sound in it",
        ),
        (
            ("--manifest", "bare.csv", "--modality", "sound"),
            2,
            "--modality sound needs the column path, which 'bare.csv' does not have",
        ),
        (
            ("--manifest", "bare.csv", "--codec", "g711"),
            2,
            "--noise, --codec and --stream change sound, and 'bare.csv' has texts alone",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(
    options: tuple[str, ...], code: int, sentence: str, corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "bare.csv").write_text("text,emotion\nhello,happy\n")
    soundfile.write(tmp_path / "silent.wav", np.zeros(16_000), 16_000)
    manifest = str(corpus / "manifest.csv")
    done = run(tmp_path, "evaluate", *(option.format(corpus=manifest) for option in options), "--json")
    assert (done.returncode, done.stdout) == (code, b"")
    assert done.stderr.decode() == f"emostream: {sentence.format(corpus=manifest)}\n"


def test_a_model_that_is_not_there_is_refused(corpus: Path, tmp_path: Path) -> None:
    done = run(tmp_path, "evaluate", "--manifest", str(corpus / "manifest.csv"), "--model", "nope")
    assert done.returncode == 3
    assert done.stderr.decode().startswith("emostream: cannot find model 'nope': looked for nope/card.json in ")
