"""Layers of a network, found by calling it: which there are, where their frames lie, which are asked for."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from phonoscope.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from torch import Tensor, nn


@dataclass(frozen=True)
class Seen:
    """What a module answered to inputs of two lengths.

    Attributes
    ----------
    shape
        Of its answer to the shorter one.
    axis
        The axis of the frames, which is longer for the longer input; None if there is no such axis.
    counts
        Frames of the two.
    problem
        Why it can not be probed; empty if it can.
    """

    shape: tuple[int, ...]
    axis: int | None
    counts: tuple[int, int]
    problem: str = ""

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """The shape of one frame."""
        return frame_shape(self.shape, self.axis or 0)


def frame_shape(shape: Sequence[int], axis: int) -> tuple[int, ...]:
    """Return what is left of a shape without the axis of frames and a leading axis of one utterance."""
    rest = tuple(size for i, size in enumerate(shape) if i != axis)
    return rest[1:] if len(rest) > 1 and rest[0] == 1 else (rest or (1,))


def first_tensor(output: Any) -> Tensor | None:  # noqa: ANN401
    """Return the first tensor of what a module returned: a tensor, or a tuple, list or dictionary that holds some."""
    if isinstance(output, torch.Tensor):
        return output
    values: Iterable[Any] = ()
    if isinstance(output, Mapping):
        values = output.values()
    elif isinstance(output, Sequence) and not isinstance(output, str | bytes):
        values = output
    return next((found for found in map(first_tensor, values) if found is not None), None)


@contextmanager
def tapped(
    module: nn.Module, names: Iterable[str] | None, take: Callable[[str, Tensor | None], None]
) -> Iterator[None]:
    """Call ``take(name, tensor)`` whenever a module within has answered; the network itself is called "".

    What `take` wants to keep it has to copy: later modules may write into the tensor.
    """
    wanted = None if names is None else set(names)

    def hook(name: str, _module: nn.Module, _inputs: object, output: object) -> None:
        take(name, first_tensor(output))

    handles = [
        inner.register_forward_hook(partial(hook, name))
        for name, inner in module.named_modules()
        if wanted is None or name in wanted
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def look(
    module: nn.Module, call: Callable[[int], None], *, expected: int = 0, first_axis: bool = False
) -> dict[str, Seen]:
    """Call a network on two lengths and tell what each of its modules answered, in the order of their answers.

    Parameters
    ----------
    module
        The network.
    call
        Calls it on the shorter input (0) or the longer (1).
    expected
        Frames of the output where every input is as long (0: it is not); the axis is then told by its length alone,
        or by that times a power of two.
    first_axis
        Whether frames are windows, which lie along the first axis.
    """
    answers: list[dict[str, list[tuple[int, ...] | None]]] = [{}, {}]
    for which in (0, 1):

        def take(name: str, tensor: Tensor | None, which: int = which) -> None:
            answers[which].setdefault(name, []).append(None if tensor is None else tuple(tensor.shape))

        with tapped(module, None, take):
            call(which)
    return {
        name: _seen(shapes, answers[1].get(name, []), expected, first_axis=first_axis)
        for name, shapes in answers[0].items()
    }


def _seen(
    short: list[tuple[int, ...] | None], long: list[tuple[int, ...] | None], expected: int, *, first_axis: bool
) -> Seen:
    if len(short) != 1 or len(long) != 1:
        calls = len(short) if len(short) != 1 else len(long)
        return Seen((), None, (0, 0), f"is called {calls} times for one utterance, and which one is meant is not known")
    a, b = short[0], long[0]
    if a is None or b is None:
        return Seen((), None, (0, 0), "returns no tensor")
    if expected:
        sizes = [expected * 2**power for power in range(4)]
        axes = next((found for size in sizes if (found := [i for i, n in enumerate(a) if n == size])), [])
    else:
        axes = [i for i, (m, n) in enumerate(zip(a, b, strict=False)) if m != n] if len(a) == len(b) else []
    listed = " × ".join(map(str, a))
    if not axes:
        return Seen(a, None, (0, 0), f"gives {listed} however long the utterance is: it has no frames")
    if len(axes) > 1:
        return Seen(a, None, (0, 0), f"gives {listed}, of which more than one axis grows with the utterance")
    if first_axis and axes[0] != 0:
        return Seen(a, None, (0, 0), f"gives {listed}, of which the first axis does not count the windows")
    return Seen(a, axes[0], (a[axes[0]], b[axes[0]]))


def split_patterns(text: str) -> tuple[str, ...]:
    """Split a comma-separated list of names and patterns."""
    return tuple(part for part in (part.strip() for part in text.split(",")) if part)


def choose(names: Sequence[str], patterns: Sequence[str], model: str) -> tuple[list[str], set[str]]:
    """Choose layers by name or pattern; ``all`` is every one.

    Parameters
    ----------
    names
        Of all layers, in order.
    patterns
        What is asked for.
    model
        For the message.

    Returns
    -------
    The layers chosen, in their order, and those among them that were asked for by their very names.

    Raises
    ------
    ModelError
        Something that was asked for is not there.
    """
    named: set[str] = set()
    chosen: set[str] = set()
    for pattern in patterns:
        if pattern in names:
            named.add(pattern)
            continue
        found = [name for name in names if pattern == "all" or fnmatchcase(name, pattern)]
        if not found:
            close = difflib.get_close_matches(pattern, names, n=3, cutoff=0.4) or names[:5]
            msg = f"{model}: no layer is called {pattern!r}; there are {', '.join(close)} and others ({len(names)})"
            raise ModelError(msg)
        chosen.update(found)
    return [name for name in names if name in chosen | named], named
