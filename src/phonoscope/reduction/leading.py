"""As many of a covariance's largest eigenvalues as make up a share of the variance, and their eigenvectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import eigh

from phonoscope.parallel import one_blas_thread
from phonoscope.reduction.eigenpairs import combine, dense, inner, orthonormal, subtract

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from phonoscope.reduction.eigenpairs import Operator

    Floats = NDArray[np.float64]

# Vectors that are multiplied at a time, and by how many the basis grows between two looks at what has converged. With
# half as many the basis ends smaller, with twice as many each multiplication is quicker: in all these take the least.
_WIDTH, _BETWEEN = 16, 96
# A large basis grows by this part of itself between two looks, as these take longer.
_OFTEN = 8
# Below this size the direct solver is at least as fast; up to the other one it is, unless few vectors are wanted.
_SMALLEST, _LARGE = 600, 1_500
# Parts of the matrix's size: the vectors that a basis may have, and those of which it is known that it will not do when
# so many do not add up to what is wanted.
_ROOM, _HOPELESS = 2, 4
# What may be left of ``M v - λ v``, as a part of the largest eigenvalue.
_RESIDUAL = 1e-10
_FIRST_TRY = 500
# Up to this size dividing and conquering finds all vectors sooner than another method a part of them.
_ALL_AT_ONCE = 1_500
_SEED = 20_010_403


def leading(product: Floats, wanted: float, again: Callable[[Floats], object] | None = None) -> tuple[Floats, Floats]:
    """Return the fewest of a matrix's largest eigenvalues that add up to at least `wanted`, and their eigenvectors.

    Of a large matrix whose variance lies on few directions by block Lanczos iteration with full reorthogonalisation:
    the basis grows until all eigenpairs wanted have converged, to a residual of 1e-10 of the largest eigenvalue. Else
    by the direct solver. All that there are if they do not add up to so much.

    Parameters
    ----------
    product
        Symmetric, without negative eigenvalues but for rounding, shape (n, n).
    wanted
        At most the trace.
    again
        Fills the matrix again: if it is given, the matrix is overwritten and the direct solver has no copy of it.

    Returns
    -------
    Largest first: shape (m,), and the vectors as rows, shape (m, n).
    """
    n = len(product)
    found = leading_of(dense(product), n, wanted, n // _ROOM) if n >= _SMALLEST else None
    if found is None:
        return _direct(product, wanted) if again is None else _in_place(product, wanted, again)
    return found


def _fewest(values: Floats, wanted: float) -> int:
    return min(int(np.searchsorted(np.cumsum(np.maximum(values, 0.0)), wanted)) + 1, len(values))


def _direct(product: Floats, wanted: float) -> tuple[Floats, Floats]:
    n = len(product)
    values, vectors = np.empty(0), np.empty((n, 0))
    with one_blas_thread():
        if n <= _ALL_AT_ONCE:
            values, vectors = eigh(product, driver="evd")
        else:
            # most often a small part carries the variance, and finding a part of the vectors is several times as fast
            for count in (_FIRST_TRY, n):
                values, vectors = eigh(product, subset_by_index=(n - count, n - 1))
                if values.sum() >= wanted:
                    break
    m = _fewest(values[::-1], wanted)
    return values[::-1][:m], np.ascontiguousarray(vectors[:, ::-1][:, :m].T)


def _in_place(product: Floats, wanted: float, again: Callable[[Floats], object]) -> tuple[Floats, Floats]:
    """Do what `_direct` does without another matrix of this size: first the values, then the vectors wanted."""
    n = len(product)
    with one_blas_thread():  # the transpose is the same matrix in LAPACK's order, which would else get a copy
        m = _fewest(eigh(product.T, eigvals_only=True, overwrite_a=True)[::-1], wanted)
    again(product)
    with one_blas_thread():
        values, vectors = eigh(product.T, subset_by_index=(n - m, n - 1), overwrite_a=True)
    return values[::-1], np.ascontiguousarray(vectors[:, ::-1].T)


def leading_of(
    multiply: Operator, n: int, wanted: float, room: int, width: int = _WIDTH
) -> tuple[Floats, Floats] | None:
    """Return what `leading` does, by the Lanczos iteration alone, of a matrix that need not be there itself.

    Parameters
    ----------
    multiply
        The matrix; multiplies rows.
    n
        Its size.
    wanted
        At most the trace.
    room
        The most vectors that the basis may have. Memory is taken for as many as it comes to have.
    width
        Vectors that are multiplied at a time.

    Returns
    -------
    As `leading` does; None where there would be more vectors than there is room for, or where it is seen earlier that
    the direct solver would be as fast.
    """
    room = min(room, n)
    Q, T = np.empty((room, n)), np.zeros((room, room))
    block, _ = orthonormal(np.random.default_rng(_SEED).standard_normal((min(width, room), n)))
    done, have, look = 0, len(block), _BETWEEN
    Q[:have] = block
    while True:
        W = multiply(Q[done:have])
        coefficients = inner(Q[:have], W)
        subtract(W, coefficients, Q[:have])
        T[:have, done:have], T[done:have, :have] = coefficients, coefficients.T
        block, B = orthonormal(W)
        if len(block):  # what rounding left of the basis in a short direction has grown with it
            subtract(block, inner(Q[:have], block), Q[:have])
            block, again = orthonormal(block)
            B = B @ again
        full = have + len(block) > room
        if have >= look or full or not len(block):
            look = have + max(_BETWEEN, have // _OFTEN)
            with one_blas_thread():
                values, vectors = eigh(T[:have, :have])
            values, vectors = values[::-1], vectors[:, ::-1].T
            m = _fewest(values, wanted)
            if m == have and (n < _LARGE or have > n // _HOPELESS):  # many more vectors than there are yet
                return None
            left = np.linalg.norm(vectors[:m, done:have] @ B, axis=1).max() if len(block) else 0.0
            if values[:m].sum() >= wanted and left <= _RESIDUAL * values[0]:
                return values[:m], combine(vectors[:m], Q[:have])
            # no more room; or an eigenvalue that is there more often than a block has vectors
            if full or not len(block):
                return None
        done, have = have, have + len(block)
        Q[done:have] = block
