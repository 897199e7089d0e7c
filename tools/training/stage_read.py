"""The stage in which a sentence encoder learns what lines feel like, so that it can teach the word halves.

The encoder is all-mpnet-base-v2 (Apache-2.0), a hundred times the size of a word half, and is read from a folder. As
with the experts, every kind of talk has a head of its own: whose line it is, is known of a training line. Used in
training only; nothing of it ships.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModel

from tools.training import corpora, loop, madelines, metrics, textdata, wordexperts, wordjoin
from tools.training.stage_words import JUDGED, answers, cross_entropy, lines_of
from tools.training.textdata import Texts
from tools.training.wordlesson import Lesson, Shares

STAGE: Final = "read"
ENCODER: Final = "all-mpnet-base-v2"
"""Folder of the encoder, as its makers name it."""

MOST_PIECES: Final = 72
GROUP: Final = 16
"""Batches drawn together, sorted by length."""

FRESH_RATE: Final = 1.0e-3
"""Of the heads, which begin with nothing, where the encoder is only tuned."""

KIND_WEIGHT: Final = 0.3
"""What guessing the kind of talk counts for."""

MARKS: Final = re.compile(r"[.,?!]")

N_MADE: Final = 80_000
"""Lines that nobody has said, about as many as there are of training."""


class SentenceReader(nn.Module):
    """A sentence encoder with a head for each kind of talk, and a guess which kind it is."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.encoder = AutoModel.from_pretrained(folder, local_files_only=True)
        width = self.encoder.config.hidden_size
        self.dropout = nn.Dropout(0.1)
        self.heads = nn.Linear(width, len(wordexperts.KINDS) * len(corpora.LABELS))
        self.kind = nn.Linear(width, len(wordexperts.KINDS))

    def forward(self, pieces: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L) i64 pieces of words and their mask -> logits (B, kinds, C) and of the kinds (B, kinds)."""
        with torch.autocast("cpu", torch.bfloat16):
            said = self.encoder(input_ids=pieces, attention_mask=mask.long()).last_hidden_state
        kept = mask[..., None].float()
        pooled = self.dropout((said.float() * kept).sum(dim=1) / kept.sum(dim=1))
        return self.heads(pooled).unflatten(1, (len(wordexperts.KINDS), -1)), self.kind(pooled)


@dataclass(frozen=True, slots=True)
class Pieces:
    """Lines as pieces of words, in one view or two: with marks and without."""

    views: tuple[list[list[int]], ...]
    padding: int

    def batch(self, lines: metrics.Ints, view: metrics.Ints) -> tuple[Tensor, Tensor]:
        """Return (B, L) pieces and their mask."""
        said = [self.views[v][line] for line, v in zip(lines, view, strict=True)]
        lengths = np.array([len(row) for row in said])
        rows = np.full((len(said), int(lengths.max())), self.padding, np.int64)
        for row, pieces in zip(rows, said, strict=True):
            row[: len(pieces)] = pieces
        return torch.from_numpy(rows), torch.from_numpy(np.arange(rows.shape[1]) < lengths[:, None])

    def lengths(self, lines: metrics.Ints, view: metrics.Ints) -> metrics.Ints:
        """Return (B,)."""
        return np.array([len(self.views[v][line]) for line, v in zip(lines, view, strict=True)])


def pieces_of(lines: Sequence[corpora.Line], folder: Path, n_views: int = 2) -> Pieces:
    """Return lines cut by the encoder's own tokenizer, in the first of: with marks, without."""
    cutter = Tokenizer.from_file(str(folder / "tokenizer.json"))
    cutter.no_padding()
    cutter.enable_truncation(MOST_PIECES)
    whole = [textdata.clean(line.text).strip() for line in lines]
    plain = [" ".join(MARKS.sub(" ", text).split()) for text in whole]
    padding = cutter.token_to_id("<pad>")
    assert padding is not None, "an MPNet tokenizer has it"
    return Pieces(tuple([cut.ids for cut in cutter.encode_batch(view)] for view in (whole, plain)[:n_views]), padding)


def kinds_of(texts: Texts) -> metrics.Ints:
    """Return the kind of talk of every line."""
    place = {corpus: k for k, group in enumerate(wordexperts.KINDS) for corpus in group}
    return np.array([place[line.corpus] for line in texts.lines])


def run(texts: Texts, folder: Path, schedule: loop.Schedule, work: Path, seed: int) -> None:
    """Train the encoder in `folder`/ENCODER and leave what it reads in every training line in `work`."""
    torch.manual_seed(seed)
    reader, pieces, kinds = SentenceReader(folder / ENCODER), pieces_of(texts.lines, folder / ENCODER), kinds_of(texts)
    trust = np.array([wordexperts.HALF_TRUSTED.get(line.corpus, 1.0) for line in texts.lines], np.float32)
    target = textdata.targets(texts) * trust[:, None]
    training = np.array([i for i, line in enumerate(texts.lines) if line.split == "train"])
    ready: list[tuple[metrics.Ints, metrics.Ints]] = []

    def loss(rng: np.random.Generator, step: int) -> Tensor:
        if step % schedule.steps == 0:
            ready.clear()
        if not ready:
            lines = rng.choice(training, schedule.batch * GROUP)
            view = (rng.random(len(lines)) < 0.5).astype(np.int64)
            order = np.argsort(pieces.lengths(lines, view), kind="stable").reshape(GROUP, -1)
            ready.extend((lines[part], view[part]) for part in order[rng.permutation(GROUP)])
        lines, view = ready.pop()
        by_kind, guess = reader(*pieces.batch(lines, view))
        own = torch.from_numpy(kinds[lines])
        wanted = torch.from_numpy(target[lines])
        named = cross_entropy(by_kind[torch.arange(len(own)), own], wanted, wanted > 0)
        return named + KIND_WEIGHT * functional.cross_entropy(guess, own)

    fresh = [*reader.heads.parameters(), *reader.kind.parameters()]
    groups: list[dict[str, object]] = [
        {"params": reader.encoder.parameters(), "lr": schedule.rate, "fused": True},
        {"params": fresh, "lr": FRESH_RATE, "fused": True},
    ]
    best = loop.train(STAGE, reader, schedule, loss, lambda m: judge(m, texts, pieces), work, seed, groups=groups)
    made = madelines.make(texts, N_MADE, np.random.default_rng([seed, *STAGE.encode()]))
    of_made = pieces_of(made, folder / ENCODER, n_views=1)
    lesson = Lesson(told(best, texts, pieces), made, shares_of(best, of_made, np.arange(len(made)), 0))
    lesson.save(work)


@torch.inference_mode()
def says(reader: nn.Module, pieces: Pieces, lines: metrics.Ints, view: int, batch: int = 128) -> tuple[Tensor, Tensor]:
    """Return logits (N, kinds, C) and of the kinds (N, kinds) of some lines in one view."""
    views = np.full(len(lines), view)
    order = np.argsort(pieces.lengths(lines, views), kind="stable")
    parts = [reader(*pieces.batch(lines[p], views[p])) for p in np.array_split(order, len(order) // batch + 1)]
    back = torch.from_numpy(np.argsort(order, kind="stable"))
    by_kind, guess = (torch.cat(found)[back] for found in zip(*parts, strict=True))
    return by_kind, guess


def mixed(by_kind: Tensor, guess: Tensor) -> Tensor:
    """Return (N, C), the kinds mixed by the guess, as the experts are."""
    kind = torch.log_softmax(guess + torch.tensor(wordjoin.KIND_BIAS), dim=1)
    return torch.logsumexp(torch.log_softmax(by_kind, dim=2) + kind[..., None], dim=1)


def judge(reader: nn.Module, texts: Texts, pieces: Pieces) -> dict[str, float]:
    """Return F1 by corpus and view of single validation lines, the kind of talk not told."""
    figures: dict[str, float] = {}
    for corpus, full, which in JUDGED:
        if full:
            continue
        lines, truth = lines_of(texts, corpus, "valid")
        for view, name in enumerate(("", "-bare")):
            logits = mixed(*says(reader, pieces, np.array(lines), view)).double().numpy()
            figures[corpus[:4] + name] = metrics.f1_scores(truth, answers(truth, logits))[which]
    return figures


def told(reader: nn.Module, texts: Texts, pieces: Pieces) -> Shares:
    """Return (views, lines, C), what the encoder reads in training lines, the kind of talk not told; others are zero.

    Told whose line it is, it would know more: of a kind of talk that its pupil, who serves all, is not told either.
    """
    shares = np.zeros((2, len(texts.lines), len(corpora.LABELS)), np.float16)
    training = np.array([i for i, line in enumerate(texts.lines) if line.split == "train"])
    for view in range(2):
        shares[view, training] = shares_of(reader, pieces, training, view)
    return shares


def shares_of(reader: nn.Module, pieces: Pieces, lines: metrics.Ints, view: int) -> Shares:
    """Return (N, C) of some lines in one view, the kind of talk not told."""
    return np.asarray(torch.softmax(mixed(*says(reader, pieces, lines, view)), dim=1).numpy(), np.float16)
