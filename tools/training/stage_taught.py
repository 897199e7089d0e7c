"""The stage in which `stream` learns from `deep` what a clip sounds like beside the speaker's other clips.

A batch holds several clips of each of a few speakers, and every clip is heard against the mean of some of the others:
the running mean is in the training of the trunk, and not only of the head. `deep` says for each clip how much of each
emotion it hears, and what it summed the clip up to before it answered; both are learned beside Whisper's frames, and
the label counts a little.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tools.training import company, loop, metrics, pictures, sounddata, speakerpast, stage_sound
from tools.training.soundstore import SoundStore

STAGE: Final = "taught"

SPEAKERS: Final = 8
"""Speakers in a batch, each with as many clips as fill it."""

WIDTHS: Final = ((160, 208, 256), (0.45, 0.35, 0.2))
TEMPERATURE: Final = 1.5
"""By which the teacher's logits are divided: what it nearly said counts, too."""

LABEL_SHARE: Final = 0.25
MIMIC_WEIGHT: Final = 4.0
ECHO_WEIGHT: Final = 1.0
"""What the teacher's summary of a clip counts for: seven shares say little of what it heard."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the teacher makes of every training clip, knowing the speaker well; zeros for clips not in training."""

    logits: NDArray[np.float32]
    """(clips, C)"""
    summary: NDArray[np.float32]
    """(clips, S)"""

    @property
    def shares(self) -> NDArray[np.float32]:
        """(clips, C) shares of the classes."""
        return metrics.softmax(self.logits.astype(np.float64)).astype(np.float32)


def keep(path: Path, lesson: Lesson) -> None:
    """Write a lesson."""
    np.savez(path, logits=lesson.logits, summary=lesson.summary)


def kept(path: Path) -> Lesson:
    """Return a lesson that was written."""
    with np.load(path) as found:
        return Lesson(found["logits"], found["summary"])


@dataclass(frozen=True, slots=True)
class Material:
    """Windows, and what the teacher makes of their clips. Where nobody has labelled them, its word alone counts."""

    windows: sounddata.SoundWindows
    lesson: Lesson
    labelled: bool


@torch.inference_mode()
def lesson(head: speakerpast.Head, data: speakerpast.Embedded, store: SoundStore, n_virtual: int = 30) -> Lesson:
    """Return what a trained head says of every training clip.

    It is the mean over all copies: of a clip as recorded, which it learned by heart, it is too sure.
    """
    who = np.array([f"{store.recordings[c].corpus}/{store.recordings[c].speaker}" if c >= 0 else "" for c in data.clip])
    logits = np.zeros((len(store.recordings), metrics.N_SIX + 1), np.float32)
    summary = np.zeros((len(store.recordings), speakerpast.DEEP_SUMMARY), np.float32)
    share = speakerpast.ADAPTATION.strength * n_virtual / (n_virtual + speakerpast.ADAPTATION.prior)
    for speaker in np.unique(who[data.clip >= 0]):
        rows = np.flatnonzero(who == speaker)
        clips = data.clip[rows]
        for x in data.x:
            short = head.eval().summary(torch.from_numpy(x[rows] - share * x[rows].mean(axis=0)))
            summary[clips] += short.numpy() / len(data.x)
            logits[clips] += head.head(short).numpy() / len(data.x)
    return Lesson(logits, summary)


class Pupil(nn.Module):
    """The sound half of `stream` with a slowly moving centre of its embeddings, and a layer that echoes the teacher."""

    centre: Tensor

    def __init__(self, listener: stage_sound.Listener) -> None:
        super().__init__()
        self.listener = listener
        self.echo = nn.Linear(listener.head.in_features, speakerpast.DEEP_SUMMARY)
        self.register_buffer("centre", torch.zeros(listener.pooling.size))

    def embed(self, picture: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Return uncentred embeddings (B, P) and imitated frames (B, N, components)."""
        f, mask = self.listener.sound(picture, columns)
        return self.listener.pooling(f, mask), self.listener.mimic(f).transpose(1, 2)

    def sum_up(self, x: Tensor, others: Tensor) -> Tensor:
        """Return summaries (B, S) of embeddings (B, P), each against the mean of `others` (B, B) that it is told of."""
        apart = company.departures(x, others, self.centre, training=self.training)
        short: Tensor = self.listener.summary(apart)
        return short

    def forward(self, x: Tensor, others: Tensor) -> Tensor:
        """Return logits (B, C) of embeddings (B, P), each against the mean of `others` (B, B) that it is told of."""
        logits: Tensor = self.listener.head(self.sum_up(x, others))
        return logits


def judge(pupil: Pupil, store: SoundStore, work: Path) -> dict[str, float]:
    """Return recalls of validation clips, each against all others of its speaker."""
    figures: dict[str, float] = {}
    for noise in ("clean", "babble"):
        scenes = pictures.open_scenes(work, pictures.held_out_name("valid", noise, 10.0))
        scores = []
        for corpus, rows in stage_sound.by_corpus(store, scenes).items():
            some = rows[:: -(-len(rows) // stage_sound.JUDGED)]
            logits = _beside_others(pupil, store, scenes, some)
            truth = scenes.notes["label"][some].astype(np.int64)
            scores.append(metrics.recall_of_own(truth, logits))
            if corpus == "ravdess":
                figures[f"rav6-{noise}"] = metrics.recall_of_six(truth, logits)
        figures[f"own-{noise}"] = float(np.mean(scores))
    return figures


@torch.inference_mode()
def _beside_others(pupil: Pupil, store: SoundStore, scenes: pictures.Scenes, rows: NDArray[np.int64]) -> metrics.Floats:
    parts = []
    for part in np.array_split(rows, -(-len(rows) // 32)):
        picture, columns = sounddata.whole_clips(scenes, part)
        width = max(-(-int(columns.sum(dim=1).max()) // 4) * 4, pupil.listener.sound.receptive_columns)
        parts.append(pupil.embed(picture[..., -width:], columns[:, -width:])[0])
    who = np.array([store.recordings[c].speaker for c in scenes.notes["clip"][rows]])
    others = torch.from_numpy(((who[:, None] == who[None]) & ~np.eye(len(rows), dtype=np.bool_)).astype(np.float32))
    return np.asarray(pupil(torch.cat(parts), others).double().numpy())


class Course:
    """What the pupil is told of the clips of all materials, and what it costs not to say it."""

    def __init__(self, materials: tuple[Material, ...]) -> None:
        first = materials[0].lesson
        told = np.any(first.summary != 0.0, axis=1)
        centre, spread = first.summary[told].mean(axis=0), first.summary[told].std(axis=0) + 1e-3
        self._labelled = [m.labelled for m in materials]
        self._soft = [torch.softmax(torch.from_numpy(m.lesson.logits) / TEMPERATURE, dim=1) for m in materials]
        self._summary = [torch.from_numpy((m.lesson.summary - centre) / spread) for m in materials]

    def named(self, which: int, batch: sounddata.SoundBatch, logits: Tensor) -> Tensor:
        """Return what the answers (B, C) to a batch of a material cost, one by one (B,)."""
        soft = self._soft[which]
        hard = functional.one_hot(batch.label, soft.shape[1]).float()
        heard = soft[batch.clip.clamp(min=0)]
        if self._labelled[which]:
            logits = logits.masked_fill(~batch.allowed, -1.0e4)
            heard = heard * batch.allowed
        target = torch.where((batch.clip >= 0)[:, None], heard, hard)
        target = target / target.sum(dim=1, keepdim=True)
        if self._labelled[which]:
            target = (1.0 - LABEL_SHARE) * target + LABEL_SHARE * hard
        return -(target * torch.log_softmax(logits, dim=1)).sum(dim=1)

    def unlike(self, which: int, batch: sounddata.SoundBatch, echo: Tensor) -> Tensor:
        """Return how far echoes (B, S) are from what the teacher summed each voice up to, (voices,)."""
        voiced = batch.clip >= 0
        return (echo[voiced] - self._summary[which][batch.clip[voiced]]).square().mean(dim=1)


def run(  # noqa: PLR0913, PLR0917  everything a stage is
    pupil: Pupil,
    materials: tuple[Material, ...],
    store: SoundStore,
    schedule: loop.Schedule,
    work: Path,
    seed: int,
    file: str | None = None,
) -> None:
    """Train the sound half of the network in place, on as much of one material as of another."""
    listener, course, n = pupil.listener, Course(materials), len(materials)
    size, speakers = schedule.batch // n, SPEAKERS // n

    def loss(rng: np.random.Generator, step: int) -> Tensor:
        del step
        width = int(rng.choice(WIDTHS[0], p=WIDTHS[1]))
        batches = [m.windows.batch(size, width, rng, speakers) for m in materials]
        with torch.autocast("cpu", torch.bfloat16):
            x, frames = pupil.embed(torch.cat([b.picture for b in batches]), torch.cat([b.columns for b in batches]))
        others = company.apart([company.drawn(size, rng, speakers) for _ in batches])
        short = pupil.sum_up(x.float(), others)
        parts = list(zip(batches, listener.head(short).split(size), pupil.echo(short).split(size), strict=True))
        named = torch.cat([course.named(i, b, logits) for i, (b, logits, _) in enumerate(parts)]).mean()
        unlike = torch.cat([course.unlike(i, b, echo) for i, (b, _, echo) in enumerate(parts)]).mean()
        target, taught = torch.cat([b.target for b in batches]), torch.cat([b.taught for b in batches])
        mimicked = stage_sound.mimic_loss(frames.float(), target, taught)
        total: Tensor = named + ECHO_WEIGHT * unlike + MIMIC_WEIGHT * mimicked
        return total

    best = loop.train(STAGE, pupil, schedule, loss, lambda m: judge(m, store, work), work, seed, file=file)  # type: ignore[arg-type]
    pupil.load_state_dict(best.state_dict())
