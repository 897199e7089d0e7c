"""What every data set of the paper's networks offers, and how a batch is cut to its sound."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamer.network import contract

Ints = NDArray[np.int64]

GRID = 16
"""Pictures are cut to a multiple of this many columns, so that four poolings divide them."""

INPUTS = ("picture", "columns", "words", "word_mask", "word_spans")


@dataclass(frozen=True, slots=True)
class Batch:
    """The five inputs in their order, and the labels (B,)."""

    inputs: tuple[Tensor, ...]
    label: Tensor


class DataSet(Protocol):
    """Rows of one split; what a row holds is a function of (row, seed, epoch)."""

    labels: Ints
    """(rows,) classes."""
    groups: Ints
    """(rows,) the speaker or video of each."""

    def batch(self, rows: Ints, seed: int, epoch: int) -> Batch:
        """Return rows as they are in an epoch."""
        ...


def of_arrays(arrays: Mapping[str, NDArray[np.generic]], label: Ints) -> Batch:
    """Return a batch of arrays by the names of INPUTS; writable copies, so that torch may have them."""
    return Batch(tuple(torch.from_numpy(np.array(arrays[name])) for name in INPUTS), torch.from_numpy(label.copy()))


def cut(batch: Batch) -> Batch:
    """Return the batch without the columns at the left in which no row has sound."""
    columns = batch.inputs[1]
    held = columns.any(0).nonzero()
    n_free = int(held[0]) if len(held) else contract.N_COLUMNS - GRID
    left = n_free // GRID * GRID
    return Batch((batch.inputs[0][:, :, left:], columns[:, left:], *batch.inputs[2:]), batch.label)
