"""The command line: one sentence and one exit code for every mistake, and quiet answers for the rest."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from streamer import cli, commands, options
from streamer.errors import BrokerError, ModelError, SourceLost
from streamer.job import Job, Microphone, RawInput, Recordings, Show
from streamer.options import Options
from streamer.places import DEMO_RECORDING
from streamer.settings import Dashboard, Settings, Source


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    for name in [name for name in os.environ if name.startswith("EMOSTREAM_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("--mci 3", "--mci is no option; did you mean --mic?"),
        ("-x", "-x is no option; see emostream --help"),
        ("modles list", "'modles' is no command; did you mean models?"),
        ("speech.wav", "'speech.wav' is no command; commands are devices, evaluate, models, notice"),
        ("--mic", "Parameter --mic requires an argument; see emostream --help"),
        ("--wav", "Parameter --wav requires at least 1 element. Got 0; see emostream --help"),
        ("--mic 1 --stdin 16000", "--mic and --stdin are given together; wanted one source of sound"),
        ("--mic 1 --wav a b --stdin 1", "--mic and --wav and --stdin are given together; wanted one source of sound"),
        ("--mic 1 --mic 2", "Parameter --mic specified multiple times; see emostream --help"),
        ("--stdin abc", 'Invalid value for --stdin: unable to convert "abc" into int; see emostream --help'),
        ("--stdin 0", "--stdin is 0, wanted the rate of the sound in Hz, such as 16000"),
        ("--fast", "--fast is given without --wav or --stdin; a microphone cannot be heard faster than it sounds"),
        ("--broker mine", 'Invalid value "mine" for --broker. Choose from: "embedded"; see emostream --help'),
        ("--chunk-ms 1", '--chunk-ms: source.chunk_ms is "1", wanted a whole number from 5 to 1000'),
        ("--device gpu", '--device: model.device is "gpu", wanted one of auto, cpu, cuda'),
        ("--asr kaldi", '--asr: recogniser.engine is "kaldi", wanted one of auto, vosk, whisper, none'),
        ("--config none.toml", "none.toml: there is no such file; give --config a file like config.toml"),
        (
            "--mqtt mqtt://h --broker embedded",
            "--mqtt: mqtt.url names a broker beside mqtt.embedded, wanted one of the two",
        ),
        (
            "evaluate --manifest m.csv --noise white",
            "--noise is given without --snr; wanted how far it is under the speech in dB, such as --snr 10",
        ),
        (
            "evaluate --manifest m.csv --snr 3",
            "--snr is given without --noise; wanted --noise white, babble or a sound file",
        ),
        ("evaluate --manifest m.csv --noise white --snr nan", "--snr is nan, wanted -100 to 100 dB"),
        ("evaluate --manifest m.csv --limit 0", "--limit is 0, wanted 1 or more rows"),
        (
            "evaluate --manifest m.csv --modality words --codec g711",
            "--noise, --codec and --stream change the sound, and --modality words has none; wanted sound or joint",
        ),
        ("models pull nothing", "there is no model 'nothing' to download: vosk-small-en"),
    ],
)
def test_a_wrong_line_is_one_sentence_and_code_2(line: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(line.split()) == 2
    told = capsys.readouterr()
    assert told.err == f"emostream: {sentence}\n"
    assert told.out == ""


def test_many_mistakes_are_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--chunk-ms", "1", "--device", "gpu"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"emostream {version('emostream')}\n"


def test_help_names_every_option_and_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    assert set(cli.COMMANDS) <= set(re.findall(r"\w+", text))
    wanted = {"--" + name.replace("_", "-") for name in Options.__dataclass_fields__}
    assert wanted <= set(re.findall(r"--[a-z-]+", text))


def test_check_config_shows_what_is_in_force_and_starts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--check-config", "--model", "deep", "--publish-transcript"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert 'model.name = "deep"  # --model' in lines
    assert "mqtt.transcript = true  # --publish-transcript" in lines


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (ModelError("the model is gone"), 3, "the model is gone"),
        (ExceptionGroup("tasks", [KeyError("x"), ExceptionGroup("", [SourceLost("unplugged")])]), 1, "unplugged"),
        (BrokerError("refused"), 1, "refused"),
        (ValueError("a spoken word"), 1, "a fault of the program: ValueError; --debug shows more to report"),
    ],
)
def test_an_error_becomes_a_sentence_and_its_code(
    error: Exception, code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.told(cli.first_cause(error), debug=False) == code
    assert capsys.readouterr().err == f"emostream: {sentence}\n"


def test_a_traceback_comes_only_with_debug(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["--mci"])
    assert "Traceback" not in capsys.readouterr().err
    cli.main(["models", "verify", "nothing", "--debug"])
    cli.told(ModelError("gone"), debug=True)
    assert "ModelError: gone" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "streamer", "notice"], stdout=write, stderr=subprocess.PIPE, check=False, timeout=60
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_no_models_at_all_is_told_as_json_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.models_list([tmp_path], as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_options_become_the_job() -> None:
    screen = Settings()
    assert options.to_job(Options(), screen, is_terminal=True) == Job(screen, Microphone("default"), Show.DASHBOARD)
    assert options.to_job(Options(), screen, is_terminal=False).show is Show.LINES
    assert options.to_job(Options(json=True), screen, is_terminal=True).show is Show.JSON
    plain = Settings(dashboard=Dashboard(enabled=False), source=Source(mic=3))
    assert options.to_job(Options(), plain, is_terminal=True) == Job(plain, Microphone("3"), Show.LINES)
    files = options.to_job(Options(wav=("demo", "a.wav"), fast=True), screen, is_terminal=False)
    assert files.source == Recordings((DEMO_RECORDING, Path("a.wav")), fast=True)
    assert options.to_job(Options(stdin=8000), screen, is_terminal=False).source == RawInput(8000, fast=False)


def test_the_stream_is_named_after_its_source_unless_it_has_a_name() -> None:
    jobs = [
        options.to_job(given, Settings(), is_terminal=False)
        for given in (Options(), Options(wav=("a",)), Options(stdin=1))
    ]
    assert [job.stream for job in jobs] == ["mic", "wav", "stdin"]
    named = Settings.model_validate({"mqtt": {"stream": "desk"}})
    assert options.to_job(Options(), named, is_terminal=False).stream == "desk"


def test_a_broker_on_the_line_replaces_the_one_in_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[mqtt]\nembedded = true\n")
    assert cli.main(["--config", str(file), "--mqtt", "mqtt://localhost", "--check-config"]) == 0
    assert "mqtt.embedded = false  # --mqtt" in capsys.readouterr().out
    file.write_text("[mqtt]\nurl = 'mqtt://localhost'\n")
    assert cli.main(["--config", str(file), "--broker", "embedded", "--check-config"]) == 0
    assert 'mqtt.url = ""  # --broker' in capsys.readouterr().out
