"""Thousands of rules folded over recorded estimates at once, and scored: the arithmetic of streamer/mood.py on arrays.

A grid crosses G ways to smooth with C ways to name, so that each smoothing is computed once. Equal to `mood.fold` and
`course.figures` rule by rule (tests/unit/test_tuning.py); the figures that are published come from those two.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamer.evaluation.course import LATE_S, episodes
from streamer.mood import QUIET, MoodRules, fold, rests_on_newest
from streamer.network import contract
from streamer.records import State, seconds
from tools.moods.hearing import STATES, Heard

NONE: Final = contract.N_EMOTIONS
NOBODY: Final = -1
"""In place of an emotion's index, where none is named."""
ASKED: Final = (STATES.index(State.SPEECH), STATES.index(State.UNSURE))

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Grid:
    """G smoothings crossed with C namings; rule `g * C + c`."""

    rise_s: Floats
    """(G,)"""
    fall_s: Floats
    enter: Floats
    """(C,)"""
    exit: Floats
    margin: Floats
    dwell_s: Floats

    @classmethod
    def of(cls, rules: MoodRules) -> "Grid":
        """Return the grid of one rule."""
        names = (field.name for field in fields(cls))
        return cls(**{name: np.array([float(getattr(rules, name))]) for name in names})

    def rules(self, i: int) -> MoodRules:
        """Return one rule."""
        g, c = divmod(i, len(self.enter))
        of = (self.rise_s[g], self.fall_s[g], self.enter[c], self.exit[c], self.margin[c], self.dwell_s[c])
        return MoodRules(*(float(value) for value in of))


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true at each of the n estimates of one recording."""

    episode: Counts
    """(n,) which episode what is shown counts for, or -1."""
    emotion: Counts
    """(n,) what is felt inside emotional speech, else -1."""
    plain: NDArray[np.bool_]
    """(n,) inside neutral speech or noise."""
    calm: NDArray[np.bool_]
    """(n,) no emotion within `LATE_S`: one that begins to be shown here is a false alarm."""
    calm_samples: int


@dataclass(slots=True)
class Tally:
    """Counts over one recording, (R,) each, or over several."""

    false_flips: Counts
    alarms: Counts
    right: Counts
    """Hops inside emotional speech at which its emotion is shown."""
    wrong: Counts
    """Hops inside emotional speech at which another is shown."""
    plain: Counts
    """Hops inside neutral speech and noise at which any is shown."""
    first_s: Floats
    """(E, R) seconds from each episode's start to the first right answer; nan for never."""
    n_emotional: int
    n_plain: int
    minutes: float
    calm_hours: float


def shares_over(heard: Heard, rise_s: Floats, fall_s: Floats) -> Floats:
    """Return (n, G, 7), the smoothed shares after each estimate."""
    counts = _counting(heard)
    asked = np.isin(heard.states, ASKED) & (heard.shares.sum(1) > 0.0)
    steps_s = np.diff(heard.ends, prepend=0) / contract.STREAM_RATE_HZ
    shares = np.zeros((len(heard.ends), len(rise_s), NONE + 1))
    now = np.zeros((len(rise_s), NONE + 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        for i, step_s in enumerate(steps_s.tolist()):
            if counts[i] or not asked[i]:
                target = heard.shares[i] if asked[i] else np.zeros(NONE + 1)
                constant_s = np.where(target > now, rise_s[:, None], fall_s[:, None])
                now = target + (now - target) * np.where(constant_s > 0.0, np.exp(-step_s / constant_s), 0.0)
            shares[i] = now
    return shares


def _counting(heard: Heard) -> NDArray[np.bool_]:
    """Return at which estimates the shares move; it does not depend on the rules."""
    smoothed, found = QUIET, []
    for estimate in heard.estimates():
        smoothed = fold(smoothed, estimate, MoodRules())
        found.append(rests_on_newest(estimate, smoothed.began))
    return np.array(found, np.bool_)


def tally(heard: Heard, grid: Grid) -> Tally:
    """Return the counts of every rule of the grid over one recording."""
    shares = shares_over(heard, grid.rise_s, grid.fall_s)
    n_rules = len(grid.rise_s) * len(grid.enter)
    naming = _Naming(grid, n_rules)
    truth = truth_of(heard)
    told = _Told(n_rules, heard, truth)
    asked = np.isin(heard.states, ASKED) & (heard.shares.sum(1) > 0.0)
    for i, end in enumerate(heard.ends.tolist()):
        label = naming.step(shares[i], seconds(end)) if asked[i] else naming.rest(seconds(end))
        told.step(i, label, naming.moved)
    return told.tally


class _Naming:
    """The labels of all rules, estimate by estimate: `mood._label` on arrays."""

    def __init__(self, grid: Grid, n_rules: int) -> None:
        n_smoothings = len(grid.rise_s)
        self._enter, self._exit, self._margin, self._dwell_s = (
            np.tile(of, n_smoothings) for of in (grid.enter, grid.exit, grid.margin, grid.dwell_s)
        )
        self._smoothing = np.repeat(np.arange(n_smoothings), len(grid.enter))
        self._label = np.full(n_rules, NOBODY)
        self._since_s = np.zeros(n_rules)
        self._nobody = np.full(n_rules, NOBODY)
        self.moved = np.zeros(n_rules, np.bool_)
        """Where the label is another than before."""

    def step(self, shares: Floats, now_s: float) -> Counts:
        mine = shares[self._smoothing]
        best = shares[:, :NONE].argmax(1)[self._smoothing]
        top, none = shares[:, :NONE].max(1)[self._smoothing], mine[:, NONE]
        held = mine[np.arange(len(mine)), np.maximum(self._label, 0)]
        has = self._label >= 0
        enters = (top >= self._enter) & (top > none)
        takes = ~has | ((top - held >= self._margin) & (now_s - self._since_s >= self._dwell_s))
        stays = has & (held >= self._exit) & (held > none)
        return self._become(np.where(enters & takes, best, np.where(stays, self._label, NOBODY)), now_s)

    def rest(self, now_s: float) -> Counts:
        return self._become(self._nobody, now_s)

    def _become(self, label: Counts, now_s: float) -> Counts:
        self.moved = label != self._label
        self._since_s = np.where(self.moved, now_s, self._since_s)
        self._label = label
        return label


class _Told:
    """The counts of one recording while it goes by."""

    def __init__(self, n_rules: int, heard: Heard, truth: Truth) -> None:
        self._heard, self._truth = heard, truth
        self._episodes = episodes(heard.stretches)
        self._shown = np.full(n_rules, NOBODY)
        self._right_once = np.zeros((len(self._episodes), n_rules), np.bool_)
        self.tally = Tally(
            false_flips=np.zeros(n_rules, np.int64),
            alarms=np.zeros(n_rules, np.int64),
            right=np.zeros(n_rules, np.int64),
            wrong=np.zeros(n_rules, np.int64),
            plain=np.zeros(n_rules, np.int64),
            first_s=np.full((len(self._episodes), n_rules), np.nan),
            n_emotional=int((truth.emotion >= 0).sum()),
            n_plain=int(truth.plain.sum()),
            minutes=seconds(heard.length) / 60.0,
            calm_hours=seconds(truth.calm_samples) / 3_600.0,
        )

    def step(self, i: int, label: Counts, moved: NDArray[np.bool_]) -> None:
        visible = label >= 0
        flips = visible & (self._shown >= 0) & (label != self._shown)
        self.tally.false_flips += flips
        self._step_episode(i, label, flips)
        if self._truth.calm[i]:
            self.tally.alarms += visible & moved
        if self._truth.plain[i]:
            self.tally.plain += visible
        if self._truth.emotion[i] >= 0:
            right = label == self._truth.emotion[i]
            self.tally.right += right
            self.tally.wrong += visible & ~right
        self._shown = np.where(visible, label, self._shown)

    def _step_episode(self, i: int, label: Counts, flips: NDArray[np.bool_]) -> None:
        number = int(self._truth.episode[i])
        if number < 0:
            return
        episode = self._episodes[number]
        first = (label == contract.EMOTIONS.index(episode.emotion)) & ~self._right_once[number]
        self.tally.false_flips -= flips & first
        self.tally.first_s[number, first] = seconds(int(self._heard.ends[i]) - episode.start)
        self._right_once[number] |= first


def truth_of(heard: Heard) -> Truth:
    """Return what is true at each estimate."""
    ends, known = heard.ends, episodes(heard.stretches)
    late = round(LATE_S * contract.STREAM_RATE_HZ)
    episode, emotion = np.full(len(ends), -1), np.full(len(ends), NOBODY)
    plain, near = np.zeros(len(ends), np.bool_), np.zeros(heard.length + 1, np.bool_)
    calm = np.ones(len(ends), np.bool_)
    for number in reversed(range(len(known))):
        one = known[number]
        episode[(ends >= one.start) & (ends <= one.late)] = number
        calm &= (ends < one.start) | (ends > min(one.end + late, heard.length))
        near[one.start : min(one.end + late, heard.length)] = True
    for stretch in heard.stretches:
        inside = (ends >= stretch.start) & (ends <= stretch.end)
        if stretch.emotion in contract.EMOTIONS:
            emotion[inside] = contract.EMOTIONS.index(stretch.emotion)
        else:
            plain |= inside
    return Truth(episode, emotion, plain, calm, heard.length - int(near.sum()))


def summed(tallies: Sequence[Tally]) -> dict[str, Floats]:
    """Return the figures of every rule, (R,) each, over several recordings taken together."""
    minutes, hours = sum(one.minutes for one in tallies), sum(one.calm_hours for one in tallies)
    n_emotional, n_plain = sum(one.n_emotional for one in tallies), sum(one.n_plain for one in tallies)
    first_s = np.concatenate([one.first_s for one in tallies])
    never = np.isnan(first_s).all(0)
    median = np.full(len(never), np.inf)
    median[~never] = np.nanmedian(first_s[:, ~never], 0)
    return {
        "false flips a minute": _total(tallies, "false_flips") / minutes,
        "seconds to first right": median,
        "never right": np.isnan(first_s).mean(0),
        "right": _total(tallies, "right") / max(1, n_emotional),
        "wrong": _total(tallies, "wrong") / max(1, n_emotional),
        "shown in plain speech": _total(tallies, "plain") / max(1, n_plain),
        "alarms an hour": _total(tallies, "alarms") / max(1e-9, hours),
    }


def _total(tallies: Sequence[Tally], name: str) -> Floats:
    return np.asarray(np.sum([getattr(one, name) for one in tallies], axis=0, dtype=np.float64))
