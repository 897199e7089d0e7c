"""How the monitor did over a long recording of which the truth is known: how soon, how steady, how often wrong. Pure.

An episode is speech of one emotion, over one clip or several in a row. What is shown up to `LATE_S` after it is
still about it: the monitor speaks of a speaker for a moment after the last word.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from streamer.evaluation.joining import Stretch
from streamer.network import contract
from streamer.records import Estimate, Mood, State, seconds

LATE_S: Final = 1.0
FADING: Final = 0.999
"""Weight of a hop relative to the one after it, in the fading accuracy."""
DRIFT_S: Final = 300.0
"""Length of the first and last part that drift compares; halves where a recording is shorter than both."""


@dataclass(frozen=True, slots=True)
class Hop:
    """What was estimated and shown at one hop."""

    estimate: Estimate
    mood: Mood


@dataclass(frozen=True, slots=True)
class Course:
    """One recording, heard."""

    stretches: tuple[Stretch, ...]
    hops: tuple[Hop, ...]
    length: int
    """Samples."""


@dataclass(frozen=True, slots=True)
class _Episode:
    start: int
    end: int
    late: int
    """Until when what is shown counts for it: the next stretch's start, or `LATE_S` after its end."""
    emotion: str


def episodes(stretches: Sequence[Stretch]) -> list[_Episode]:
    """Return the episodes: emotional stretches, those of one emotion in a row taken together."""
    found: list[_Episode] = []
    before = ""
    for i, stretch in enumerate(stretches):
        following = stretches[i + 1].start if i + 1 < len(stretches) else stretch.end + _late()
        late = min(stretch.end + _late(), following)
        if stretch.emotion in contract.EMOTIONS:
            start = found.pop().start if stretch.emotion == before else stretch.start
            found.append(_Episode(start, stretch.end, late, stretch.emotion))
        before = stretch.emotion
    return found


def figures(courses: Sequence[Course]) -> dict[str, object]:
    """Return the figures over all recordings taken together."""
    first, stable = [], []
    flips = false_flips = alarms = 0
    calm = total = 0
    for course in courses:
        known = episodes(course.stretches)
        first += [_first_correct(course, episode) for episode in known]
        stable += [_stable_correct(course, episode) for episode in known]
        found = _flips(course, known)
        flips, false_flips = flips + len(found), false_flips + found.count(False)
        n_alarms, n_calm = _alarms(course, known)
        alarms, calm, total = alarms + n_alarms, calm + n_calm, total + course.length
    minutes, hours = seconds(total) / 60.0, seconds(calm) / 3_600.0
    return {
        "recordings": len(courses),
        "minutes": minutes,
        "episodes": len(first),
        "time_to_first_correct_s": _times(first),
        "time_to_stable_correct_s": _times(stable),
        "flips_per_minute": flips / minutes if minutes else None,
        "false_flips_per_minute": false_flips / minutes if minutes else None,
        "false_alarms": alarms,
        "false_alarms_per_hour": alarms / hours if hours else None,
        "hours_without_emotion": hours,
        "accuracy_over_hops": _accuracy(courses),
        "drift": _drift(courses),
    }


def _late() -> int:
    return round(LATE_S * contract.STREAM_RATE_HZ)


def _first_correct(course: Course, episode: _Episode) -> float | None:
    """Return the seconds from an episode's start to the first hop that shows its emotion, None for never."""
    right = (hop.mood.end for hop in course.hops if _within(hop, episode) and hop.mood.label == episode.emotion)
    end = next(right, None)
    return None if end is None else seconds(end - episode.start)


def _stable_correct(course: Course, episode: _Episode) -> float | None:
    """Return the seconds to the hop from which on its emotion alone is shown to its end; hops of silence do not count.

    None: at the episode's end something else is shown.
    """
    since: int | None = None
    for hop in course.hops:
        if not episode.start <= hop.mood.end <= episode.end or hop.mood.state not in (State.SPEECH, State.UNSURE):
            continue
        if hop.mood.label != episode.emotion:
            since = None
        elif since is None:
            since = hop.mood.end
    return None if since is None else seconds(since - episode.start)


def _within(hop: Hop, episode: _Episode) -> bool:
    return episode.start <= hop.mood.end <= episode.late


def _flips(course: Course, known: Sequence[_Episode]) -> list[bool]:
    """Return for each change of the shown emotion whether it is true: the first to be right in its episode.

    A label that goes away and comes back is no flip.
    """
    shown: str | None = None
    right_once: set[int] = set()
    found = []
    for hop in course.hops:
        label = hop.mood.label
        if label is None:
            continue
        hit = next((i for i, one in enumerate(known) if _within(hop, one) and one.emotion == label), None)
        if shown is not None and label != shown:
            found.append(hit is not None and hit not in right_once)
        if hit is not None:
            right_once.add(hit)
        shown = label
    return found


def _alarms(course: Course, known: Sequence[_Episode]) -> tuple[int, int]:
    """Return how often an emotion began to be shown where there was none for `LATE_S`, and the samples of such time."""
    emotional = [(one.start, min(one.end + _late(), course.length)) for one in known]
    calm = course.length - sum(end - start for start, end in _merged(emotional))
    shown: str | None = None
    alarms = 0
    for hop in course.hops:
        label, at = hop.mood.label, hop.mood.end
        begins = label is not None and label != shown
        alarms += begins and not any(start <= at <= end for start, end in emotional)
        shown = label
    return alarms, calm


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return sorted spans without overlap."""
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _times(times: list[float | None]) -> dict[str, float | None]:
    """Return median and 90th percentile of what happened, and the share of what never did."""
    known = [time for time in times if time is not None]
    return {
        "median": float(np.median(known)) if known else None,
        "p90": float(np.percentile(known, 90)) if known else None,
        "never": 1.0 - len(known) / len(times) if times else None,
    }


def _judged(course: Course) -> list[tuple[int, bool]]:
    """Return the end of each judged hop inside emotional speech, and whether the likeliest emotion is the true one."""
    found = []
    for hop in course.hops:
        end, six = hop.estimate.end, hop.estimate.probabilities
        truth = next((s.emotion for s in course.stretches if s.start <= end <= s.end), None)
        if six is not None and truth in contract.EMOTIONS:
            found.append((end, contract.EMOTIONS[six.index(max(six))] == truth))
    return found


def _shown_right(course: Course) -> list[bool]:
    """Return whether the shown label is right, at every hop inside emotional speech."""
    spans = [s for s in course.stretches if s.emotion in contract.EMOTIONS]
    return [hop.mood.label == s.emotion for hop in course.hops for s in spans if s.start <= hop.mood.end <= s.end]


def _accuracy(courses: Sequence[Course]) -> dict[str, float | int | None]:
    """Return the accuracy over hops: all alike, the later the heavier, and of what was shown."""
    right = np.array([hit for course in courses for _, hit in _judged(course)], np.float64)
    shown = [hit for course in courses for hit in _shown_right(course)]
    weights = FADING ** np.arange(len(right))[::-1]
    return {
        "hops": len(right),
        "cumulative": float(right.mean()) if len(right) else None,
        "fading": float(np.average(right, weights=weights)) if len(right) else None,
        "shown": float(np.mean(shown)) if shown else None,
    }


def _drift(courses: Sequence[Course]) -> dict[str, float | None]:
    """Return the accuracy over hops in the first and last minutes of the recordings, and how much it changed."""
    parts: tuple[list[bool], list[bool]] = ([], [])
    for course in courses:
        part = min(round(DRIFT_S * contract.STREAM_RATE_HZ), course.length // 2)
        for end, hit in _judged(course):
            if end <= part:
                parts[0].append(hit)
            elif end > course.length - part:
                parts[1].append(hit)
    first, last = (float(np.mean(part)) if part else None for part in parts)
    change = None if first is None or last is None else last - first
    return {"first": first, "last": last, "change": change}
