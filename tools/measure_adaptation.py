"""What knowing the speaker gains, and whether it ever harms: `python tools/measure_adaptation.py --corpora DIR`.

Clips of speakers that nothing was trained on are arranged as streams of several kinds, among them the awkward ones that
live use brings, and judged by the live classifier with and without the running mean. Same clips on both sides.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from streamer import places
from streamer.engines.classifier import Choice, Classifier
from streamer.evaluation import answers, examples, manifest, metrics, turns
from streamer.evaluation.manifest import LABELS, Row
from streamer.evaluation.metrics import Floats, Ints
from streamer.evaluation.recordings import heard
from streamer.features.words import WordVectors
from streamer.network import contract
from streamer.records import Window
from tools.scenes import SCENES, Stream

STRANGERS: Final = 20
"""At most so many clips of somebody else before a change of speaker."""
EVERYBODY: Final = "all corpora"
WITH, WITHOUT = "with", "without"


@dataclass
class Clips:
    """Clips of one speaker, and after them some of somebody else, as windows."""

    emotions: list[str]
    windows: list[list[Window]]
    n_own: int


@dataclass
class Tally:
    """Answers to the judged clips of one corpus in one scene."""

    truth: list[int] = field(default_factory=list)
    answer: list[int] = field(default_factory=list)
    other: list[int] = field(default_factory=list)
    """Without the running mean."""
    groups: list[int] = field(default_factory=list)


def main() -> None:
    """Read the command line, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", type=Path, required=True, help="folder of the prepared corpora")
    parser.add_argument("--split", default="valid")
    parser.add_argument("--model", default="stream")
    parser.add_argument("--models", type=Path, help="folder that holds the model's folder, where not among the others")
    parser.add_argument("--limit", type=int, help="at most so many rows of a corpus, drawn from the seed")
    parser.add_argument("--seed", type=int, default=0, help="of orders, intervals and --limit")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--markdown", type=Path, help="file for the table")
    given = parser.parse_args()
    folders = (*((given.models,) if given.models else ()), *places.model_folders())
    with Classifier.open(folders, Choice(given.model, "cpu")) as classifier:
        tallies = measured(classifier, given.corpora, given.split, given.limit, given.seed)
        document = {
            "model": classifier.name,
            "adaptation": None if classifier.card.adaptation is None else vars_of(classifier.card.adaptation),
            "split": given.split,
            "limit": given.limit,
            "seed": given.seed,
            "scenes": {scene: figures(by_corpus, given.seed) for scene, by_corpus in tallies.items()},
        }
    table = markdown(document)
    print(table)
    if given.json:
        given.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if given.markdown:
        given.markdown.write_text(table, encoding="utf-8")


def vars_of(note: Any) -> dict[str, float]:  # noqa: ANN401  slotted, whatever the card calls it
    """Return prior, strength and warm-up."""
    return {name: getattr(note, name) for name in ("prior", "strength", "warm_up")}


def measured(
    classifier: Classifier, corpora: Path, split: str, limit: int | None, seed: int
) -> dict[str, dict[str, Tally]]:
    """Return the answers by scene and corpus."""
    vectors = WordVectors.load(classifier.vectors_folder)
    tallies: dict[str, dict[str, Tally]] = {scene: {} for scene in SCENES}
    for path in sorted(corpora.glob("*/manifest.csv")):
        rows = [row for row in manifest.read(path).rows if row.split == split and row.emotion in LABELS and row.path]
        kept = manifest.limited(tuple(rows), limit, seed)
        for group, clips in enumerate(speakers(kept, classifier, vectors)):
            print(f"{path.parent.name}: {clips.n_own} clips of a speaker", file=sys.stderr)
            alone = [judged(classifier, clips, i, utterance=0, start=0)[0] for i in alone_each(classifier, clips)]
            for n, (scene, arrange) in enumerate(SCENES.items()):
                tally = tallies[scene].setdefault(path.parent.name, Tally())
                for stream in arrange(clips.emotions, clips.n_own, np.random.default_rng([seed, group, n])):
                    _listen(classifier, clips, stream, alone, tally, group)
    return tallies


def alone_each(classifier: Classifier, clips: Clips) -> Iterator[int]:
    """Yield the speaker's own clips, everybody forgotten before each."""
    for i in range(clips.n_own):
        classifier.forget()
        yield i


def speakers(rows: Sequence[Row], classifier: Classifier, vectors: WordVectors) -> Iterator[Clips]:
    """Yield the clips of each speaker, the next speaker's after them; only so much is in memory."""
    by_speaker = [[rows[i] for i in places_] for places_ in turns.turns(rows, "file", 0)]
    for number, mine in enumerate(by_speaker):
        others = by_speaker[(number + 1) % len(by_speaker)][:STRANGERS] if len(by_speaker) > 1 else []
        windows = [_windows(row, classifier, vectors) for row in (*mine, *others)]
        yield Clips([row.emotion for row in (*mine, *others)], windows, len(mine))


def _windows(row: Row, classifier: Classifier, vectors: WordVectors) -> list[Window]:
    if row.path is None:
        return []
    hop, wants_mels = contract.DEFAULT_HOP_COLUMNS, classifier.wants_mels
    return list(examples.windows_of(heard(row.path), [], vectors, hop, with_mels=wants_mels))


def _listen(
    classifier: Classifier, clips: Clips, stream: Stream, alone: Sequence[int], tally: Tally, group: int
) -> None:
    classifier.forget()
    start = 0
    for utterance, said in enumerate(stream):
        answer, end = judged(classifier, clips, said.place, utterance, start)
        start = turns.next_start(end)
        if said.judged:
            tally.truth.append(LABELS.index(clips.emotions[said.place]))
            tally.answer.append(answer)
            tally.other.append(alone[said.place])
            tally.groups.append(group)


def judged(classifier: Classifier, clips: Clips, place: int, utterance: int, start: int) -> tuple[int, int]:
    """Return the likeliest of the six for one clip in a stream, and where it ends."""
    windows = list(turns.spoken_at(iter(clips.windows[place]), utterance, start))
    shares = answers.pooled([classifier.classify(window) for window in windows], 0.0)
    if shares is None:
        message = "the network's answer is no number"
        raise ValueError(message)
    return int(np.argmax(shares[0][: contract.N_EMOTIONS])), windows[-1].end


def figures(by_corpus: Mapping[str, Tally], seed: int) -> dict[str, dict[str, Any]]:
    """Return recall with and without the mean, and their difference, for each corpus and for the mean of corpora."""
    found: dict[str, dict[str, Any]] = {}
    draws: list[Floats] = []
    for corpus, tally in by_corpus.items():
        if not tally.truth:
            continue
        truth, answer, other = (np.array(column, np.int64) for column in (tally.truth, tally.answer, tally.other))
        drawn = _drawn(truth, answer, other, np.array(tally.groups, np.int64), seed + len(draws))
        draws.append(drawn)
        found[corpus] = {
            "n": len(truth),
            "speakers": len(set(tally.groups)),
            "over": "speakers" if len(set(tally.groups)) > 1 else "clips",
            **_told(metrics.uar(truth, answer), metrics.uar(truth, other), drawn),
        }
    if len(draws) > 1:
        each = list(found.values())
        means = [float(np.mean([one[name] for one in each])) for name in (WITH, WITHOUT)]
        found[EVERYBODY] = {
            "n": sum(one["n"] for one in each),
            "speakers": sum(one["speakers"] for one in each),
            "over": "as in each corpus",
            **_told(means[0], means[1], np.mean(draws, axis=0)),
        }
    return found


def _drawn(truth: Ints, answer: Ints, other: Ints, groups: Ints, seed: int) -> Floats:
    """Return differences over speakers drawn anew; over clips where there is one speaker, which is too narrow."""
    drawn_over = groups if len(np.unique(groups)) > 1 else np.arange(len(truth))
    one, two = (metrics.drawn_recalls(truth, said, drawn_over, seed) for said in (answer, other))
    return one - two


def _told(with_it: float, without: float, drawn: Floats) -> dict[str, Any]:
    return {WITH: with_it, WITHOUT: without, "gain": with_it - without, "gain_ci95": list(metrics.middle(drawn))}


def markdown(document: Mapping[str, Any]) -> str:
    """Return a row per scene: recall over all corpora without and with the mean, its gain, and that of each corpus."""
    scenes = document["scenes"]
    corpora = list(dict.fromkeys(name for found in scenes.values() for name in found if name != EVERYBODY))
    head = ["stream", "without", "with", "gain", *corpora]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for scene, found in scenes.items():
        whole = found.get(EVERYBODY) or next(iter(found.values()), None)
        recalls = [f"{whole[name]:.3f}" if whole else "–" for name in (WITHOUT, WITH)]
        gains = [_gain(one) for one in (whole, *(found.get(corpus) for corpus in corpora))]
        lines.append("| " + " | ".join((scene, *recalls, *gains)) + " |")
    about = (
        f"UAR of six without and with the running mean, averaged over corpora; speakers of the split "
        f"`{document['split']}`, neutral clips heard and not judged, seed {document['seed']}; 95 % intervals over "
        "speakers (over clips, and so too narrow, where a corpus has one)"
    )
    return f"{about}.\n\n" + "\n".join(lines) + "\n"


def _gain(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "–"
    low, high = found["gain_ci95"]
    return f"{found['gain']:+.3f} [{low:+.3f}, {high:+.3f}]"


if __name__ == "__main__":
    main()
