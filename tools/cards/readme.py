"""The README of a model folder, from its card and nothing else, so that the two cannot disagree. Pure."""

import math
import textwrap
from collections.abc import Mapping
from typing import Any, Final

from streamer.network import contract
from streamer.network.card import Card
from tools.cards import aims, figures, licences, measures, others, texts, voices
from tools.cards.cells import grid, listed, n

WIDTH: Final = 118


def readme(card: Card, folder: str, default: str) -> str:
    """Return the whole text; `folder` is the name of the model's folder, `default` that of the monitor's model."""
    found = card.figures
    sections = (
        opening(card, folder, is_default=folder == default), licences.section(card), not_able(card),
        reached(card), voices.sound(found), voices.noise(found), voices.calibration(found, card.threshold),
        voices.adaptation(card), voices.crossing(card),
        others.words(found), others.pairs(found), others.joined(found), others.alarms(found),
        others.speed(found, folder), training(card), commands(found),
    )  # fmt: skip
    return wrapped("\n".join(section.strip() + "\n" for section in sections if section))


def wrapped(text: str) -> str:
    """Return Markdown whose paragraphs are at most `WIDTH` wide; headings, tables, lists and code stay as they are."""
    lines: list[str] = []
    in_code = False
    for line in text.split("\n"):
        in_code ^= line.startswith("```")
        runs = not (in_code or line.startswith(("#", "|", "* ", " ", "!", "```")))
        lines += textwrap.wrap(line, WIDTH, break_long_words=False, break_on_hyphens=False) or [""] if runs else [line]
    return "\n".join(lines)


def opening(card: Card, folder: str, *, is_default: bool) -> str:
    """Return what the model is."""
    seconds = contract.samples_of(card.shapes["columns"][0], card.step_samples) / contract.PICTURE_RATE_HZ
    size = sum(math.prod(shape) for shape in card.tensors.values())
    lines = [f"# {folder}: {card.name}", "", texts.INTRODUCTIONS.get(card.network, texts.OTHER).format(seconds=seconds)]
    use = "The monitor's default model." if is_default else f"`emostream --model {folder}` listens with it."
    lines += [f"{use} {size:,} numbers.", "", _answers(card), ""]
    if card.figures.get("limit"):
        lines += [f"**Measured in haste: at most {card.figures['limit']} rows of everything.**", ""]
    return "\n".join(lines)


def _answers(card: Card) -> str:
    weights = ", ".join(f"{head} × {weight:g}" for head, weight in zip(card.heads, card.head_weights, strict=True))
    told = texts.ANSWERS.format(threshold=card.threshold, weights=weights)
    return f"{told} {texts.JOINED}" if card.network in measures.TWO_SIDED else told


def not_able(card: Card) -> str:
    """Return what it cannot do, the measured weaknesses among it."""
    known = [texts.LANGUAGES[note.corpus] for note in card.trained_on if note.corpus in texts.LANGUAGES]
    told = texts.NOT_ABLE.format(languages=listed(list(dict.fromkeys(known)) or ["nothing"]))
    corpora = {name: row for name, row in (card.figures.get("sound") or {}).items() if row["uar"] is not None}
    if corpora:
        worst = min(corpora, key=lambda name: corpora[name]["uar_own"])
        told += (
            f"* Of the corpora below it does worst on {worst}: {n(corpora[worst]['uar_own'])} of its own classes.\n"
            f"* Neutral voices are called an emotion {_neutral_errors(corpora)}.\n"
        )
    return "## What it cannot do\n\n" + told


def _neutral_errors(corpora: Mapping[str, Mapping[str, Any]]) -> str:
    shares = [1.0 - row["neutral_recall"] for row in corpora.values() if row["neutral_recall"] is not None]
    return f"in {min(shares):.0%} to {max(shares):.0%} of the clips, by corpus" if shares else "as often as they may be"


def reached(card: Card) -> str:
    """Return the aims beside what was reached."""
    rows = aims.table(card.network, card.figures)
    if not rows:
        return ""
    told = "Against eGeMAPS with an SVM fitted to each corpus: [models/README.md](../README.md)."
    return "## Aims, and what was reached\n\n" + grid(("", "aim", "measured", "reached"), rows) + "\n" + told


def training(card: Card) -> str:
    """Return how it was made."""
    return (
        f"## How it was trained\n\n```sh\n{card.command}\n```\n\nWhat was tried: [EXPERIMENTS.md](../EXPERIMENTS.md)."
    )


def commands(found: Mapping[str, Any]) -> str:
    """Return the command line of every figure."""
    lines = list(dict.fromkeys(figures.commands(found)))
    if not lines:
        return ""
    text = (
        "## The command of every figure\n\n`DIR` holds the corpora, `WORK` the manifests that `python "
        "tools/measure_card.py --corpora DIR --work WORK` writes there."
    )
    return f"{text}\n\n```sh\n" + "\n".join(lines) + "\n```"
