"""From the documents of `emostream evaluate` to what stands in a card under `figures`. Pure.

A figure is rounded once, here, and its command stands beside it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from streamer.evaluation.curves import FEWEST_ROWS

DIGITS: Final = 4

OF_SOUND: Final = (
    "n", "n_neutral", "speakers", "uar", "ci95", "ci95_over", "uar_own", "ci95_own", "uar_no_adaptation", "uar7",
    "neutral_recall", "ece", "ece_floor", "ece7", "coverage", "accuracy_when_sure", "uar_by_gender",
)  # fmt: skip
OF_NOISE: Final = ("n", "uar", "ci95", "uar_own", "ece")
OF_WORDS: Final = (
    "n", "n_neutral", "uar", "ci95", "weighted_f1", "macro_f1", "macro_f1_7", "ece", "ece7", "coverage",
)  # fmt: skip
OF_PAIRS: Final = ("n", "n_neutral", "uar", "ci95", "uar7_own", "weighted_f1", "ece", "ece7")
OF_JOINED: Final = ("recordings", "minutes", "episodes", "time_to_first_correct_s", "flips_per_minute",
                    "false_flips_per_minute", "false_alarms_per_hour", "accuracy_over_hops")  # fmt: skip
LEFT_OUT: Final = ("uar_own", "uar_own_no_adaptation", "uar_own_emotions", "ece")
"""Of a corpus left out of training: recall of its classes with neutral and of the six alone, calibration error."""
CURVES: Final = ("reliability", "risk_coverage", "risk_coverage_7")

Documents = Mapping[str, Mapping[str, Any]]


def of_documents(documents: Mapping[str, Documents], commands: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """Return the figures by group and name; `commands` has the command line of each."""
    found: dict[str, Any] = {}
    for group, by_name in documents.items():
        for name, document in by_name.items():
            one = {**rounded(_chosen(group, document)), "command": commands[group, name]}
            found.setdefault(group, {})[name] = one
    return found


def _chosen(group: str, document: Mapping[str, Any]) -> dict[str, Any]:
    if group in {"sound", "telephone", "everybody"}:
        worst = worst_speaker(document.get("uar_by_speaker") or {})
        curves = {name: document.get(name) for name in CURVES} if group == "everybody" else {}
        gains = document.get("adaptation") or {}
        gain = {name: gains[name] for name in ("gain", "gain_ci95") if name in gains}
        more = {"gender_gap": gender_gap(document.get("uar_by_gender") or {}), "worst_speaker": worst}
        return _of(document, OF_SOUND) | more | ({"adaptation": gain} if gain else {}) | curves
    if group == "joined":
        return _of(document["stream"], OF_JOINED)
    names = OF_WORDS if group == "words" else OF_PAIRS if group.startswith("synthetic pairs") else OF_NOISE
    return _of(document, names)


def _of(document: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: document.get(name) for name in names}


def worst_speaker(by_speaker: Mapping[str, Mapping[str, float]]) -> dict[str, Any] | None:
    """Return the speaker with the lowest recall among those with `FEWEST_ROWS` clips; None where nobody has."""
    enough = {name: one for name, one in by_speaker.items() if one["n"] >= FEWEST_ROWS}
    if not enough:
        return None
    name = min(enough, key=lambda speaker: enough[speaker]["uar"])
    return {"speaker": name, **enough[name]}


def gender_gap(by_gender: Mapping[str, float]) -> float | None:
    """Return how far the genders are apart; None where there are not two."""
    return max(by_gender.values()) - min(by_gender.values()) if len(by_gender) > 1 else None


def left_out(cross: Mapping[str, Any]) -> dict[str, float]:
    """Return the means over the corpora of what was measured on each with a network that never met it.

    There are none while some corpora are still to be left out ("partial").
    """
    if cross.get("partial"):
        return {}
    rows = [row for row in (cross.get("left out") or {}).values() if isinstance(row, Mapping)]
    names = [name for name in LEFT_OUT if rows and all(row.get(name) is not None for row in rows)]
    return {name: round(sum(row[name] for row in rows) / len(rows), DIGITS) for name in names}


def rounded(value: Any) -> Any:  # noqa: ANN401  whatever a document holds
    """Return the value with every number of it rounded."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, Mapping):
        return {key: rounded(inner) for key, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def at(figures: Mapping[str, Any], path: Sequence[str]) -> Any:  # noqa: ANN401  whatever a card holds
    """Return what stands under a path of names; None where there is no such thing."""
    found: Any = figures
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def commands(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield every command line that stands in figures."""
    for name, inner in figures.items():
        if name == "command":
            yield str(inner)
        elif isinstance(inner, Mapping):
            yield from commands(inner)
