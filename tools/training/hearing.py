"""The frozen sound side of a network in training: what its trunk and its pooling make of every scene, kept on disk."""

import copy
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Final

import numpy as np
import torch

from streamer.network.deep import Deep
from streamer.network.stream import Stream
from tools.training import (
    config,
    encoded,
    loop,
    melstore,
    pictures,
    soundstore,
    speakerpast,
    stage_sound,
    stage_taught,
    stage_tune,
    teacher,
    unlabelled,
)

TUNE: Final = "tune"
"""The stage that tunes the encoder of `deep`."""

NOISES: Final = (("clean", 0.0), ("white", 10.0), ("babble", 10.0))


@dataclass(frozen=True, slots=True)
class Places:
    """Where things lie."""

    corpora: Path
    vectors: Path | None
    teacher: Path
    work: Path
    models: Path
    workers: int
    deep: Path
    """The training file of `deep`, the teacher of `stream`."""
    unlabelled: Path | None = None
    """Sound files of voices that nobody has labelled."""
    sentences: Path | None = None
    """Sentence encoders, each in a folder of its name."""


class Hearing:
    """One network's sound side."""

    def __init__(self, network: Stream | Deep, plan: config.Plan, places: Places) -> None:
        self.network = network
        self.plan = plan
        self.places = places

    @cached_property
    def store(self) -> soundstore.SoundStore:
        """All recordings."""
        return soundstore.load(self.places.corpora, self.places.work)

    def hear(self) -> None:
        """Fill in trunk, pooling and head, and keep what the trunk makes of every scene.

        The head is the one that learned along with the trunk. One that is fitted afterwards, to embeddings of clips
        which the trunk knows, hears less in clips which it does not.
        """
        if isinstance(self.network, Deep):
            self._hear_encoded(self.network)
            return
        pupil = stage_taught.Pupil(stage_sound.Listener(self.network))
        taught = [learned(self.places.work, file) for file in tunings(self.plan, stage_taught.STAGE)]
        pupil.load_state_dict(mean_of(taught))
        self.network.eval()
        self.network.centre.copy_(pupil.centre)
        encoded.build_stream(self.network.sound, self.places.work, self.kept_as, self.plan.copies, self.plan.seed)

    def whisper(self, network: Deep) -> tuple[encoded.EncodedScenes, ...]:
        """Fill in the encoder as Whisper has it, and return what it makes of the training voices without the noise."""
        plan, places = self.plan, self.places
        melstore.build(places.corpora, places.work, max(plan.copies, plan.trunk_copies), plan.seed, places.workers)
        n_blocks = len(network.sound.encoder.blocks)
        network.sound.encoder.load_state_dict(teacher.encoder(places.teacher, n_blocks).state_dict())
        names = [melstore.still_name(copy) for copy in range(plan.trunk_copies)]
        # A target that is off by a thousandth of its size is as good a target, and made in half the time.
        melstore.build_encoded(network.sound.encoder, places.work, self.whisper_name, names, exact=False)
        found = [encoded.open_scenes(places.work, self.whisper_name, name, self.channels) for name in names]
        centre, spread = encoded.statistics(found[0])
        network.sound.centre.copy_(torch.from_numpy(centre)[:, None])
        network.sound.spread.copy_(torch.from_numpy(spread)[:, None])
        return tuple(encoded.EncodedScenes(scenes.latents, scenes.notes, centre, spread) for scenes in found)

    def tune(
        self, network: Deep, schedule: loop.Schedule, stage: str = TUNE, without: tuple[str, ...] = ()
    ) -> stage_tune.Tuned:
        """Train encoder, pooling and head of `deep` as often as the plan says, and fill in the mean.

        Each time begins from Whisper's weights. Nothing is learned from the corpora `without`.
        """
        plan, work = self.plan, self.places.work
        targets = self.whisper(network)
        tuned = stage_tune.Tuned(network.sound, network.sound_pooling)
        fresh = copy.deepcopy(tuned.state_dict())
        for n, file in enumerate(tunings(plan, stage)):
            tuned.load_state_dict(fresh)
            seed = plan.seed + n
            stage_tune.run(stage, tuned, targets, self.store, plan.favour, schedule, work, seed, without, file)
        return self._learned(network, stage)

    def voices(self, network: Deep) -> unlabelled.Unlabelled:
        """Return the voices that nobody has labelled; the encoder must be as `whisper` leaves it.

        Raises: NoVoicesError where no folder of them was given, or it holds none.
        """
        plan, places = self.plan, self.places
        folder = unlabelled.build(self.voices_folder(), places.work, plan.seed, places.workers)
        recorded = melstore.still_name(0)
        melstore.build_encoded(network.sound.encoder, folder, self.whisper_name, [recorded], exact=False)
        heard = encoded.open_scenes(folder, self.whisper_name, recorded, self.channels)
        centre, spread = (x.numpy()[:, 0] for x in (network.sound.centre, network.sound.spread))
        return unlabelled.opened(folder, encoded.EncodedScenes(heard.latents, heard.notes, centre, spread), plan.seed)

    def voices_folder(self) -> Path:
        """Return the folder of voices that nobody has labelled.

        Raises: NoVoicesError where none was given, or it holds none.
        """
        if self.places.unlabelled is None:
            message = "found no --unlabelled DIR, wanted a folder of sound files; docs/training.md tells which and how"
            raise unlabelled.NoVoicesError(message)
        next(unlabelled.clips(self.places.unlabelled))
        return self.places.unlabelled

    def told(self, voices: unlabelled.Unlabelled) -> stage_taught.Lesson:
        """Return what `deep` hears in voices that nobody has labelled; kept on disk."""
        path = voices.folder / f"told-{self.kept_as}.npz"
        if not path.exists():
            assert isinstance(self.network, Deep), "stream says nothing that others learn"
            tuned = self._learned(self.network)
            head = speakerpast.Head(tuned.attending.summary, tuned.attending.head)
            data = unlabelled.embedded(voices, partial(stage_tune.centred, tuned.eval()))
            stage_taught.keep(path, stage_taught.lesson(head, data, voices.store))
        return stage_taught.kept(path)

    def _learned(self, network: Deep, stage: str = TUNE) -> stage_tune.Tuned:
        tuned = stage_tune.Tuned(network.sound, network.sound_pooling)
        tuned.load_state_dict(mean_of([learned(self.places.work, file) for file in tunings(self.plan, stage)]))
        return tuned

    def _hear_encoded(self, network: Deep) -> None:
        tuned = self._learned(network)
        network.eval()
        for known in (network.sound, network.sound_pooling):
            known.requires_grad_(requires_grad=False)
        network.centre.copy_(tuned.attending.centre)
        self.head().load_state_dict(speakerpast.Head(tuned.attending.summary, tuned.attending.head).state_dict())
        learned_from = [f"train-{copy}" for copy in range(self.plan.copies)]
        melstore.build_encoded(network.sound.encoder, self.places.work, self.kept_as, learned_from, exact=False)
        # What temperatures, shares and figures are taken from is heard as it is when it runs.
        held_out = [pictures.held_out_name(split, *noise) for split, noise in pictures.HELD_OUT]
        melstore.build_encoded(network.sound.encoder, self.places.work, self.kept_as, held_out)

    @property
    def kept_as(self) -> str:
        """Name of the sets that hold what the trunk makes of scenes."""
        return f"{self.plan.network}-{self.plan.tunings}" if self.plan.tunings > 1 else self.plan.network

    @property
    def whisper_name(self) -> str:
        """Name of the sets that hold what the encoder made of scenes before it was tuned."""
        return f"whisper-{self.channels}"

    @property
    def channels(self) -> int:
        """Channels of the trunk."""
        return self.network.sound.channels

    def scenes(self, name: str) -> encoded.EncodedScenes:
        """Return a set of scenes as the trunk hears them."""
        found = encoded.open_scenes(self.places.work, self.kept_as, name, self.channels)
        if not isinstance(self.network, Deep):
            return found
        centre, spread = (x.numpy()[:, 0] for x in (self.network.sound.centre, self.network.sound.spread))
        return encoded.EncodedScenes(found.latents, found.notes, centre, spread)

    def embedded(self, names: list[str]) -> speakerpast.Embedded:
        """Return the embeddings of sets of the same scenes, kept on disk; centred once `centre` is filled in."""
        raw = []
        for name in names:
            path = self.places.work / f"embeddings-{self.kept_as}-{name}.npy"
            if not path.exists():
                np.save(path, speakerpast.pooled(self.network.sound_pooling, self.scenes(name)))
            raw.append(np.load(path))
        notes = self.scenes(names[0]).notes
        centre, spread = self.network.centre.numpy(), self.network.spread.numpy()
        x = np.stack([(part - centre) / spread for part in raw]).astype(np.float32)
        return speakerpast.Embedded(x, notes["clip"].astype(np.int64), notes["label"].astype(np.int64))

    def embed(self) -> speakerpast.Embedded:
        """Fill in the sound side and return all training scenes embedded."""
        self.hear()
        return self.embedded([f"train-{copy}" for copy in range(self.plan.copies)])

    def held_out(self, split: str) -> dict[str, speakerpast.Embedded]:
        """Return the embeddings of a held-out split, as recorded and in noise."""
        names = [pictures.held_out_name(split, *noise) for noise in NOISES]
        return {name: self.embedded([name]) for name in names}

    def head(self) -> speakerpast.Head:
        """Return the head of the sound side."""
        return speakerpast.Head(self.network.sound_summary, self.network.sound_head)


def tunings(plan: config.Plan, stage: str = TUNE) -> list[str]:
    """Return the files of the encoders that are tuned, or of the pupils that are taught, without their ending."""
    return [stage, *(f"{stage}-{n}" for n in range(2, plan.tunings + 1))]


def mean_of(states: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Return the mean of weights that were tuned from one start."""
    return {
        name: torch.stack([state[name].double() for state in states]).mean(dim=0).to(first.dtype)
        for name, first in states[0].items()
    }


def learned(work: Path, stage: str) -> dict[str, torch.Tensor]:
    """Return the averaged weights of a finished stage."""
    state = torch.load(work / f"{stage}.pt", weights_only=True)
    return state["average"]  # type: ignore[no-any-return]
