"""Downloads from a real server on loopback: only what was pinned, only what belongs to a model, all or nothing."""

import hashlib
import io
import stat
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import pytest

from streamer.engines import asr_models
from streamer.engines.asr_download import DOWNLOADS, Download, pull, unpack
from streamer.errors import ModelError, UsageError

GOOD = {"m/am/final.mdl": b"model", "m/conf/mfcc.conf": b"--a=1\n", "m/graph/phones/x.int": b"1", "m/README": b"hi"}
LARGEST = 10_000


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        archive.mkdir("m")
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    folder = tmp_path / "www"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def offer(server: tuple[Path, str], content: bytes, *, sha256: str | None = "right") -> dict[str, Download]:
    folder, url = server
    (folder / "m.zip").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest() if sha256 == "right" else sha256
    return {"m": Download(f"{url}/m.zip", sha256, "Apache-2.0", LARGEST)}


def test_a_model_is_installed_with_its_record_and_stays(
    server: tuple[Path, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    downloads, models = offer(server, zipped(GOOD)), tmp_path / "models"
    folder = pull("m", models, downloads)
    assert folder == models / "m"
    assert asr_models.vosk_problem(folder) is None
    assert (folder / "am" / "final.mdl").read_bytes() == b"model"
    sums = asr_models.read_manifest(folder)
    assert set(sums) == {"am/final.mdl", "conf/mfcc.conf", "graph/phones/x.int", "README"}
    asr_models.verify(folder, sums)
    assert [p.name for p in models.iterdir()] == ["m"]
    assert capfd.readouterr().err == ""
    (server[0] / "m.zip").unlink()
    assert pull("m", models, downloads) == folder


@pytest.mark.parametrize("sha256", ["0" * 64, hashlib.sha256(b"").hexdigest()])
def test_another_hash_is_refused_and_nothing_stays(server: tuple[Path, str], tmp_path: Path, sha256: str) -> None:
    with pytest.raises(ModelError, match="SHA-256 differs"):
        pull("m", tmp_path / "models", offer(server, zipped(GOOD), sha256=sha256))
    assert list((tmp_path / "models").iterdir()) == []


def test_an_entry_without_a_hash_is_refused_before_any_request(tmp_path: Path) -> None:
    downloads = {"m": Download("http://127.0.0.1:9/m.zip", None, "Apache-2.0", LARGEST)}
    with pytest.raises(ModelError, match=r"SHA-256 is not in the table.*get http://127.0.0.1:9/m.zip yourself"):
        pull("m", tmp_path, downloads)


def test_every_entry_of_our_table_is_pinned() -> None:
    for name, download in DOWNLOADS.items():
        assert download.sha256 is not None, name
        assert len(bytes.fromhex(download.sha256)) == 32
        assert download.url.startswith("https://")


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model 'vosk' to download: vosk-small-en"):
        pull("vosk", tmp_path)


def test_a_missing_file_and_a_missing_server_are_told(server: tuple[Path, str], tmp_path: Path) -> None:
    downloads = offer(server, zipped(GOOD))
    (server[0] / "m.zip").unlink()
    with pytest.raises(ModelError, match=r"cannot be downloaded from http://127.0.0.1"):
        pull("m", tmp_path / "models", downloads)
    nobody = {"m": Download("http://127.0.0.1:9/m.zip", "0" * 64, "Apache-2.0", LARGEST)}
    with pytest.raises(ModelError, match="ConnectionError"):
        pull("m", tmp_path / "models", nobody)
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["../am/x", "m/../am/x", "/am/x", "m/am/../../x", "m/evil.py", "evil", "m/am\\..\\x", "m/bin/x"]
)
def test_names_that_are_not_part_of_a_model_are_refused(server: tuple[Path, str], tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match="which is not part of a Vosk model"):
        pull("m", tmp_path / "models", offer(server, zipped(GOOD | {name: b"x"})))
    assert list((tmp_path / "models").iterdir()) == []


def test_links_are_refused(tmp_path: Path) -> None:
    link = ZipInfo("m/am/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ModelError, match="not part of a Vosk model"):
        unpack(tmp_path / "a.zip", tmp_path / "out", LARGEST)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "files", [{"m/am/x": b"0" * (LARGEST + 1)}, {f"m/am/{i}": b"" for i in range(201)}], ids=["bytes", "files"]
)
def test_a_bomb_is_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(files))
    with pytest.raises(ModelError, match="not installed"):
        unpack(tmp_path / "a.zip", tmp_path / "out", LARGEST)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"no zip", zipped(GOOD)[:-40], zipped(GOOD).replace(b"model", b"m0del", 1)])
def test_a_damaged_archive_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ModelError, match="damaged or no zip file"):
        unpack(tmp_path / "a.zip", tmp_path / "out", LARGEST)


def test_an_archive_that_is_no_vosk_model_is_told(server: tuple[Path, str], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="what came is no Vosk model"):
        pull("m", tmp_path / "models", offer(server, zipped({"m/README": b"hi"})))
    assert list((tmp_path / "models").iterdir()) == []
