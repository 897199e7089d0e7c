"""What cannot work is refused in one exact sentence and with its exit code; what only looks odd just works."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import trustme
from safetensors.numpy import load_file, save_file

from streamer import notice
from streamer.network import checkpoint
from tests.e2e.program import DEMO, ROOT, estimates, run
from tests.harness.mosquitto import Mosquitto, free_port

Made = Callable[[Path], object]


def write_noise(
    path: Path, rate_hz: int = 16_000, channels: int = 1, n: int | None = None, nan_at: int | None = None
) -> None:
    sound = 0.05 * np.random.default_rng(0).standard_normal((n or rate_hz, channels)).astype(np.float32)
    if nan_at is not None:
        sound[nan_at] = np.nan
    soundfile.write(path, sound, rate_hz, subtype="FLOAT" if nan_at is not None else "PCM_16")


def truncate(path: Path) -> None:
    write_noise(path)
    path.write_bytes(path.read_bytes()[:5_000])


RECORDINGS: dict[str, tuple[Made, str]] = {
    "missing": (lambda _: None, "{file} does not exist; wanted a wav, flac, ogg or mp3 file"),
    "empty": (Path.touch, "{file} is empty (0 bytes); wanted a wav, flac, ogg or mp3 file"),
    "truncated": (
        truncate,
        "{file} is cut short: its header promises 32000 bytes of sound, the file holds 4956; copy or record it again",
    ),
    "not audio": (
        lambda path: path.write_bytes(b"no sound at all\n" * 100),
        "{file} cannot be read as sound (Format not recognised); wanted a wav, flac, ogg or mp3 file",
    ),
    "not finite": (
        lambda path: write_noise(path, nan_at=8_000),
        "{file} holds samples that are not finite numbers, the first at 0.500 s; write it again from its source",
    ),
    "one sample": (
        lambda path: write_noise(path, n=1),
        "{file} holds 1 sample of sound (0.0001 s); the first estimate needs 0.24 s",
    ),
}


@pytest.mark.parametrize("kind", RECORDINGS)
def test_a_recording_that_cannot_be_heard_is_refused(kind: str, tmp_path: Path) -> None:
    make, sentence = RECORDINGS[kind]
    file = tmp_path / "x.wav"
    make(file)
    done = run(tmp_path, "--wav", str(file), "--fast", "--json")
    assert done.stderr.decode().splitlines()[-1] == "emostream: " + sentence.format(file=repr(str(file)))
    assert (done.returncode, done.stdout) == (4, b"")


@pytest.mark.parametrize(("rate_hz", "channels"), [(16_000, 8), (192_000, 1), (192_000, 8)])
def test_many_channels_and_high_rates_just_work(rate_hz: int, channels: int, tmp_path: Path) -> None:
    write_noise(tmp_path / "x.wav", rate_hz, channels)
    done = run(tmp_path, "--wav", "x.wav", "--fast", "--json", "--asr", "none")
    assert done.returncode == 0, done.stderr
    assert len(estimates(done.stdout)) == 5


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Return the user's own model folders, which go before the shipped ones: a copy that a test may damage."""
    mine = tmp_path / ".local" / "share" / "emostream" / "models"
    shutil.copytree(ROOT / "models", mine)
    return mine


def refusal(home: Path, *options: str) -> tuple[int, str]:
    done = run(home, "--wav", str(DEMO), "--fast", "--json", "--asr", "none", *options)
    assert done.stdout == b""
    return done.returncode, done.stderr.decode().strip()


def test_a_missing_model_is_refused(models: Path, tmp_path: Path) -> None:
    code, sentence = refusal(tmp_path, "--model", "nope")
    assert code == 3
    assert sentence == (
        f"emostream: cannot find model 'nope': looked for nope/card.json in {models} and {ROOT / 'models'}; "
        "`emostream models list` shows what is there"
    )


def test_a_model_with_a_wrong_hash_is_refused(models: Path, tmp_path: Path) -> None:
    weights = models / "deep" / checkpoint.WEIGHTS_FILE
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    code, sentence = refusal(tmp_path)
    assert code == 3
    card = checkpoint.read_card(models / "deep")
    assert sentence == (
        f"emostream: {weights} has SHA-256 {checkpoint.sha256(bytes(content))[:12]}…, but its card says "
        f"{card.files[checkpoint.WEIGHTS_FILE].sha256[:12]}…: the file is damaged or not the one that was trained; "
        "install the model again"
    )


def test_a_model_of_another_shape_is_refused(models: Path, tmp_path: Path) -> None:
    folder = models / "deep"
    tensors = load_file(folder / checkpoint.WEIGHTS_FILE)
    name = next(name for name, tensor in tensors.items() if tensor.ndim > 1)
    tensors[name] = tensors[name][:-1]
    save_file(tensors, folder / checkpoint.WEIGHTS_FILE)
    card = json.loads((folder / "card.json").read_text())
    content = (folder / checkpoint.WEIGHTS_FILE).read_bytes()
    card["files"][checkpoint.WEIGHTS_FILE] = {"sha256": checkpoint.sha256(content), "bytes": len(content)}
    (folder / "card.json").write_text(json.dumps(card))
    code, sentence = refusal(tmp_path)
    assert code == 3
    assert name in sentence
    assert len(sentence.splitlines()) == 1


def test_every_wrong_setting_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text('[model]\nnmae = "stream"\nhop_ms = 100\n[mqqt]\nurl = ""\n')
    code, text = refusal(tmp_path, "--config", "x.toml")
    assert code == 2
    assert text.splitlines() == [
        "emostream: 3 settings are wrong; nothing was started",
        "x.toml: model.nmae is no setting; the nearest is model.name",
        "x.toml: mqqt is no section; the nearest is mqtt",
        "x.toml: model.hop_ms is 100, wanted a whole number from 80 to 8000 in steps of 80",
    ]


def told(home: Path, *options: str, password: str = "") -> str:
    """Run in real time beside a broker that cannot be used: the monitor goes on to its end, and says what is wrong."""
    more = {"EMOSTREAM_MQTT_PASSWORD": password} if password else {}
    write_noise(home / "noise.wav", n=8 * 16_000)
    done = run(home, "--wav", "noise.wav", "--json", "--asr", "none", *options, more=more)
    assert done.returncode == 0, done.stderr
    assert len(estimates(done.stdout)) > 40
    return done.stderr.decode().replace(notice.NOTICE, "")


def test_a_broker_that_is_not_there_is_told_and_nothing_stops(tmp_path: Path) -> None:
    port = free_port()
    assert (
        f"Nothing listens at 127.0.0.1:{port} (connection refused); start the broker or correct its address."
        in told(tmp_path, "--mqtt", f"mqtt://127.0.0.1:{port}")
    )


def test_a_wrong_password_is_told_and_nothing_stops(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker", users={"anna": "secret"}) as broker:
        address = f"mqtt://anna@127.0.0.1:{broker.port}"
        text = told(tmp_path, "--mqtt", address, password="sesame")
    assert (
        f"The broker at 127.0.0.1:{broker.port} refused user 'anna': wrong user or password; "
        "check mqtt.username and EMOSTREAM_MQTT_PASSWORD."
    ) in text
    assert "sesame" not in text


def test_a_wrong_authority_and_a_plain_client_are_told_and_nothing_stops(tmp_path: Path) -> None:
    right, wrong = trustme.CA(), trustme.CA()
    wrong.cert_pem.write_to_path(tmp_path / "wrong.pem")
    right.cert_pem.write_to_path(tmp_path / "right.pem")
    with Mosquitto(tmp_path / "broker", certificate=right.issue_cert("localhost", "127.0.0.1")) as broker:
        encrypted = f"mqtts://127.0.0.1:{broker.tls_port}"
        plain = f"mqtt://127.0.0.1:{broker.tls_port}"
        wrong_text = told(tmp_path, "--mqtt", encrypted, "--ca-file", "wrong.pem")
        plain_text = told(tmp_path, "--mqtt", plain)
        right_text = told(tmp_path, "--mqtt", encrypted, "--ca-file", "right.pem")
    assert (
        f"The certificate of the broker at 127.0.0.1:{broker.tls_port} was signed by an authority that this machine "
        "does not trust: name its PEM file in mqtt.ca_file."
    ) in wrong_text
    assert f"The broker at 127.0.0.1:{broker.tls_port} did not answer" in plain_text
    assert "is this a TLS port? Then use mqtts:// instead." in plain_text
    assert right_text.strip() == ""
