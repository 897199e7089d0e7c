"""Every model beside the baselines, on the same test speakers and lines: `python tools/compare.py --corpora DIR`.

`DIR` holds one folder with a manifest.csv per corpus of recordings, and `text/*.csv.gz`. The tables go to standard
output and between two markers of a Markdown file. Every model in `models/` has a row, and so has the control in
`tools/controls`: attention replaced by 1. eGeMAPS features are kept in a work folder outside the repository.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import platformdirs

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from streamer import places
from streamer.engines.classifier import Choice, Classifier
from streamer.evaluation import examples, manifest, metrics, study
from streamer.evaluation.manifest import NEUTRAL, Manifest
from streamer.evaluation.request import Modality, Request
from streamer.features.words import WordVectors
from streamer.network import checkpoint, contract
from streamer.network.card import MELS
from tools import baselines
from tools.baselines import Fitted, Split
from tools.egemaps import Functionals, functionals

CONTROLS = Path(__file__).resolve().parent / "controls"
"""Networks that are there to be compared with and for nothing else."""

BEGIN, END = "<!-- compare: begin -->", "<!-- compare: end -->"
TIMED = 30
"""Windows or lines whose median time is told."""

MS = 1_000.0
PLAIN = ", no marks"


@dataclass
class Table:
    """Cells by system and column, both in the order in which they came."""

    cells: dict[tuple[str, str], str] = field(default_factory=dict)

    def put(self, system: str, column: str, text: str) -> None:
        """Fill one cell, and say so on standard error."""
        self.cells[system, column] = text
        print(f"{system}: {column}: {text}", file=sys.stderr)

    def markdown(self) -> str:
        """Return the table, a row per system."""
        systems = list(dict.fromkeys(system for system, _ in self.cells))
        columns = list(dict.fromkeys(column for _, column in self.cells))
        lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
        lines += [
            f"| {name} | " + " | ".join(self.cells.get((name, c), "") for c in columns) + " |" for name in systems
        ]
        return "\n".join(lines) + "\n"


def main() -> None:
    """Read the command line, compare, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", type=Path, required=True, help="folder of the prepared corpora")
    parser.add_argument("--out", type=Path, default=Path("models/README.md"), help="Markdown file to write into")
    parser.add_argument("--work", type=Path, default=platformdirs.user_cache_path("emostream") / "compare")
    parser.add_argument("--seed", type=int, default=0, help="of the intervals")
    given = parser.parse_args()
    text = report(given.corpora, given.work, given.seed)
    print(text)
    before = given.out.read_text(encoding="utf-8") if given.out.exists() else ""
    given.out.write_text(between_markers(before, text), encoding="utf-8")


def report(corpora: Path, work: Path, seed: int) -> str:
    """Return both tables with what they mean."""
    names = [entry.name for entry in checkpoint.installed(folders()) if entry.card]
    return (
        "## Beside the baselines\n\n"
        f"Made by `python tools/compare.py --corpora DIR` (seed {seed}); test speakers and lines that nothing was "
        "trained on. Each baseline is trained on the corpus that it is tested on, each network on all corpora at "
        "once. A baseline knows only the classes of its corpus. `attention` and `shallow` are the paper's, the "
        "control is `attention` with a = 1. ms a window: processor time of one estimate, on one thread.\n\n"
        "### Sound alone: recall averaged over the corpus' own emotions, without neutral, and its 95 % interval\n\n"
        f"{sound_table(corpora, work, names, seed).markdown()}\n"
        "Intervals are drawn over speakers; where a corpus has one test speaker, over recordings (marked `*`). eGeMAPS "
        "comes from openSMILE, whose licence allows research only: it is no part of the program.\n\n"
        "### Words alone: F1 with neutral as a seventh class\n\n"
        f"{words_table(corpora, names, seed).markdown()}"
    )


def between_markers(text: str, inner: str) -> str:
    """Return the text with `inner` between the markers; without markers it comes at the end."""
    if BEGIN not in text or END not in text:
        text = f"{text.rstrip()}\n\n{BEGIN}\n{END}\n".lstrip()
    before, rest = text.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{inner.strip()}\n\n{END}{rest.split(END, 1)[1]}"


def sound_table(corpora: Path, work: Path, models: Sequence[str], seed: int) -> Table:
    """Return recall by system and corpus, speed and size."""
    table = Table()
    for path in sorted(corpora.glob("*/manifest.csv")):
        read = manifest.read(path)
        rows = tuple(row for row in read.rows if row.emotion != NEUTRAL)
        if not {"train", "test"} <= {row.split for row in rows}:
            continue
        corpus = path.parent.name
        split = Split(rows, functionals(rows, work, corpus))
        for name, fit in SOUND_BASELINES.items():
            fitted = fit(split)
            table.put(name, corpus, recall_of(fitted, split, seed))
            if (name, SIZE) not in table.cells:
                table.put(name, SPEED, milliseconds(_on_sound(name, fitted)))
                table.put(name, SIZE, megabytes(8 * fitted.n_numbers))
        for model in models:
            found = document(read, model, "sound", seed)
            table.put(title(model), corpus, interval(found["uar_own"], found["ci95_own"], found["ci95_over"]))
    for model in models:
        put_costs(table, model)
    return ordered(table)


T = TypeVar("T")
SPEED, SIZE = "ms a window", "MB"
Fit: TypeAlias = Callable[[Split], Fitted]
SOUND_BASELINES: dict[str, Fit] = {
    "majority": baselines.majority,
    "eGeMAPS, logistic regression": baselines.logistic,
    "eGeMAPS, SVM": baselines.svm,
}
WORD_BASELINES: dict[str, Fit] = {
    "majority": baselines.majority,
    "TF-IDF, logistic regression": baselines.bag_of_words,
}


def words_table(corpora: Path, models: Sequence[str], seed: int) -> Table:
    """Return F1 by system and corpus, with punctuation and without."""
    table = Table()
    for path in sorted((corpora / "text").glob("*.csv.gz")):
        read = manifest.read(path)
        corpus = path.name.split(".")[0]
        if not any(row.emotion == NEUTRAL and row.split == "test" for row in read.rows):
            continue
        for plain in (False, True):
            column = corpus + (PLAIN if plain else "")
            split = Split(read.rows, baselines.tokens_of(read.rows, plain=plain))
            tokens, truth = split.of("test")
            for name, fit in WORD_BASELINES.items():
                fitted = fit(split)
                answer = fitted.answer(tokens)
                table.put(name, column, f1s(metrics.macro_f1(truth, answer), metrics.weighted_f1(truth, answer)))
                if (name, SIZE) not in table.cells:
                    table.put(name, SPEED, milliseconds(_on_line(fitted, tokens)))
                    table.put(name, SIZE, megabytes(8 * fitted.n_numbers))
            for model in models:
                found = document(read, model, "words", seed, plain=plain)
                table.put(title(model), column, f1s(found["macro_f1_7"], found["weighted_f1"]))
    for model in models:
        put_costs(table, model)
    return ordered(table)


def document(read: Manifest, model: str, modality: Modality, seed: int, *, plain: bool = False) -> dict[str, Any]:
    """Return what `emostream evaluate` says of a model on the test split."""
    request = Request(
        manifest=read.path, split="test", model=model, modality=modality, plain_words=plain, seed=seed
    )  # fmt: skip
    return study.evaluate(request, folders(), model)


def folders() -> tuple[Path, ...]:
    """Return where models lie, the control last."""
    return (*places.model_folders(), CONTROLS)


def title(model: str) -> str:
    """Return how a model is called in the tables."""
    return f"{model} (control: a = 1)" if (CONTROLS / model).is_dir() else f"**{model}**"


def recall_of(fitted: Fitted, split: Split, seed: int) -> str:
    """Return a baseline's recall on the test split, with its interval."""
    features, truth = split.of("test")
    answer = fitted.answer(features)
    speakers = [row.speaker for row in split.rows if row.split == "test"]
    groups = np.unique(speakers, return_inverse=True)[1].astype(np.int64)
    over = "speakers" if len(set(speakers)) > 1 else "rows"
    ends = metrics.recall_interval(truth, answer, groups if over == "speakers" else np.arange(len(truth)), seed)
    return interval(metrics.uar(truth, answer), ends, over)


def put_costs(table: Table, model: str) -> None:
    """Fill in the time of one window of a model, on one thread, and the size of its weights.

    Windows follow one another as live: a network that keeps what it has heard hears only what is new.
    """
    with Classifier.open(folders(), Choice(model, "cpu", threads=1)) as classifier:
        hop = contract.DEFAULT_HOP_COLUMNS
        n_samples = examples.RATIO * contract.samples_of(contract.N_COLUMNS + TIMED * hop)
        sound = np.random.default_rng(0).standard_normal(n_samples).astype(np.float32) * np.float32(0.1)
        said = examples.spoken_tokens("So I am very happy that you are here today!", plain=False)
        with_mels = MELS in classifier.card.shapes
        vectors = WordVectors.load(classifier.vectors_folder)
        windows = iterate(list(examples.windows_of(sound, said, vectors, hop, with_mels=with_mels)))
        classifier.classify(next(windows))  # the first costs more, and is not timed
        table.put(title(model), SPEED, milliseconds(lambda: classifier.classify(next(windows))))
        weights = classifier.card.files[checkpoint.WEIGHTS_FILE].bytes
    table.put(title(model), SIZE, megabytes(weights))


def _on_sound(name: str, fitted: Fitted) -> Callable[[], object]:
    """Return one judgement of a window of sound, features included where the baseline has any."""
    sound = np.random.default_rng(0).standard_normal(examples.WINDOW_SAMPLES).astype(np.float32) * np.float32(0.1)
    smile = Functionals()
    blank = np.zeros((1, 88), np.float32)
    return lambda: fitted.answer(blank if name == "majority" else smile.of(sound)[np.newaxis])


def _on_line(fitted: Fitted, tokens: Sequence[Any]) -> Callable[[], object]:
    lines = iterate(tokens)
    return lambda: fitted.answer([next(lines)])


def iterate(things: Sequence[T]) -> Iterator[T]:
    """Yield the things again and again."""
    while True:
        yield from things


def milliseconds(work: Callable[[], object]) -> str:
    """Return the median processor time of `work`: others on the machine do not count."""
    taken = []
    for _ in range(TIMED):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return f"{MS * statistics.median(taken):.1f}"


def megabytes(n_bytes: int) -> str:
    """Return a size as people read it."""
    return f"{n_bytes / 1e6:.3f}"


def interval(value: float, ends: Sequence[float], over: str) -> str:
    """Return a figure with its interval."""
    return f"{value:.2f} ({ends[0]:.2f} to {ends[1]:.2f}{'' if over == 'speakers' else ' *'})"


def f1s(macro: float, weighted: float) -> str:
    """Return both means of F1."""
    return f"macro {macro:.2f}, weighted {weighted:.2f}"


def ordered(table: Table) -> Table:
    """Return the table with speed and size as its last columns."""
    last = (SPEED, SIZE)
    return Table(
        dict(sorted(table.cells.items(), key=lambda entry: last.index(entry[0][1]) if entry[0][1] in last else -1))
    )


if __name__ == "__main__":
    main()
