"""What is measured for a card: a list of evaluations, each kept by what it depends on, so that none is made twice."""

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from streamer.evaluation import study
from streamer.evaluation.request import Request, check
from streamer.network import checkpoint
from streamer.network.card import Card, card_to_json
from tools.cards import manifests
from tools.cards.aims import AIMS

ROOT: Final = Path(__file__).resolve().parents[2]
SNRS_DB: Final = (-5.0, 0.0, 5.0, 10.0, 20.0, 35.0)
NOISY: Final = "ravdess"
"""Corpus of the noise curve and of the joined recordings."""
QUICK_ROWS: Final = 12
MANY_LINES: Final = 5_000
"""A corpus of texts with more test lines than this is drawn from: `DRAWN_LINES` of them say enough."""
DRAWN_LINES: Final = 1_000
PLAIN: Final = ", no marks"
PAIRS: Final = {
    "synthetic pairs, ravdess with goemotions": manifests.ENGLISH_PAIRS,
    "synthetic pairs, all corpora": manifests.PAIRS,
}
"""Names in the card, and the manifests."""

FILLED: Final = {"meld, 40 words filled": manifests.FILLED, "meld, 40 words in one breath": manifests.RUN_ON}

TWO_SIDED: Final = ("stream", "deep")
SIDES: Final = {"sound": ("sound", "centre", "spread"), "words": ("word",)}
"""How the names of the tensors begin that one side's head needs (streamer.network.sides)."""

CODE: Final = (
    "streamer/evaluation",
    "streamer/features",
    "streamer/engines",
    "streamer/monitor.py",
    "streamer/mood.py",
)
"""What turns a model and a manifest into figures."""


class Measure(NamedTuple):
    """One evaluation, and where it stands in the card."""

    group: str
    name: str
    request: Request


@dataclass(frozen=True, slots=True)
class Bench:
    """Where everything is."""

    corpora: Path
    work: Path
    models: tuple[Path, ...]
    model: str
    split: str = "test"
    seed: int = 0
    quick: bool = False
    same_code: bool = False
    """What was measured by other code counts too: whoever asks knows that it gives the same figures."""


def measures(bench: Bench) -> Iterator[Measure]:
    """Yield all evaluations of a model, in the order of its card."""
    asked = Request(
        manifest=bench.corpora, split=bench.split, model=bench.model, seed=bench.seed,
        limit=QUICK_ROWS if bench.quick else None,
    )  # fmt: skip
    has_split = manifests.clips_of(bench.corpora, bench.split, bench.seed)
    for corpus in has_split:
        yield Measure("sound", corpus, replace(asked, manifest=_of_clips(bench, corpus), modality="sound"))
    pooled = bench.work / manifests.EVERYBODY
    if has_split:
        yield Measure("everybody", "all corpora", replace(asked, manifest=pooled, modality="sound"))
    if NOISY in has_split:
        heard = replace(asked, manifest=_of_clips(bench, NOISY), modality="sound")
        for noise in ("white", "babble"):
            for snr in SNRS_DB:
                yield Measure(f"{noise} noise", f"{snr:g}", replace(heard, noise=noise, snr=snr))
        yield Measure("telephone", NOISY, replace(heard, codec="g711"))
        yield Measure("joined", NOISY, replace(heard, stream=True))
    yield from _of_words(bench, asked)
    yield from _of_pairs(bench, asked)


def _of_words(bench: Bench, asked: Request) -> Iterator[Measure]:
    sizes = {corpus: len(rows) for corpus, rows in manifests.lines_of(bench.corpora, bench.split).items()}
    files = {corpus: bench.corpora / "text" / f"{corpus}.csv.gz" for corpus in sizes}
    files |= {name: path for name, file in FILLED.items() if (path := bench.work / file).exists()}
    for name, path in files.items():
        drawn = DRAWN_LINES if sizes.get(name, 0) > MANY_LINES else None
        for plain in (True, False):
            shown = name + (PLAIN if plain else "")
            request = replace(asked, manifest=path, modality="words", plain_words=plain, limit=asked.limit or drawn)
            yield Measure("words", shown, request)


def _of_pairs(bench: Bench, asked: Request) -> Iterator[Measure]:
    for group, name in PAIRS.items():
        if (bench.work / name).exists():
            pair = replace(asked, manifest=bench.work / name)
            yield Measure(group, "joint", replace(pair, modality="joint"))
            yield Measure(group, "joint" + PLAIN, replace(pair, modality="joint", plain_words=True))
            yield Measure(group, "sound alone", replace(pair, modality="sound"))
            yield Measure(group, "words alone", replace(pair, modality="words"))
            yield Measure(group, "words alone" + PLAIN, replace(pair, modality="words", plain_words=True))


def _of_clips(bench: Bench, corpus: str) -> Path:
    return bench.corpora / corpus / "manifest.csv"


def run(bench: Bench, wanted: Sequence[Measure], *, only_kept: bool = False) -> dict[str, dict[str, Any]]:
    """Return the documents of the evaluations by group and name; what was made before is read from `work`.

    What aims are held against is measured first; joined recordings, which take longest, last. `only_kept`: what was not
    made before is left out.
    """
    folder = bench.models[0] / bench.model
    card = checkpoint.read_card(folder)
    tensors = checkpoint.read_tensors(folder, card)
    models = {modality: identity(card, tensors, modality) for modality in ("sound", "words", "joint")}
    code = digest_of_code()
    kept: dict[tuple[str, str], Path] = {}
    urgent = {aim.path[:2] for aim in AIMS}
    ordered = sorted(wanted, key=lambda one: (one.group == "joined", (one.group, one.name) not in urgent))
    for at, (group, name, request) in enumerate(ordered):
        check(request)
        asked = json.dumps(_without_place(request))
        key = digest(models[str(request.modality)], asked, checkpoint.sha256(request.manifest.read_bytes()))
        found = kept_at(bench, "evaluations", key, code)
        if only_kept and not found.exists():
            continue
        kept[group, name] = found
        if not found.exists():
            print(f"{at + 1}/{len(wanted)} {command(request, bench.corpora, bench.work)}", file=sys.stderr)
            found.parent.mkdir(parents=True, exist_ok=True)
            document = study.evaluate(request, bench.models, bench.model)
            checkpoint.write_whole(found, json.dumps(document, allow_nan=False).encode())
    documents: dict[str, dict[str, Any]] = {}
    for group, name, _ in wanted:
        if (group, name) in kept:
            documents.setdefault(group, {})[name] = json.loads(kept[group, name].read_bytes())
    return documents


def kept_at(bench: Bench, folder: str, key: str, code: str) -> Path:
    """Return where in `work` something measured is kept, or is to be, by hashes of what it was measured on and by."""
    path = bench.work / folder / f"{key[:32]}-{code[:16]}.json"
    others = sorted(path.parent.glob(f"{key[:32]}-*.json")) if bench.same_code else []
    return path if path.exists() or not others else others[0]


def command(request: Request, corpora: Path, work: Path) -> str:
    """Return the command line of an evaluation, the user's own folders as DIR and WORK."""
    path = request.manifest
    place = "WORK" / path.relative_to(work) if path.is_relative_to(work) else "DIR" / path.relative_to(corpora)
    words = ["emostream evaluate", f"--manifest {place}", f"--split {request.split}", f"--model {request.model}"]
    words += [f"--modality {request.modality}"]
    words += ["--plain-words"] if request.plain_words else []
    words += [f"--noise {request.noise} --snr {request.snr:g}"] if request.noise else []
    words += [f"--codec {request.codec}"] if request.codec else []
    words += ["--stream"] if request.stream else []
    words += [f"--seed {request.seed}"] if request.seed else []
    words += [f"--limit {request.limit}"] if request.limit else []
    return " ".join(words)


def identity(card: Card, tensors: checkpoint.Tensors | None = None, modality: str | None = None) -> str:
    """Return a hash of everything in a card that its figures depend on; what was exported does as its weights do.

    With `tensors`, of what they depend on where the model gets one side alone: there, a network of two sides answers
    with that side's head, and the other half and what joins them may change.
    """
    weights = {name: note for name, note in card.files.items() if name == checkpoint.WEIGHTS_FILE}
    alone = replace(card, figures={}, trained_on=(), licence="", command="", files=weights)
    if tensors is None or modality not in SIDES or card.network not in TWO_SIDED:
        return checkpoint.sha256(card_to_json(alone))
    head = card.heads.index(modality)
    own = [name for name in sorted(tensors) if name.startswith(SIDES[modality])]
    told = (
        card.name, card.network, card.config, card.shapes, card.labels, card.temperatures[head], card.threshold,
        card.step_samples, card.adaptation if modality == "sound" else card.vectors and card.vectors.sha256,
    )  # fmt: skip
    parts = [f"{name} {checkpoint.sha256(np.ascontiguousarray(tensors[name]).tobytes())}" for name in own]
    return digest(repr(told), *parts)


def _without_place(request: Request) -> dict[str, Any]:
    return {name: value for name, value in asdict(request).items() if name not in {"manifest", "model"}}


def digest_of_code() -> str:
    """Return a hash of all code by which figures are measured."""
    return digest(*(_of_code(path) for path in CODE))


def _of_code(place: str) -> str:
    path = ROOT / place
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return digest(*(checkpoint.sha256(file.read_bytes()) for file in files))


def digest(*parts: str) -> str:
    """Return a hash of several texts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
