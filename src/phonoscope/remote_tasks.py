"""What a Dask worker does with a task: it unpacks it, sees that it can be done here, and does it."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import ExitStack
from pathlib import Path
from pickle import loads
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from phonoscope.errors import PhonoscopeError, WorkersError
from phonoscope.lending import Lent, made_since, unpack
from phonoscope.likeness import difference, likeness, place
from phonoscope.users_modules import NONE, Modules, look_for, other
from phonoscope.workers import own_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    Call = tuple[Callable[..., Any], tuple[Any, ...]]

_WHOLE = Lock()
"""Held by a task that has this process to itself: kernels that use threads can not be called from two threads."""
_KEPT = 2
"""Unpacked functions with what their tasks share that are kept: a stage's, and the next one's."""


class Done(NamedTuple):
    """A task's result; the files that it made, where they have to be sent."""

    result: Any
    made: dict[str, bytes]


class Unseen(NamedTuple):
    """The answer of a worker that does not see the files it was lent."""


class Order(NamedTuple):
    """A task as it is sent.

    Attributes
    ----------
    item
        The item, pickled.
    lent
        The files that it needs.
    whole
        Whether it has the worker to itself.
    like
        What the sender's `likeness` is.
    modules
        Those that the function and what its tasks share may need.
    """

    item: bytes
    lent: Lent | None
    whole: bool
    like: dict[str, str]
    modules: Modules = NONE


def given(data: bytes) -> bytes:
    """Return what was given: as a task of its own, it is sent again by the scheduler where a worker was lost."""
    return data


def obey(order: bytes, call: bytes, *contents: bytes) -> Done | Unseen:
    """Do a task.

    Parameters
    ----------
    order
        An `Order`, pickled: the scheduler, which unpickles arguments, shall not have to know what is in it.
    call
        The function and what its tasks share, pickled.
    contents
        Of the files that are lent; none: they are to be found here.

    Raises
    ------
    WorkersError
        This worker is not like the sender, or has not the modules that it needs.
    PhonoscopeError
        What the function raises; where it is about a file that is not here, with ``unseen_by``.
    """
    task: Order = loads(order)  # noqa: S301 - from our own process
    different = difference(task.like, likeness())
    if different:
        msg = unlike(place(), different)
        raise WorkersError(msg)
    with ExitStack() as stack:
        lent = task.lent
        if lent is not None and contents:
            folder = stack.enter_context(TemporaryDirectory(prefix="phonoscope-"))
            lent = unpack(lent, contents, Path(folder))
        elif lent is not None and not lent.seen():
            return Unseen()
        if task.whole:
            stack.enter_context(_WHOLE)
        stack.enter_context(own_threads(_threads() if task.whole else 1))
        try:
            function, shared = _unpacked(call, task.modules)
            item = loads(task.item)  # noqa: S301 - from our own process
            result = function(item, *([lent.root] if lent else []), *shared)
        except PhonoscopeError as error:
            path = getattr(error, "path", None)
            if path is not None and not Path(path).exists():
                error.__dict__["unseen_by"] = place()
            raise
        return Done(result, made_since(lent) if lent is not None and contents else {})


def unlike(who: str, different: str) -> str:
    """Say that a worker is not like this machine."""
    return (
        f"the worker on {who} has {different}; other versions give other numbers: start the workers from the same "
        f"environment as this command"
    )


def _threads() -> int:
    from distributed import get_worker  # noqa: PLC0415 - is there, as this is called by it

    return int(get_worker().state.nthreads)


_CALLS: OrderedDict[int, tuple[bytes, Call]] = OrderedDict()
_UNPACKING = Lock()


def _unpacked(call: bytes, modules: Modules) -> Call:
    """Unpickle a function and what its tasks share, or find it from the task before."""
    with _UNPACKING:
        kept = _CALLS.get(id(call))
        if kept is None or kept[0] is not call:
            kept = call, _loaded(call, modules)
            _CALLS[id(call)] = kept
        _CALLS.move_to_end(id(call))
        while len(_CALLS) > _KEPT:
            _CALLS.popitem(last=False)
        return kept[1]


def _loaded(call: bytes, modules: Modules) -> Call:
    error: Exception | None = None
    try:
        look_for(modules)
        found: Call = loads(call)  # noqa: S301 - from our own process
    except Exception as raised:  # noqa: BLE001 - a module of the user's may raise anything
        error = raised
    another = other(modules)
    if another is not None:
        msg = (
            f"the worker on {place()} has another {another} than this machine has, and would give other numbers; make "
            f"them the same, or start workers where they see this machine's file"
        )
        raise WorkersError(msg)
    if error is not None:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        todo = f"install {missing} there" if missing else "see that it can be imported there"
        why = " ".join(str(error).split()) if isinstance(error, ImportError | AttributeError) else repr(error)
        msg = (
            f"the worker on {place()} can not load what it is to work with ({why}); {todo}, or start workers where "
            f"they find the model's module (in its folder, or with that in PYTHONPATH)"
        )
        raise WorkersError(msg)
    return found
