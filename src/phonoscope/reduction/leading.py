"""As many of a covariance's largest eigenvalues as make up a share of the variance, and their eigenvectors."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import LinAlgError, eigh, eigh_tridiagonal
from scipy.linalg.lapack import dormqr, dsytrd

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
# A large basis grows by this part of itself between two looks, as these take longer; by the other one at the most.
_OFTEN, _RARELY = 8, 4
# Below this size the direct solver is at least as fast; up to the other one it is, unless few vectors are wanted.
_SMALLEST, _LARGE = 600, 1_500
# Parts of the matrix's size: the vectors that a basis may have, and those of which it is known that it will not do when
# so many do not add up to what is wanted.
_ROOM, _HOPELESS = 2, 4
# The share of what is wanted that the first vectors have where few will do.
_FEW = 0.92
# It converges ever faster: the next look is after this part of the way that is left as it was before.
_SOONER = 0.4
# What may be left of ``M v - λ v``, as a part of the largest eigenvalue.
_RESIDUAL = 1e-10
# Columns that LAPACK reduces, and reflections that it does, at a time.
_TOGETHER = 32
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
    """Find all eigenvalues by LAPACK, and of the vectors those wanted.

    In the steps of `scipy.linalg.eigh`, which has to be told how many vectors before any value is known.
    """
    n = len(product)
    with one_blas_thread():
        # the transpose is in the order of LAPACK
        reduced, diagonal, beside, factors, _ = dsytrd(product.T, lower=1, lwork=_TOGETHER * n)
        values, vectors = _of_tridiagonal(diagonal, beside, wanted)
        if n > 1:  # the reflections leave the first coordinate alone
            vectors[1:], _, _ = dormqr("L", "N", reduced[1:, :-1], factors, vectors[1:], _TOGETHER * n)
    return values, vectors.T


def _of_tridiagonal(diagonal: Floats, beside: Floats, wanted: float) -> tuple[Floats, Floats]:
    """Return the eigenvalues wanted of a tridiagonal matrix, largest first, and their vectors as columns."""
    n = len(diagonal)
    if n > _ALL_AT_ONCE:
        m = _fewest(eigh_tridiagonal(diagonal, beside, eigvals_only=True)[::-1], wanted)
        part = {"select": "i", "select_range": (n - m, n - 1), "lapack_driver": "stemr"}
        with suppress(LinAlgError):  # hardly ever: it does not find all
            values, vectors = eigh_tridiagonal(diagonal, beside, **part)
            return values[::-1], np.asfortranarray(vectors[:, ::-1])
    values, vectors = eigh_tridiagonal(diagonal, beside, lapack_driver="stevd")
    m = _fewest(values[::-1], wanted)
    return values[: -m - 1 : -1], np.asfortranarray(vectors[:, : -m - 1 : -1])


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
    last, done, have = 0, 0, len(block)  # where the two latest blocks begin, and the next one
    complete = True  # a direction that is left out is rounding, but not of the last digit: later blocks have it
    look = _BETWEEN if n >= _LARGE else _BETWEEN // 2
    before = (0, 0.0)  # at the last look that found enough variance: vectors, and what was left
    Q[:have] = block
    while True:
        W = multiply(Q[done:have])
        # of the basis before, rounding alone is in it
        coefficients = inner(Q[last:have], W)
        subtract(W, coefficients, Q[last:have])
        T[last:have, done:have], T[done:have, last:have] = coefficients, coefficients.T
        block, B = orthonormal(W)
        if len(block):  # what rounding left of the basis in a short direction has grown with it
            subtract(block, inner(Q[:have], block), Q[:have])
            block, again = orthonormal(block, passes=1)
            B = B @ again
        full = have + len(block) > room
        if have >= look or full or not len(block):
            look = have + max(_BETWEEN, have // _OFTEN)
            values, vectors = _direct(T[:have, :have], wanted)
            enough = values.sum() >= wanted
            if values.sum() < wanted * (_FEW if n < _LARGE else float(have > n // _HOPELESS)):
                return None  # many more vectors than there are yet
            left = np.linalg.norm(vectors[:, done:have] @ B, axis=1).max() if len(block) else 0.0
            if enough and left <= _RESIDUAL * values[0]:
                return values, combine(vectors, Q[:have])
            if enough and before[1] > left:
                rate = np.log(before[1] / left) / (have - before[0])
                wait = int(_SOONER * np.log(left / (_RESIDUAL * values[0])) / rate)
                look = max(look, have + min(wait, have // _RARELY))
            before = (have, left) if enough else (0, 0.0)
            # no more room; or an eigenvalue that is there more often than a block has vectors
            if full or not len(block):
                return None
        complete = complete and len(block) == len(W)
        last, done, have = done if complete else 0, have, have + len(block)
        Q[done:have] = block
