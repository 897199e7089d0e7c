"""Stage 2: the word half of the network and one fine-tuned vector per word."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from streamer.network import contract
from streamer.network.stream import Stream
from tools.training import loop, metrics
from tools.training.textdata import Texts, WordWindows, newest_last

SMOOTHING = 0.05


class Reader(nn.Module):
    """The word half of the network behind its table of vectors."""

    def __init__(self, network: Stream, table: Tensor) -> None:
        super().__init__()
        self.table = nn.Embedding(table.shape[0], table.shape[1], padding_idx=0, _weight=table)
        self.words = network.words
        self.pooling = network.word_pooling
        self.summary = network.word_summary
        self.head = network.word_head
        self.dropout = nn.Dropout(0.25)

    def forward(self, rows: Tensor) -> Tensor:
        """(B, L) rows of the table -> logits (B, C)."""
        mask = rows > 0
        e = self.words(self.dropout(self.table(rows)).transpose(1, 2), mask)
        return self.head(self.summary(self.pooling(e, mask)))  # type: ignore[no-any-return]


def weighted_cross_entropy(logits: Tensor, label: Tensor, allowed: Tensor, weight: Tensor) -> Tensor:
    """Return the cross-entropy over allowed classes, each row with its weight."""
    log_p = functional.log_softmax(logits.masked_fill(~allowed, -1.0e4), dim=-1)
    spread = torch.where(allowed, log_p, 0.0).sum(dim=-1) / allowed.sum(dim=-1)
    hit = log_p.gather(1, label[:, None])[:, 0]
    return -(weight * ((1.0 - SMOOTHING) * hit + SMOOTHING * spread)).sum() / weight.sum()


@torch.inference_mode()
def word_logits(reader: Reader, texts: Texts, lines: list[int], marks: np.ndarray | None) -> metrics.Floats:
    """Return (lines, C); `marks` are dropped first where given."""
    parts = []
    for at in range(0, len(lines), 512):
        rows = [texts.rows[i] for i in lines[at : at + 512]]
        if marks is not None:
            rows = [r[~np.isin(r, marks)] for r in rows]
        parts.append(reader(newest_last([r[-contract.N_WORDS :] for r in rows])).double().numpy())
    return np.concatenate(parts)


def lines_of(texts: Texts, corpus: str, split: str) -> tuple[list[int], metrics.Ints]:
    """Return the lines of one corpus and split, and their labels."""
    lines = [i for i, line in enumerate(texts.lines) if line.corpus == corpus and line.split == split]
    return lines, np.array([texts.lines[i].label for i in lines], np.int64)


def judge(reader: Reader, texts: Texts, marks: np.ndarray) -> dict[str, float]:
    """Return validation figures: GoEmotions six-way recall (with and without marks) and macro-F1, MELD weighted F1."""
    figures: dict[str, float] = {}
    for name, dropped in (("", None), ("-bare", marks)):
        lines, truth = lines_of(texts, "goemotions", "valid")
        logits = word_logits(reader, texts, lines, dropped)
        figures["go6" + name] = metrics.recall_of_six(truth, logits)
        figures["goF1" + name] = metrics.f1_scores(truth, logits.argmax(axis=1))[0]
        lines, truth = lines_of(texts, "meld", "valid")
        logits = word_logits(reader, texts, lines, dropped)
        figures["meldF1" + name] = metrics.f1_scores(truth, logits.argmax(axis=1))[1]
    return figures


def run(network: Stream, texts: Texts, schedule: loop.Schedule, work: Path, seed: int) -> metrics.Floats:
    """Train the word half of `network` in place; return the fine-tuned table (1 + words, 300)."""
    reader = Reader(network, torch.from_numpy(texts.table.copy()))
    windows = WordWindows(texts)
    table = list(reader.table.parameters())
    others = [p for name, p in reader.named_parameters() if not name.startswith("table")]
    groups: list[dict[str, object]] = [
        {"params": others, "lr": schedule.rate},
        {"params": table, "lr": schedule.rate, "weight_decay": 0.0},
    ]

    def loss(rng: np.random.Generator, step: int) -> Tensor:
        del step
        batch = windows.batch(schedule.batch, rng)
        return weighted_cross_entropy(reader(batch.rows), batch.label, batch.allowed, batch.weight)

    def figures(averaged: nn.Module) -> dict[str, float]:
        return judge(averaged, texts, windows.marks)  # type: ignore[arg-type]  # a copy of `reader`

    best = loop.train("words", reader, schedule, loss, figures, work, seed, groups=groups)
    reader.load_state_dict(best.state_dict())
    return np.asarray(reader.table.weight.detach().double().numpy())


def quantise(table: metrics.Floats) -> tuple[np.ndarray, np.ndarray]:
    """Return int8 rows and one f32 scale per row."""
    scales = (np.abs(table).max(axis=1) / 127.0).astype(np.float32)
    return np.round(table / np.maximum(scales, 1e-12)[:, None]).astype(np.int8), scales
