"""Stage 2: the word half of the network and one fine-tuned vector per word."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from streamer.network import contract
from streamer.network.pooling import Pooling, Summary
from streamer.network.sentences import SentenceEncoder
from streamer.network.words import ExpertWordEncoder, WordEncoder
from tools.training import corpora, loop, metrics, wordfast
from tools.training.textdata import Texts, WordBatch, WordWindows, newest_last

AnyWordEncoder: TypeAlias = WordEncoder | SentenceEncoder | ExpertWordEncoder

TABLE_SHARE: Final = 5.0
"""Against the rate of the sentence encoder's blocks, which are only tuned: that of the table's rows, each of which is
met seldom, and of what begins with nothing."""


class WordHalf(nn.Module):
    """The word half of a network by itself, under the names that it has in the whole."""

    def __init__(self, words: AnyWordEncoder, summary: int, dropout: float = 0.15) -> None:
        super().__init__()
        self.words = words
        self.word_pooling = Pooling(words.channels, contract.N_WORDS, 64)
        self.word_summary = Summary(3 * words.channels, summary, dropout)
        self.word_head = nn.Linear(summary, len(corpora.LABELS))


class HasWords(Protocol):
    """A network with a word half."""

    @property
    def words(self) -> AnyWordEncoder: ...  # noqa: D102
    @property
    def word_pooling(self) -> Pooling: ...  # noqa: D102
    @property
    def word_summary(self) -> Summary: ...  # noqa: D102
    @property
    def word_head(self) -> nn.Linear: ...  # noqa: D102


class Reader(nn.Module):
    """The word half of a network behind its table of vectors."""

    def __init__(self, network: HasWords, table: Tensor, dropout: float = 0.25) -> None:
        """Args: network: with words, word_pooling, word_summary and word_head."""
        super().__init__()
        self.table = nn.Embedding(table.shape[0], table.shape[1], padding_idx=0, _weight=table)
        self.words = network.words
        self.pooling = network.word_pooling
        self.summary = network.word_summary
        self.head = network.word_head
        self.dropout = nn.Dropout(dropout)

    def forward(self, rows: Tensor) -> Tensor:
        """(B, L) rows of the table -> logits (B, C)."""
        return self.answer(self.dropout(self.table(rows)), rows > 0)

    def answer(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """(B, L, E), (B, L) -> logits (B, C)."""
        e = self.words(vectors.transpose(1, 2), mask)
        logits: Tensor = self.head(self.summary(self.pooling(e, mask)))
        return logits


def cross_entropy(logits: Tensor, target: Tensor, allowed: Tensor) -> Tensor:
    """Return the cross-entropy of (..., B, C) logits with (B, C) targets that need not sum to 1; a row's sum weighs."""
    log_p = functional.log_softmax(logits.masked_fill(~allowed, -1.0e4), dim=-1)
    return -(target * log_p).sum() / target.sum()


@torch.inference_mode()
def word_logits(
    reader: nn.Module, texts: Texts, lines: Sequence[int], marks: NDArray[np.int64] | None, *, full: bool = False
) -> metrics.Floats:
    """Return (lines, C); `marks` are dropped first where given; `full`: after the lines before, until 40 words stand.

    Windows of like length go together.
    """
    windows = [window_of(texts, i, marks, full=full) for i in lines]
    order = np.argsort([len(w) for w in windows], kind="stable")
    parts = [reader(newest_last([windows[i] for i in part])) for part in np.array_split(order, len(order) // 256 + 1)]
    return np.asarray(torch.cat(parts).double().numpy()[np.argsort(order, kind="stable")])


def window_of(texts: Texts, line: int, marks: NDArray[np.int64] | None, *, full: bool) -> NDArray[np.int32]:
    """Return the newest 40 rows of a line, where `full` after the lines of the same corpus and split before it."""
    own = texts.lines[line]
    rows: NDArray[np.int32] = np.zeros(0, np.int32)
    while line >= 0 and (texts.lines[line].corpus, texts.lines[line].split) == (own.corpus, own.split):
        more = texts.rows[line]
        rows = np.concatenate((more if marks is None else more[~np.isin(more, marks)], rows))
        if not full or len(rows) >= contract.N_WORDS:
            break
        line -= 1
    return rows[-contract.N_WORDS :]


def lines_of(texts: Texts, corpus: str, split: str) -> tuple[list[int], metrics.Ints]:
    """Return the lines of one corpus and split, and their labels."""
    lines = [i for i, line in enumerate(texts.lines) if line.corpus == corpus and line.split == split]
    return lines, np.array([texts.lines[i].label for i in lines], np.int64)


JUDGED = (("goemotions", False, 0), ("meld", False, 1), ("meld", True, 1))
"""Corpus, filled with earlier lines or not, and which F1: macro (0) or weighted (1)."""


def judge(reader: nn.Module, texts: Texts, marks: NDArray[np.int64], split: str = "valid") -> dict[str, float]:
    """Return F1 by corpus and view."""
    figures: dict[str, float] = {}
    for corpus, full, which in JUDGED:
        lines, truth = lines_of(texts, corpus, split)
        for view, dropped in (("", None), ("-bare", marks)):
            logits = word_logits(reader, texts, lines, dropped, full=full)
            figures[f"{corpus[:4]}{'-full' * full}{view}"] = metrics.f1_scores(truth, answers(truth, logits))[which]
    return figures


def answers(truth: metrics.Ints, logits: metrics.Floats) -> metrics.Ints:
    """Return the best of the classes that the corpus has."""
    classes = np.unique(truth)
    return np.asarray(classes[logits[:, classes].argmax(axis=1)])


GROUP = 8
"""Batches drawn together, sorted by length."""


def parameter_groups(reader: Reader, rate: float) -> list[dict[str, object]]:
    """Return what is trained how fast; blocks that were trained before are only tuned."""
    table = list(reader.table.parameters())
    old = list(reader.words.parameters()) if isinstance(reader.words, SentenceEncoder) else []
    others = [p for name, p in reader.named_parameters() if not name.startswith(("table", "words" if old else "table"))]
    fast = rate * TABLE_SHARE if old else rate
    groups: list[dict[str, object]] = [
        {"params": others, "lr": fast},
        # The table is most of what is learned: one pass over it per step instead of a dozen.
        {"params": table, "lr": fast, "weight_decay": 0.0, "fused": True},
    ]
    return [*groups, {"params": old, "lr": rate, "fused": True}] if old else groups


def said(reader: Reader, rows: Tensor) -> Tensor:
    """Return logits (B, C) of rows (B, L), computed the quicker way."""
    if isinstance(reader.words, WordEncoder):
        return wordfast.answer(reader, rows)
    with torch.autocast("cpu", torch.bfloat16):
        logits: Tensor = reader(rows)
    return logits.float()


def run(  # noqa: PLR0913, PLR0917  everything a stage is
    reader: Reader, windows: WordWindows, texts: Texts, schedule: loop.Schedule, work: Path, seed: int, file: str
) -> Reader:
    """Train a reader and its table in place; return the averaged copy."""
    groups = parameter_groups(reader, schedule.rate)
    ready: list[WordBatch] = []

    def loss(rng: np.random.Generator, step: int) -> Tensor:
        if step % schedule.steps == 0:
            ready.clear()
        if not ready:
            ready.extend(windows.batches(schedule.batch, GROUP, rng))
        batch = ready.pop()
        return cross_entropy(said(reader, batch.rows), batch.target, batch.allowed)

    def figures(averaged: nn.Module) -> dict[str, float]:
        return judge(averaged, texts, windows.marks)

    best = loop.train("words", reader, schedule, loss, figures, work, seed, groups=groups, file=file)
    assert isinstance(best, Reader)
    return best


def quantise(table: metrics.Floats) -> tuple[np.ndarray, np.ndarray]:
    """Return int8 rows and one f32 scale per row."""
    scales = (np.abs(table).max(axis=1) / 127.0).astype(np.float32)
    return np.round(table / np.maximum(scales, 1e-12)[:, None]).astype(np.int8), scales
