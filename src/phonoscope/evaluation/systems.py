"""Systems of equations with a symmetric positive definite matrix, which lies in a file where memory is short."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular

from phonoscope.files import unnamed_array
from phonoscope.parallel import slices

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.floating]

Number = TypeVar("Number", bound="np.floating")
ROWS = 512
"""Rows that are read, changed and written at a time."""


def room_for(shape: tuple[int, int], dtype: np.dtype[Number], most: float, beside: NDArray[Any]) -> NDArray[Number]:
    """Return a matrix to be filled: in memory, or in a file if it takes more than `most` bytes.

    The file has no name, and lies where `beside` does if that is mapped from a file: activations are larger than what
    is computed from them.
    """
    if dtype.itemsize * shape[0] * shape[1] <= most:
        return np.empty(shape, dtype)
    name = getattr(beside, "filename", None)
    return unnamed_array(shape, dtype, Path(name).parent if name else None)


def in_file(A: Floats) -> bool:
    """Tell whether a matrix lies in a file."""
    return isinstance(A, np.memmap)


def fill(A: NDArray[Number], rows_of: Callable[[slice], NDArray[Number]]) -> NDArray[Number]:
    """Fill a matrix with what a function gives for some of its rows, and return it."""
    for rows in slices(len(A), ROWS):
        A[rows] = rows_of(rows)
    return A


def solve_positive(A: NDArray[Number], B: NDArray[Number]) -> NDArray[Number]:
    """Solve ``A X = B`` for a symmetric positive definite A, which is overwritten.

    By Cholesky factors; of a matrix in a file some rows at a time, and its lower triangle only.

    Parameters
    ----------
    A
        Shape (n, n), rows contiguous.
    B
        Shape (n, m).

    Raises
    ------
    LinAlgError
        A is not positive definite.
    """
    if not in_file(A):
        # the transpose is the same matrix in the order that LAPACK works in, without another copy
        factor = cho_factor(A.T, lower=True, overwrite_a=True, check_finite=False)
        return np.asarray(cho_solve(factor, B, check_finite=False))
    parts = slices(len(A), ROWS)
    for i, rows in enumerate(parts):
        for before in parts[:i]:
            left = A[rows, before] - A[rows, : before.start] @ A[before, : before.start].T
            A[rows, before] = _triangular(A[before, before], left.T).T
        own = A[rows, rows] - A[rows, : rows.start] @ A[rows, : rows.start].T
        A[rows, rows] = cholesky(own, lower=True, overwrite_a=True, check_finite=False)
    X = B.copy()
    for rows in parts:
        X[rows] = _triangular(A[rows, rows], X[rows] - A[rows, : rows.start] @ X[: rows.start])
    for rows in reversed(parts):
        X[rows] = _triangular(A[rows, rows], X[rows], transposed=True)
        X[: rows.start] -= A[rows, : rows.start].T @ X[rows]
    return X


def _triangular(L: Floats, B: NDArray[Number], *, transposed: bool = False) -> NDArray[Number]:
    return np.asarray(solve_triangular(L, B, lower=True, trans=int(transposed), check_finite=False))
