"""The built wheel, installed alone into an empty environment and used from an empty folder."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from zipfile import ZipFile

import pytest
import soundfile
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "streamer" / "data" / "demo.flac"
HOP_S = 0.16

pytestmark = pytest.mark.timeout(900)
"""Installing takes a minute on a quiet machine, and several on a busy one."""


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it, and the empty folder to stand in."""

    program: Path
    folder: Path

    def run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        home = str(self.folder.parent / "home")
        environ = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8"}
        return subprocess.run(
            [self.program, *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            timeout=300,
            cwd=self.folder,
            env=environ,
        )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip(Path(sys.executable), "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (built,) = folder.glob("emostream-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    place = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", place / "venv"], check=True)
    pip(place / "venv" / "bin" / "python", "install", "--constraint", str(ROOT / "constraints.txt"), str(wheel))
    (place / "empty").mkdir()
    yield Installed(place / "venv" / "bin" / "emostream", place / "empty")
    assert list((place / "empty").iterdir()) == [], "a run leaves nothing where it stands"


def pip(python: Path, *arguments: str) -> None:
    done = subprocess.run(
        [python, "-m", "pip", "-qq", "--disable-pip-version-check", "--no-input", *arguments],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def estimates(output: bytes) -> list[dict[str, object]]:
    """Return the lines of `output`, each checked against the schema."""
    schema = json.loads((ROOT / "streamer" / "schema" / "estimate.schema.json").read_bytes())
    found = [json.loads(line) for line in output.splitlines()]
    for one in found:
        Draft202012Validator(schema).validate(one)
    return found


def test_it_carries_what_it_needs_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"streamer"}
    carried = {name.removeprefix("streamer/") for name in names}
    for folder, inside in (("models", "models"), ("streamer/schema", "schema"), ("streamer/data", "data")):
        here = [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert here
        assert {f"{inside}/{path.relative_to(ROOT / folder).as_posix()}" for path in here} <= carried


def test_it_says_which_version_it_is(installed: Installed) -> None:
    assert installed.run("--version").stdout.decode() == f"emostream {version('emostream')}\n"


def test_the_shipped_models_are_whole(installed: Installed) -> None:
    done = installed.run("models", "verify", "--json")
    assert done.returncode == 0, done.stderr
    assert {one["name"]: one["problem"] for one in json.loads(done.stdout)}["stream"] is None


def test_a_file_is_judged_at_every_hop(installed: Installed) -> None:
    done = installed.run("--wav", "demo", "--fast", "--json")
    assert done.returncode == 0, done.stderr
    found = estimates(done.stdout)
    assert abs(len(found) - soundfile.info(DEMO).duration / HOP_S) <= 2
    assert any(one["label"] for one in found)


def test_raw_sound_from_a_pipe_is_judged_too(installed: Installed) -> None:
    samples, rate_hz = soundfile.read(DEMO, dtype="int16", always_2d=True)
    done = installed.run("--stdin", str(rate_hz), "--fast", "--json", stdin=samples[:, 0].tobytes())
    assert done.returncode == 0, done.stderr
    assert any(one["label"] for one in estimates(done.stdout))


@pytest.mark.parametrize(
    ("arguments", "extra", "code"),
    [
        (("--mic", "default"), "mic", 4),
        (("devices",), "mic", 4),
        (("--wav", "demo", "--fast", "--asr", "whisper"), "offline", 2),
        (("--wav", "demo", "--fast", "--broker", "embedded"), "embedded-broker", 2),
    ],
)
def test_a_missing_extra_is_one_sentence_that_names_it(
    arguments: tuple[str, ...], extra: str, code: int, installed: Installed
) -> None:
    installed.run("--version")
    done = installed.run(*arguments)
    told = [line for line in done.stderr.decode().splitlines() if line.startswith("emostream: ") and "INFO" not in line]
    assert (done.returncode, len(told)) == (code, 1), done.stderr
    assert f"pip install 'emostream[{extra}]'" in told[0]
    assert b"Traceback" not in done.stderr
