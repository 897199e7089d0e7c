"""Which rules are tried, which are allowed, and which is best: said here once, in figures.

Worth of a rule: the share of emotional speech in which its emotion is shown, less `WRONG_COSTS` times the share in
which another is shown, averaged over joined recordings and talk; less `WRONG_COSTS` times the share of neutral speech
and noise in which any is shown, averaged over the three kinds. Under limits that leave some room to what is asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamer.mood import MoodRules
from tools.moods.scores import Grid, Tally, summed

KINDS: Final = ("joined", "talk", "calm")
WRONG_COSTS: Final = 0.5
"""What a wrong answer costs where a right one gains 1: to show one pays where it is right one time in three."""

MOST_FALSE_FLIPS: Final = 1.5
"""A minute, in joined recordings and in talk; 2 are allowed."""
MOST_IN_A_CORPUS: Final = 2.0
"""The same in the joined recordings of each corpus by itself: a voice from elsewhere is no average."""
LATEST_S: Final = 1.8
"""Median time to the first right answer in joined recordings; 2 s are allowed."""

Floats = NDArray[np.float64]
Figures = Mapping[str, Mapping[str, Floats]]
"""Kind of recording -> figure -> (R,) a value for every rule."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One recording, scored."""

    kind: str
    corpus: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class Choice:
    """What was found."""

    figures: Figures
    worth: Floats
    """(R,)"""
    allowed: NDArray[np.bool_]
    """(R,) within the limits."""
    best: int
    front: list[int]
    """Rules that no other beats in worth, false flips and time at once, the worthiest first."""


def candidates(n_smoothings: int, n_namings: int, today: MoodRules, seed: int) -> Grid:
    """Return a grid drawn at random, rule 0 being today's."""
    rng = np.random.default_rng(seed)
    enter = rng.uniform(0.3, 0.8, n_namings)
    grid = Grid(
        rise_s=np.round(rng.uniform(0.0, 1.0, n_smoothings), 2),
        fall_s=np.round(rng.uniform(0.05, 2.5, n_smoothings), 2),
        enter=np.round(enter, 2),
        exit=np.round(enter * rng.uniform(0.4, 1.0, n_namings), 2),
        margin=np.round(rng.uniform(0.0, 0.3, n_namings), 2),
        dwell_s=rng.choice([0.0, 0.5, 1.0, 1.5, 2.0, 3.0], n_namings),
    )
    for name in ("rise_s", "fall_s", "enter", "exit", "margin", "dwell_s"):
        getattr(grid, name)[0] = getattr(today, name)
    return grid


def choose(scored: Sequence[Scored]) -> Choice:
    """Return the best rule over recordings of every kind."""
    figures = {kind: summed([one.tally for one in scored if one.kind == kind]) for kind in KINDS}
    value = worth(figures)
    joined, talk = figures["joined"], figures["talk"]
    allowed = joined["false flips a minute"] <= MOST_FALSE_FLIPS
    allowed &= talk["false flips a minute"] <= MOST_FALSE_FLIPS
    allowed &= joined["seconds to first right"] <= LATEST_S
    for corpus in corpora_of(scored):
        here = summed([one.tally for one in scored if one.kind == "joined" and one.corpus == corpus])
        allowed &= here["false flips a minute"] <= MOST_IN_A_CORPUS
    best = int(np.where(allowed, value, -np.inf).argmax())
    return Choice(figures, value, allowed, best, front(value, joined))


def elsewhere(scored: Sequence[Scored]) -> dict[str, tuple[int, Floats]]:
    """Return for each corpus the rule chosen on all others, and (R,) what every rule is worth on it.

    Nothing where there is one corpus alone.
    """
    found: dict[str, tuple[int, Floats]] = {}
    names = corpora_of(scored)
    for corpus in names if len(names) > 1 else ():
        others = choose([one for one in scored if one.corpus != corpus])
        here = {kind: [one.tally for one in scored if one.corpus == corpus and one.kind == kind] for kind in KINDS}
        found[corpus] = (others.best, worth({kind: summed(tallies) for kind, tallies in here.items()}))
    return found


def corpora_of(scored: Sequence[Scored]) -> list[str]:
    """Return the names of the corpora that have recordings of every kind."""
    names = sorted({one.corpus for one in scored})
    return [name for name in names if {one.kind for one in scored if one.corpus == name} == set(KINDS)]


def worth(figures: Figures) -> Floats:
    """Return (R,) how good each rule is."""
    gained = [figures[kind]["right"] - WRONG_COSTS * figures[kind]["wrong"] for kind in ("joined", "talk")]
    lost = [figures[kind]["shown in plain speech"] for kind in KINDS]
    return np.asarray(np.mean(gained, axis=0) - WRONG_COSTS * np.mean(lost, axis=0))


def front(value: Floats, joined: Mapping[str, Floats]) -> list[int]:
    """Return the rules that none beats in worth, false flips and time to the first right answer at once."""
    flips, time_s, never = (joined[name] for name in ("false flips a minute", "seconds to first right", "never right"))
    kept: list[int] = []
    for i in np.argsort(-value, kind="stable").tolist():
        if not any(flips[j] <= flips[i] and time_s[j] <= time_s[i] and never[j] <= never[i] for j in kept):
            kept.append(i)
    return kept
