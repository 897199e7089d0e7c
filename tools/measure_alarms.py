"""How often the monitor shows an emotion where nobody speaks: `python tools/measure_alarms.py [--model NAME] [--json]`.

An hour of silence, noise, tones, music, song without words, hands, machines and weather, at several levels, through the
whole monitor in lock-step (voice detector, windows, network, mood), without a recogniser. The same seed gives the same
sound and the same counts. `--voiced` takes all of it for speech, as if the voice detector were not there: what then
holds the emotions back is the network's "none" and the mood. That is no aim, and says where an alarm would come from.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from streamer.evaluation.course import Hop
from streamer.evaluation.joining import Joined, Stretch
from streamer.evaluation.manifest import NEUTRAL
from streamer.records import State
from tools.moods import hearing, sounds
from tools.moods.noises import RATE_HZ

HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Count:
    """What was shown over one stretch, or over several."""

    seconds: float
    hops: int
    taken_for_speech: int
    """Hops at which the network was asked."""
    shown: int
    """Times that an emotion began to be shown."""


def main() -> None:
    """Read the command line, listen, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="stream", help="model to listen with")
    parser.add_argument("--seconds", type=float, default=HOUR_S, help="length of all sound together")
    parser.add_argument("--seed", type=int, default=0, help="of the sound")
    parser.add_argument("--voiced", action="store_true", help="without a voice detector: everything is speech")
    parser.add_argument("--json", action="store_true", help="as one JSON document")
    given = parser.parse_args()
    found = measured(given.model, given.seconds, given.seed, voiced=given.voiced)
    print(json.dumps(document(found), indent=1) if given.json else table(found))


def measured(model: str, seconds: float, seed: int, *, voiced: bool = False) -> dict[str, Count]:
    """Return the count of every sound, by its kind, name and level."""
    found = {}
    with hearing.Ears(model) as ears:
        for sound in sounds.sounds(seconds / len(sounds.KINDS), seed):
            n = len(sound.samples)
            # One stretch of no emotion: whatever is shown in it is wrong.
            joined = Joined(sound.samples, (Stretch(0, n, NEUTRAL),), ())
            course = ears.listen(joined, (lambda _: 1.0) if voiced else None)
            name = f"{sound.kind}: {sound.name}, {sound.level_db:g} dB"
            found[name] = counted(course.hops, n / RATE_HZ)
            print(f"{name}: {found[name].shown} shown", file=sys.stderr)
    return found


def counted(hops: Iterable[Hop], seconds: float) -> Count:
    """Return how often an emotion began to be shown: a label where before was none, or another."""
    labels = [(hop.mood.label, hop.estimate.state in {State.SPEECH, State.UNSURE}) for hop in hops]
    before: str | None = None
    shown = 0
    for label, _ in labels:
        shown += label is not None and label != before
        before = label
    return Count(seconds, len(labels), sum(asked for _, asked in labels), shown)


def summed(counts: Iterable[Count]) -> Count:
    """Return the counts of all stretches together."""
    every = list(counts)
    return Count(
        sum(one.seconds for one in every),
        sum(one.hops for one in every),
        sum(one.taken_for_speech for one in every),
        sum(one.shown for one in every),
    )


def by_kind(found: dict[str, Count]) -> dict[str, Count]:
    """Return the counts of each kind of sound."""
    return {kind: summed(count for name, count in found.items() if name.split(":")[0] == kind) for kind in sounds.KINDS}


def document(found: dict[str, Count]) -> dict[str, object]:
    """Return everything as one document."""
    everything = summed(found.values())
    return {
        "seconds": everything.seconds,
        "shown": everything.shown,
        "shown_per_hour": everything.shown * HOUR_S / everything.seconds,
        "taken_for_speech": everything.taken_for_speech / max(1, everything.hops),
        "kinds": {kind: _told(count) for kind, count in by_kind(found).items()},
        "sounds": {name: _told(count) for name, count in found.items() if count.taken_for_speech},
    }


def _told(count: Count) -> dict[str, float]:
    return {"seconds": count.seconds, "hops_taken_for_speech": count.taken_for_speech, "shown": count.shown}


def table(found: dict[str, Count]) -> str:
    """Return the kinds as a Markdown table."""
    rows = {**by_kind(found), "all": summed(found.values())}
    lines = ["| sound | minutes | hops taken for speech | emotions shown |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {one.seconds / 60:.1f} | {one.taken_for_speech / max(1, one.hops):.2%} | {one.shown} |"
        for name, one in rows.items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
