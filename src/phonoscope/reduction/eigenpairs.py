"""The largest eigenvalues of a symmetric matrix and their eigenvectors, by a block Krylov method."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.linalg import eigh

from phonoscope.parallel import each, one_blas_thread, slices
from phonoscope.reduction.shifted import inverse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# Vectors in a block beside those wanted: the last ones wanted converge faster for them.
_GUARD = 8
# What is left of `L v - λ v`, L having eigenvalues up to 1.
_RESIDUAL = 1e-10
# A direction of a block this much shorter than the longest is rounding.
_DEPENDENT = 1e-13
_TILE = 1024
# Multiplications that one thread does as soon as several have begun.
_WORTH_THREADS = 2_000_000
# Below this, and for more vectors than this share of n, the direct solver is at least as fast.
_SMALLEST, _SHARE = 400, 8
_SEED = 20_010_403
# How far the shift lies above the largest eigenvalue: closer, and rounding would grow.
_ABOVE = 1e-3
# Rows looked at, what counts as next to nothing beside the largest entry, and the share of more below which a matrix is
# nearly sparse: after t-SNE in the plane, with the paper's width, it is .03, on the layers themselves 1.
_LOOKED_AT, _NOTHING, _SPARSE = 64, 1e-9, 0.1


class Operator(Protocol):
    """Multiplies rows by a symmetric matrix: shapes (b, n) to (b, n)."""

    def __call__(self, rows: Floats, /) -> Floats: ...  # noqa: D102


class NotConvergedError(ArithmeticError):
    """The eigenvectors need more steps than allowed; what there is of them comes with it.

    Attributes
    ----------
    values, vectors
        The best approximations, largest first, shapes (b,) and (b, n).
    """

    def __init__(self, values: Floats, vectors: Floats) -> None:
        super().__init__(f"{len(values)} eigenvectors were not found within the steps allowed")
        self.values, self.vectors = values, vectors


def dense(L: Floats) -> Operator:
    """Return the operator of a dense symmetric matrix."""

    def multiply(rows: Floats) -> Floats:
        return _tiled(lambda tile: rows @ L[tile].T, rows.shape[0], len(L), len(L))

    return multiply


def _tiled(columns: Callable[[slice], Floats], height: int, width: int, steps: int) -> Floats:
    """Fill a matrix tile by tile of its columns; a number of it takes so many steps."""
    whole = np.empty((height, width))

    def work(tile: slice) -> None:
        whole[:, tile] = columns(tile)

    _share_out(work, slices(width, _TILE // 4 if width < 8 * _TILE else _TILE), height * width * steps)
    return whole


def _share_out(work: Callable[[Any], object], items: Sequence[object], steps: int) -> None:
    """Do what `each` does; few multiplications in all are done before threads are told of them."""
    if steps > _WORTH_THREADS:
        each(work, items)
        return
    with one_blas_thread():
        for item in items:
            work(item)


def inner(left: Floats, right: Floats) -> Floats:
    """Return ``left @ right.T``, shapes (a, n) and (b, n), summed over blocks of a fixed size in a fixed order."""
    cut = slices(left.shape[1], _TILE)
    parts = np.empty((len(cut), len(left), len(right)))

    def work(i: int) -> None:
        np.matmul(left[:, cut[i]], right[:, cut[i]].T, out=parts[i])

    _share_out(work, range(len(cut)), left.size * len(right))
    return np.asarray(parts.sum(axis=0))


def orthonormal(rows: Floats, passes: int = 2) -> tuple[Floats, Floats]:
    """Return an orthonormal basis Q of some rows, and B with ``rows = B Q``; dependent directions are left out.

    A pass leaves errors of the square of the rows' condition: one is enough for rows that are nearly orthonormal.
    """
    whole: Floats | None = None
    for _ in range(passes):
        with one_blas_thread():
            values, vectors = np.linalg.eigh(inner(rows, rows))  # SciPy takes longer to begin than this takes
        kept = values > max(values[-1], 0.0) * _DEPENDENT
        if not kept.any() or values[-1] <= _DEPENDENT**2:
            return rows[:0], np.zeros((len(rows) if whole is None else len(whole), 0))
        scale, vectors = np.sqrt(values[kept]), vectors[:, kept]
        shrink, previous = vectors.T / scale[:, None], rows
        rows = combine(shrink, previous)
        step = vectors * scale
        whole = step if whole is None else whole @ step
    return rows, np.asarray(whole)


def krylov(
    multiply: Operator,
    n: int,
    k: int,
    *,
    residual: float = _RESIDUAL,
    relative: bool = False,
    blocks: int = 16,
    basis: int = 32,
    patient: bool = False,
    start: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Find the largest eigenpairs of a symmetric matrix by a block Krylov method with thick restarts.

    A block is wider than k, so that all eigenvectors of an eigenvalue are found even if it is there k times. Every
    block is orthogonalised against all vectors before it (Golub and Underwood 1977; restarts after Wu and Simon 2000).
    Neither the result nor its rounding depends on the number of threads.

    Parameters
    ----------
    multiply
        The matrix; multiplies rows.
    n
        Its size.
    k
        Number of eigenpairs.
    residual
        The longest ``L v - λ v`` accepted.
    relative
        Whether `residual` is meant as a part of the k-th eigenvalue.
    blocks
        The most blocks that are multiplied.
    patient
        Whether to go on where a forecast says that twice as many would not do.
    basis
        The most blocks that are kept.
    start
        Rows that are near the eigenvectors, shape (any, n).

    Returns
    -------
    The eigenvalues, largest first, shape (k,), and the vectors as rows, shape (k, n).

    Raises
    ------
    NotConvergedError
        There would be more blocks than allowed.
    """
    width = min(k + _GUARD, n)
    first = np.random.default_rng(_SEED).standard_normal((width, n))
    if start is not None:
        first[: len(start)] = start[:width]
    block, _ = orthonormal(first)
    room = min(basis * width, n) + width
    Q, T = np.empty((room, n)), np.zeros((room, room))
    last, done, have, before = 0, 0, len(block), (0, 0.0)  # where the two latest blocks begin, and the next one
    check = 1 if start is not None else 3
    # a direction that is left out is rounding, but not of the last digit: later blocks are not free of it
    complete = True
    Q[:have] = block
    for used in range(1, blocks + 1):
        W = multiply(Q[done:have])
        # of the basis before, rounding alone is in it
        coefficients = inner(Q[last:have], W)
        subtract(W, coefficients, Q[last:have])
        T[last:have, done:have], T[done:have, last:have] = coefficients, coefficients.T
        block, B = orthonormal(W)
        if len(block):  # scaling up its short directions has scaled up what rounding left of the basis in them
            subtract(block, inner(Q[:have], block), Q[:have])
            block, again = orthonormal(block, passes=1)
            B = B @ again
        full = have + len(block) > room - width
        complete = complete and len(block) == len(W)
        last = done if complete else 0
        if used >= check or full or not len(block) or used == blocks:
            kept = min(width + width // 2, have)
            with one_blas_thread():
                values, vectors = eigh(T[:have, :have], subset_by_index=(have - kept, have - 1))
            values, vectors = values[::-1], vectors[:, ::-1].T
            errors = np.linalg.norm(vectors[:k, done:have] @ B, axis=1) if len(block) else np.zeros(1)
            worst = float(errors.max()) / (values[k - 1] if relative else 1.0)
            if worst <= residual:
                return values[:k], combine(vectors[:k], Q[:have])
            more = _blocks_to_come(before, (used, worst), residual)
            if used == blocks or (used + more > 2 * blocks and not patient):
                raise NotConvergedError(values[:width], combine(vectors[:width], Q[:have]))
            # convergence speeds up: half of what the forecast says
            before, check = (used, worst), used + int(np.clip(more / 2, 1, 8))
            if full:
                Q[:kept] = combine(vectors, Q[:have])
                T[:] = 0.0
                T[np.arange(kept), np.arange(kept)] = values
                last, have = 0, kept  # the next block has to do with all of them
        done, have = have, have + len(block)
        Q[done:have] = block
    raise AssertionError


def combine(vectors: Floats, Q: Floats) -> Floats:
    """Return ``vectors @ Q``, shapes (a, b) and (b, n)."""
    return _tiled(lambda tile: vectors @ Q[:, tile], len(vectors), Q.shape[1], len(Q))


def subtract(W: Floats, coefficients: Floats, Q: Floats) -> None:
    """Take ``coefficients.T @ Q`` off W, shapes (a, b), (a, n) and (b, n)."""

    def work(tile: slice) -> None:
        W[:, tile] -= coefficients.T @ Q[:, tile]

    _share_out(work, slices(W.shape[1], _TILE), W.size * len(Q))


def _blocks_to_come(before: tuple[int, float], now: tuple[int, float], residual: float) -> float:
    """Return after how many more blocks the residual may be small enough, from how it has fallen."""
    if not before[0]:
        return 4.0
    rate = np.log(before[1] / now[1]) / (now[0] - before[0])
    return float(np.log(now[1] / residual) / rate) if rate > 0 else np.inf


def _shifted(L: Floats, k: int, near: Floats | None) -> tuple[Floats, Floats]:
    """Find the largest eigenpairs of a matrix whose largest eigenvalues are close to each other."""
    shift = 1.0 + _ABOVE
    inverted, vectors = krylov(inverse(L, shift), len(L), k, relative=True, residual=_RESIDUAL / 2, start=near)
    return shift - 1.0 / inverted, vectors


def _nearly_sparse(L: Floats) -> bool:
    """Tell, from some rows, whether most entries are next to nothing: a graph of neighbours, its eigenvalues crowd."""
    some = L[:: max(len(L) // _LOOKED_AT, 1)]
    return float((some > _NOTHING * some.max()).mean()) < _SPARSE


def largest(L: Floats, k: int) -> tuple[Floats, Floats]:
    """Return the k largest eigenvalues of a symmetric matrix, largest first, and their eigenvectors.

    A block Krylov method; where it is slow, since the eigenvalues are close to each other as those of a graph near to
    being in pieces are, the same on the shifted and inverted matrix; for small matrices and where both fail, the direct
    solver. The residuals are below 1e-10. Each vector's largest entry is positive.

    Parameters
    ----------
    L
        Shape (n, n), with eigenvalues from -1 to 1.
    k
        From 1 to n.

    Returns
    -------
    Shapes (k,) and (n, k).
    """
    n = len(L)
    found = None
    if n >= _SMALLEST and _SHARE * k <= n:
        start = None
        if not _nearly_sparse(L):
            try:
                found = krylov(dense(L), n, k)
            except NotConvergedError as near:
                start = near.vectors
        if found is None:
            with suppress(NotConvergedError, np.linalg.LinAlgError):
                found = _shifted(L, k, start)
    if found is None:
        with one_blas_thread():
            values, vectors = eigh(L, subset_by_index=(n - k, n - 1))
        found = values[::-1], vectors.T[::-1]
    return found[0], signed(found[1]).T


def signed(rows: Floats) -> Floats:
    """Return the rows, each one's sign such that its largest entry (the first of several) is positive."""
    largest_entry = np.take_along_axis(rows, np.abs(rows).argmax(axis=1)[:, None], axis=1)
    return np.where(largest_entry < 0, -rows, rows)
