"""Systems of equations whose matrix lies in memory, or in a file."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import LinAlgError, solve

from phonoscope.evaluation import systems
from phonoscope.evaluation.systems import fill, in_file, room_for, solve_positive

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FLOAT = np.dtype(np.float64)


def positive(n: int, seed: int = 0) -> NDArray[np.float64]:
    """A symmetric positive definite matrix, without structure."""
    Z = np.random.default_rng(seed).standard_normal((n, n + 3))
    return np.asarray(Z @ Z.T / n + 0.1 * np.eye(n))


def mapped(A: NDArray[np.floating]) -> NDArray[np.floating]:
    """The same matrix in a file."""
    found = fill(room_for((len(A), A.shape[1]), A.dtype, 0, A), A.__getitem__)
    assert in_file(found)
    assert np.array_equal(found, A)
    return found


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 12), st.integers(0, 1_000))
def test_both_ways_solve_what_scipy_solves(n: int, m: int, rows: int, seed: int) -> None:
    A, B = positive(n, seed), np.random.default_rng(seed).standard_normal((n, m))
    expected = solve(A, B)
    np.testing.assert_allclose(solve_positive(A.copy(), B), expected, rtol=1e-7, atol=1e-9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(systems, "ROWS", rows)
        lower = mapped(A)
        lower[np.triu_indices(n, 1)] = np.nan  # is not read
        kept = B.copy()
        np.testing.assert_allclose(solve_positive(lower, B), expected, rtol=1e-7, atol=1e-9)
        assert np.array_equal(B, kept)


def test_single_precision_stays_single() -> None:
    A, B = positive(30).astype(np.float32), np.ones((30, 2), np.float32)
    for matrix in (A.copy(), mapped(A)):
        found = solve_positive(matrix, B)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, solve(A, B), rtol=1e-3, atol=1e-4)


def test_what_is_not_positive_definite_is_an_error() -> None:
    A = positive(30)
    A[20, 20] = -1.0
    for matrix in (A.copy(), mapped(A)):
        with pytest.raises(LinAlgError):
            solve_positive(matrix, np.ones((30, 1)))


def test_a_file_takes_next_to_no_memory() -> None:
    n = 1_500
    A, B = positive(n), np.ones((n, 3))
    expected = solve_positive(A.copy(), B)
    matrix = mapped(A)
    tracemalloc.start()
    found = solve_positive(matrix, B)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)
    assert most < 0.6 * A.nbytes  # some blocks of 512 x 512, of which nine are the matrix


def test_the_file_lies_beside_the_activations_and_has_no_name(tmp_path: Path) -> None:
    np.save(tmp_path / "layer.npy", np.zeros((4, 3), np.float32))
    X = np.load(tmp_path / "layer.npy", mmap_mode="r")
    found = room_for((50, 60), FLOAT, 100, X)
    assert in_file(found)
    assert found.shape == (50, 60)
    found[:] = 1.0
    assert [path.name for path in tmp_path.iterdir()] == ["layer.npy"]
    assert not in_file(room_for((50, 60), FLOAT, 24_000, X))
