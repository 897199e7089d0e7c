"""The paper's mechanism works at all: attention finds an answer that lies only in the relation of words and sound."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from tools.training import batches, recipe, relation, variants
from tools.training.fit import logits_of, make_optimiser

STEPS = 240
GIVEN = {
    "attention": {"kernels": 16, "dense": [64], "dropout": 0.0, "third_poolings": 4},
    "shallow": {"kernels": 16, "dense": [64], "dropout": 0.0, "sound_poolings": 4},
}


def share_right(network: str) -> float:
    """Train on rows with hints, and return the share of rows without hints that are right."""
    torch.manual_seed(0)
    learner = variants.make(variants.settings(network, "1-D", GIVEN[network]))
    training = relation.Relation(relation.Task(rows=32 * STEPS, words=3, seed=1, hints=True))
    optimiser = make_optimiser(learner, recipe.Recipe(epochs=1, optimiser="adamw", rate=3e-3, decay=0.01))
    for step in range(STEPS):
        batch = batches.cut(training.batch(np.arange(step * 32, step * 32 + 32), 0, 0))
        optimiser.zero_grad()
        loss = functional.cross_entropy(learner(*batch.inputs)[:, 0], batch.label)
        torch.autograd.backward(loss)
        optimiser.step()
    held_out = relation.Relation(relation.Task(rows=512, words=3, seed=2))
    return float(np.mean(logits_of(learner, held_out, torch.device("cpu")).argmax(axis=1) == held_out.labels))


@pytest.mark.timeout(600)
def test_attention_solves_what_lies_only_in_the_relation() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert share_right("attention") > 0.8
    finally:
        torch.set_num_threads(threads)


@pytest.mark.timeout(600)
def test_the_baseline_does_not_within_the_same_budget() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert share_right("shallow") < 0.35  # chance is 0.17
    finally:
        torch.set_num_threads(threads)
