from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from phonoscope.parallel import each, one_blas_thread, product, slices

if TYPE_CHECKING:
    from collections.abc import Callable


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_every_item_is_worked_once(numba_threads: Callable[[int], None], threads: int, count: int) -> None:
    numba_threads(threads)
    seen: list[int] = []
    each(seen.append, range(count))
    assert sorted(seen) == list(range(count))


def test_all_threads_work_each_with_one_for_linear_algebra(numba_threads: Callable[[int], None]) -> None:
    numba_threads(2)
    together = threading.Barrier(2, timeout=60)
    found: list[set[int]] = []

    def work(_: int) -> None:
        together.wait()  # passes only if two threads are here at a time
        found.append(blas_threads())

    before = blas_threads()
    each(work, range(6))
    assert found == [{1}] * 6
    assert blas_threads() == before


def test_an_error_ends_the_work_and_is_passed_on(numba_threads: Callable[[int], None]) -> None:
    numba_threads(2)
    seen: list[int] = []

    def work(item: int) -> None:
        seen.append(item)
        if item == 3:
            msg = "of item 3"
            raise ZeroDivisionError(msg)

    with pytest.raises(ZeroDivisionError, match="of item 3"):
        each(work, range(100_000))
    assert len(seen) < 100_000
    count = len(seen)
    each(seen.append, range(5))  # nothing of before goes on
    assert len(seen) == count + 5


def test_work_inside_of_work_is_done(numba_threads: Callable[[int], None]) -> None:
    numba_threads(2)
    seen: list[tuple[int, int]] = []
    each(lambda i: each(lambda j: seen.append((i, j)), range(3)), range(8))
    assert sorted(seen) == [(i, j) for i in range(8) for j in range(3)]


def test_one_blas_thread_can_stand_inside_itself() -> None:
    before = blas_threads()
    with one_blas_thread():
        with one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert blas_threads() == before


@pytest.mark.parametrize(("n", "size", "expected"), [(5, 2, [(0, 2), (2, 4), (4, 5)]), (4, 4, [(0, 4)]), (0, 3, [])])
def test_slices(n: int, size: int, expected: list[tuple[int, int]]) -> None:
    assert [(s.start, s.stop) for s in slices(n, size)] == expected


def test_a_product_does_not_depend_on_threads(numba_threads: Callable[[int], None]) -> None:
    draws = np.random.default_rng(0)
    A, B = draws.standard_normal((1_037, 90)), draws.standard_normal((90, 41))
    found = []
    for threads in (1, 2):
        numba_threads(threads)
        found.append(product(A, B))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_allclose(found[0], A @ B, atol=1e-12)


@pytest.mark.parametrize(
    ("before", "expected"),
    [({}, "2000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
    ids=["neither is set", "its own setting stays", "the general one stays"],
)
def test_threads_that_wait_go_to_sleep_soon_unless_told_otherwise(before: dict[str, str], expected: str) -> None:
    names = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    environment = {key: value for key, value in os.environ.items() if key not in names}
    program = "import phonoscope, os; print(os.environ.get('GOMP_SPINCOUNT'))"
    done = subprocess.run(  # noqa: S603 - a program of this test
        [sys.executable, "-c", program], env=environment | before, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == expected
