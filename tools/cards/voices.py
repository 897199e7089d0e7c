"""The parts of a README about sound: recall by corpus, noise, calibration, the speaker, corpora never met. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from streamer.evaluation.curves import FEWEST_ROWS
from streamer.network.card import Card
from tools.cards import measures, texts
from tools.cards.cells import ends, grid, n
from tools.cards.figures import at

NOISE_SVG, CALIBRATION_SVG, COVERAGE_SVG = "noise.svg", "calibration.svg", "coverage.svg"
NOISES: Final = ("white noise", "babble noise")


def sound(found: Mapping[str, Any]) -> str:
    """Return recall by corpus, with the lowest speaker and the genders."""
    corpora = found.get("sound") or {}
    if not corpora:
        return ""
    heads = ("", "n", "UAR", "95 %", "own", "95 %", "no adaptation", "lowest speaker (n)", "women / men",
             "seven answers", "neutral", "ECE")  # fmt: skip
    rows = [_of_corpus(name, row) for name, row in {**corpora, **(found.get("everybody") or {})}.items()]
    told = [f"A telephone (G.711): {name} {n(row['uar'])}." for name, row in (found.get("telephone") or {}).items()]
    notes = (
        f"`no adaptation`: UAR without the running mean of the speaker. Lowest speaker: of those with {FEWEST_ROWS} "
        "clips or more. `seven answers`: UAR with neutral as a seventh class, right where the program names no "
        "emotion; `neutral`: recall of that class. `all corpora`: at most 120 clips of each. "
    )
    return f"## Sound alone\n\n{texts.HOW}\n\n{grid(heads, rows)}\n{notes}{' '.join(told)}"


def _of_corpus(name: str, row: Mapping[str, Any]) -> list[str]:
    worst, genders = row.get("worst_speaker"), row.get("uar_by_gender") or {}
    star = "" if row["ci95_over"] == "speakers" else " *"
    lowest = f"{n(worst['uar'])} ({worst['n']})" if worst and row["speakers"] > 1 else "–"
    both = " / ".join(n(genders[g]) for g in ("f", "m")) if {"f", "m"} <= genders.keys() else "–"
    return [
        name, str(row["n"]), n(row["uar"]), ends(row["ci95"]) + star, n(row["uar_own"]),
        ends(row["ci95_own"]) + star, n(row["uar_no_adaptation"]), lowest, both, n(row["uar7"]),
        n(row["neutral_recall"]), n(row["ece"]),
    ]  # fmt: skip


def noise(found: Mapping[str, Any]) -> str:
    """Return the noise curve."""
    curves = [found[name] for name in NOISES if name in found]
    if len(curves) < len(NOISES):
        return ""
    snrs = sorted(curves[0], key=float)
    rows = [
        [name, *(f"{n(curve[snr]['uar'])} ({ends(curve[snr]['ci95'])})" for snr in snrs)]
        for name, curve in zip(NOISES, curves, strict=True)
    ]
    head = f"## In noise ({measures.NOISY}, UAR by dB of speech over noise between 0 and 4 kHz)\n\n"
    return head + grid(("", *snrs), rows) + f"\n![recall by noise]({NOISE_SVG})"


def calibration(found: Mapping[str, Any], threshold: float) -> str:
    """Return how far its shares may be believed."""
    row = at(found, ("everybody", "all corpora"))
    if not row:
        return ""
    sure = f"{row['coverage']:.0%} of the clips of the six" if row["coverage"] is not None else "nothing"
    right = (
        f", and is right on {row['accuracy_when_sure']:.0%} of those" if row["accuracy_when_sure"] is not None else ""
    )
    return (
        "## Calibration and abstention\n\n"
        f"Speakers never met, all corpora with at most 120 clips each: ECE {n(row['ece'])} of the six shares, "
        f"{n(row['ece7'])} of seven; so few clips would give {n(row.get('ece_floor'))} if every share were true. At "
        f"the threshold of {threshold:g} the program names an emotion for {sure}{right}. "
        "Temperatures and threshold were fitted on validation speakers.\n\n"
        f"![confidence beside truth]({CALIBRATION_SVG})\n\n![errors beside coverage]({COVERAGE_SVG})\n\n"
        "In the second drawing the upper line counts neutral clips too: any emotion that is named on one is wrong."
    )


def adaptation(card: Card) -> str:
    """Return what knowing the speaker gains, and where it harms."""
    if card.adaptation is None:
        return "## The speaker\n\nIt does not adapt to a speaker."
    note = card.adaptation
    told = (
        "## The speaker\n\nThe program keeps a running mean of what a speaker's voice is like to the network, one "
        "embedding an utterance, and takes it off (numbers only, in memory alone, forgotten where the sound's origin "
        f"changes). With t utterances heard, the mean is {note.strength:g} × their sum / (t + {note.prior:g})"
        f"{f', and nothing under {note.warm_up} of them' if note.warm_up > 1 else ''}.\n"
    )
    corpora = card.figures.get("sound") or {}
    gains = [
        [name, n(row["uar_no_adaptation"]), n(row["uar"]), f"{row['adaptation']['gain']:+.3f}",
         ends(row["adaptation"]["gain_ci95"])]
        for name, row in corpora.items() if at(row, ("adaptation", "gain")) is not None
    ]  # fmt: skip
    if gains:
        told += "\n" + grid(("test speakers, random order", "UAR without", "with", "gain", "95 %"), gains)
    return told + harm(card.figures.get("adaptation") or {})


def harm(document: Mapping[str, Any]) -> str:
    """Return gain and harm by kind of stream, mean over the corpora."""
    rows = [
        [scene, n(one["without"]), n(one["with"]), f"{one['gain']:+.3f}", ends(one["gain_ci95"])]
        for scene, by_corpus in (document.get("scenes") or {}).items()
        for name, one in by_corpus.items() if name == "all corpora"
    ]  # fmt: skip
    if not rows:
        return ""
    heads = (f"streams of `{document['split']}` speakers, mean of corpora", "UAR without", "with", "gain", "95 %")
    most = f", at most {document['limit']} clips of a corpus" if document.get("limit") else ""
    return "\n" + grid(heads, rows) + f"\nBy `python tools/measure_adaptation.py`{most}.\n"


def crossing(card: Card) -> str:
    """Return what is left on a corpus that nothing was trained on."""
    cross = card.figures.get("cross corpus") or {}
    mean = {"mean": cross["mean"]} if cross.get("mean") else {}
    rows = [
        [name, str(row.get("n", "")), n(row.get("uar_own_emotions")), n(row.get("uar_own")), ends(row.get("ci95")),
         n(row.get("uar_own_no_adaptation")), n(row.get("ece"))]
        for name, row in {**(cross.get("left out") or {}), **mean}.items()
    ]  # fmt: skip
    if not rows:
        return f"## Corpora never met\n\n{texts.NOT_CROSSED}" if card.network == "stream" else ""
    heads = ("left out", "n", "UAR own", "with neutral", "95 %", "with neutral, no adaptation", "ECE")
    told = cross.get("note") or "Trained anew without the corpus, then tested on it."
    text = f"## Corpora never met\n\n{told}\n\n" + grid(heads, rows)
    matrix = cross.get("matrix") or {}
    tests = list(dict.fromkeys(name for row in matrix.values() for name in row))
    cells = [[name, *(n(_number(row.get(test))) for test in tests)] for name, row in matrix.items()]
    return text + ("\n" + grid(("trained on \\ tested on", *tests), cells) if cells else "")


def _number(cell: Any) -> float | None:  # noqa: ANN401  a number, or an entry that holds one
    value = cell.get("uar_own") if isinstance(cell, Mapping) else cell
    return None if value is None else float(value)
