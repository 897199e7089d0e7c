"""Training of the paper's networks: recipes, going on after a kill, several processes, model folders."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from streamer.network import contract
from tests.house import ROOT
from tools.training import batches, fit, paper, parallel, recipe, relation, variants

TINY = """
name = "tiny"
network = "attention"
data = "relation"
profile = "1-D"
seed = 5
[settings]
kernels = 4
dense = [8]
third_poolings = 4
[relation]
rows = 96
[recipe]
epochs = 6
optimiser = "adamw"
rate = 1e-3
batch = 8
schedule = "cosine"
average = 0.9
"""
ALONE = {name: value for name, value in os.environ.items() if name not in ("WORLD_SIZE", "RANK", "LOCAL_RANK")}


def command(folder: Path, *options: str) -> list[str]:
    (folder / "tiny.toml").write_text(TINY)
    return ["tools/train.py", "--config", str(folder / "tiny.toml"), "--work", str(folder / "work"), *options]


def test_the_papers_recipe_is_the_papers() -> None:
    for network in ("attention", "shallow"):
        plan = paper.read(ROOT / "tools" / "configs" / f"{network}-paper.toml")
        r = plan.recipe
        assert (r.optimiser, r.rate, r.schedule, r.batch, r.smoothing, r.balanced) == (
            "sgd",
            1e-3,
            "constant",
            32,
            0.0,
            False,
        )
        assert r.rate_at(0, 100) == r.rate_at(99, 100) == 1e-3
        assert variants.settings(network, plan.profile, plan.settings).dropout == 0.1
        assert paper.read(ROOT / "tools" / "configs" / f"{network}-modern.toml", "1-D").profile == "1-D"


def test_the_modern_rate_rises_and_falls() -> None:
    r = recipe.Recipe(epochs=1, rate=0.1, schedule="cosine", warm_up=0.1)
    rates = [r.rate_at(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == pytest.approx(0.1)
    assert rates[-1] < 0.002


def test_wrong_recipes_are_refused() -> None:
    with pytest.raises(ValueError, match="wanted sgd or adamw"):
        recipe.Recipe(epochs=1, optimiser="adam")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 1"):
        recipe.Recipe(epochs=0)


def test_an_epoch_holds_every_row_once_or_every_class_alike() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    once = recipe.order(labels, recipe.Recipe(epochs=1), 1, 0)
    assert sorted(once) == list(range(100))
    assert not np.array_equal(once, recipe.order(labels, recipe.Recipe(epochs=1), 1, 1))
    even = recipe.order(labels, recipe.Recipe(epochs=1, balanced=True, epoch_rows=4_000), 1, 0)
    assert np.mean(labels[even]) == pytest.approx(0.5, abs=0.05)
    times = np.bincount(recipe.order(labels, recipe.Recipe(epochs=1, epoch_rows=250), 1, 0))
    assert (times.min(), times.max()) == (2, 3)


@pytest.mark.timeout(400)
def test_a_run_killed_at_random_moments_ends_with_the_same_weights(tmp_path: Path) -> None:
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    subprocess.run([sys.executable, *command(tmp_path / "whole")], cwd=ROOT, env=ALONE, check=True, capture_output=True)
    chance = random.Random(time.time_ns())
    killed = 0
    weights = Path("work") / "tiny-5.safetensors"
    while not (tmp_path / "killed" / weights).exists():
        run = subprocess.Popen(
            [sys.executable, *command(tmp_path / "killed")], cwd=ROOT, env=ALONE, stdout=subprocess.PIPE, text=True
        )
        assert run.stdout is not None
        if killed < 2:
            run.stdout.readline()  # an epoch is over, or it says where it goes on
            time.sleep(chance.uniform(0.0, 0.3))
            run.send_signal(signal.SIGKILL)
            killed += 1
        run.communicate()
    assert killed == 2
    assert (tmp_path / "killed" / weights).read_bytes() == (tmp_path / "whole" / weights).read_bytes()


def test_a_run_goes_on_in_the_middle_of_an_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "KEEP_EVERY_S", -1.0)  # a state after every step
    data = relation.Relation(relation.Task(rows=24))
    place = parallel.Place(torch.device("cpu"))

    def run(state: Path, stop_after: int) -> torch.nn.Module:
        torch.manual_seed(0)
        network = variants.make(variants.settings("attention", "1-D", {"kernels": 4, "dense": [8]}))
        job = fit.Job(data, recipe.Recipe(epochs=2, batch=8, average=0.9), 1, state)

        def step(done: int, of: int) -> None:
            assert of == 6
            if done == stop_after + 1:
                raise KeyboardInterrupt

        return fit.fit(network, job, lambda _: {"x": 0.0}, place, fit.Ears(step, lambda _: None))

    whole = run(tmp_path / "a.pt", 99)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "b.pt", 4)
    again = run(tmp_path / "b.pt", 99)
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def torchrun(*arguments: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *arguments],
        cwd=ROOT,
        env=ALONE | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-3000:]


@pytest.mark.timeout(300)
def test_two_processes_give_the_gradients_of_one(tmp_path: Path) -> None:
    script = "tests/harness/two_processes.py"
    rows = "7"  # the shares are 4 and 3
    subprocess.run([sys.executable, script, str(tmp_path / "one"), rows], cwd=ROOT, env=ALONE, check=True)
    torchrun(script, str(tmp_path / "two"), rows)
    one = safetensors.numpy.load((tmp_path / "one").read_bytes())
    two = safetensors.numpy.load((tmp_path / "two").read_bytes())
    assert (int(one.pop("processes")[0]), int(two.pop("processes")[0])) == (1, 2)
    assert one.keys() == two.keys()
    assert max(float(np.abs(gradient).max()) for gradient in one.values()) > 1e-3
    for name, gradient in one.items():
        np.testing.assert_allclose(two[name], gradient, atol=1e-6, rtol=0.0, err_msg=name)


@pytest.mark.timeout(300)
def test_the_program_trains_under_torchrun(tmp_path: Path) -> None:
    torchrun(*command(tmp_path))
    weights = safetensors.numpy.load((tmp_path / "work" / "tiny-5.safetensors").read_bytes())
    assert all(np.isfinite(tensor).all() for tensor in weights.values())


def test_rows_of_the_relation_say_nothing_by_one_side_alone() -> None:
    data = relation.Relation(relation.Task(rows=600, seed=9))
    assert (np.sort(data.tones, axis=1) == np.arange(contract.N_EMOTIONS)).all()
    assert np.corrcoef(data.named, data.labels)[0, 1] == pytest.approx(0.0, abs=0.12)
    batch = batches.cut(data.batch(np.arange(4), 0, 0))
    assert batch.inputs[0].shape[2] == relation.STRETCH * relation.STRETCHES
    assert batch.inputs[3].sum(1).tolist() == [data._task.words] * 4


def test_what_is_missing_is_said_in_one_sentence(tmp_path: Path) -> None:
    options = ["--config", "tools/configs/attention-paper.toml", "--work", str(tmp_path), "--device", "cpu"]
    told = subprocess.run(
        [sys.executable, "tools/train.py", *options], cwd=ROOT, env=ALONE, capture_output=True, text=True, check=False
    )
    assert told.returncode == 2
    assert told.stderr == "train: this file trains on synthetic pairs; name the folder of the corpora with --corpora\n"
