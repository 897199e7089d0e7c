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
from tools.studies.grounds import Ground
from tools.training import variants
from tools.training.batches import DataSet


@dataclass(frozen=True, slots=True)
class Source:
    """Where everything of a finished (or half finished) study is."""

    work: Path
    size: plan.Size
    profile: str
    ground: Ground
    command: str


CAPTIONS: Mapping[str, str] = {
    "recalls": "Mean recall of every row, {label}.",
    "figure-2-attention": "Figure 2 of the paper: what the words look at, one of the test {unit}.",
    "figure-3-spectrograms": "Figure 3 of the paper: a spectrogram before and after the logarithm.",
    "figure-5-6-confusion-modern": "Figures 5 and 6 of the paper: confusion, modern recipe, {label}.",
    "figure-5-6-confusion-paper": "Figures 5 and 6 of the paper: confusion, the paper's recipe, {label}.",
    "training": "Mean recall on the validation split after each epoch (first seed).",
}


def write(source: Source, out: Path) -> str:
    """Write the report of the runs that are there; return its first sentence."""
    telling = source.ground.telling
    test = runs.test_sets(source.ground, source.size)["match"]
    answers, kept = results.answers_of(source.work, source.size)
    found = results.collect(test.labels, test.groups, answers, telling)
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
    telling = found["telling"]
    captions = {name: text.format(**telling) for name, text in CAPTIONS.items() if name in drawn}
    checkpoint.write_whole(out / "results.json", (json.dumps(found, indent=1) + "\n").encode())
    checkpoint.write_whole(out / "index.html", page.page(found, captions, out).encode())
    missing = f"\nNot finished: {', '.join(found['missing'])}.\n" if found["missing"] else ""
    listed = "\n".join(f"* `{name}.svg`, `{name}.png`: {caption}" for name, caption in captions.items())
    readme = (
        f"# {telling['title']}\n\n{found['verdict']}\n\n"
        f"{found['mechanism']}\n\n{telling['paragraph']}\n\n{found['setting']}\n\n"
        f"Made with `{found['command']}`. `index.html` is the report, `results.json` its figures.\n"
        f"{missing}\n{listed}\n"
    )
    checkpoint.write_whole(out / "README.md", readme.encode())


def setting(source: Source) -> str:
    """Return what was trained on what, in two sentences."""
    training, telling = source.ground.rows("train"), source.ground.telling
    steps = {
        name: recipe.epochs * recipe.steps(len(training.labels))
        for name, recipe in ((name, source.size.recipe(name)) for name in (plan.PAPER, plan.MODERN))
    }
    return (
        f"Networks in the {source.profile} reading at the paper's profile (50 ms between columns, 20 s a picture), "
        f"{page.seeds(source.size.seeds)} of each row, from {telling.material}. "
        f"The paper names no number of epochs; its recipe here is {steps[plan.PAPER]} steps of 32 {telling.unit} "
        "with SGD at a constant 1e-3 and dropout 0.1 on the last hidden layer (the last figure shows whether it "
        f"settled), the modern one {steps[plan.MODERN]} steps with AdamW, warm-up, cosine, classes drawn alike, label "
        "smoothing and averaged weights."
        + (
            " A quick run, to see that everything runs: its figures say nothing."
            if source.size.epoch_rows == plan.QUICK.epoch_rows
            else ""
        )
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
    telling = found["telling"]
    told = f"{telling['label']} (bar: 95 % by {telling['group']})"
    drawn = [figures.recalls(rows, out, told)]
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


def draw_sound(source: Source, test: DataSet, out: Path) -> list[str]:
    """Draw the figures that need a clip or a network; return the names."""
    row = source.ground.drawn(test)
    drawn = [figures.spectrograms(*source.ground.power(test, row), out)]
    if runs.read(source.work, plan.ATTENTION, 1) is not None:
        averaged = bool(source.size.recipe(plan.ATTENTION.recipe).average)
        network = runs.again(plan.ATTENTION, 1, source.profile, source.work, averaged=averaged)
        assert isinstance(network, variants.TrainedAttention)
        example = runs.example(network, source.ground, test, row, torch.device("cpu"))
        drawn.append(figures.attention(example, out))
    return drawn
