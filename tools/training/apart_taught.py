"""How far `stream` goes on a corpus that it never met, neither itself nor through `deep`, its teacher.

All begin from one trunk that learned what Whisper hears in voices that nobody has labelled, and met no corpus. From
there each is taught as what ships, by a `deep` that was tuned without the same corpora.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch

from streamer.network.deep import Deep
from streamer.network.stream import Stream
from tools.training import (
    apart,
    config,
    encoded,
    lessons,
    pictures,
    speakerpast,
    stage_sound,
    stage_taught,
    stage_tune,
    unlabelled,
)
from tools.training.hearing import Hearing, Places

TRUNK: Final = "trunk"
"""The stage in which a trunk mimics Whisper on voices that nobody has labelled."""


class Outsider:
    """A `stream` in training without the corpora of a group."""

    def __init__(self, plan: config.Plan, places: Places, group: tuple[str, ...]) -> None:
        self._plan, self._places, self._group = plan, places, group
        self._name = "without-" + "-".join(group)
        torch.manual_seed(plan.seed)
        self._network = Stream(**plan.config)
        self._pupil = stage_taught.Pupil(stage_sound.Listener(self._network))
        self._heard = Hearing(self._network, plan, places)

    def train(self) -> None:
        """Train the trunk of all groups where that has not been done, and teach it what is taught without this one."""
        plan, places, store = self._plan, self._places, self._heard.store
        taught_by = config.read(places.deep)
        deep = Deep(**taught_by.config)
        teaching = Hearing(deep, taught_by, places)
        teaching.whisper(deep)
        voices = teaching.voices(deep)
        columns = self._network.receptive_columns
        beside = lessons.unnamed(plan, places, voices, columns)
        stage_sound.imitate(TRUNK, self._pupil.listener, beside, plan.trunk, places.work, plan.seed)
        windows = lessons.labelled(plan, places, store, columns, lessons.LIVE_SHARE, self._group)
        tuned = apart.tuned_without(teaching, deep, self._group)
        head = speakerpast.Head(tuned.attending.summary, tuned.attending.head)
        copies = [f"train-{copy}" for copy in range(unlabelled.TOLD_COPIES)]

        def told() -> stage_taught.Lesson:
            data = unlabelled.embedded(voices, partial(stage_tune.centred, tuned))
            return stage_taught.lesson(head, data, voices.store)

        def known() -> stage_taught.Lesson:
            parts = [apart.embedded(tuned, places, store, copy, self._group, met=True) for copy in copies]
            data = speakerpast.Embedded(np.concatenate([part.x for part in parts]), parts[0].clip, parts[0].label)
            return stage_taught.lesson(head, data, store)

        materials = (
            stage_taught.Material(windows, self._kept(places.work, known), labelled=True),
            stage_taught.Material(beside, self._kept(voices.folder, told), labelled=False),
        )
        file = f"{stage_taught.STAGE}-{self._name}"
        stage_taught.run(self._pupil, materials, store, plan.apart, places.work, plan.seed, file)

    def _kept(self, folder: Path, make: Callable[[], stage_taught.Lesson]) -> stage_taught.Lesson:
        path = folder / f"lesson-{self._name}.npz"
        if not path.exists():
            stage_taught.keep(path, make())
        return stage_taught.kept(path)

    def figures(self) -> apart.Figures:
        """Return the figures of each corpus of the group; `train` comes first."""
        network, places, store = self._network.eval(), self._places, self._heard.store

        def embed(name: str, *, met: bool) -> speakerpast.Embedded:
            scenes = pictures.open_scenes(places.work, name)
            some = apart.chosen(scenes.notes, store, self._group, met=met)
            items = encoded.hear(
                network.sound, pictures.Scenes(scenes.columns, scenes.notes[some]), [self._plan.seed], whole=True
            )
            found = encoded.gathered(items)
            x = speakerpast.pooled(network.sound_pooling, found) - self._pupil.centre.numpy()
            clip, label = (found.notes[field].astype(np.int64) for field in ("clip", "label"))
            return speakerpast.Embedded(x[None], clip, label)

        head = speakerpast.Head(network.sound_summary, network.sound_head)
        return apart.judged(head, embed, self._group, store)


def stream_without(plan: config.Plan, places: Places, group: tuple[str, ...]) -> apart.Figures:
    """Train `stream` without the corpora of `group` and return the figures of each of them."""
    outsider = Outsider(plan, places, group)
    outsider.train()
    return outsider.figures()


def _note(plan: config.Plan) -> str:
    n, of, trunk = plan.apart.batches, plan.taught.batches, plan.trunk.batches
    return (
        f"Taught for {n:,} batches in place of the {of:,} of what ships, by a deep that did not meet it either, from a "
        f"trunk that met no corpus: it mimicked Whisper for {trunk:,} batches on voices of games."
    )


AS_STREAM: Final = apart.Apart(stream_without, _note)
