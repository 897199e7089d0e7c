"""The only downloader: recogniser models by name, each with a pinned SHA-256, unpacked by a list of what may come.

A table entry without a hash is refused, never passed. Nothing appears under its final name before all of it is right.
"""

import hashlib
import shutil
import stat
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final
from zipfile import BadZipFile, ZipFile, ZipInfo

import pooch
import requests

from streamer.engines.asr_models import MANIFEST, vosk_problem
from streamer.errors import ModelError, UsageError


@dataclass(frozen=True, slots=True)
class Download:
    """A model that can be had from outside."""

    url: str
    sha256: str | None
    """Of the archive; None: not known for sure, so it is not downloaded."""
    licence: str
    largest_bytes: int
    """Unpacked; more is no such model."""


DOWNLOADS: Final[Mapping[str, Download]] = {
    "vosk-small-en": Download(
        url="https://alphacephei.com/vosk/models/vosk-model-small-en-us-0.15.zip",
        # The hash that the AUR package vosk-api-bin, a Yocto recipe and several programs pin for this file;
        # read there and compared, not computed from a download of our own.
        sha256="30f26242c4eb449f948e42cb302dd7a686cb29a3423a8367f99ff41780942498",
        licence="Apache-2.0",
        largest_bytes=300_000_000,
    ),
}

_MAX_FILES: Final = 200
_FOLDERS: Final = frozenset({"am", "conf", "graph", "ivector", "rescore", "rnnlm"})
_TOP_FILES: Final = frozenset({"README", "README.md", "README.txt", "LICENSE", "LICENSE.txt"})
_BLOCK_BYTES: Final = 1 << 20


def pull(name: str, folder: Path, downloads: Mapping[str, Download] = DOWNLOADS) -> Path:
    """Download the model `name` into `folder`/`name`, with its manifest; return that. One that is there stays.

    Raises: UsageError for a name that is not in the table; ModelError for everything else that goes wrong.
    """
    if name not in downloads:
        message = f"there is no model {name!r} to download: {', '.join(sorted(downloads))}"
        raise UsageError(message)
    download, target = downloads[name], folder / name
    if download.sha256 is None:
        message = (
            f"{name}: its SHA-256 is not in the table, so it is not downloaded: get {download.url} yourself, "
            f"unpack it into {target}"
        )
        raise ModelError(message)
    if target.exists():
        problem = vosk_problem(target)
        if problem is None:
            return target
        message = f"{target}: {problem}; remove it and pull again"
        raise ModelError(message)
    folder.mkdir(parents=True, exist_ok=True)
    # On the same disk, so that the rename at the end is one step.
    with TemporaryDirectory(prefix=".pull-", dir=folder) as scratch:
        archive = _fetch(name, download.url, download.sha256, Path(scratch))
        unpacked = Path(scratch) / "model"
        unpack(archive, unpacked, download.largest_bytes)
        problem = vosk_problem(unpacked)
        if problem:
            message = f"{name}: what came is no Vosk model ({problem}): get {download.url} yourself"
            raise ModelError(message)
        write_manifest(unpacked)
        unpacked.rename(target)
    return target


def _fetch(name: str, url: str, sha256: str, scratch: Path) -> Path:
    pooch.get_logger().setLevel("WARNING")  # it would tell of every step on stderr
    try:
        return Path(pooch.retrieve(url, known_hash=f"sha256:{sha256}", fname="archive.zip", path=scratch))
    except requests.RequestException as error:
        message = f"{name}: cannot be downloaded from {url} ({type(error).__name__}): try again, or unpack it yourself"
        raise ModelError(message) from error
    except ValueError as error:  # pooch: the hash differs
        message = f"{name}: what came from {url} is not what was published (SHA-256 differs); nothing was installed"
        raise ModelError(message) from error
    except OSError as error:
        message = f"{name}: the download cannot be written ({error.strerror}): free some room or choose another folder"
        raise ModelError(message) from error


def unpack(archive: Path, into: Path, largest_bytes: int) -> None:
    """Unpack a model's archive, leaving out its one top folder.

    Raises: ModelError, before anything is written, where a name is not one of a model or it is too large.
    """
    try:
        with ZipFile(archive) as zipped:
            entries = [entry for entry in zipped.infolist() if not entry.is_dir()]
            places = {inner_path(entry): entry for entry in entries}
            if len(entries) > _MAX_FILES or sum(entry.file_size for entry in entries) > largest_bytes:
                message = (
                    f"the archive unpacks to more than {_MAX_FILES} files or {largest_bytes:,} bytes: not installed"
                )
                raise ModelError(message)
            for place, entry in places.items():
                path = into / place
                path.parent.mkdir(parents=True, exist_ok=True)
                # zipfile ends the stream at the stated size and checks its CRC, so the sum above cannot be exceeded.
                with zipped.open(entry) as source, path.open("xb") as target:
                    shutil.copyfileobj(source, target, _BLOCK_BYTES)
    except (BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError) as error:
        message = "the archive cannot be unpacked: it is damaged or no zip file"
        raise ModelError(message) from error


def inner_path(entry: ZipInfo) -> PurePosixPath:
    """Return where `entry` goes inside the model's folder.

    Raises: ModelError for links, absolute names, "..", and whatever does not belong to a model.
    """
    path = PurePosixPath(entry.filename)
    inside = PurePosixPath(*path.parts[1:])
    kind = stat.S_IFMT(entry.external_attr >> 16)  # 0 where the archive was not made on a Unix system
    known = (len(inside.parts) > 1 and inside.parts[0] in _FOLDERS) or str(inside) in _TOP_FILES
    plain = not path.is_absolute() and ".." not in path.parts and "\\" not in entry.filename
    if kind not in (0, stat.S_IFREG) or not (known and plain):
        message = f"the archive holds {entry.filename!r}, which is not part of a Vosk model: not installed"
        raise ModelError(message)
    return inside


def write_manifest(folder: Path) -> None:
    """Record the hash of every file, for the check before each start."""
    rows = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        rows.append(f"{sha256}  {path.relative_to(folder).as_posix()}\n")
    (folder / MANIFEST).write_text("".join(rows), encoding="utf-8")
