"""The model folder of one of the paper's networks: large weights in half precision, figures by `emostream evaluate`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from streamer import places as house
from streamer.evaluation import manifest, study
from streamer.evaluation.request import Request
from streamer.network import card, checkpoint, export, registry
from tools.training import corpora, crosspairs, halves, moseiwindows, scenepairs
from tools.training.batches import DataSet
from tools.training.readme import table

NOISE_DB: Final = 10.0
"""Level of the white noise of the second figure, under the speech."""

LICENCE: Final = "CC BY-NC-SA 4.0 and data for research only (see trained_on): research, non-commercial"


def halved(network: nn.Module) -> None:
    """Round the large weights of `network` to numbers of float16, so that every figure is of what is shipped."""
    with torch.no_grad():
        for name, tensor in halves.halved(registry.tensors_of(network)).items():
            network.state_dict()[name].copy_(torch.from_numpy(np.array(tensor)))


def write(folder: Path, network: nn.Module, note: card.Card) -> card.Card:
    """Write weights, ONNX file and card; the large weights of `network` are numbers of float16 already."""
    tensors = halves.halved(registry.tensors_of(network))
    note = checkpoint.write(folder, note, tensors)
    exported = export.to_onnx(network, note.files[checkpoint.WEIGHTS_FILE].sha256)
    return checkpoint.write(folder, note, tensors, halves.halved_onnx(exported))


def measure(folder: Path, note: card.Card, root: Path, shipped: Path) -> card.Card:
    """Put the figures of `emostream evaluate` on the test splits of `root` into card and README."""
    folders = (folder.parent, shipped, *house.model_folders())
    figures: dict[str, Any] = dict(note.figures)
    figures["sound alone, emostream evaluate"] = {
        name: _sound(study.evaluate(request, folders, note.name)) for name, request in _sound_requests(root)
    }
    figures["words alone, emostream evaluate"] = {
        name: _words(study.evaluate(request, folders, note.name)) for name, request in _word_requests(root)
    }
    note = replace(note, figures=figures)
    checkpoint.write_whole(folder / checkpoint.CARD_FILE, card.card_to_json(note))
    checkpoint.write_whole(folder / "README.md", readme(note).encode())
    return note


def _sound_requests(root: Path) -> list[tuple[str, Request]]:
    found = []
    for corpus in corpora.SOUND_CORPORA:
        path = root / corpus / "manifest.csv"
        if any(row.split == "test" for row in manifest.read(path).rows):
            found.append((f"{corpus} test", Request(manifest=path, split="test", modality="sound")))
    first, asked = found[0]
    noisy = replace(asked, noise="white", snr=NOISE_DB)
    return [(first, asked), (f"{first}, white noise at {NOISE_DB:g} dB", noisy), *found[1:]]


def _word_requests(root: Path) -> list[tuple[str, Request]]:
    found = []
    for corpus in ("goemotions", "meld"):
        asked = Request(manifest=root / "text" / f"{corpus}.csv.gz", split="test", modality="words")
        found += [(f"{corpus} test", asked), (f"{corpus} test, no punctuation", replace(asked, plain_words=True))]
    return found


def _sound(found: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("n", "uar", "ci95", "uar_own", "neutral_recall", "ece")
    return {key: _rounded(found[key]) for key in keys}


def _words(found: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _rounded(found[key]) for key in ("n", "uar", "ci95", "macro_f1_7", "weighted_f1")}


def _rounded(value: Any) -> Any:  # noqa: ANN401  a figure of a JSON document
    if isinstance(value, float):
        return round(value, 3)
    return [_rounded(one) for one in value] if isinstance(value, list) else value


def rows_of(data: DataSet) -> tuple[card.CorpusNote, ...]:
    """Return which corpora the training rows come from."""
    if isinstance(data, moseiwindows.MoseiWindows):
        return (card.CorpusNote("CMU-MOSEI", "as published; labels for research", len(data.labels)),)
    if isinstance(data, scenepairs.ScenePairs):
        recordings, lines = data.stage.store.recordings, data.stage.lines.lines
        clips: Sequence[int] = data.clips[data.clips >= 0].tolist()
    else:
        assert isinstance(data, crosspairs.CrossPairs)
        recordings, lines = data.material.store.recordings, data.material.lines.lines
        clips = data.clips.tolist()
    heard = [recordings[clip].corpus for clip in clips]
    read = [line.corpus for line in lines if line.split == "train"]
    return tuple(
        card.CorpusNote(corpus, corpora.LICENCES[corpus], seen.count(corpus))
        for names, seen in ((corpora.SOUND_CORPORA, heard), (corpora.TEXT_CORPORA, read))
        for corpus in names
        if seen.count(corpus)
    )


OPENINGS: Final = {
    "attention": """# {name}: the paper's attention network

Words say where in the picture to listen (equations 1 and 2), a third CNN listens there. Words reach the answer *only*
through the weights of columns: without sound it answers the same to every line.
""",
    "even": """# {name}: the control of the attention network

The same network with attention replaced by 1, so that words do nothing. It stands beside `attention` in the table of
`tools/compare.py`, and nobody should listen with it.
""",
    "shallow": """# {name}: the paper's baseline

Sound and words go through a CNN each, and side by side into the same dense layers.
""",
}

BODY: Final = """
A re-implementation from the paper's text, in the *1-D* reading (sound as 200 channels over time): two cores could not
train the 2-D reading in an hour (2.7 s a step against 0.09 s). Other choices: AdamW, seven answers ("none of the six"
is the seventh), 160 samples between two columns as the monitor hears, words with the vectors of `{vectors}`.
The large weights are stored in half precision and computed with in single. Use it with `emostream --model {name}`.

Trained with `{command}` (one seed). It is here to be compared with: `stream` and `deep` hear better.

## Licence and what it must not be used for

{licence}. Do not use it to infer emotions at work or in education (prohibited in the European Union, AI Act Article
5(1)(f)), for decisions about persons, for medical, legal or safety purposes, or on persons who have not been told
(Article 50(3)).

## What it cannot do

* It heard acted voices of a few speakers, and was trained for minutes: expect little on voices it never met.
* What someone sounds like or says is not what they feel. Culture, illness, tiredness and irony mislead it.
* No corpus pairs emotional words with an emotional voice: sounds and texts were joined by label. Figures on such pairs
  flatter.
* Words are English. It does not adapt to a speaker. The paper's 88.89 % is not reached and cannot be compared: the
  paper tested on data of its training.

## Measured

Test speakers and lines that nothing was trained on or chosen by; `uar` is the mean recall of the six emotions (chance
0.167), `own` that over the corpus' own emotions. Intervals are drawn over speakers where there are several.

### Sound alone (`emostream evaluate --modality sound --split test`)

{sound}

### Words alone (`emostream evaluate --modality words --split test`); F1 with neutral as a seventh class

{words}

### Synthetic pairs (joined by label: flattering); seven answers

{pairs}
"""


def readme(note: card.Card) -> str:
    """Return the README of a folder whose figures are measured."""
    head = OPENINGS["even" if note.config.get("even") else note.network]
    sound, words = (note.figures[f"{side} alone, emostream evaluate"] for side in ("sound", "words"))
    columns = {"n": "n", "uar": "uar", "ci95": "95 %"}
    body = BODY.format(
        name=note.name,
        vectors="its corpus" if note.vectors is None else f"models/{note.vectors.name}",
        command=note.command,
        licence=note.licence,
        sound=table(sound, {**columns, "uar_own": "own", "neutral_recall": "neutral recall", "ece": "ECE"}),
        words=table(words, {**columns, "macro_f1_7": "macro-F1", "weighted_f1": "weighted F1"}),
        pairs=table(note.figures["synthetic pairs"], {"uar": "mean recall", "accuracy": "accuracy", "macro_f1": "F1"}),
    )
    return head.format(name=note.name) + body
