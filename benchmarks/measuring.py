# ruff: noqa: INP001 - a script's part, not a package
"""Seconds and peak memory of a piece of work, and what a measurement leaves behind."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import numpy as np
from numba.core import event

from phonoscope import Run
from phonoscope.jobs import resolve_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.floating]

T = TypeVar("T")

OURS = "phonoscope"
REPEATS = 3
ENOUGH = 20.0  # seconds: what has taken longer in all is not repeated
PHONES = 33
# Reads another process's memory until its own input ends: a thread would wait while a kernel holds the interpreter.
_WATCH = """
import select, sys
resident = anonymous = 0
pause = 0.002
print(flush=True)
while True:
    ended = select.select([sys.stdin], [], [], pause)[0]
    pause = min(1.05 * pause, 0.05)
    with open(f"/proc/{sys.argv[1]}/status") as file:
        for line in file:
            if line.startswith("VmRSS"):
                resident = max(resident, int(line.split()[1]))
            elif line.startswith("RssAnon"):
                anonymous = max(anonymous, int(line.split()[1]))
    if ended:
        break
print(resident, anonymous)
"""


@dataclass(frozen=True)
class Side:
    """One way to do one thing.

    Attributes
    ----------
    seconds
        The least of all repeats; None if it does not run here.
    memory
        Peak of its anonymous memory, less what there was before, in MiB: the input is not counted, whether it lies in
        memory or is mapped from a file. None where the system does not tell.
    resident
        Peak of all memory in MiB, pages of mapped files too.
    quality
        How good the result is, one figure a name.
    note
        What else there is to say.
    """

    seconds: float | None = None
    memory: float | None = None
    resident: float | None = None
    quality: dict[str, float] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Record:
    """What a measurement leaves behind: on what data, and each side's figures."""

    on: str
    sides: dict[str, Side]

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Make a record of what `dataclasses.asdict` made of it."""
        return cls(stored["on"], {name: Side(**side) for name, side in stored["sides"].items()})


@dataclass(frozen=True)
class Measured(Generic[T]):
    """What a piece of work gave, and what it took."""

    result: T
    seconds: float
    memory: float | None
    resident: float | None

    def side(self, quality: Mapping[str, float], note: str = "") -> Side:
        """Return the figures without the result."""
        return Side(self.seconds, self.memory, self.resident, {k: float(v) for k, v in quality.items()}, note)


@dataclass(frozen=True)
class Options:
    """What the command line asks for.

    Attributes
    ----------
    run
        The finished run whose activations are clustered.
    only_layers
        Those of its layers that are measured; all if empty.
    quick
        Tiny data: shows that everything runs, measures nothing.
    scratch
        Where large data are planted.
    work
        Where intermediate results are kept between measurements.
    wide
        Also measure on data of 14 GB.
    """

    run: Path
    only_layers: tuple[str, ...]
    quick: bool
    scratch: Path
    work: Path
    wide: bool = False

    @cached_property
    def all_layers(self) -> list[str]:
        """The run's layers."""
        return Run(self.run).layers

    def asked(self, layers: Iterable[str]) -> list[str]:
        """Return those of some layers that the command line asks for."""
        return [name for name in layers if not self.only_layers or name in self.only_layers]

    @property
    def layers(self) -> list[str]:
        """The layers to measure."""
        return self.asked(self.all_layers)

    @property
    def some_layers(self) -> list[str]:
        """Every other layer, the last one among them, for what takes long."""
        return self.asked(self.all_layers[::-2][::-1])

    @property
    def k(self) -> int:
        """How many clusters."""
        return 5 if self.quick else PHONES

    @property
    def ks(self) -> range:
        """The numbers of clusters of a sweep."""
        return range(2, self.k + 1)

    @cached_property
    def _rows(self) -> slice:
        return slice(None, None, max(len(Run(self.run).panel) // 150, 1) if self.quick else None)

    def activations(self, layer: str) -> NDArray[np.float32]:
        """Read one layer's activations into memory, samples × units."""
        return np.array(Run(self.run).activations(layer)[self._rows], np.float32, order="C")

    def phones(self) -> list[str]:
        """Return the phone of each sample."""
        return list(Run(self.run).panel["phone"][self._rows])


def cores() -> int:
    """Return how many cores both sides use."""
    return resolve_jobs(None)


def shape(name: str, X: Floats) -> str:
    """Return data's name and shape for the tables."""
    return f"{name} ({len(X):,} × {X.shape[1]:,})"


class _Compilations(event.Listener):
    """Counts the kernels that numba compiles; those that it finds in its cache are not among them."""

    count = 0

    def on_start(self, event: Any) -> None:  # noqa: ANN401, ARG002 - numba calls it so
        self.count += 1

    def on_end(self, event: Any) -> None:  # noqa: ANN401
        """Nothing to count."""


_COMPILATIONS = _Compilations()
_register: Any = event.register  # untyped
_register("numba:compile", _COMPILATIONS)


def _anonymous() -> float:
    """Return this process's anonymous memory in MiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def _give_back() -> None:
    """Return freed memory to the system: what an earlier piece of work had is not this one's to use for free."""
    gc.collect()
    with suppress(OSError, AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


def once(work: Callable[[], T]) -> Measured[T]:
    """Do something and measure it; do it again if kernels had to be compiled on the way."""
    compiled = _COMPILATIONS.count
    measured = _once(work)
    return measured if _COMPILATIONS.count == compiled else _once(work)


def _once(work: Callable[[], T]) -> Measured[T]:
    _give_back()
    if not Path("/proc/self/status").exists():
        start = time.perf_counter()
        result = work()
        return Measured(result, time.perf_counter() - start, None, None)
    command = [sys.executable, "-S", "-E", "-c", _WATCH, str(os.getpid())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watcher:  # noqa: S603
        assert watcher.stdout is not None  # noqa: S101 - it was asked for
        watcher.stdout.readline()  # it is watching
        before = _anonymous()
        start = time.perf_counter()
        result = work()
        seconds = time.perf_counter() - start
        resident, anonymous = (int(word) / 1024 for word in watcher.communicate("\n")[0].split())
    return Measured(result, seconds, max(anonymous - before, 0.0), resident)


def in_turn(sides: Mapping[str, Callable[[], T]], repeats: int = REPEATS) -> dict[str, Measured[T]]:
    """Measure several ways to do something in turn, several times; the quickest time and the largest peak are kept."""
    found: dict[str, Measured[T]] = {}
    spent = dict.fromkeys(sides, 0.0)
    for _ in range(repeats):
        for name, work in sides.items():
            if name in found and spent[name] >= ENOUGH:
                continue
            new = once(work)
            spent[name] += new.seconds
            old = found.get(name, new)
            found[name] = Measured(
                new.result,
                min(old.seconds, new.seconds),
                None if new.memory is None else max(old.memory or 0.0, new.memory),
                None if new.resident is None else max(old.resident or 0.0, new.resident),
            )
    return found


def head(X: NDArray[np.float32], rows: int = 300) -> NDArray[np.float32]:
    """Return the first rows, of the same kind of array: enough to load or compile the kernels with."""
    return X[:rows]
