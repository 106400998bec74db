"""Compiled kernels that give the same digits in the process that compiles them as in all that come after.

numba keeps what it has compiled in files. A process that has just compiled a kernel runs another copy of it than one
that reads it from there: of what a kernel calls, the loops of `prange` included, both the copy compiled alone and the
one compiled into the kernel are in memory then, and the first one loaded is called. The two add up in different orders.
So kernels are compiled in a process apart, and always read.
"""

from __future__ import annotations

import atexit
import importlib
import os
import pickle
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound="Callable[..., Any]")
_PROGRAM = "from phonoscope.kernels import serve; serve()"
_EVERY = 10.0
"""Seconds of compiling after which it is told again how far it is."""


class _Compiler:
    """The process apart, started when it is needed and kept while this one lives."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self.serving = False  # this process is the one apart
        self._broken = False
        self._done, self._seconds, self._told = 0, 0.0, 0.0

    def compile(self, module: str, name: str, signature: object) -> bool:
        """Have a kernel compiled for types of arguments; tell whether that was done."""
        if self.serving or self._broken:
            return False
        try:
            if self._process is None:
                self._start()
            process = self._process
            if process is None or process.stdin is None or process.stdout is None:
                return False
            self._tell(f"{module.removeprefix('phonoscope.')}.{name}")
            started = time.monotonic()
            pickle.dump((module, name, signature), process.stdin)
            process.stdin.flush()
            answer = process.stdout.readline()
            self._done += 1
            self._seconds += time.monotonic() - started
        except (OSError, pickle.PicklingError):
            answer = b""
        if not answer:  # no such process can be had here: everything is compiled in this one
            self._broken = True
            self.stop()
        return answer == b"done\n"

    def _tell(self, following: str) -> None:
        """Tell now and then how far it is; of how many is not known, as each is compiled when it is first called."""
        if self._done and self._seconds - self._told >= _EVERY:
            self._told = self._seconds
            done = f"{self._done} kernel{'s' * (self._done > 1)} compiled in {self._seconds:.0f} s"
            print(f"phonoscope: {done}, the next is {following}", file=sys.stderr, flush=True)  # noqa: T201

    def _start(self) -> None:
        if not sys.executable:
            return
        print(  # noqa: T201 - also where the library is used without the command line: silence looks like a fault
            "phonoscope: compiling its kernels; this happens once after an installation, and takes about a minute, or "
            "several on a busy machine",
            file=sys.stderr,
            flush=True,
        )
        path = os.pathsep.join(place or str(Path.cwd()) for place in sys.path)
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-P", "-c", _PROGRAM],
            env=os.environ | {"PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        """End the process: it ends when there is nothing more to read."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(OSError):
                process.communicate()

    def forget(self) -> None:
        """Let go of a process that belongs to the one that this one is a copy of."""
        self._process = None


_COMPILER = _Compiler()
atexit.register(_COMPILER.stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_COMPILER.forget)


class _ReadOnly:
    """numba's files of a kernel, which have everything that is asked for."""

    def __init__(self, files: Any, function: Callable[..., Any]) -> None:  # noqa: ANN401 - numba has no types
        self._files = files
        self._function = function

    def load_overload(self, signature: object, target: object) -> object:
        """Read a kernel; have it compiled first if need be."""
        found = self._files.load_overload(signature, target)
        if found is None and _COMPILER.compile(self._function.__module__, self._function.__name__, signature):
            found = self._files.load_overload(signature, target)
        return found

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._files, name)


def kernel(**options: Any) -> Callable[[Function], Function]:  # noqa: ANN401 - numba's
    """Compile a function of a module by numba; `options` are those of `numba.njit`, all kernels are kept in files."""

    def compiled(function: Function) -> Function:
        dispatcher: Any = njit(cache=True, **options)(function)
        if hasattr(dispatcher, "_cache"):  # not where a user has told numba to compile nothing
            dispatcher._cache = _ReadOnly(dispatcher._cache, function)  # noqa: SLF001
        return dispatcher  # type: ignore[no-any-return]

    return compiled


def serve() -> None:
    """Compile what standard input asks for, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the process that asks
    _COMPILER.serving = True
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    while True:
        try:
            module, name, signature = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own process
        except EOFError:
            return
        try:
            getattr(importlib.import_module(module), name).compile(signature)
            done = b"done\n"
        except Exception:  # noqa: BLE001 - whatever it is, it will be told when this kernel is compiled there
            done = b"failed\n"
        answers.write(done)
        answers.flush()
