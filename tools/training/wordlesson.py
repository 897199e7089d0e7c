"""What a sentence encoder reads in lines, kept on disk for the word halves to learn."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tools.training import corpora, textdata
from tools.training.textdata import Texts

READ: Final = "read.npy"
MADE: Final = "made.json"
READ_IN_MADE: Final = "made.npy"

TRUST: Final = 0.8
"""What the teacher counts for against a line's label."""

Shares = NDArray[np.float16]
"""What a teacher reads, (lines, C), or (views, lines, C): with marks and without."""


class NotReadError(FileNotFoundError):
    """No sentence encoder has read the lines yet."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is read in training lines (zero in others) and in made ones."""

    read: Shares
    """(views, lines, C)"""
    made: list[corpora.Line]
    read_in_made: Shares
    """(made lines, C)"""

    def of_said(self) -> "Lesson":
        """Return it without the made lines."""
        return Lesson(self.read, [], self.read_in_made[:0])

    def save(self, work: Path) -> None:
        """Write it to a folder."""
        np.save(work / READ, self.read)
        np.save(work / READ_IN_MADE, self.read_in_made)
        rows = [[line.text, line.corpus, line.label, line.split] for line in self.made]
        (work / MADE).write_text(json.dumps(rows), encoding="utf-8")


def load(work: Path) -> Lesson:
    """Return what was written.

    Raises: NotReadError where nothing was.
    """
    missing = [name for name in (READ, MADE, READ_IN_MADE) if not (work / name).exists()]
    if missing:
        message = (
            f"found no {missing[0]} in {work}, wanted what a sentence encoder reads: run --stage read of deep first"
        )
        raise NotReadError(message)
    made = [corpora.Line(*row) for row in json.loads((work / MADE).read_text(encoding="utf-8"))]
    return Lesson(np.load(work / READ), made, np.load(work / READ_IN_MADE))


def beside(texts: Texts, made: list[corpora.Line]) -> Texts:
    """Return the texts with made lines after the others, as rows of the same table."""
    rows = textdata.rows_of(texts.vocabulary, made)
    return replace(texts, rows=[*texts.rows, *rows], lines=[*texts.lines, *made])


def targets(texts: Texts, lesson: Lesson, trust: float = TRUST) -> NDArray[np.float32]:
    """Return (lines + made lines, C): labels and, by `trust`, what the teacher reads; of made lines that alone."""
    wanted, read = textdata.targets(texts), lesson.read.astype(np.float32).mean(axis=0)
    real = np.where(read.any(axis=1, keepdims=True), (1.0 - trust) * wanted + trust * read, wanted)
    return np.concatenate((real, lesson.read_in_made.astype(np.float32)))
