"""Stage 1: the sound trunk learns emotions and, beside them, to mimic the teacher's frames; or these alone."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from streamer.network.stream import Stream
from tools.training import corpora, loop, metrics, pictures, sounddata
from tools.training.soundstore import SoundStore
from tools.training.teacher import N_COMPONENTS

WIDTHS = (160, 208, 256, 400)
"""Columns of a training window, drawn per batch; most clips are 2 to 4 s, and short windows train faster."""

SMOOTHING = 0.05

JUDGED = 120
"""Validation clips per corpus behind a table row."""

MIMIC_WEIGHTS = (8.0, 1.5)
"""What the teacher counts for at the first and at the last step. At equal weights the trunk's gradient is four
parts emotion, which is quickly learned by heart, and one part teacher."""


class Listener(nn.Module):
    """The sound half of the network, and a layer that speaks the teacher's language (training only)."""

    def __init__(self, network: Stream) -> None:
        super().__init__()
        self.sound = network.sound
        self.pooling = network.sound_pooling
        self.summary = network.sound_summary
        self.head = network.sound_head
        width = network.sound.fold.out_channels
        self.mimic = nn.Sequential(nn.Conv1d(width, width, 1), nn.GELU(), nn.Conv1d(width, N_COMPONENTS, 1))

    def forward(self, picture: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (B, C) and imitated frames (B, N, N_COMPONENTS)."""
        f, mask = self.sound(picture, columns)
        return self.head(self.summary(self.pooling(f, mask))), self.mimic(f).transpose(1, 2)


def allowed_cross_entropy(logits: Tensor, label: Tensor, allowed: Tensor, smoothing: float) -> Tensor:
    """Return the mean cross-entropy over the allowed classes only, the target smoothed over them."""
    log_p = functional.log_softmax(logits.masked_fill(~allowed, -1.0e4), dim=-1)
    spread = torch.where(allowed, log_p, 0.0).sum(dim=-1) / allowed.sum(dim=-1)
    hit = log_p.gather(1, label[:, None])[:, 0]
    return -((1.0 - smoothing) * hit + smoothing * spread).mean()


def mimic_loss(said: Tensor, target: Tensor, taught: Tensor) -> Tensor:
    """Return the mean squared error over the columns that have a target."""
    error = (said - target).square().mean(dim=-1)
    return (error * taught).sum() / taught.sum().clamp(min=1)


@torch.inference_mode()
def sound_logits(
    listener: Listener, scenes: pictures.Scenes, rows: metrics.Ints | None = None, batch: int = 32
) -> metrics.Floats:
    """Return (rows, C) logits of whole clips, by default of all."""
    rows = np.arange(len(scenes.notes)) if rows is None else rows
    parts = []
    for at in range(0, len(rows), batch):
        picture, columns = sounddata.whole_clips(scenes, rows[at : at + batch])
        # Left of the longest clip there is nothing; the network does not mind the width.
        widest = int(columns.sum(dim=1).max())
        width = max(-(-widest // 4) * 4, listener.sound.receptive_columns)
        parts.append(listener(picture[..., -width:], columns[:, -width:])[0].double().numpy())
    return np.concatenate(parts)


def by_corpus(store: SoundStore, scenes: pictures.Scenes) -> dict[str, metrics.Ints]:
    """Return the rows of each corpus."""
    names = np.array([store.recordings[c].corpus for c in scenes.notes["clip"]])
    return {corpus: np.flatnonzero(names == corpus) for corpus in corpora.SOUND_CORPORA if corpus in names}


def judge(listener: Listener, store: SoundStore, folder: Path) -> dict[str, float]:
    """Return recalls on the validation speakers: RAVDESS six, all corpora over their own classes, and in noise.

    A table row needs no more than `JUDGED` clips of a corpus, evenly taken.
    """
    figures: dict[str, float] = {}
    for noise in ("clean", "white"):
        scenes = pictures.open_scenes(folder, pictures.held_out_name("valid", noise, 10.0))
        groups = {name: rows[:: -(-len(rows) // JUDGED)] for name, rows in by_corpus(store, scenes).items()}
        scores = []
        for corpus, rows in groups.items():
            logits = sound_logits(listener, scenes, rows)
            truth = scenes.notes["label"][rows].astype(np.int64)
            scores.append(metrics.recall_of_own(truth, logits))
            if corpus == "ravdess":
                figures[f"rav6-{noise}"] = metrics.recall_of_six(truth, logits)
        figures[f"own-{noise}"] = float(np.mean(scores))
    return figures


def run(  # noqa: PLR0913, PLR0917  everything a stage is
    stage: str,
    listener: Listener,
    windows: sounddata.SoundWindows,
    store: SoundStore,
    schedule: loop.Schedule,
    work: Path,
    seed: int,
) -> None:
    """Train the sound half of the network in place, as a stage of this name."""

    def loss(rng: np.random.Generator, step: int) -> Tensor:
        batch = windows.batch(schedule.batch, int(rng.choice(WIDTHS, p=[0.4, 0.3, 0.18, 0.12])), rng)
        with torch.autocast("cpu", torch.bfloat16):
            logits, said = listener(batch.picture, batch.columns)
        named = allowed_cross_entropy(logits.float(), batch.label, batch.allowed, SMOOTHING)
        weight = np.interp(schedule.progress(step), (0.0, 1.0), MIMIC_WEIGHTS)
        return named + float(weight) * mimic_loss(said.float(), batch.target, batch.taught)

    best = loop.train(stage, listener, schedule, loss, lambda m: judge(m, store, work), work, seed)  # type: ignore[arg-type]
    listener.load_state_dict(best.state_dict())


def imitate(
    stage: str, listener: Listener, windows: sounddata.SoundWindows, schedule: loop.Schedule, work: Path, seed: int
) -> None:
    """Train the trunk in place to mimic the teacher's frames and nothing else: no label is needed, and none is read."""

    def loss(rng: np.random.Generator, step: int) -> Tensor:
        del step
        batch = windows.batch(schedule.batch, int(rng.choice(WIDTHS[:3], p=[0.45, 0.35, 0.2])), rng)
        with torch.autocast("cpu", torch.bfloat16):
            f, _ = listener.sound(batch.picture, batch.columns)
            said = listener.mimic(f).transpose(1, 2)
        return mimic_loss(said.float(), batch.target, batch.taught)

    best = loop.train(stage, listener, schedule, loss, lambda _: {}, work, seed)
    listener.load_state_dict(best.state_dict())
