"""Who works at the tasks of a stage: this process, processes of this machine, or workers on others.

A stage hands a function and items to `Workers.map`, and gets each item's result with its number, in whatever order they
are done. The results depend on the function and the item alone, so it does not matter who the workers are, how many,
or that one was lost on the way.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from phonoscope.users_modules import Modules, look_for, other, users_modules

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from phonoscope.lending import Lent

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers(Protocol):
    """Whoever works at tasks."""

    def map(
        self,
        function: Callable[..., Result],
        items: Iterable[Item],
        *,
        shared: tuple[Any, ...] = (),
        whole: bool = False,
        lent: Callable[[Item], Lent] | None = None,
        name: Callable[[Item], str] = str,
    ) -> Generator[tuple[int, Result]]:
        """Call ``function(item, *shared)`` for every item.

        Parameters
        ----------
        function
            Of a module, so that other processes find it; its result must not depend on the number of threads.
        items
            Taken one after the other, as workers become free.
        shared
            Further arguments, the same for all items; they are moved to a worker once.
        whole
            An item takes a worker to itself, and all of its threads. Otherwise it has one thread.
        lent
            Says which files of a folder an item needs: the call is then ``function(item, folder, *shared)``. Files
            that the function makes in the folder, or changes, are in the lender's folder when the result comes.
        name
            What an item is called in messages.

        Yields
        ------
        The number of an item and its result, as they are done.

        Raises
        ------
        WorkersError
            Workers were lost again and again, or can not be reached any more.
        """


class Here:
    """The process that asks, with the threads that numba has here; fulfils `Workers`."""

    def map(
        self,
        function: Callable[..., Result],
        items: Iterable[Item],
        *,
        shared: tuple[Any, ...] = (),
        whole: bool = False,
        lent: Callable[[Item], Lent] | None = None,
        name: Callable[[Item], str] = str,  # noqa: ARG002 - an error is raised where it happens
    ) -> Generator[tuple[int, Result]]:
        """Work one whole item after the other, or others on all threads; see `Workers`."""

        def call(item: Item) -> Result:
            return function(item, *([lent(item).root] if lent else []), *shared)

        if not whole:
            from phonoscope.parallel import as_done  # noqa: PLC0415 - slow to import, as numba is

            yield from as_done(call, items)
            return
        for i, item in enumerate(items):
            yield i, call(item)


class Processes:
    """Processes of this machine, one item each at a time; fulfils `Workers`.

    Parameters
    ----------
    processes
        How many.
    threads
        That each may use.
    """

    def __init__(self, processes: int, threads: int) -> None:
        self._processes, self._threads = processes, threads

    def map(
        self,
        function: Callable[..., Result],
        items: Iterable[Item],
        *,
        shared: tuple[Any, ...] = (),
        whole: bool = False,
        lent: Callable[[Item], Lent] | None = None,
        name: Callable[[Item], str] = str,  # noqa: ARG002 - an error is raised as it is
    ) -> Generator[tuple[int, Result]]:
        """Work in processes; see `Workers`."""
        from joblib import Parallel, delayed  # noqa: PLC0415 - slow to import

        work = Parallel(self._processes, return_as="generator_unordered", batch_size=1, pre_dispatch=self._processes)
        threads = self._threads if whole else 1
        there = _There(users_modules()._replace(places=tuple(sys.path)))
        yield from work(
            delayed(_numbered)(there, i, function, (item, *([lent(item).root] if lent else []), *shared), threads)
            for i, item in enumerate(items)
        )


class _There:
    """The user's modules, as an argument before those that need them.

    joblib keeps its processes, which know the folders and the modules of earlier calls: unpickling this lets them look
    where this process does, and forget what has changed since.
    """

    def __init__(self, modules: Modules) -> None:
        self.modules = modules

    def __reduce__(self) -> tuple[Callable[[Modules], _There], tuple[Modules]]:
        return _looked_for, (self.modules,)


def _looked_for(modules: Modules) -> _There:
    look_for(modules)
    return _There(modules)


def _numbered(
    there: _There, number: int, function: Callable[..., Result], arguments: tuple[Any, ...], threads: int
) -> tuple[int, Result]:
    other(there.modules)  # reads the files as they have just been imported, to know later whether they have changed
    with own_threads(threads):
        return number, function(*arguments)


@contextmanager
def own_threads(threads: int) -> Iterator[None]:
    """Let what this thread calls use some threads; linear algebra, which cuts its work by their number, uses one."""
    import numba  # noqa: PLC0415 - slow to import

    from phonoscope.parallel import one_blas_thread  # noqa: PLC0415

    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
    if "torch" in sys.modules:  # not where nothing needs it
        sys.modules["torch"].set_num_threads(threads)
    with one_blas_thread():
        yield


def in_order(found: Iterable[tuple[int, Result]]) -> Iterator[Result]:
    """Yield results in the order of their numbers, from 0 on; what comes too early waits."""
    early: dict[int, Result] = {}
    expected = 0
    for i, result in found:
        early[i] = result
        while expected in early:
            yield early.pop(expected)
            expected += 1
