"""Memory that a training step frees stays with the process for the next step."""

from __future__ import annotations

import ctypes
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# the parameters of glibc's mallopt, from its malloc.h
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
# the most that glibc takes, and as far as it goes by itself for a program that frees large blocks
_LARGE, _LARGE_TRIM = 32 << 20, 64 << 20
_KEPT = 512 << 20


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Let glibc keep up to 512 MiB of freed memory, and give it back at the end; nothing on other systems.

    A step allocates and frees the same tensors as the one before. By default glibc returns most of them to the kernel,
    which hands out cleared pages again at the next step: 7,000 page faults, a tenth and more of a step of the paper's
    network.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "mallopt"):
        yield
        return
    libc.mallopt(_MMAP_THRESHOLD, _LARGE)
    libc.mallopt(_TRIM_THRESHOLD, _KEPT)
    try:
        yield
    finally:
        libc.mallopt(_TRIM_THRESHOLD, _LARGE_TRIM)
        libc.malloc_trim(0)
