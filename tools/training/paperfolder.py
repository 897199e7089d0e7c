"""The model folder of one of the paper's networks: large weights in half precision, figures by `emostream evaluate`."""

from collections.abc import Mapping
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
from tools.training import corpora, crosspairs, halves, moseiwindows
from tools.training.batches import DataSet
from tools.training.readme import table

NOISE_DB: Final = 10.0
"""Level of the white noise of the second figure, under the speech."""

LICENCES: Final = {
    "pairs": "CC BY-NC-SA 4.0 and data for research only (see trained_on): research, non-commercial",
    "mosei": "research only, non-commercial",
}
SOURCES: Final = {"pairs": "synthetic pairs", "mosei": "CMU-MOSEI, the standard folds"}
"""What the figures of a network's own held-out data are of."""


def halved(network: nn.Module) -> None:
    """Round the large weights of `network` to numbers of float16, so that every figure is of what is shipped."""
    with torch.no_grad():
        for name, tensor in halves.halved(registry.tensors_of(network)).items():
            network.state_dict()[name].copy_(torch.from_numpy(np.array(tensor)))


def write(folder: Path, network: nn.Module, note: card.Card, *, exported: bool = True) -> card.Card:
    """Write weights, card, and the ONNX file if wanted; large weights of `network` are numbers of float16 already."""
    tensors = halves.halved(registry.tensors_of(network))
    note = checkpoint.write(folder, note, tensors)
    if not exported:
        return note
    onnx = export.to_onnx(network, note.files[checkpoint.WEIGHTS_FILE].sha256)
    return checkpoint.write(folder, note, tensors, halves.halved_onnx(onnx))


def measure(folder: Path, note: card.Card, root: Path, shipped: Path, *, words: bool = True) -> card.Card:
    """Put the figures of `emostream evaluate` on the test splits of `root` into card and README.

    `words` False: those on words alone stay as they are.
    """
    folders = (folder.parent, shipped, *house.model_folders())
    figures: dict[str, Any] = dict(note.figures)
    figures["sound alone, emostream evaluate"] = {
        name: _sound(study.evaluate(request, folders, note.name)) for name, request in _sound_requests(root)
    }
    if words:
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
        if path.is_file() and any(row.split == "test" for row in manifest.read(path).rows):
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
    assert isinstance(data, crosspairs.CrossPairs)
    heard = [data.material.store.recordings[clip].corpus for clip in data.clips]
    read = [line.corpus for line in data.material.lines.lines if line.split == "train"]
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
A re-implementation from the paper's text: seed 1 of the row "{row}" of the study in `docs/study`, in the *1-D* reading
(sound as 200 channels over time), because two cores could not train the 2-D reading in the time (2.7 s a step against
0.09 s), for 750 steps of 32 clean clips with written lines joined by label. It was trained at 50 ms between columns;
the monitor's columns, one every 20 ms, are thinned inside the network to the nearest ones. Six answers: it does not
know "none of the six", and is `unsure` under a confidence of {threshold} alone. Words have the vectors of
`models/{vectors}`. The large weights are stored in half precision and computed with in single.

It is here to be compared with, not to be listened with: `stream` and `deep` hear better. Trained with

    {command}

## Licence and what it must not be used for

{licence}.

Do not use it to infer emotions at work or in education (prohibited in the European Union, AI Act Article 5(1)(f)), for
decisions about persons, for medical, legal or safety purposes, or on persons who have not been told (Article 50(3)).

## What it cannot do

* It heard clean, acted voices, for a minute of training: noise, rooms and telephones throw it off (see the second row).
* It was trained on clips cut to their voice, the newest sound last, and its dense layers know places: silence after the
  voice throws it off (`shallow` on RAVDESS: 0.28 on cut clips, 0.14 with a second of silence at both ends).
* Every window gets an emotion or `unsure`; silence, music and neutral talk were never shown to it.
* What someone sounds like or says is not what they feel. Culture, illness, tiredness and irony mislead it.
* No corpus pairs emotional words with an emotional voice: sounds and texts were joined by label. Figures on such pairs
  flatter.
* Words are English. It does not adapt to a speaker. The paper's 88.89 % cannot be compared with: its validation set was
  among its training data.

## Measured

Test speakers and lines that nothing was trained on or chosen by; `uar` is the mean recall of the six emotions (chance
0.167), `own` that over the corpus' own emotions. Intervals are drawn over speakers where there are several.

### Sound alone (`emostream evaluate --modality sound --split test`)

{sound}
### Words alone (`emostream evaluate --modality words --split test`); F1 with neutral as a seventh class

{words}
### Synthetic pairs (joined by label: flattering), at the network's own 50 ms

{pairs}"""


ROWS: Final = {
    "attention": "attention (modern)",
    "even": "attention replaced by 1 (modern)",
    "shallow": "shallow (modern)",
}


def readme(note: card.Card) -> str:
    """Return the README of a folder whose figures are measured."""
    kind = "even" if note.config.get("even") else note.network
    sound, words = (note.figures[f"{side} alone, emostream evaluate"] for side in ("sound", "words"))
    columns = {"n": "n", "uar": "uar", "ci95": "95 %"}
    body = BODY.format(
        row=ROWS[kind],
        threshold=note.threshold,
        vectors=note.vectors.name if note.vectors else "",
        command=note.command,
        licence=note.licence,
        sound=table(sound, {**columns, "uar_own": "own", "neutral_recall": "neutral recall", "ece": "ECE"}),
        words=table(words, {**columns, "macro_f1_7": "macro-F1", "weighted_f1": "weighted F1"}),
        pairs=table(note.figures[SOURCES["pairs"]], {"uar": "mean recall", "accuracy": "accuracy", "macro_f1": "F1"}),
    )
    return OPENINGS[kind].format(name=note.name) + body
