"""From the answers of all runs that are there to one dictionary: what the report says, and results.json."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from streamer.network import contract
from tools.studies import plan, runs, scores
from tools.studies.grounds import Telling
from tools.studies.scores import Ints

Answers = Mapping[str, Mapping[str, Ints]]
"""Row key -> how the pairs were made -> answers (seeds, rows)."""

COMPARED = (
    ("attention-modern", "shallow-modern", "attention against the baseline, trained better"),
    ("attention-paper", "shallow-paper", "attention against the baseline, the paper's hyperparameters"),
    ("attention-modern", "attention-even", "attention against attention replaced by 1"),
    ("attention-modern", "attention-shuffled", "words that fit against words of other clips"),
    ("attention-ensemble", "attention-modern", "with the original features against without"),
    ("attention-ensemble", "shallow-modern", "with the original features against the baseline"),
    ("attention-modern", "attention-unmasked", "loss masking on against off"),
    ("attention-synced", "attention-modern", "synced to word times against not"),
)
"""First, second, and the question."""


def answers_of(work: Path, size: plan.Size) -> tuple[dict[str, dict[str, Ints]], dict[str, list[runs.Found]]]:
    """Return the answers of every row, seeds in their order, and what else was kept of each run."""
    answers: dict[str, dict[str, Ints]] = {}
    kept: dict[str, list[runs.Found]] = {}
    for row in plan.ROWS:
        found = [one for seed in range(1, size.seeds + 1) if (one := runs.read(work, row, seed)) is not None]
        if not found:
            continue
        kept[row.key] = found
        answers[row.key] = {
            mode: np.stack([one.logits[mode].argmax(axis=1) for one in found]).astype(np.int64)
            for mode in found[0].logits
        }
    return answers, kept


def own(row: plan.Row) -> str:
    """Return the kind of pairs that a row is judged on."""
    return "shuffled" if row.training_words == "shuffled" else "match"


def collect(truth: Ints, groups: Ints, answers: Answers, telling: Telling) -> dict[str, Any]:
    """Return every figure of the report."""
    rows: dict[str, Any] = {}
    for row in plan.ROWS:
        if row.key not in answers:
            continue
        found = scores.row_figures(truth, groups, answers[row.key][own(row)])
        found["title"], found["recipe"], found["what"] = row.title, row.recipe, row.what
        found["tested_otherwise"] = {
            mode: float(scores.uars(truth, said).mean()) for mode, said in answers[row.key].items()
        }
        rows[row.key] = found
    by_key = {row.key: row for row in plan.ROWS}
    pairs = {
        f"{first} / {second}": {
            "question": question,
            "first": first,
            "second": second,
            **_paired(truth, groups, answers[first][own(by_key[first])], answers[second][own(by_key[second])]),
        }
        for first, second, question in COMPARED
        if first in answers and second in answers
    }
    largest = int(np.bincount(truth).argmax())
    return {
        "classes": list(contract.EMOTIONS),
        "telling": asdict(telling),
        "test": {
            "rows": len(truth),
            "groups": len(np.unique(groups)),
            "per_class": {name: int(np.sum(truth == at)) for at, name in enumerate(contract.EMOTIONS)},
        },
        "majority": {"answer": contract.EMOTIONS[largest], "overall_accuracy": float(np.mean(truth == largest))},
        "rows": rows,
        "paired": pairs,
        "verdict": verdict(pairs, telling),
        "mechanism": mechanism(pairs),
    }


def _paired(truth: Ints, groups: Ints, first: Ints, second: Ints) -> dict[str, Any]:
    found = scores.paired(truth, groups, first, second)
    return {
        "difference": found.difference,
        "ci95": [found.low, found.high],
        "p_bootstrap": found.p_bootstrap,
        "mcnemar": {"only_first": found.only_first, "only_second": found.only_second, "p": found.p_mcnemar},
        "first_is_better": found.is_better,
    }


def mechanism(pairs: Mapping[str, Any]) -> str:
    """Return the second sentence: what the words do through attention, by the two controls and the proposal."""
    asked = (
        ("attention-modern / attention-even", "attention against attention replaced by 1"),
        ("attention-modern / attention-shuffled", "words that fit against words of other clips"),
        ("attention-ensemble / shallow-modern", "attention with the original features against the baseline"),
    )
    said = [
        f"{name} {pairs[key]['difference']:+.3f} [{pairs[key]['ci95'][0]:+.3f}, {pairs[key]['ci95'][1]:+.3f}]"
        for key, name in asked
        if key in pairs
    ]
    return f"Of the modern recipe: {'; '.join(said)}." if said else ""


def verdict(pairs: Mapping[str, Any], telling: Telling) -> str:
    """Return the first sentence of the report: whether attention beats shallow here, under each recipe."""
    said = []
    beats = []
    for recipe, name in ((plan.MODERN, "trained with a modern optimiser"), (plan.PAPER, "with the paper's SGD")):
        one = pairs.get(f"attention-{recipe} / shallow-{recipe}")
        if one is None:
            continue
        low, high = one["ci95"]
        beats.append(one["first_is_better"])
        said.append(f"{name} its mean recall differs by {one['difference']:+.3f} [{low:+.3f}, {high:+.3f}]")
    if not said:
        return "The study holds no finished comparison of attention with shallow yet."
    if all(beats):
        head = f"Attention beats the shallow baseline here, on {telling.label}"
    elif any(beats):
        head = f"Attention beats the shallow baseline here under one of the two recipes only, on {telling.label}"
    else:
        head = f"Attention does not beat the shallow baseline here, on {telling.label}"
    return f"{head}: {'; '.join(said)} (difference, 95 % by {telling.group})."
