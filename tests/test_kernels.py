"""Kernels in a process that compiles them, and in those that come after: numba's files are kept in another folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path

# sums in float32, of which the compiler may choose the order
SUMS = """
import hashlib, numpy as np
from phonoscope.clustering.manhattan import own_distances
draws = np.random.default_rng(0)
X, centres = (draws.standard_normal((n, 700)).astype(np.float32) for n in (1_020, 6))
found = np.empty(len(X), np.float32)
own_distances(X, centres, np.arange(len(X)) % 6, found)
print(hashlib.sha256(found.tobytes()).hexdigest())
"""


def told(program: str, cache: Path, **environment: str) -> tuple[str, str]:
    """Run a program with a folder for numba's files; return what it prints and what it tells."""
    path = os.pathsep.join(place or str(os.curdir) for place in sys.path)
    done = subprocess.run(  # noqa: S603 - a program of these tests
        [sys.executable, "-c", program],
        env={"NUMBA_CACHE_DIR": str(cache), "PATH": "", "PYTHONPATH": path} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, done.stderr


def test_the_process_that_compiles_finds_the_same_digits_as_later_ones(tmp_path: Path) -> None:
    first, message = told(SUMS, tmp_path)
    assert message.startswith("phonoscope: compiling its kernels; this happens once")
    assert told(SUMS, tmp_path) == (first, "")


def test_compilation_is_told_of_once_and_only_where_there_is_any(tmp_path: Path) -> None:
    program = """
import numpy as np
from phonoscope.clustering.manhattan import nearest
nearest(np.zeros((3, 2), np.float32), np.zeros(3, np.int64), np.zeros(3, np.float32))
from phonoscope.reduction.distances import squared_distances
squared_distances(np.eye(3))
"""
    _, message = told(program, tmp_path)
    assert message.count("compiling") == 1
    assert told(program, tmp_path) == ("", "")


def test_while_kernels_are_compiled_they_are_counted(tmp_path: Path) -> None:
    program = """
import numpy as np
from phonoscope import kernels
kernels._EVERY = 0.0
from phonoscope.clustering.manhattan import nearest
nearest(np.zeros((3, 2), np.float32), np.zeros(3, np.int64), np.zeros(3, np.float32))
from phonoscope.reduction.distances import squared_distances
squared_distances(np.eye(3))
"""
    _, message = told(program, tmp_path)
    first, second = message.splitlines()
    assert first.endswith("takes about a minute, or several on a busy machine")
    counted = r"phonoscope: 1 kernel compiled in \d+ s, the next is reduction\.distances\._to_squared_distances"
    assert re.fullmatch(counted, second)


@pytest.mark.parametrize("broken", ["sys.executable = ''", "sys.executable = '/nowhere/python'"])
def test_without_a_process_apart_kernels_are_compiled_in_this_one(tmp_path: Path, broken: str) -> None:
    found, _ = told(f"import sys; {broken}\n{SUMS}", tmp_path)
    again, message = told(SUMS, tmp_path)  # it has left its files all the same
    assert (len(found), len(again), message) == (65, 65, "")


def test_a_call_with_arguments_that_do_not_fit_is_an_error_here(tmp_path: Path) -> None:
    program = """
import numpy as np
from phonoscope.clustering.manhattan import nearest
try:
    nearest("no array", np.zeros(3, np.int64), np.zeros(3, np.float32))
except Exception as error:
    print(type(error).__name__)
nearest(np.zeros((3, 2), np.float32), np.zeros(3, np.int64), np.zeros(3, np.float32))
"""
    found, message = told(program, tmp_path)
    assert found == "TypingError\n"
    assert message.count("compiling") == 1


def test_numba_may_be_told_to_compile_nothing(tmp_path: Path) -> None:
    program = "from phonoscope.reduction.neighbourhoods import _decay; print(_decay(1.0))"
    found, message = told(program, tmp_path, NUMBA_DISABLE_JIT="1")
    assert float(found) == pytest.approx(np.exp(-1.0), abs=1e-12)
    assert message == ""
    assert not list(tmp_path.iterdir())
