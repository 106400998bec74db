"""A matrix shifted and inverted: eigenvalues that crowd at the top of its spectrum move far apart."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dpotrf

from phonoscope.parallel import each, one_blas_thread, slices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phonoscope.reduction.eigenpairs import Operator

    Floats = NDArray[np.float64]

_TILE = 384
# Vectors that one thread solves for: with fewer, reading the matrix takes longer than the arithmetic.
_SOLVED_AT_ONCE = 24


def inverse(L: Floats, shift: float) -> Operator:
    """Return the operator ``(shift·I - L)^-1``, by a Cholesky decomposition.

    Its eigenvectors are those of L, its eigenvalues ``1 / (shift - λ)``.

    Raises
    ------
    numpy.linalg.LinAlgError
        L has an eigenvalue that is not below the shift.
    """
    factor = -L
    factor[np.diag_indices(len(L))] += shift
    _cholesky(factor)
    transposed = factor.T  # in the layout of LAPACK, which would copy the other one

    def solve(rows: Floats) -> Floats:
        solved = np.empty_like(rows)

        def work(some: slice) -> None:
            below = solve_triangular(transposed, rows[some].T, trans="T", check_finite=False)
            solved[some] = solve_triangular(transposed, below, check_finite=False, overwrite_b=True).T

        each(work, slices(len(rows), _SOLVED_AT_ONCE))
        return solved

    return solve


def _cholesky(M: Floats) -> None:
    """Overwrite the lower triangle of M by C with ``M = C C^T``, in tiles of a fixed size."""
    cut = slices(len(M), _TILE)
    for i, own in enumerate(cut):
        with one_blas_thread():
            corner, failed = dpotrf(M[own, own].T, lower=0)
        if failed:
            msg = "the matrix is not positive definite"
            raise np.linalg.LinAlgError(msg)
        M[own, own] = corner.T
        rest = cut[i + 1 :]

        def column(rows: slice, own: slice = own, corner: Floats = corner) -> None:
            M[rows, own] = solve_triangular(corner, M[rows, own].T, trans="T", check_finite=False).T

        def update(pair: tuple[slice, slice], own: slice = own) -> None:
            upper, lower = pair
            M[lower, upper] -= M[lower, own] @ M[upper, own].T

        each(column, rest)
        each(update, combinations_with_replacement(rest, 2))
