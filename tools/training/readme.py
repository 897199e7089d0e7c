"""The README of a model folder, written from the same figures as the card, so that the two cannot disagree."""

from collections.abc import Mapping
from typing import Any

STREAM = """# stream: the default network

Listens to about 8 s of sound (a 200 x 400 picture, 0 to 4 kHz) and up to 40 English words with their times, and
answers with six emotions (happy, angry, sad, surprised, disgusted, fear) or "none" of them. Under a million
parameters. `card.json` holds configuration, labels, temperatures, hashes, corpora, figures and the training
command; `network.onnx` is exported from `weights.safetensors`.

## Licence and what it must not be used for

Weights: **CC BY-NC-SA 4.0**, because of the corpora they were trained on (some of which state no licence or allow
research only: see `trained_on` in the card). Research and demonstration, **non-commercial**. The code's Apache-2.0
does not cover them.

Do not use it to infer emotions at work or in education (prohibited in the European Union, AI Act Article 5(1)(f)),
for decisions about persons, for medical, legal or safety purposes, or on persons who have not been told (Article
50(3)).

## What it cannot do

* It was trained on *acted* voices. Real talk is quieter, mixed and mostly neutral: expect much less than the
  figures below.
* Two speakers make up each RAVDESS test figure; other speakers may differ by 0.07 or more. Corpora never met:
  expect half.
* What someone sounds like or says is not what they feel. Culture, illness, tiredness and irony mislead it.
* Words are English; the sound side has heard English, Polish, German, Amharic, Italian and Korean.
* No corpus pairs emotional words with an emotional voice, so the joint head learned from sounds and texts joined by
  label. Figures on such pairs flatter.
* It does not adapt to a speaker.

## Measured

Nothing was chosen by the test parts; the speakers were never trained on. Recall is unweighted (mean over classes);
"six" is the best of the six emotions on clips or lines of the six, "own" the best of the classes that the corpus
has, neutral included. Intervals: bootstrap over clips or lines, 95 %. Chance for six is 0.167.

"""

VECTORS = """# words-en: English word vectors

{rows} tokens, 300 numbers each, int8 with one scale per row. Started from the vectors of spaCy's en_core_web_md
3.7.1 (MIT, Explosion), brought to one length, and fine-tuned together with `models/stream` on GoEmotions, MELD,
EmoryNLP, DailyDialog, ISEAR and SemEval-2018 tweets: they say what a word means *for emotion* and serve no other
purpose well. Contractions are split (do + n't); `?`, `!`, `.` and `,` have rows of their own; what is not in
`vocabulary.txt` has no vector and is masked.

Licence: CC BY-NC-SA 4.0, **non-commercial**, because of the corpora; the same prohibitions as for `models/stream`
hold.
"""


def table(figures: Mapping[str, Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    """Return a Markdown table: a row per entry, a column per key of `columns` under its heading."""
    lines = ["| | " + " | ".join(columns.values()) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, row in figures.items():
        cells = [" to ".join(map(str, v)) if isinstance(v, list) else str(v) for v in (row[key] for key in columns)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def stream(figures: Mapping[str, Any], threshold: float) -> str:
    """Return the README of `models/stream`."""
    common = {"n": "n (six)", "recall_of_six": "six", "interval_95": "95 %", "recall_of_own_classes": "own"}
    with_f1 = {"macro_f1": "macro-F1", "weighted_f1": "weighted F1"}
    error = {"calibration_error": "ECE"}
    pairs_name = next(name for name in figures if name.startswith("synthetic"))
    pair_columns = {"n": "n", "sum": "sum of heads", "joint": "joint", "sound": "sound", "words": "words"}
    empty = ", ".join(f"{name} {share}" for name, share in figures["share called none"].items())
    return (
        STREAM
        + "### Sound alone (whole clips, through the live program's own features)\n\n"
        + table(figures["sound alone"], common | error)
        + "\n### Words alone\n\n"
        + table(figures["words alone"], common | with_f1 | error)
        + f"\n### {pairs_name[0].upper() + pairs_name[1:]}; recall of all seven answers\n\n"
        + table(figures[pairs_name], pair_columns)
        + f"\nNobody speaking, share called none of the six by the sound head: {empty}.\n"
        + f"\nUnder a confidence of {threshold} the answer is `unsure`.\n"
    )
