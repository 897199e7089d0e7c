"""The document of an evaluation as lines that people read. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

ONE_LINE: Final = (
    "uar", "uar_no_adaptation", "uar_own", "accuracy", "macro_f1", "weighted_f1", "uar7", "uar7_own", "neutral_recall",
    "macro_f1_7", "ece", "ece_floor", "ece7", "nll", "brier", "coverage", "accuracy_when_sure",
)  # fmt: skip
"""Figures of one number, in the order in which they are shown."""


def sheet(document: Mapping[str, Any]) -> str:
    """Return what the document says, one figure a line."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    heard = f", {document['noise']} noise at {document['snr_db']:g} dB" if document["noise"] else ""
    coded = f", codec {document['codec']}" if document["codec"] else ""
    plain = ", plain words" if document["plain_words"] else ""
    yield f"model {document['model']}, {document['modality']}{plain}{heard}{coded}, {document['rows']} rows"
    for row in document["unreadable"]:
        yield f"cannot be read: line {row['line']}: {row['reason']}"
    if document["n_unreadable"]:
        yield f"{document['n_unreadable']} of {document['rows']} rows cannot be read and are not counted"
    if "stream" in document:
        yield from _stream(document["stream"])
        return
    low, high = document["ci95"] or (None, None)
    yield f"n                   {document['n']} of the six emotions, {document['n_neutral']} neutral"
    for name in ONE_LINE:
        if document[name] is not None:
            told = f"  (95 % {low:.3f} to {high:.3f}, drawn over {document['ci95_over']})" if low is not None else ""
            interval = told if name == "uar" else ""
            yield f"{name:<20}{document[name]:.3f}{interval}"
    for gender, recall in (document["uar_by_gender"] or {}).items():
        yield f"uar of {gender:<13}{recall:.3f}"
    yield from _adaptation(document["adaptation"])
    yield from _classes(document)


def _adaptation(adaptation: Mapping[str, Any] | None) -> Iterator[str]:
    if adaptation is None:
        yield "the model does not adapt to speakers"
        return
    low, high = adaptation["gain_ci95"] or (None, None)
    told = f": uar {adaptation['gain']:+.3f} (95 % {low:+.3f} to {high:+.3f})" if low is not None else ""
    yield f"adapted to each speaker, {adaptation['order']} order{told}"


def _classes(document: Mapping[str, Any]) -> Iterator[str]:
    if not document["labels"]:
        return
    yield ""
    yield f"{'':<12}{'precision':>10}{'recall':>10}{'f1':>10}{'rows':>8}   answered " + " ".join(document["answers"])
    for label, counts in zip(document["labels"], document["confusion"], strict=True):
        one = document["per_class"][label]
        answered = " ".join(f"{n:>{len(a)}}" for n, a in zip(counts, document["answers"], strict=True))
        scores = f"{one['precision']:>10.3f}{one['recall']:>10.3f}{one['f1']:>10.3f}{one['support']:>8}"
        yield f"{label:<12}{scores}            {answered}"


def _stream(stream: Mapping[str, Any]) -> Iterator[str]:
    yield f"{stream['recordings']} joined recordings, {stream['minutes']:.1f} minutes, {stream['episodes']} episodes"
    for name in ("time_to_first_correct_s", "time_to_stable_correct_s"):
        times = {key: "-" if value is None else f"{value:.2f}" for key, value in stream[name].items()}
        yield f"{name:<26}median {times['median']}, 90 % {times['p90']}, never {times['never']} of the episodes"
    for name in ("flips_per_minute", "false_flips_per_minute", "false_alarms_per_hour"):
        yield f"{name:<26}{_number(stream[name])}"
    for name in ("accuracy_over_hops", "drift"):
        yield f"{name:<26}" + ", ".join(f"{key} {_number(value)}" for key, value in stream[name].items())


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"
