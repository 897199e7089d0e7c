"""The report folder: results.json, figures, page, and a README with the first sentence."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from streamer.network import checkpoint
from tools.studies import figures, page, plan, results, runs, scores
from tools.training import clipstore, crosspairs


@dataclass(frozen=True, slots=True)
class Source:
    """Where everything of a finished (or half finished) study is."""

    work: Path
    size: plan.Size
    profile: str
    material: crosspairs.Material
    vocabulary: list[str]
    command: str


CAPTIONS: Mapping[str, str] = {
    "recalls": "Mean recall of every row, synthetic pairing.",
    "figure-2-attention": "Figure 2 of the paper: what the words look at, one test pair.",
    "figure-3-spectrograms": "Figure 3 of the paper: a spectrogram before and after the logarithm.",
    "figure-5-6-confusion-modern": "Figures 5 and 6 of the paper: confusion, modern recipe, synthetic pairing.",
    "figure-5-6-confusion-paper": "Figures 5 and 6 of the paper: confusion, the paper's recipe, synthetic pairing.",
    "training": "Mean recall on validation speakers after each epoch (first seed).",
}


def write(source: Source, out: Path) -> str:
    """Write the report of the runs that are there; return its first sentence."""
    test = runs.test_sets(source.material, source.size)["match"]
    answers, kept = results.answers_of(source.work, source.size)
    found = results.collect(test.labels, test.groups, answers)
    found["command"] = source.command
    found["setting"] = setting(source)
    found["attention"] = {
        key: {name: float(np.mean([one.attention[name] for one in some])) for name in some[0].attention}
        for key, some in kept.items()
        if some[0].attention and key != plan.EVEN.key  # there it is 1 by construction, and nothing was measured
    }
    wanted = plan.runs(source.size)
    found["missing"] = [f"{row.key}, seed {seed}" for row, seed in wanted if runs.read(source.work, row, seed) is None]
    courses = {key: [epoch["uar"] for epoch in some[0].history] for key, some in kept.items()}
    drawn = draw(found, courses, answers, test.labels, out)
    drawn += draw_sound(source, test, out)
    write_folder(found, drawn, out)
    return str(found["verdict"])


def write_folder(found: Mapping[str, Any], drawn: list[str], out: Path) -> None:
    """Write page, results and README beside the figures."""
    captions = {name: CAPTIONS[name] for name in CAPTIONS if name in drawn}
    checkpoint.write_whole(out / "results.json", (json.dumps(found, indent=1) + "\n").encode())
    checkpoint.write_whole(out / "index.html", page.page(found, captions, out).encode())
    missing = f"\nNot finished: {', '.join(found['missing'])}.\n" if found["missing"] else ""
    listed = "\n".join(f"* `{name}.svg`, `{name}.png`: {caption}" for name, caption in captions.items())
    readme = (
        f"# The paper's study, rebuilt on synthetic pairs\n\n{found['verdict']}\n\n"
        f"{found['mechanism']}\n\n{found['setting']}\n\n"
        f"Made with `{found['command']}`. `index.html` is the report, `results.json` its figures.\n"
        f"{missing}\n{listed}\n"
    )
    checkpoint.write_whole(out / "README.md", readme.encode())


def setting(source: Source) -> str:
    """Return what was trained on what, in two sentences."""
    training = crosspairs.CrossPairs(source.material, "train")
    n_lines = sum(line.split == "train" for line in source.material.lines.lines)
    steps = {
        name: recipe.epochs * recipe.steps(len(training.labels))
        for name, recipe in ((name, source.size.recipe(name)) for name in (plan.PAPER, plan.MODERN))
    }
    return (
        f"Networks in the {source.profile} reading at the paper's profile (50 ms between columns, 20 s a picture), "
        f"from {len(training.labels)} clips of {len(np.unique(training.groups))} speakers and {n_lines} written lines. "
        f"The paper names no number of epochs; its recipe here is {steps[plan.PAPER]} steps of 32 pairs with SGD at a "
        "constant 1e-3 and dropout 0.1 on the last hidden layer (too few for it to settle), the modern one "
        f"{steps[plan.MODERN]} steps with AdamW, warm-up, cosine, classes drawn alike, label smoothing and averaged "
        "weights."
    )


def draw(
    found: Mapping[str, Any],
    courses: Mapping[str, list[float]],
    answers: results.Answers,
    truth: scores.Ints,
    out: Path,
) -> list[str]:
    """Draw what can be drawn from figures alone; return the names."""
    by_key = {row.key: row for row in plan.ROWS}
    rows = [
        (
            f"{one['title']} ({one['recipe']})",
            float(one["mean_recall"]),
            (float(one["ci95"][0]), float(one["ci95"][1])),
            scores.uars(truth, answers[key][results.own(by_key[key])]),
        )
        for key, one in found["rows"].items()
    ]
    drawn = [figures.recalls(rows, out)]
    for recipe in (plan.MODERN, plan.PAPER):
        panels = {
            network: np.array(found["rows"][f"{network}-{recipe}"]["confusion"])
            for network in ("shallow", "attention")
            if f"{network}-{recipe}" in found["rows"]
        }
        if panels:
            drawn.append(figures.confusions(panels, out, f"figure-5-6-confusion-{recipe}"))
    titles = {key: f"{by_key[key].title} ({by_key[key].recipe})" for key in courses}
    drawn.append(figures.training({titles[key]: course for key, course in courses.items()}, out))
    return drawn


def draw_sound(source: Source, test: crosspairs.CrossPairs, out: Path) -> list[str]:
    """Draw the figures that need a clip or a network; return the names."""
    row = chosen(source, test)
    drawn = [figures.spectrograms(clipstore.trimmed(source.material.store, int(test.clips[row])), out)]
    if runs.read(source.work, plan.ATTENTION, 1) is not None:
        averaged = bool(source.size.recipe(plan.ATTENTION.recipe).average)
        network = runs.again(plan.ATTENTION, 1, source.profile, source.work, averaged=averaged)
        example = runs.example(network, test, row, source.vocabulary, torch.device("cpu"))
        drawn.append(figures.attention(example, out))
    return drawn


def chosen(source: Source, test: crosspairs.CrossPairs) -> int:
    """Return the pair that is drawn: English, 8 to 16 words, the longest clip; not chosen by what attention does."""
    recordings, rows = source.material.store.recordings, source.material.lines.rows
    partners = test.partners(0, 0)
    fits = [
        at
        for at in range(len(test.labels))
        if recordings[int(test.clips[at])].corpus == "ravdess" and 8 <= len(rows[int(partners[at])]) <= 16
    ] or [0]
    bounds = source.material.clips.bounds
    return max(fits, key=lambda at: int(bounds[test.clips[at] + 1] - bounds[test.clips[at]]))
