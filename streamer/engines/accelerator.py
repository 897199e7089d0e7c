"""Is there a graphics card that computes? Asked of the driver itself, because importing torch takes over a second."""

import ctypes
from collections.abc import Callable
from typing import Any

DRIVER = "libcuda.so.1"


def n_cuda_devices(load: Callable[[str], Any] = ctypes.CDLL) -> int:
    """Return how many CUDA devices the driver offers to this process; 0 without a driver."""
    count = ctypes.c_int(0)
    try:
        driver = load(DRIVER)
        if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
            return 0
    except (OSError, AttributeError):
        return 0
    return count.value
