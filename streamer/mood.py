"""Fold estimates into the mood that is shown: smoothed, slow to change its mind, silent when nobody speaks. Pure."""

from dataclasses import dataclass
from math import exp

from streamer.network import contract
from streamer.records import Estimate, Mood, State, seconds

NONE = contract.N_EMOTIONS
"""Index of "none of the six" in the smoothed shares."""


@dataclass(frozen=True, slots=True)
class MoodRules:
    """How quickly the mood follows, and when a label is entered and left."""

    rise_s: float = 0.1
    """Time constant with which a share rises."""
    fall_s: float = 1.0
    """Time constant with which a share falls: evidence comes faster than it fades."""
    enter: float = 0.82
    """Smoothed share, among the six and "none", from which an emotion may become the label."""
    exit: float = 0.4
    """Smoothed share under which the label is left."""
    margin: float = 0.1
    """How far another emotion must be ahead of the label to take its place."""
    dwell_s: float = 1.0
    """Shortest time for which a label stays before another emotion may take its place."""


@dataclass(frozen=True, slots=True)
class Smoothed:
    """What the fold carries from one estimate to the next."""

    shares: tuple[float, ...]
    """Smoothed probabilities of the six and "none"; all 0 before the first speech."""
    mood: Mood
    utterance: int
    """The newest utterance that was heard of."""
    began: int
    """Stream position before which nothing of it was."""


NOTHING = (0.0,) * (contract.N_EMOTIONS + 1)

QUIET = Smoothed(NOTHING, Mood(State.NO_SPEECH, None, 0.0, None, 0, 0), -1, 0)

LEAD_S = 0.4
"""How far before its first estimate an utterance may begin: the lead-in of its evidence, a block, a column."""

PATIENCE_S = 1.5
"""How long an utterance may take to bring evidence of its own. One that does not is a word among others."""


def fold(before: Smoothed, estimate: Estimate, rules: MoodRules) -> Smoothed:
    """Return the mood after one more estimate.

    The time constants hold for any hop: twice the hop moves the shares as far as two hops. States in which nobody is
    heard to speak take the label away at once; the shares fade meanwhile, so that a new utterance starts afresh. While
    an utterance is too young to be judged by itself the shares rest: estimates still speak of what was said before it.
    """
    began = before.mood.end if estimate.utterance != before.utterance else before.began
    step_s = max(0.0, seconds(estimate.end - before.mood.end))
    asked = estimate.state in (State.SPEECH, State.UNSURE) and estimate.probabilities is not None
    shares = before.shares
    if not asked or rests_on_newest(estimate, began):
        shares = tuple(
            _follow(share, target, step_s, rules)
            for share, target in zip(before.shares, _targets(estimate) if asked else NOTHING, strict=True)
        )
    if asked:
        label = _label(before, shares, seconds(estimate.end - before.mood.start), rules)
        state = State.SPEECH if label else State.UNSURE
    else:
        label, state = None, estimate.state if estimate.state is not State.SPEECH else State.UNSURE
    held = (state, label) == (before.mood.state, before.mood.label)
    six = sum(shares[:NONE])
    probabilities = tuple(share / six for share in shares[:NONE]) if asked and six > 0.0 else None
    best = label or (contract.EMOTIONS[_best(shares)] if probabilities else None)
    mood = Mood(
        state=state,
        label=label,
        confidence=probabilities[contract.EMOTIONS.index(best)] if probabilities and best else 0.0,
        probabilities=probabilities,
        start=before.mood.start if held else estimate.end,
        end=estimate.end,
    )
    return Smoothed(shares, mood, estimate.utterance, began)


def rests_on_newest(estimate: Estimate, began: int) -> bool:
    """Return whether an estimate speaks of the utterance that began at `began`, or it has had its time to be heard."""
    own = seconds(began - estimate.start) <= LEAD_S
    return own or seconds(estimate.end - began) >= PATIENCE_S


def _targets(estimate: Estimate) -> tuple[float, ...]:
    none = estimate.none_probability
    return (*(p * (1.0 - none) for p in estimate.probabilities or NOTHING[:NONE]), none)


def _follow(share: float, target: float, step_s: float, rules: MoodRules) -> float:
    constant_s = rules.rise_s if target > share else rules.fall_s
    if constant_s == 0.0:
        return target
    return target + (share - target) * exp(-step_s / constant_s)


def _best(shares: tuple[float, ...]) -> int:
    return max(range(contract.N_EMOTIONS), key=lambda i: shares[i])


def _label(before: Smoothed, shares: tuple[float, ...], held_s: float, rules: MoodRules) -> str | None:
    """Return the label by hysteresis: hard to enter, easier to keep, and never under "none"."""
    best = _best(shares)
    label = before.mood.label
    may_enter = shares[best] >= rules.enter and shares[best] > shares[NONE]
    if label is None:
        return contract.EMOTIONS[best] if may_enter else None
    held = shares[contract.EMOTIONS.index(label)]
    if may_enter and shares[best] - held >= rules.margin and held_s >= rules.dwell_s:
        return contract.EMOTIONS[best]
    return label if held >= rules.exit and held > shares[NONE] else None
