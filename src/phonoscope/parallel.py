"""Work on all cores whose result does not depend on how many there are.

What is summed is cut into blocks of a fixed size, each worked by one thread; linear algebra libraries, which cut by the
number of threads, get one thread each. The number of threads is numba's, which `phonoscope.jobs.limited_threads` sets.
"""

from __future__ import annotations

import os
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from threading import Lock, local
from typing import TYPE_CHECKING, Any, TypeVar

import numba
import numpy as np
from threadpoolctl import ThreadpoolController

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from concurrent.futures import Future

    from numpy.typing import NDArray

Item = TypeVar("Item")
Result = TypeVar("Result")
Number = TypeVar("Number", bound="np.floating")
_ROWS = 256


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # looks through all loaded libraries: slow


@lru_cache(maxsize=1)
def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="phonoscope")  # thousands of short jobs: it stays


if hasattr(os, "register_at_fork"):  # threads do not live on in the copy of a process
    os.register_at_fork(after_in_child=_pool.cache_clear)


class _OneThread:
    """How many `one_blas_thread` stand around the code that runs: asking the libraries takes longer than many a job."""

    depth = 0
    lock = Lock()
    limit: Any = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let every linear algebra call inside use one thread; of several threads the last one to leave ends that."""
    with _OneThread.lock:
        if _OneThread.depth == 0:
            _OneThread.limit = _controller().limit(limits=1, user_api="blas")
        _OneThread.depth += 1
    try:
        yield
    finally:
        with _OneThread.lock:
            _OneThread.depth -= 1
            if _OneThread.depth == 0:
                _OneThread.limit.restore_original_limits()


def slices(n: int, size: int) -> list[slice]:
    """Cut n rows into blocks of `size`, the last one as long as what is left."""
    return [slice(first, min(first + size, n)) for first in range(0, n, size)]


def each(work: Callable[[Item], object], items: Iterable[Item], most: int | None = None) -> None:
    """Call `work` with every item, in any order, on all threads; each call has one thread for its linear algebra.

    No more than `most` items are under way at a time, where each takes much memory.

    Kernels of numba's that use threads themselves must not be called from `work`.
    """
    todo = list(items)
    workers = min(numba.get_num_threads(), len(todo), most or len(todo))
    with one_blas_thread():
        if workers <= 1 or getattr(_HERE, "working", False):  # a pool whose threads wait for its threads waits for ever
            for item in todo:
                work(item)
            return
        hand_out = _HandOut(todo)
        running = [_pool(numba.get_num_threads()).submit(hand_out.run, work) for _ in range(workers)]
        wait(running)
        for done in running:
            done.result()


def as_done(work: Callable[[Item], Result], items: Iterable[Item]) -> Generator[tuple[int, Result]]:
    """Do what `each` does, and yield the number of each item with what `work` returned, as they are done.

    Items are taken as threads become free, so that no more than two a thread are under way.
    """
    threads = numba.get_num_threads()
    with one_blas_thread():
        if threads == 1 or getattr(_HERE, "working", False):
            for i, item in enumerate(items):
                yield i, work(item)
            return
        waiting = enumerate(items)
        running: dict[Future[Result], int] = {}
        try:
            while True:
                for i, item in islice(waiting, 2 * threads - len(running)):
                    running[_pool(threads).submit(_alone, work, item)] = i
                if not running:
                    return
                for done in sorted(wait(running, return_when=FIRST_COMPLETED).done, key=running.__getitem__):
                    yield running.pop(done), done.result()
        finally:
            for left in running:
                left.cancel()
            wait(running)


def _alone(work: Callable[[Item], Result], item: Item) -> Result:
    _HERE.working = True
    try:
        return work(item)
    finally:
        _HERE.working = False


_HERE = local()


class _HandOut:
    """Items of which each thread takes the next when it has done one: none of thousands waits to be handed out."""

    def __init__(self, items: Iterable[object]) -> None:
        self._waiting = iter(items)
        self._lock = Lock()

    def run(self, work: Callable[[Any], object]) -> None:
        """Work until nothing is left, here or, after an error, for any thread."""
        _HERE.working = True
        try:
            while True:
                with self._lock:
                    try:
                        item = next(self._waiting)
                    except StopIteration:
                        return
                work(item)
        except BaseException:
            with self._lock:
                self._waiting = iter(())
            raise
        finally:
            _HERE.working = False


def product(
    A: NDArray[Any], B: NDArray[Number], of: Callable[[NDArray[Any]], NDArray[Number]] | None = None
) -> NDArray[Number]:
    """Return ``of(A) @ B``, shapes (n, m) and (m, p), computed in blocks of rows; `of` changes each entry, if given."""
    found = np.empty((len(A), B.shape[1]), np.result_type(A if of is None else of(A[:1]), B))

    def multiply(rows: slice) -> None:
        np.matmul(A[rows] if of is None else of(A[rows]), B, out=found[rows])

    each(multiply, slices(len(A), _ROWS))
    return found
