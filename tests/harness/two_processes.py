"""Under torchrun: one gradient of a small network over one batch, averaged over the processes; the first writes it."""

import sys
from pathlib import Path

import numpy as np
import safetensors.numpy
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.training import fit, parallel, recipe, relation, variants


def gradients(place: parallel.Place, state: Path, rows: int) -> dict[str, np.ndarray]:
    torch.manual_seed(3)
    given = {"kernels": 4, "dense": [8], "dropout": 0.0}
    network = variants.make(variants.settings("attention", "1-D", given))
    job = fit.Job(relation.Relation(relation.Task(rows=32)), recipe.Recipe(epochs=1), 1, state)
    fit.backward(place.wrap(network), job, place, np.arange(rows), 0)
    return {name: p.grad.numpy() for name, p in network.named_parameters() if p.grad is not None}


def main(target: Path, rows: int) -> None:
    torch.set_num_threads(1)
    with parallel.place("cpu") as place:
        found = gradients(place, target.with_suffix(".pt"), rows)
        if place.is_first:
            target.write_bytes(safetensors.numpy.save({**found, "processes": np.array([place.processes])}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
