"""Counts a network's parameters and multiply-adds, and writes down every intermediate shape, by watching one pass."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from tests.networks import answer, inputs


@dataclass
class Account:
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    macs: int = 0
    """Of convolutions and dense layers, for one window."""


def n_parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def account(net: nn.Module) -> Account:
    """Run one window and return what was seen, shapes without the batch."""
    seen = Account()

    def watch(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, _: object, output: Tensor | tuple[Tensor, ...]) -> None:
            first = output[0] if isinstance(output, tuple) else output
            seen.shapes[name] = tuple(first.shape[1:])
            if isinstance(module, nn.Conv1d | nn.Conv2d):
                seen.macs += first[0].numel() * module.weight[0].numel()
            elif isinstance(module, nn.Linear):
                seen.macs += module.weight.numel()

        return hook

    handles = [module.register_forward_hook(watch(name)) for name, module in net.named_modules()]
    answer(net, inputs(1))
    for handle in handles:
        handle.remove()
    return seen
