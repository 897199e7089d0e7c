"""What each network was meant to reach, beside what it reached. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from tools.cards.figures import at


class Aim(NamedTuple):
    """One figure, where it stands in a card, and its bound by network."""

    title: str
    path: tuple[str, ...]
    bounds: Mapping[str, float]
    at_most: bool = False


def _both(stream: float, deep: float | None = None) -> dict[str, float]:
    return {"stream": stream, "deep": stream if deep is None else deep}


PAIRED: Final = "synthetic pairs, ravdess with goemotions"
FILLED: Final = "meld, 40 words filled, no marks"
AIMS: Final = (
    Aim("RAVDESS, UAR of six", ("sound", "ravdess", "uar"), _both(0.70, 0.80)),
    Aim("the same, white noise at 10 dB", ("white noise", "10", "uar"), _both(0.62, 0.70)),
    Aim("the same, babble at 10 dB", ("babble noise", "10", "uar"), _both(0.62, 0.70)),
    Aim("corpora left out, mean UAR of own classes", ("cross corpus", "mean", "uar_own_emotions"),
        _both(0.52, 0.62)),
    Aim("MELD, no marks, weighted F1 of seven", ("words", "meld, no marks", "weighted_f1"), _both(0.48, 0.50)),
    Aim("GoEmotions, no marks, macro-F1 of seven", ("words", "goemotions, no marks", "macro_f1_7"), _both(0.56, 0.58)),
    Aim("MELD, weighted F1 of seven", ("words", "meld", "weighted_f1"), _both(0.56, 0.58)),
    Aim("GoEmotions, macro-F1 of seven", ("words", "goemotions", "macro_f1_7"), _both(0.57, 0.60)),
    Aim("MELD, no marks, 40 words filled by earlier lines (with pauses), weighted F1", ("words", FILLED, "weighted_f1"),
        _both(0.46, 0.48)),
    Aim("joint on synthetic pairs (RAVDESS with GoEmotions), UAR", (PAIRED, "joint", "uar"), _both(0.80, 0.85)),
    Aim("ECE of six, unseen speakers", ("everybody", "all corpora", "ece"), _both(0.06), at_most=True),
    Aim("ECE of six, corpora left out, mean", ("cross corpus", "mean", "ece"), _both(0.15), at_most=True),
    Aim("an hour without speech: emotions shown", ("false alarms", "shown_per_hour"), _both(1.0), at_most=True),
    Aim("joined recordings: false flips a minute", ("joined", "ravdess", "false_flips_per_minute"), _both(2.0),
        at_most=True),
    Aim("joined recordings: median seconds to the first correct label",
        ("joined", "ravdess", "time_to_first_correct_s", "median"), _both(2.0), at_most=True),
)  # fmt: skip


def table(network: str, figures: Mapping[str, Any]) -> list[list[str]]:
    """Return rows of title, aim, figure and whether it is reached; nothing for a network without aims."""
    return list(_rows(network, figures, AIMS))


def _rows(network: str, figures: Mapping[str, Any], aims: Sequence[Aim]) -> Iterator[list[str]]:
    for aim in aims:
        bound = aim.bounds.get(network)
        if bound is None:
            continue
        wanted = f"{'≤' if aim.at_most else '≥'} {bound:.2f}"
        value = at(figures, aim.path)
        if value is None:
            yield [aim.title, wanted, "not measured", ""]
            continue
        reached = value <= bound if aim.at_most else value >= bound
        yield [aim.title, wanted, f"{value:.3f}", "yes" if reached else "**no**"]
