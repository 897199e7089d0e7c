"""How far `deep` goes on a corpus that it never met: encoder, pooling and head are trained anew without some corpora.

Only one training for a group of corpora, not one for each: it meets less than what is shipped, and figures are rather
too low than too high.
"""

import json
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from streamer.network.deep import Deep
from tools.training import config, melstore, metrics, stage_speaker, stage_tune
from tools.training.hearing import Hearing, Places

COPIES: Final = 4
"""Of every training scene, for the head."""

AT_ONCE: Final = 96


@torch.inference_mode()
def embeddings(tuned: stage_tune.Tuned, scenes: melstore.MelScenes) -> NDArray[np.float32]:
    """Return uncentred embeddings (scenes, P)."""
    order = np.argsort(scenes.notes["latents"], kind="stable")
    parts = [
        tuned.eval().embed([scenes.cut(row, 0, scenes.columns(row)) for row in some.tolist()])
        for some in np.array_split(order, -(-len(order) // AT_ONCE))
    ]
    return np.asarray(torch.cat(parts).numpy()[np.argsort(order, kind="stable")])


def without(plan: config.Plan, places: Places, group: list[str]) -> dict[str, dict[str, object]]:
    """Train without the corpora of `group` and return the figures of each of them."""
    torch.manual_seed(plan.seed)
    network = Deep(**plan.config)
    heard = Hearing(network, plan, places)
    heard.whisper(network)
    store, name = heard.store, "-without-" + "-".join(group)
    tuned = stage_tune.Tuned(network.sound, network.sound_pooling)
    stage_tune.run(
        f"tune{name}", tuned, plan.tune_copies, store, plan.favour, plan.apart, places.work, plan.seed, tuple(group)
    )
    names = [*(f"train-{copy}" for copy in range(COPIES)), "valid-clean"]
    sets = [melstore.open_scenes(places.work, one) for one in names]
    raw = [embeddings(tuned, scenes) for scenes in sets]
    corpus = [np.array([store.recordings[c].corpus if c >= 0 else "" for c in s.notes["clip"]]) for s in sets]
    met = ~np.isin(corpus[0], group)
    centre, spread = raw[0][met].mean(axis=0), raw[0][met].std(axis=0) + np.float32(1e-3)
    notes = sets[0].notes
    clip, label = notes["clip"].astype(np.int64), notes["label"].astype(np.int64)
    data = stage_speaker.Embedded(np.stack([(x - centre) / spread for x in raw[:-1]]), clip, label)
    streams = stage_speaker.Streams(data.only(met), store.recordings, plan.favour)
    head, speaker = heard.head(), f"speaker{name}"
    stage_speaker.fit(speaker, head, streams, plan.speaker, {}, store.recordings, places.work, plan.seed)
    seen = ~np.isin(corpus[-1], group)
    notes = sets[-1].notes[seen]
    known = stage_speaker.Embedded(
        ((raw[-1] - centre) / spread)[None, seen], notes["clip"].astype(np.int64), notes["label"].astype(np.int64)
    )
    logits = stage_speaker.logits_of(head, stage_speaker.in_order(known, store.recordings, stage_speaker.ADAPTATION))
    temperature = metrics.fit_temperature(known.label, logits)
    return {
        one: stage_speaker.crossed(head, data.first().only(corpus[0] == one), store.recordings, temperature)
        for one in group
    }


def measure(plan: config.Plan, places: Places) -> None:
    """Measure every group of the plan and write the figures into the work folder."""
    path = places.work / f"left-out-{plan.network}.json"
    found: dict[str, dict[str, object]] = {}
    for group in plan.left_out:
        found |= without(plan, places, group)
        print(f"without {', '.join(group)}: { ({one: found[one] for one in group}) }")
        note = "Trained anew without the corpora of its group: " + "; ".join(" + ".join(g) for g in plan.left_out) + "."
        path.write_text(json.dumps({"left out": found, "note": note}, indent=1))
