"""What tuning found, as Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Final

from streamer.evaluation import course
from streamer.mood import MoodRules
from tools.moods.choice import (
    KINDS,
    LATEST_S,
    MOST_FALSE_FLIPS,
    MOST_IN_A_CORPUS,
    WRONG_COSTS,
    Choice,
    Scored,
    choose,
    elsewhere,
    worth,
)
from tools.moods.hearing import Heard
from tools.moods.scores import Grid, summed, tally

SHOWN: Final = 8
"""Rules of the front that are told."""

FRONT: Final = (
    "Rules that none beats in worth, false flips, time and never at once, from the worthiest down; those within the "
    "limits are marked. Figures of joined recordings:"
)
ELSEWHERE: Final = "Rules chosen without a corpus, and what they are worth on its recordings:"
KINDS_HEAD: Final = (
    "| recordings | rules | false flips/min | first right, s: median, 90 % | never | shown right | alarms/h |"
)

NAMES: Final = tuple(field.name for field in fields(MoodRules))


def page(
    what: str, heard: Sequence[Heard], grid: Grid, scored: Sequence[Scored], asked: Sequence[MoodRules] = ()
) -> str:
    """Return the whole text; `what` names model and split, `asked` are rules to be told of beside the chosen."""
    choice = choose(scored)
    rules = {"before": grid.rules(0), "chosen": grid.rules(choice.best)}
    worths = {"before": float(choice.worth[0]), "chosen": float(choice.worth[choice.best])}
    for number, one in enumerate(asked, 1):
        rules[f"asked {number}"], worths[f"asked {number}"] = one, worth_of(one, heard)
    return "\n".join(
        (
            _heading(what, heard, choice),
            "",
            "| | " + " | ".join(NAMES) + " | worth |",
            "|---" * (len(NAMES) + 2) + "|",
            *(_rule(name, one, worths[name]) for name, one in rules.items()),
            "",
            *comparison(heard, rules),
            "",
            FRONT,
            "",
            "| | " + " | ".join(NAMES) + " | worth | false flips | time, s | never | alarms/h |",
            "|---" * (len(NAMES) + 6) + "|",
            *front_rows(grid, choice),
            "",
            *elsewhere_table(grid, scored),
        )
    )


def _heading(what: str, heard: Sequence[Heard], choice: Choice) -> str:
    return (
        f"{what}: {told(heard)}. {len(choice.worth)} rules were tried, of which "
        f"{int(choice.allowed.sum())} keep the limits: at most {MOST_FALSE_FLIPS:g} false flips a minute in joined "
        f"recordings and in talk, {MOST_IN_A_CORPUS:g} in the joined recordings of any corpus, median time to the "
        f"first right answer at most {LATEST_S:g} s. The worthiest of "
        f"them was taken (a wrong answer costs {WRONG_COSTS:g} of what a right one gains)."
    )


def told(heard: Sequence[Heard]) -> str:
    """Return what was listened to."""
    minutes = {kind: sum(one.length for one in heard if one.kind == kind) / 16_000 / 60 for kind in KINDS}
    corpora = sorted({one.corpus for one in heard})
    return ", ".join(f"{n:.0f} minutes {kind}" for kind, n in minutes.items()) + f" ({', '.join(corpora)})"


def _rule(name: str, rules: MoodRules, value: float) -> str:
    return f"| {name} | " + " | ".join(f"{getattr(rules, key):g}" for key in NAMES) + f" | {value:.3f} |"


def worth_of(rules: MoodRules, heard: Sequence[Heard]) -> float:
    """Return what one rule is worth on recordings of every kind."""
    tallies = [(one.kind, tally(one, Grid.of(rules))) for one in heard]
    return float(worth({kind: summed([one for of, one in tallies if of == kind]) for kind in KINDS})[0])


def comparison(heard: Sequence[Heard], rules: Mapping[str, MoodRules]) -> Iterable[str]:
    """Yield a table of what `emostream evaluate --stream` would say of each kind and corpus, under each rule."""
    yield KINDS_HEAD
    yield "|---|---|---|---|---|---|---|"
    groups = {kind: [one for one in heard if one.kind == kind] for kind in KINDS}
    groups["joined, with words"] = [one for one in heard if one.kind == "joined" and one.worded]
    groups["joined, sound alone"] = [one for one in heard if one.kind == "joined" and not one.worded]
    groups |= {
        f"joined, {corpus}": [one for one in heard if one.kind == "joined" and one.corpus == corpus]
        for corpus in sorted({one.corpus for one in heard})
    }
    for name, group in groups.items():
        for called, one in rules.items():
            yield _figures(name, called, course.figures([each.course(one) for each in group]))


def _figures(name: str, called: str, found: Mapping[str, object]) -> str:
    times, shown = found["time_to_first_correct_s"], found["accuracy_over_hops"]
    if not isinstance(times, dict) or not isinstance(shown, dict):
        message = "the figures of a course have another form"
        raise TypeError(message)
    cells = (
        _number(found["false_flips_per_minute"], 2),
        f"{_number(times['median'], 2)}, {_number(times['p90'], 2)}",
        _number(times["never"], 2),
        _number(shown["shown"], 3),
        _number(found["false_alarms_per_hour"], 0),
    )
    return f"| {name} | {called} | " + " | ".join(cells) + " |"


def _number(value: object, digits: int) -> str:
    return f"{value:.{digits}f}" if isinstance(value, float) else "-"


def front_rows(grid: Grid, choice: Choice) -> Iterable[str]:
    """Yield a row per rule of the front, thinned out evenly."""
    joined = choice.figures["joined"]
    step = max(1, len(choice.front) // SHOWN)
    for i in choice.front[::step]:
        cells = (
            f"{joined['false flips a minute'][i]:.2f} | {joined['seconds to first right'][i]:.2f} | "
            f"{joined['never right'][i]:.2f} | {joined['alarms an hour'][i]:.0f} |"
        )
        yield f"{_rule('✓' if choice.allowed[i] else '', grid.rules(i), choice.worth[i])} {cells}"


def elsewhere_table(grid: Grid, scored: Sequence[Scored]) -> Iterable[str]:
    """Yield a row per corpus, the rule chosen without it; nothing where there is one corpus alone."""
    found = elsewhere(scored)
    if not found:
        return
    yield from (ELSEWHERE, "")
    yield "| corpus | " + " | ".join(NAMES) + " | worth there | of the rules before | best possible |"
    yield "|---" * (len(NAMES) + 4) + "|"
    for corpus, (i, there) in found.items():
        yield f"{_rule(corpus, grid.rules(i), there[i])} {there[0]:.3f} | {there.max():.3f} |"
    yield ""
