"""Prepared windows on disk: per split one `.npy` file per array, rows written in place, and a list of what is done.

The files have their full size from the start (sparse), so a killed run goes on where it was; rows are written with
plain writes and not through a map, so memory does not grow with the files. Read them with `np.load(mmap_mode="r")`.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from streamer.errors import SourceError, UsageError
from streamer.network import contract

DONE: Final = "done.jsonl"
PLAN: Final = "plan.json"

WORD_ARRAYS: Final[Mapping[str, tuple[str, tuple[int, ...]]]] = {
    "words": ("<f2", contract.WORDS_SHAPE),
    "word_mask": ("|b1", (contract.N_WORDS,)),
    "word_spans": ("<f4", (contract.N_WORDS, 2)),
    "intensities": ("<f4", (contract.N_EMOTIONS,)),
    "sentiment": ("<f4", ()),
}
"""Array -> type and shape of one row."""

SOUND_ARRAYS: Final[Mapping[str, tuple[str, tuple[int, ...]]]] = {
    "pictures": ("|u1", contract.PICTURE_SHAPE),
    "columns": ("|b1", (contract.N_COLUMNS,)),
}
"""`pictures` in steps of 1/255 of the picture's range [0, 1], which is 0.31 dB."""

PICTURE_STEPS: Final = 255.0


def arrays(*, with_sound: bool) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return the arrays of a split."""
    return {**WORD_ARRAYS, **(SOUND_ARRAYS if with_sound else {})}


class Store:
    """The output folder of one run."""

    def __init__(self, folder: Path, n_rows: Mapping[str, int], *, with_sound: bool) -> None:
        self._folder = folder
        self._arrays = arrays(with_sound=with_sound)
        self._n_rows = n_rows

    def begin(self, plan: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Make the files, or go on with those that are there; return the notes of the videos that are done.

        Raises: UsageError where the folder holds another run's files; SourceError where it cannot be written.
        """
        text = json.dumps(plan, indent=1, sort_keys=True) + "\n"
        path = self._folder / PLAN
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if path.exists():
                self._check_same(path, text)
            elif any(self._folder.iterdir()) and not self._is_half_made():
                message = (
                    f"{str(self._folder)!r} is not empty and holds no {PLAN} of ours; name an empty folder for --out"
                )
                raise UsageError(message)
            else:
                for split, n in self._n_rows.items():
                    self._make(split, n)
                # Written last: its presence says that all files have their size.
                part = path.with_suffix(".part")
                part.write_text(text, encoding="utf-8")
                part.replace(path)
            return {note.pop("video"): note for note in self._done()}
        except OSError as error:
            raise self._unwritable(error) from error

    def write(self, split: str, first: int, rows: Mapping[str, NDArray[Any]]) -> None:
        """Put rows into place; every array of the split has as many."""
        try:
            for name, (dtype, _) in self._arrays.items():
                values = np.ascontiguousarray(rows[name].astype(dtype, copy=False))
                with (self._folder / split / f"{name}.npy").open("r+b") as file:
                    header = _header_bytes(file)
                    file.seek(header + first * (values.nbytes // max(len(values), 1)))
                    file.write(values.tobytes())
        except OSError as error:
            raise self._unwritable(error) from error

    def finish(self, video: str, note: Mapping[str, Any]) -> None:
        """Say that a video's rows are written."""
        try:
            with (self._folder / DONE).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"video": video, **note}) + "\n")
        except OSError as error:
            raise self._unwritable(error) from error

    def _done(self) -> Iterator[dict[str, Any]]:
        path = self._folder / DONE
        if not path.exists():
            return
        text = path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]  # a kill may have cut the last line; its video is prepared again
        if len(whole) < len(text):
            os.truncate(path, len(whole))
        for line in whole.splitlines():
            yield json.loads(line)

    def _is_half_made(self) -> bool:
        """Return whether nothing is there but what a killed start of ours leaves."""
        ours = {*self._n_rows, f"{Path(PLAN).stem}.part"}
        return {path.name for path in self._folder.iterdir()} <= ours

    def _check_same(self, path: Path, text: str) -> None:
        if path.read_text(encoding="utf-8") != text:
            message = (
                f"{str(self._folder)!r} was begun from other files or with other options (see {PLAN} in it); "
                "name another folder for --out, or remove this one"
            )
            raise UsageError(message)
        missing = [
            f"{split}/{name}.npy"
            for split in self._n_rows
            for name in self._arrays
            if not (self._folder / split / f"{name}.npy").is_file()
        ]
        if missing:
            message = f"{str(self._folder)!r} has lost {missing[0]}; remove the folder and prepare it again"
            raise SourceError(message)

    def _make(self, split: str, n_rows: int) -> None:
        (self._folder / split).mkdir(exist_ok=True)
        for name, (dtype, shape) in self._arrays.items():
            with (self._folder / split / f"{name}.npy").open("wb") as file:
                whole = {"descr": dtype, "fortran_order": False, "shape": (n_rows, *shape)}
                np.lib.format.write_array_header_1_0(file, whole)
                row_bytes = np.dtype(dtype).itemsize * int(np.prod(shape))
                file.truncate(file.tell() + n_rows * row_bytes)

    def _unwritable(self, error: OSError) -> SourceError:
        reason = os.strerror(error.errno) if error.errno else str(error)
        return SourceError(f"{str(self._folder)!r} cannot be written ({reason}); name another folder for --out")


def _header_bytes(file: BinaryIO) -> int:
    """Return the length of a `.npy` header."""
    np.lib.format.read_magic(file)
    np.lib.format.read_array_header_1_0(file)
    return int(file.tell())


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared split, memory-mapped: row i of every array is row i of `manifest.csv`."""

    arrays: dict[str, NDArray[Any]]

    @classmethod
    def open(cls, folder: Path) -> "Prepared":
        """Return the split in `folder` (OUT/train, OUT/valid, OUT/test)."""
        return cls({path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))})

    def __len__(self) -> int:
        return len(self.arrays["intensities"])

    def inputs(self, rows: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
        """Return a batch as the networks take it: picture, columns, words, word_mask, word_spans (f32 and bool).

        Without prepared sound the picture is empty and all its columns are masked.
        """
        n = len(rows)
        if "pictures" in self.arrays:
            picture = self.arrays["pictures"][rows].astype(np.float32) / np.float32(PICTURE_STEPS)
            columns = self.arrays["columns"][rows]
        else:
            picture = np.zeros((n, *contract.PICTURE_SHAPE), np.float32)
            columns = np.zeros((n, contract.N_COLUMNS), np.bool_)
        return {"picture": picture, "columns": columns, **self.words(rows)}

    def words(self, rows: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
        """Return the half of a batch that was said: words, word_mask, word_spans."""
        words = self.arrays["words"][rows].astype(np.float32)
        return {
            "words": words,
            "word_mask": self.arrays["word_mask"][rows],
            "word_spans": self.arrays["word_spans"][rows],
        }
