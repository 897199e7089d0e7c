"""The parts of a README about words, both together, whole recordings, and costs. Pure."""

from collections.abc import Mapping
from typing import Any

from tools.cards import measures, texts
from tools.cards.cells import ends, grid, n


def words(found: Mapping[str, Any]) -> str:
    """Return the figures of lines of text."""
    rows = [
        [name, str(row["n"] + row["n_neutral"]), n(row["weighted_f1"]), n(row["macro_f1_7"] or row["macro_f1"]),
         n(row["uar"]), ends(row["ci95"]), n(row["ece"])]
        for name, row in (found.get("words") or {}).items()
    ]  # fmt: skip
    if not rows:
        return ""
    notes = (
        "`no marks`: without `. , ? !`, as Vosk hears; with them, as Whisper does (MELD's marks are the script "
        "writers'). F1 is over seven classes where a corpus has neutral lines, else over those of the six. `40 "
        "words filled`: each line after those spoken before it, by whomever, with a pause between two lines, as a live "
        "window holds them; `in one breath`: without the pauses."
    )
    heads = ("", "lines", "weighted F1", "macro-F1", "UAR of six", "95 %", "ECE")
    return "## Words alone\n\n" + grid(heads, rows) + f"\n{notes}"


def pairs(found: Mapping[str, Any]) -> str:
    """Return the figures of both sides together."""
    rows = [
        [f"{group.removeprefix('synthetic pairs, ')}: {name}", str(row["n"]), n(row["uar"]), ends(row["ci95"]),
         n(row["uar7_own"]), n(row["ece"])]
        for group in measures.PAIRS for name, row in (found.get(group) or {}).items()
    ]  # fmt: skip
    if not rows:
        return ""
    return f"## Both together\n\n{texts.PAIRED}\n\n" + grid(("", "n", "UAR", "95 %", "UAR of seven", "ECE"), rows)


def joined(found: Mapping[str, Any]) -> str:
    """Return the figures of the whole monitor on joined recordings."""
    rows = [
        [name, n(row["minutes"]), n(row["time_to_first_correct_s"]["median"]),
         n(row["time_to_first_correct_s"]["never"]), n(row["false_flips_per_minute"]),
         n(row["false_alarms_per_hour"]), n(row["accuracy_over_hops"]["cumulative"]),
         n(row["accuracy_over_hops"]["shown"])]
        for name, row in (found.get("joined") or {}).items()
    ]  # fmt: skip
    if not rows:
        return ""
    heads = ("joined test clips, sound alone", "minutes", "s to first correct (median)", "episodes never right",
             "false flips a minute", "false alarms an hour", "accuracy over hops", "of what is shown")  # fmt: skip
    return "## Joined recordings, through the whole monitor\n\n" + grid(heads, rows)


def alarms(found: Mapping[str, Any]) -> str:
    """Return what is shown where nobody speaks."""
    document = found.get("false alarms") or {}
    if "shown_per_hour" not in document:
        return ""
    rows = [[kind, f"{row['seconds'] / 60:.1f}", str(row["hops_taken_for_speech"]), str(row["shown"])]
            for kind, row in (document.get("kinds") or {}).items()]  # fmt: skip
    deaf = document.get("taken_for_speech") == 0.0
    never = " The voice detector took none of it for speech, so no network was asked." if deaf else ""
    told = f"{document['shown_per_hour']:g} emotions shown an hour, through the whole monitor"
    head = f"## Nobody speaking\n\n{told} (`python tools/measure_alarms.py`).{never}\n\n"
    return head + grid(("sound", "minutes", "hops taken for speech", "emotions shown"), rows)


def speed(found: Mapping[str, Any], folder: str) -> str:
    """Return cost and size, side by side with every other model of the same run."""
    costs = found.get("speed") or {}
    if not costs:
        return ""
    lengths = list(next(iter(costs.values()))["ms"])
    rows = [
        [f"**{name}**" if name == folder else name, *(f"{one['ms'][s]:.1f}" for s in lengths), f"{one['ms_a_hop']:.1f}",
         f"{one['numbers'] / 1e6:.2f}", f"{one.get('weights.safetensors', 0) / 1e6:.1f}",
         f"{one.get('network.onnx', 0) / 1e6:.1f}"]
        for name, one in costs.items()
    ]  # fmt: skip
    heads = ("", *(f"ms, {s} s of sound" for s in lengths), "ms, next hop", "million numbers", "weights (MB)",
             "network.onnx (MB)")  # fmt: skip
    note = (
        "Median processor time of one window on one thread, through the program's own classifier; all models in "
        "turn, in one run. `next hop`: 160 ms of sound after a full window."
    )
    return f"## Speed and size\n\n{grid(heads, rows)}\n{note}"
