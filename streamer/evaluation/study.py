"""One evaluation from its request to its document: reads the manifest, judges row by row or the joined recordings.

Deterministic: the same request on the same files and machine gives the same document.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from streamer.engines.classifier import Choice, Classifier
from streamer.engines.voice import VoiceDetector
from streamer.errors import EmostreamError, ModelError, SourceError, SourceLost, UsageError
from streamer.evaluation import answers, course, examples, joining, listening, manifest, turns
from streamer.evaluation.answers import Answer
from streamer.evaluation.disturbance import FAINTEST_POWER, mean_power
from streamer.evaluation.manifest import LABELS, Manifest, Row
from streamer.evaluation.recordings import heard
from streamer.evaluation.request import Modality, Request
from streamer.evaluation.rooms import Room, Voices
from streamer.features.words import WordVectors
from streamer.network import contract
from streamer.records import Estimate, Samples, Window

UNREADABLE: Final = (SourceError, SourceLost, ModelError)
"""What is the matter with one row, and not with the request."""

TOLD: Final = 20
"""Unreadable rows that are listed; all are counted."""

Step: TypeAlias = Callable[[int, int], None]
"""Takes what is done and what there is to do."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that could not be judged."""

    line: int
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that is open in one evaluation."""

    request: Request
    modality: Modality
    rows: tuple[Row, ...]
    classifier: Classifier
    vectors: WordVectors
    room: Room
    rules: listening.Rules

    def said(self, row: Row) -> list[str]:
        """Return the tokens that the model gets of a row."""
        if self.modality == "sound":
            return []
        return examples.spoken_tokens(row.text, plain=self.request.plain_words)

    def chance(self, row: Row) -> np.random.Generator:
        """Return the row's own randomness, whatever rows are judged beside it."""
        return np.random.default_rng([self.request.seed, row.line])


def evaluate(
    request: Request,
    folders: Sequence[Path],
    model: str,
    rules: listening.Rules = listening.Rules(),  # noqa: B008 (frozen)
    step: Step = lambda _, __: None,
) -> dict[str, object]:
    """Return the document of one evaluation; `model` is the name that holds where the request has none.

    Raises: SourceError for a manifest or noise that cannot be read, UsageError for a split or modality that is not
    there, ModelError for a model.
    """
    table = manifest.read(request.manifest)
    modality = modality_of(request, table)
    rows = manifest.limited(manifest.of_split(table, request.split), request.limit, request.seed)
    room = _room(request, table)
    with Classifier.open(folders, Choice(request.model or model)) as classifier:
        bench = Bench(request, modality, rows, classifier, WordVectors.load(classifier.vectors_folder), room, rules)
        found, unreadable = _joined(bench, step) if request.stream else _row_by_row(bench, step)
    return {
        "model": classifier.name,
        "manifest": str(request.manifest),
        "split": request.split,
        "modality": modality,
        "plain_words": request.plain_words,
        "noise": request.noise,
        "snr_db": request.snr,
        "codec": request.codec,
        "order": request.order,
        "seed": request.seed,
        "rows": len(rows),
        "n_unreadable": len(unreadable),
        "unreadable": [{"line": one.line, "path": one.path, "reason": one.reason} for one in unreadable[:TOLD]],
        **found,
    }


def modality_of(request: Request, table: Manifest) -> Modality:
    """Return what the model gets; raises UsageError where the manifest has no such column."""
    modality = request.modality or ("sound" if table.has_sound else "words")
    missing = "path" if modality != "words" and not table.has_sound else ""
    missing = missing or ("text" if modality != "sound" and not table.has_text else "")
    if missing:
        message = f"--modality {modality} needs the column {missing}, which {str(table.path)!r} does not have"
        raise UsageError(message)
    if modality == "words" and (request.noise is not None or request.codec is not None or request.stream):
        message = f"--noise, --codec and --stream change sound, and {str(table.path)!r} has texts alone"
        raise UsageError(message)
    return modality


def _room(request: Request, table: Manifest) -> Room:
    noise: str | Samples | Voices | None = request.noise
    if request.noise == "babble":
        noise = Voices(table.rows, request.seed)
    elif request.noise not in {None, "white"}:
        noise = heard(Path(str(request.noise)))
        if mean_power(noise) <= FAINTEST_POWER:
            message = f"--noise {request.noise!r} is silent; wanted white, babble or a file with sound in it"
            raise SourceError(message)
    return Room(noise, request.snr or 0.0, telephone=request.codec is not None)


def _row_by_row(bench: Bench, step: Step) -> tuple[dict[str, object], list[Unreadable]]:
    """Judge each row as an utterance in its speaker's stream; counted and told in the manifest's order."""
    seed, n_rows = bench.request.seed, len(bench.rows)
    judged: dict[int, tuple[Answer, Answer]] = {}
    unreadable: dict[int, Unreadable] = {}
    for stream in turns.turns(bench.rows, bench.request.order, seed):
        bench.classifier.forget()
        start = 0
        for utterance, place in enumerate(stream):
            step(len(judged) + len(unreadable), n_rows)
            row = bench.rows[place]
            try:
                answer, plain, start = _answers(bench, row, utterance, start)
                judged[place] = (answer, plain)
            except UNREADABLE as error:
                unreadable[place] = _unreadable(row, error)
    step(n_rows, n_rows)
    adapted, alone = ([judged[place][which] for place in sorted(judged)] for which in (0, 1))
    found = answers.figures(adapted, seed) | answers.without_adaptation(adapted, alone)
    found["adaptation"] = _adaptation(bench, answers.gain(adapted, alone, seed))
    return found, [unreadable[place] for place in sorted(unreadable)]


def _adaptation(bench: Bench, gain: dict[str, object]) -> dict[str, object] | None:
    """Return how the model gets to know a speaker and what that gains, None for a model that does not."""
    note = bench.classifier.card.adaptation
    return None if note is None else {**asdict(note), "order": bench.request.order, **gain}


def _answers(bench: Bench, row: Row, utterance: int, start: int) -> tuple[Answer, Answer, int]:
    """Return the answer to a row, the one with nothing known of its speaker, and where the next row begins."""
    _check(bench, row)
    judge = bench.classifier
    both = [judge.classify_both(window) for window in turns.spoken_at(_windows(bench, row), utterance, start)]
    answer, plain = (_answer(row, estimates, judge.card.threshold) for estimates in zip(*both, strict=True))
    return answer, plain, turns.next_start(both[-1][0].end)


def _answer(row: Row, estimates: Sequence[Estimate], threshold: float) -> Answer:
    shares = answers.pooled(estimates, threshold)
    if shares is None:
        message = "the network's answer is no number"
        raise ModelError(message)
    return Answer(LABELS.index(row.emotion), *shares, row.speaker, row.gender)


def _windows(bench: Bench, row: Row) -> Iterator[Window]:
    if bench.modality == "words" or row.path is None:
        return iter([examples.window_of_words(bench.said(row), bench.vectors, with_mels=bench.classifier.wants_mels)])
    sound = bench.room.through(_sound(row), row, bench.chance(row))
    hop, wants_mels = bench.rules.windows.hop_columns, bench.classifier.wants_mels
    return examples.windows_of(sound, bench.said(row), bench.vectors, hop, with_mels=wants_mels)


def _check(bench: Bench, row: Row) -> None:
    """Raise SourceError for a row that cannot be judged whatever its recording holds."""
    if row.emotion not in LABELS:
        message = f"its emotion is {row.emotion!r:.40}, wanted one of {', '.join(LABELS)}"
    elif bench.modality == "sound" and row.path is None:
        message = "it names no recording"
    elif bench.modality == "words" and not row.text:
        message = "it has no text"
    elif row.path is None and not row.text:
        message = "it has neither recording nor text"
    else:
        return
    raise SourceError(message)


def _sound(row: Row) -> Samples:
    sound = heard(row.path) if row.path else np.zeros(0, np.float32)
    shortest = contract.samples_of(1) * contract.SAMPLES_PER_PICTURE_SAMPLE
    if len(sound) < shortest:
        message = f"it holds {len(sound)} samples of sound, and one column needs {shortest}"
        raise SourceError(message)
    return sound


def _unreadable(row: Row, error: EmostreamError) -> Unreadable:
    return Unreadable(row.line, str(row.path or ""), str(error))


def _joined(bench: Bench, step: Step) -> tuple[dict[str, object], list[Unreadable]]:
    """Judge one long recording per speaker, whom the model meets anew; rows without a speaker are one speaker's."""
    by_speaker: dict[str, list[Row]] = {}
    for row in bench.rows:
        by_speaker.setdefault(row.speaker, []).append(row)
    courses: list[course.Course] = []
    unreadable: list[Unreadable] = []
    for i, rows in enumerate(by_speaker.values()):
        clips = list(_clips(bench, rows, unreadable))
        rng = np.random.default_rng([bench.request.seed, i])
        if any(clip.emotion in contract.EMOTIONS for clip in clips):
            courses.append(_course(bench, joining.join(clips, rng), rows[0], rng, _part(step, i, len(by_speaker))))
    step(1_000 * len(by_speaker), 1_000 * len(by_speaker))
    n_judged = len(bench.rows) - len(unreadable)
    return {"n": n_judged, "adaptation": _adaptation(bench, {}), "stream": course.figures(courses)}, unreadable


def _clips(bench: Bench, rows: Sequence[Row], unreadable: list[Unreadable]) -> Iterator[joining.Clip]:
    for row in rows:
        try:
            _check(bench, row)
            if row.path is None:
                message = "it names no recording"
                raise SourceError(message)
            yield joining.Clip(_sound(row), row.emotion, tuple(bench.said(row)))
        except UNREADABLE as error:
            unreadable.append(_unreadable(row, error))


def _course(
    bench: Bench, joined: joining.Joined, row: Row, rng: np.random.Generator, on_hop: Callable[[int, int], None]
) -> course.Course:
    bench.classifier.forget()
    samples = bench.room.through(joined.samples, row, rng)
    joined = joining.Joined(samples, joined.stretches, joined.words)
    listened = listening.listen(
        joined,
        VoiceDetector().probability,
        bench.classifier,
        bench.vectors,
        bench.rules,
        lambda end: on_hop(end, len(samples)),
        with_mels=bench.classifier.wants_mels,
    )
    return asyncio.run(listened)


def _part(step: Step, i: int, n: int) -> Callable[[int, int], None]:
    """Return a step within part `i` of `n`, counted in thousandths of a part."""
    return lambda done, all_of_it: step(1_000 * i + 1_000 * done // max(1, all_of_it), 1_000 * n)
