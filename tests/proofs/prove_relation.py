"""Slow proof, `make proofs`: the paper's mechanism works at all. Attention solves what lies only in the relation.

The same task as tests/unit/test_relation.py with twice the steps for the baseline, so that it is not a matter of time.
"""

import sys

import pytest
import torch

from tests.unit import test_relation


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.timeout(3_600)
def test_attention_solves_it() -> None:
    share = test_relation.share_right("attention")
    sys.stdout.write(f"relation task, attention, {test_relation.STEPS} steps: {share:.3f} right (chance 0.167)\n")
    assert share > 0.95


@pytest.mark.timeout(3_600)
def test_shallow_does_not_with_twice_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_relation, "STEPS", 2 * test_relation.STEPS)
    share = test_relation.share_right("shallow")
    sys.stdout.write(f"relation task, shallow, {test_relation.STEPS} steps: {share:.3f} right (chance 0.167)\n")
    assert share < 0.35
