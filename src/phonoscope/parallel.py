"""Work on all cores whose result does not depend on how many there are.

What is summed is cut into blocks of a fixed size, each worked by one thread; linear algebra libraries, which cut by the
number of threads, get one thread each. The number of threads is numba's, which `phonoscope.jobs.limited_threads` sets.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import numba
from numba.core import event
from threadpoolctl import ThreadpoolController

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Item = TypeVar("Item")


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # looks through all loaded libraries: slow


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let every linear algebra call inside use one thread."""
    with _controller().limit(limits=1, user_api="blas"):
        yield


def slices(n: int, size: int) -> list[slice]:
    """Cut n rows into blocks of `size`, the last one as long as what is left."""
    return [slice(first, min(first + size, n)) for first in range(0, n, size)]


def each(work: Callable[[Item], object], items: Iterable[Item]) -> None:
    """Call `work` with every item, in any order, on all threads; each call has one thread for its linear algebra.

    Kernels of numba's that use threads themselves must not be called from `work`.
    """
    todo = list(items)
    workers = min(numba.get_num_threads(), len(todo))
    with one_blas_thread():
        if workers <= 1:
            for item in todo:
                work(item)
            return
        with ThreadPoolExecutor(workers) as pool:
            for _ in pool.map(work, todo):
                pass


class _FirstCompilation(event.Listener):  # type: ignore[misc]
    """Tells, once in a process, that kernels are being compiled: minutes of silence look like a fault."""

    told = False

    def on_start(self, event: Any) -> None:  # noqa: ANN401
        kernel = event.data["dispatcher"].py_func
        if kernel.__module__.startswith("phonoscope.") and not self.told:
            self.told = True
            print(  # noqa: T201 - also where the library is used without the command line
                "phonoscope: compiling its kernels; this happens once after an installation, and takes about a minute",
                file=sys.stderr,
                flush=True,
            )

    def on_end(self, event: Any) -> None:  # noqa: ANN401
        """Nothing to tell."""


# numba sends this event when it compiles, not when it finds the kernel in its cache
event.register("numba:compile", _FirstCompilation())
