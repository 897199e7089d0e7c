"""Training of the paper's networks, `attention` and `shallow`, from one file to a model folder."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import safetensors.numpy
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from streamer.errors import UsageError
from streamer.network import card, checkpoint, contract, registry
from tools.training import (
    crosspairs,
    fit,
    metrics,
    moseiwindows,
    paperfolder,
    parallel,
    relation,
    variants,
)
from tools.training.batches import DataSet
from tools.training.recipe import Recipe

DATA: Final = ("pairs", "mosei", "relation")
SPLITS: Final = ("train", "valid", "test")
UNSURE_UNDER: Final = 0.3
"""Calibrated share of the best of six under which the monitor says "unsure"; chance is 0.17."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training file of these networks says."""

    name: str
    network: str
    recipe: Recipe
    data: str = "pairs"
    profile: str = "2-D"
    step_samples: int = contract.LIVE_STEP_SAMPLES
    seed: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    relation: Mapping[str, int] = field(default_factory=dict)
    """Keys of relation.Task, and `rows` as the training rows."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are."""

    work: Path
    vectors: Path
    models: Path
    corpora: Path | None = None
    mosei: Path | None = None


def read(path: Path, profile: str | None = None, seed: int | None = None) -> Plan:
    """Return the plan in `path`; a missing or unknown key is a TypeError that names it."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    table["recipe"] = Recipe(**table.pop("recipe"))
    if table.get("data", "pairs") not in DATA:
        message = f"{path} wants the data {table['data']!r}, wanted one of {', '.join(DATA)}"
        raise UsageError(message)
    if profile:
        table["profile"] = profile
    if seed is not None:
        table["seed"] = seed
    return Plan(**table)


def on_mosei(plan: Plan) -> Plan:
    """Return a plan for synthetic pairs as one for CMU-MOSEI."""
    return replace(plan, data="mosei", name=f"{plan.name}-mosei", step_samples=contract.PAPER_STEP_SAMPLES)


def data_sets(plan: Plan, places: Places) -> dict[str, DataSet]:
    """Return training, validation and test rows; features are computed first where they are missing."""
    if plan.data == "relation":
        rows = plan.relation.get("rows", 6_400)
        sizes = {"train": rows, "valid": max(rows // 8, 1), "test": max(rows // 8, 1)}
        given = {key: value for key, value in plan.relation.items() if key != "rows"}
        return {
            split: relation.Relation(relation.Task(rows=n, seed=at, hints=split == "train", **given))
            for at, (split, n) in enumerate(sizes.items())
        }
    if plan.data == "mosei":
        if places.mosei is None:
            message = "this file trains on CMU-MOSEI; name its prepared folder with --mosei"
            raise UsageError(message)
        return {split: moseiwindows.MoseiWindows(places.mosei, split) for split in SPLITS}
    if places.corpora is None:
        message = "this file trains on synthetic pairs; name the folder of the corpora with --corpora"
        raise UsageError(message)
    material = crosspairs.prepare(places.corpora, places.work, places.vectors, plan.step_samples)
    return {split: crosspairs.CrossPairs(material, split) for split in SPLITS}


def figures(network: nn.Module, data: DataSet, device: torch.device) -> dict[str, float]:
    """Return mean recall, accuracy and macro-F1 on a held-out set."""
    answer = fit.logits_of(network, data, device).argmax(axis=1)
    return {
        "uar": metrics.recall(data.labels, answer),
        "accuracy": float(np.mean(answer == data.labels)),
        "macro_f1": metrics.f1_scores(data.labels, answer)[0],
    }


def train(plan: Plan, places: Places, place: parallel.Place, variant: str = "plain") -> nn.Module:
    """Train, write the weights, and for data with emotions the model folder; return the network."""
    plan = on_mosei(plan) if places.mosei and plan.data == "pairs" else plan
    places.work.mkdir(parents=True, exist_ok=True)
    if place.is_first:
        data_sets(plan, places)  # the first process computes what is missing, the others find it
    place.wait()
    sets = data_sets(plan, places)
    config = variants.settings(plan.network, plan.profile, plan.settings)
    torch.manual_seed(plan.seed)
    network = variants.make(config, variant)
    job = fit.Job(sets["train"], plan.recipe, plan.seed, places.work / f"{plan.name}-{plan.seed}.pt")
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not (console.is_terminal and place.is_first)) as bar:
        task = bar.add_task(plan.name, total=job.steps)
        ears = fit.Ears(
            lambda done, of: bar.update(task, completed=done, total=of),
            lambda text: print(f"{plan.name} {text}", flush=True),
        )
        judge = lambda kept: figures(kept, sets["valid"], place.device)  # noqa: E731
        trained = fit.fit(network, job, judge, place, ears).cpu()
    if place.is_first:
        write(plan, places, trained, sets)
    return trained


def write(
    plan: Plan, places: Places, network: nn.Module, sets: Mapping[str, DataSet], command: str = ""
) -> card.Card | None:
    """Write the weights into the work folder, and the model folder unless the classes are no emotions.

    The model folder's large weights are rounded to half precision, in `network` too. `command` is told in the card
    instead of tools/train.py. Return the card.
    """
    tensors = registry.tensors_of(network)
    weights = safetensors.numpy.save({name: np.ascontiguousarray(value) for name, value in tensors.items()})
    checkpoint.write_whole(places.work / f"{plan.name}-{plan.seed}.safetensors", weights)
    cpu = torch.device("cpu")
    if plan.data != "relation":
        paperfolder.halved(network)
    held_out = {split: data for split, data in {**sets, **alone(sets)}.items() if split != "train"}
    found = {split: figures(network, data, cpu) for split, data in held_out.items()}
    for split, row in found.items():
        print(f"{plan.name} {split}  " + "  ".join(f"{name} {value:.3f}" for name, value in row.items()), flush=True)
    if plan.data == "relation":
        return None
    valid = [data for split, data in held_out.items() if split.startswith("valid")]
    truth = np.concatenate([data.labels for data in valid])
    temperature = metrics.fit_temperature(truth, np.concatenate([fit.logits_of(network, data, cpu) for data in valid]))
    note = card_of(plan, places, sets["train"], {split: _rounded(row) for split, row in found.items()})
    note = replace(note, temperatures=(temperature,) * len(note.heads), command=command or note.command)
    bare = registry.create(note.network, note.config)
    bare.load_state_dict(network.state_dict())
    folder = places.models / plan.name
    # The control is opened by tools/compare.py alone, which can export it; its ONNX file need not be shipped.
    note = paperfolder.write(folder, bare, note, exported=not plan.settings.get("even"))
    print(f"written to {folder}")
    return note


def alone(sets: Mapping[str, DataSet]) -> dict[str, DataSet]:
    """Return held-out pairs without their words; nothing for other data."""
    return {
        f"{split}, sound alone": crosspairs.CrossPairs(data.material, split, mode="none")
        for split, data in sets.items()
        if isinstance(data, crosspairs.CrossPairs) and split != "train"
    }


def card_of(plan: Plan, places: Places, training: DataSet, found: Mapping[str, Any]) -> card.Card:
    """Return the card of a trained network, but for its temperature.

    The monitor's columns are what it takes, whatever its own step: the network thins them.
    """
    step = contract.PAPER_STEP_SAMPLES if plan.data == "mosei" else plan.step_samples
    config = variants.settings(plan.network, plan.profile, {**plan.settings, "step_samples": step})
    heads = registry.NETWORKS[plan.network].heads
    return card.Card(
        name=plan.name,
        network=plan.network,
        config=asdict(config),
        labels=contract.EMOTIONS,
        heads=heads,
        temperatures=(1.0,) * len(heads),
        head_weights=(1.0,) * len(heads),
        threshold=UNSURE_UNDER,
        licence=paperfolder.LICENCES[plan.data],
        command=f"python tools/train.py --config tools/configs/{plan.name.removesuffix('-mosei')}.toml "
        f"--profile {plan.profile} "
        f"--seed {plan.seed} {'--mosei' if plan.data == 'mosei' else '--corpora'} DIR --work DIR",
        trained_on=paperfolder.rows_of(training),
        figures={paperfolder.SOURCES[plan.data]: dict(found)},
        vectors=_vectors(places.vectors, training),
    )


def _rounded(row: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in row.items()}


def _vectors(folder: Path, data: DataSet) -> card.VectorsNote | None:
    """Return the vectors' note; None where the words were not ours (the published GloVe of CMU-MOSEI)."""
    if isinstance(data, moseiwindows.MoseiWindows) and data.vectors != folder.name:
        return None
    return card.VectorsNote(folder.name, checkpoint.sha256((folder / "vectors.safetensors").read_bytes()))
