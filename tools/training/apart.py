"""How far `deep` goes on a corpus that it never met: encoder, pooling and head are trained anew without some corpora.

Such a network meets less than what is shipped, for a shorter time: figures are rather too low than too high. A group is
a corpus by itself, or several that are left out together.
"""

import json

import numpy as np
import torch

from streamer.network.deep import Deep
from tools.training import config, melstore, metrics, pictures, speakerpast, stage_tune
from tools.training.hearing import NOISES, Hearing, Places


def without(plan: config.Plan, places: Places, group: list[str]) -> dict[str, dict[str, object]]:
    """Train without the corpora of `group` and return the figures of each of them."""
    torch.manual_seed(plan.seed)
    network = Deep(**plan.config)
    heard = Hearing(network, plan, places)
    store, name = heard.store, "tune-without-" + "-".join(group)
    tuned = heard.tune(network, plan.apart, name, tuple(group))
    head = speakerpast.Head(tuned.attending.summary, tuned.attending.head)

    def embedded(name: str, *, met: bool) -> speakerpast.Embedded:
        scenes = melstore.open_scenes(places.work, name)
        corpus = np.array([store.recordings[c].corpus if c >= 0 else "" for c in scenes.notes["clip"]])
        some = scenes.part(np.flatnonzero((corpus != "") & (np.isin(corpus, group) != met)))
        clip, label = (some.notes[field].astype(np.int64) for field in ("clip", "label"))
        return speakerpast.Embedded(stage_tune.centred(tuned, some)[None], clip, label)

    names = [pictures.held_out_name("valid", *noise) for noise in NOISES]
    judged = speakerpast.answers(head, {one: embedded(one, met=True) for one in names}, store.recordings)
    temperature = metrics.fit_temperature(*judged)
    unmet = embedded("train-0", met=False)
    figures = {}
    for one in group:
        rows = np.flatnonzero([store.recordings[c].corpus == one for c in unmet.clip])
        data = speakerpast.Embedded(unmet.x[:, rows], unmet.clip[rows], unmet.label[rows])
        figures[one] = speakerpast.crossed(head, data, store.recordings, temperature)
    return figures


def measure(plan: config.Plan, places: Places) -> None:
    """Measure every group of the plan and write the figures into the work folder."""
    path = places.work / f"left-out-{plan.network}.json"
    found: dict[str, dict[str, object]] = {}
    for at, group in enumerate(plan.left_out, 1):
        found |= without(plan, places, group)
        print(f"without {', '.join(group)}: { ({one: found[one] for one in group}) }")
        done = ", ".join(" with ".join(each) for each in plan.left_out[:at])
        n, of = (schedule.epochs * schedule.steps for schedule in (plan.apart, plan.tune))
        note = (
            f"Encoder, pooling and head trained anew without each ({done}), for {n} batches in place of the {of:,} of "
            f"what ships; mean of {plan.tunings} tunings, as it is."
        )
        document = {"left out": found, "note": note, "partial": at < len(plan.left_out)}
        path.write_text(json.dumps(document, indent=1))
