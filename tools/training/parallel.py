"""Several processes under torchrun: each takes its share of every batch, gradients are averaged by torch (DDP)."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed
from torch import nn

from streamer.errors import UsageError
from tools.training.batches import Ints


@dataclass(frozen=True, slots=True)
class Place:
    """This process among all."""

    device: torch.device
    rank: int = 0
    processes: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process speaks and writes."""
        return self.rank == 0

    def share(self, rows: Ints) -> Ints:
        """Return the rows of a batch that are this process's."""
        return rows[self.rank :: self.processes]

    def wrap(self, network: nn.Module) -> nn.Module:
        """Return the network as the steps call it."""
        if self.processes == 1:
            return network
        return nn.parallel.DistributedDataParallel(network)

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.processes > 1:
            torch.distributed.barrier()


def device_named(name: str) -> torch.device:
    """Return the device: "auto" is CUDA where there is one.

    Raises: UsageError where CUDA is asked for and there is none.
    """
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        message = "found no CUDA device, wanted one; use --device cpu"
        raise UsageError(message)
    if name == "cpu" or not there:
        return torch.device("cpu")
    # The same seed gives the same weights on the same device. Only a warning where torch knows no such way: pooling's
    # backward pass is listed, but with windows that do not overlap there is nothing to add up in a random order.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


@contextmanager
def place(device_name: str) -> Iterator[Place]:
    """Open this process's place: alone, or as torchrun's environment says."""
    device = device_named(device_name)
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes == 1:
        yield Place(device)
        return
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Place(device, torch.distributed.get_rank(), processes)
        # Who is done first must not take its end of a connection away while another still reads from it.
        torch.distributed.barrier()
    finally:
        torch.distributed.destroy_process_group()
        # DDP stands in cycles of references. Left to the end of the interpreter, a thread of gloo that lets go of its
        # last tensor then finds no interpreter any more and aborts.
        gc.collect()
