"""Voices that nobody has labelled: `deep` says what it hears in them, and `stream` learns from that.

A folder of sound files, those of one source in one folder (`tools/unpack_talkies.py` makes one). Their store, their
scenes and what Whisper makes of them lie in a folder of their own in the work folder, and are made by the functions
that make those of the labelled clips. Who speaks is not known: voices that Whisper hears alike count as one speaker.

What a network says of a clip that it has learned by heart is little more than the label. Of these clips it says what it
hears (Xie et al. 2020, "Self-training with Noisy Student improves ImageNet classification").
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from tools.training import corpora, encoded, melstore, pictures, soundstore, speakerpast, teacher

FOLDER: Final = "unlabelled"
ENDINGS: Final = (".flac", ".wav", ".ogg", ".mp3")
SHORTEST_S: Final = 0.8
LONGEST_S: Final = 20.0

N_COPIES: Final = 4
"""Augmented copies of every clip, the first as recorded."""

TOLD_COPIES: Final = 2
"""Copies from which the network says what it hears in a clip."""

CLIPS_PER_VOICE: Final = 140
"""A source is taken to have a voice for every so many clips."""

KEPT_DIMENSIONS: Final = 40
"""Principal components of Whisper's mean frames by which voices are told apart."""


class NoVoicesError(ValueError):
    """No folder of sound files was given, or it holds none."""


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """The clips, and the folder of everything that is made of them."""

    store: soundstore.SoundStore
    folder: Path


def clips(root: Path) -> Iterator[corpora.Clip]:
    """Yield the sound files under `root` that are neither too short nor too long; a folder is a source.

    Raises: NoVoicesError where there are none.
    """
    found = 0
    for path in sorted(p for p in root.rglob("*") if p.suffix in ENDINGS):
        info = soundfile.info(path)
        if SHORTEST_S <= info.frames / info.samplerate <= LONGEST_S:
            found += 1
            source = f"{FOLDER}/{path.parent.name}"
            yield corpora.Clip(path, source, source, corpora.LABEL_INDEX[corpora.NONE], "train", leaks_words=False)
    if not found:
        message = (
            f"found no sound file of {SHORTEST_S:g} to {LONGEST_S:g} s under {root}, wanted some; see docs/training.md"
        )
        raise NoVoicesError(message)


def build(root: Path, work: Path, seed: int, workers: int) -> Path:
    """Write whatever is missing of the store and the copies; return their folder."""
    folder = work / FOLDER
    if not (folder / "sound.json").exists():
        soundstore.build(clips(root), folder)
    melstore.build_copies(root, folder, N_COPIES, seed, workers)
    return folder


def opened(folder: Path, heard: encoded.EncodedScenes, seed: int) -> Unlabelled:
    """Return the clips of a folder that is whole; `heard` are Whisper's latents of them as recorded."""
    store = soundstore.load(folder, folder)
    path = folder / "voices.npy"
    if not path.exists():
        np.save(path, voices(heard, store.recordings, seed))
    named = zip(store.recordings, np.load(path).tolist(), strict=True)
    recordings = tuple(replace(r, speaker=f"{r.corpus}/{voice}") for r, voice in named)
    return Unlabelled(soundstore.SoundStore(store.samples, recordings), folder)


def frames(
    unlabelled: Unlabelled, work: Path, speech: Path, seed: int, workers: int
) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
    """Write whatever is missing of the pictures and the frames that `stream` is taught; return the frames by clip."""
    folder = unlabelled.folder
    pictures.build_copies(folder, folder, N_COPIES, seed, workers)
    return teacher.load(unlabelled.store, speech, folder, work)


def sources(work: Path) -> dict[str, int]:
    """Return how many clips of each source lie in the work folder; none where nothing unlabelled was learned from."""
    folder = work / FOLDER
    if not (folder / "sound.json").exists():
        return {}
    return dict(sorted(Counter(r.corpus for r in soundstore.load(folder, folder).recordings).items()))


def voices(heard: encoded.EncodedScenes, recordings: tuple[soundstore.Recording, ...], seed: int) -> NDArray[np.int64]:
    """Return (recordings,) which voice of its source each clip is: those whose mean frames lie together are one."""
    clip = heard.notes["clip"]
    of_clip = np.zeros((len(recordings), heard.latents.shape[1]), np.float32)
    for row in np.flatnonzero(clip >= 0).tolist():
        of_clip[clip[row]] = heard.scene(row).mean(axis=0)
    found = np.zeros(len(recordings), np.int64)
    sources = np.array([r.corpus for r in recordings])
    for source in np.unique(sources):
        rows = np.flatnonzero(sources == source)
        x = of_clip[rows] - of_clip[rows].mean(axis=0)
        _, _, axes = np.linalg.svd(x, full_matrices=False)
        n = max(1, round(len(rows) / CLIPS_PER_VOICE))
        _, found[rows] = kmeans2(x @ axes[:KEPT_DIMENSIONS].T, n, minit="++", seed=seed, iter=40)
    return found


def embedded(
    unlabelled: Unlabelled, embed: Callable[[melstore.MelScenes], NDArray[np.float32]]
) -> speakerpast.Embedded:
    """Return the copies of all clips from which a network says what it hears."""
    parts = []
    for copy in range(TOLD_COPIES):
        scenes = melstore.open_scenes(unlabelled.folder, f"train-{copy}")
        parts.append(scenes.part(np.flatnonzero(scenes.notes["clip"] >= 0)))
    clip, label = (parts[0].notes[field].astype(np.int64) for field in ("clip", "label"))
    return speakerpast.Embedded(np.stack([embed(scenes) for scenes in parts]), clip, label)
