"""How far a network goes on a corpus that it never met: its sound side is trained anew without some corpora.

Such a network meets less than what is shipped, for a shorter time: figures are rather too low than too high. A group is
a corpus by itself, or several that are left out together.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from streamer.network.deep import Deep
from tools.training import config, melstore, metrics, pictures, speakerpast, stage_tune
from tools.training.hearing import NOISES, Hearing, Places
from tools.training.soundstore import SoundStore

Figures = dict[str, dict[str, object]]
"""By corpus left out."""


class Embed(Protocol):
    """What a network makes of a set of scenes."""

    def __call__(self, name: str, *, met: bool) -> speakerpast.Embedded:
        """Return the embeddings of scenes from the corpora that were met, or from the others."""
        ...


def chosen(notes: NDArray[np.void], store: SoundStore, group: tuple[str, ...], *, met: bool) -> NDArray[np.int64]:
    """Return the scenes in which somebody speaks whom the network met, or of a corpus of `group`."""
    left = np.array([store.recordings[c].corpus in group if c >= 0 else met for c in notes["clip"]])
    return np.flatnonzero(left != met)


def judged(head: speakerpast.Head, embed: Embed, group: tuple[str, ...], store: SoundStore) -> Figures:
    """Return the figures of each corpus of `group`; the temperature is fitted as that of what ships, without them."""
    names = [pictures.held_out_name("valid", *noise) for noise in NOISES]
    temperature = metrics.fit_temperature(
        *speakerpast.answers(head, {name: embed(name, met=True) for name in names}, store.recordings)
    )
    unmet = embed("train-0", met=False)
    figures = {}
    for one in group:
        rows = np.flatnonzero([store.recordings[c].corpus == one for c in unmet.clip])
        data = speakerpast.Embedded(unmet.x[:, rows], unmet.clip[rows], unmet.label[rows])
        figures[one] = speakerpast.crossed(head, data, store.recordings, temperature)
    return figures


def tuned_without(heard: Hearing, network: Deep, group: tuple[str, ...]) -> stage_tune.Tuned:
    """Return the sound side of `deep`, trained anew without the corpora of `group`."""
    return heard.tune(network, heard.plan.apart, "tune-without-" + "-".join(group), group)


def deep_without(plan: config.Plan, places: Places, group: tuple[str, ...]) -> Figures:
    """Train `deep` without the corpora of `group` and return the figures of each of them."""
    torch.manual_seed(plan.seed)
    network = Deep(**plan.config)
    heard = Hearing(network, plan, places)
    tuned = tuned_without(heard, network, group)

    def embed(name: str, *, met: bool) -> speakerpast.Embedded:
        return embedded(tuned, places, heard.store, name, group, met=met)

    return judged(speakerpast.Head(tuned.attending.summary, tuned.attending.head), embed, group, heard.store)


def embedded(
    tuned: stage_tune.Tuned, places: Places, store: SoundStore, name: str, group: tuple[str, ...], *, met: bool
) -> speakerpast.Embedded:
    """Return what such a network makes of a set of scenes."""
    scenes = melstore.open_scenes(places.work, name)
    some = scenes.part(chosen(scenes.notes, store, group, met=met))
    clip, label = (some.notes[field].astype(np.int64) for field in ("clip", "label"))
    return speakerpast.Embedded(stage_tune.centred(tuned, some)[None], clip, label)


@dataclass(frozen=True, slots=True)
class Apart:
    """How a network is trained without some corpora, and what a card says of it."""

    without: Callable[[config.Plan, Places, tuple[str, ...]], Figures]
    note: Callable[[config.Plan], str]


def _note(plan: config.Plan) -> str:
    n, of = plan.apart.batches, plan.tune.batches
    return (
        f"Encoder, pooling and head trained anew without each, for {n} batches in place of the {of:,} of what ships; "
        f"mean of {plan.tunings} tunings, as it is."
    )


AS_DEEP: Final = Apart(deep_without, _note)


def measure(apart: Apart, plan: config.Plan, places: Places) -> None:
    """Measure every group of the plan and write the figures into the work folder."""
    path = places.work / f"left-out-{plan.network}.json"
    found: Figures = {}
    for at, group in enumerate(plan.left_out, 1):
        found |= apart.without(plan, places, tuple(group))
        print(f"without {', '.join(group)}: { ({one: found[one] for one in group}) }")
        done = ", ".join(" with ".join(each) for each in plan.left_out[:at])
        document = {"left out": found, "note": f"{apart.note(plan)} ({done})", "partial": at < len(plan.left_out)}
        path.write_text(json.dumps(document, indent=1))
