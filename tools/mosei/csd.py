"""Computational sequences (`.csd`, HDF5) of CMU-MultimodalSDK, one video at a time. The only room that imports h5py.

One root group; `/<root>/data/<entry>/features` (n, d) and `/intervals` (n, 2) in seconds; `/<root>/metadata/<key>` of
shape (1,), JSON strings; no attributes. An entry is a video, or a piece of one (`<video>[i]`).
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from streamer.errors import SourceError

Seconds = NDArray[np.float64]
"""(n, 2) start and end."""

_PIECE = re.compile(r"(?P<video>[^\[]*)(?:\[(?P<number>\d+)\])?")

_DAMAGE: Final = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError)
"""What h5py raises on a file whose structure or blocks are damaged."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One entry of a sequence, checked: as many intervals as features, all finite."""

    name: str
    features: NDArray[Any]
    """(n, d)"""
    intervals: Seconds


def video_of(entry: str) -> str:
    """Return the video of an entry: what stands before `[`."""
    return entry.split("[", 1)[0]


class Sequence:
    """An open computational sequence; nothing but the entries' names is held in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._damage("opened as HDF5"):
            self._file = h5py.File(path, "r")
        try:
            with self._damage("read"):
                self.root = self._only_root()
                self._data = self._group("data")
                self._entries = self._by_video()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def videos(self) -> list[str]:
        """The videos, sorted."""
        return sorted(self._entries)

    def metadata(self) -> dict[str, Any]:
        """Return the metadata, JSON decoded; what is no JSON stays the string it is."""
        found: dict[str, Any] = {}
        with self._damage("read"):
            group = self._file[self.root].get("metadata")
            for key in group if isinstance(group, h5py.Group) else ():
                if isinstance(group[key], h5py.Dataset) and group[key].shape == (1,):
                    found[key] = _decoded(group[key][0])
        return found

    def pieces(self, video: str, width: int, *, text: bool = False) -> Iterator[Piece]:
        """Yield the entries of a video in their order, read from the file one by one; none if it is not there.

        Raises: SourceError where an entry is damaged, is not (n, `width`), or is not finite.
        """
        for name in self._entries.get(video, ()):
            with self._damage(f"read at {name}"):
                entry = self._data[name]
                for part in ("features", "intervals"):
                    if not isinstance(entry, h5py.Group) or not isinstance(entry.get(part), h5py.Dataset):
                        self.refuse(f"{name} has no {part}", f"{name}/features and {name}/intervals")
                self._check(name, entry["features"], entry["intervals"], width, text=text)
                features = entry["features"][()]
                intervals = np.asarray(entry["intervals"][()], np.float64)
            if not np.isfinite(intervals).all() or not (text or np.isfinite(features).all()):
                self.refuse(f"{name} holds numbers that are not finite", "seconds and features that are")
            yield Piece(name, features, intervals)

    def _check(self, name: str, features: h5py.Dataset, intervals: h5py.Dataset, width: int, *, text: bool) -> None:
        """Refuse shapes and types before anything is read."""
        n_rows = features.shape[0] if features.ndim else 0
        if features.shape != (n_rows, width) or intervals.shape != (n_rows, 2):
            found = f"{name} has features {features.shape} and intervals {intervals.shape}"
            self.refuse(found, f"(n, {width}) and (n, 2)")
        if n_rows and (intervals.dtype.kind not in "fiu" or features.dtype.kind not in ("SO" if text else "fiu")):
            found = f"{name} has features of type {features.dtype} and intervals of type {intervals.dtype}"
            self.refuse(found, f"{'bytes' if text else 'numbers'} and seconds")

    def _only_root(self) -> str:
        roots = list(self._file)
        if len(roots) != 1 or not isinstance(self._file[roots[0]], h5py.Group):
            self.refuse(f"it has {len(roots)} root groups ({', '.join(roots[:3])})", "exactly one root group")
        return str(roots[0])

    def _group(self, name: str) -> h5py.Group:
        group = self._file[self.root].get(name)
        if not isinstance(group, h5py.Group):
            self.refuse(f"{self.root!r} has no group {name!r}", f"/{self.root}/{name}/<video id>")
        return group

    def _by_video(self) -> dict[str, list[str]]:
        """Return the entries of each video, numbered pieces by number."""
        numbered: dict[str, list[tuple[int, str]]] = {}
        for name in self._data:
            match = _PIECE.fullmatch(name)
            number = int(match["number"]) if match and match["number"] else -1
            numbered.setdefault(video_of(name), []).append((number, name))
        return {video: [name for _, name in sorted(found)] for video, found in numbered.items()}

    def refuse(self, found: str, wanted: str) -> NoReturn:
        """Raise SourceError about this file."""
        message = f"{str(self.path)!r}: {found}, wanted {wanted}; download the file again"
        raise SourceError(message)

    @contextmanager
    def _damage(self, what: str) -> Iterator[None]:
        """Turn what h5py raises on damaged files into one sentence."""
        try:
            yield
        except _DAMAGE as error:
            reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            message = f"{str(self.path)!r} cannot be {what} ({reason}); download the file again"
            raise SourceError(message) from error


def _decoded(raw: object) -> object:
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
    try:
        return json.loads(text)
    except ValueError:
        return text


def find(folder: Path) -> dict[str, Path]:
    """Return root -> file of all sequences under a folder: the file's name says nothing, its root does.

    Raises: SourceError if the folder has no sequence, one is damaged, or two have the same root.
    """
    if not folder.is_dir():
        message = f"{str(folder)!r} is no folder; wanted the folder that holds the .csd files"
        raise SourceError(message)
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.csd")):
        with Sequence(path) as sequence:
            if sequence.root in found:
                message = (
                    f"{str(found[sequence.root])!r} and {str(path)!r} both hold {sequence.root!r}; keep one of them"
                )
                raise SourceError(message)
            found[sequence.root] = path
    if not found:
        message = f"{str(folder)!r} holds no .csd file; wanted the published computational sequences of CMU-MOSEI"
        raise SourceError(message)
    return found
