"""What the driver says about graphics cards; a driver of ours where the machine has none."""

import ctypes
from types import SimpleNamespace
from typing import Any

import pytest

from streamer.engines.accelerator import DRIVER, n_cuda_devices


def driver(n: int, start: int = 0, count: int = 0) -> Any:  # noqa: ANN401  stands for a C library
    def device_count(pointer: Any) -> int:  # noqa: ANN401  what ctypes.byref returns
        pointer._obj.value = n
        return count

    return SimpleNamespace(cuInit=lambda _: start, cuDeviceGetCount=device_count)


@pytest.mark.parametrize(("library", "n"), [(driver(2), 2), (driver(0), 0), (driver(1, 100), 0), (driver(1, 0, 3), 0)])
def test_the_driver_is_believed_only_if_it_works(library: Any, n: int) -> None:  # noqa: ANN401  as above
    asked: list[str] = []

    def load(name: str) -> Any:  # noqa: ANN401  as above
        asked.append(name)
        return library

    assert n_cuda_devices(load) == n
    assert asked == [DRIVER]


def test_a_library_that_is_not_there_or_not_the_driver_is_no_card() -> None:
    def missing(name: str) -> Any:  # noqa: ANN401  as above
        raise OSError(name)

    assert n_cuda_devices(missing) == 0
    assert n_cuda_devices(lambda _: ctypes.CDLL(None)) == 0
