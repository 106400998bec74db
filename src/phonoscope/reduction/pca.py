"""Principal components that keep a share of the variance."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np

from phonoscope.parallel import each, one_blas_thread, slices
from phonoscope.reduction.distances import MEMORY, centred_products
from phonoscope.reduction.eigenpairs import inner, signed, subtract
from phonoscope.reduction.leading import leading, leading_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# Columns of a tile of the covariance matrix.
_TILE = 512
# Bytes of the rows that are taken from the data at a time, centred, in float64; rows where the memory is short.
_ROWS_AT_A_TIME = 2**28
_FEW_ROWS = 512
# Vectors that are multiplied at a time where the data are read for each multiplication.
_WIDTH = 48
# Multiplications of the covariance matrix, n d²/2, beyond which they are done in float32: the sums over the blocks of
# rows stay float64, and what single precision loses within a block is less than what the data were rounded by.
_SINGLE_PRECISION = 10**13


@dataclass(frozen=True)
class PrincipalComponents:
    """The components kept, strongest first.

    Attributes
    ----------
    scores
        The samples' coordinates, shape (n, m), float32.
    axes
        Unit vectors of the components, shape (m, d), float64; each one's largest entry is positive.
    share
        Share of the whole variance on each component kept, shape (m,).
    """

    scores: NDArray[np.float32]
    axes: NDArray[np.float64]
    share: NDArray[np.float64]


def _blocks(X: NDArray[np.floating], most: float = _ROWS_AT_A_TIME) -> list[slice]:
    return slices(len(X), max(int(min(most, _ROWS_AT_A_TIME) // (8 * X.shape[1])), 1))


def _mean(X: NDArray[np.floating]) -> Floats:
    # block by block: the sum over a whole mapped array would be converted to float64 first
    return np.asarray(sum(X[rows].sum(axis=0, dtype=np.float64) for rows in _blocks(X)) / len(X))


def scatter(X: NDArray[np.floating], mean: Floats, out: Floats | None = None, most: float = _ROWS_AT_A_TIME) -> Floats:
    """Return the sum over the samples of ``(x - mean) (x - mean)^T``, shape (d, d): n times their covariance.

    The samples are read once, block by block; neither the result nor its rounding depends on the number of threads.

    Parameters
    ----------
    X
        Samples × features, shape (n, d), float32 or float64; may be mapped from a file.
    mean
        Shape (d,).
    out
        Where the result goes, if there is a place already.
    most
        Bytes that the rows which are read at a time may take in float64; 268 MB at the most.
    """
    n, d = X.shape
    total = np.empty((d, d)) if out is None else out
    total[:] = 0.0
    tiles = list(combinations_with_replacement(slices(d, _TILE), 2))
    kind = np.float32 if n * d * d // 2 > _SINGLE_PRECISION else np.float64
    for rows in _blocks(X, most):
        centred = (X[rows] - mean).astype(kind, copy=False)

        def add(pair: tuple[slice, slice], centred: NDArray[Any] = centred) -> None:
            total[pair] += centred[:, pair[0]].T @ centred[:, pair[1]]

        each(add, tiles)
    for upper, lower in tiles:
        total[lower, upper] = total[upper, lower].T
    return total


def _project(X: NDArray[np.floating], mean: Floats, axes: Floats) -> NDArray[np.float32]:
    scores = np.empty((len(X), len(axes)), np.float32)
    downwards = np.ascontiguousarray(axes.T)

    def project(rows: slice) -> None:
        scores[rows] = (X[rows] - mean) @ downwards

    each(project, slices(len(X), max(min(512, _ROWS_AT_A_TIME // (64 * X.shape[1])), 1)))
    return scores


def _axes(X: NDArray[np.floating], mean: Floats, left: Floats) -> Floats:
    """Return ``left (X - mean)``, shape (m, d), for the wide data's left singular vectors as rows, shape (m, n)."""
    axes = np.empty((len(left), X.shape[1]))

    def multiply(columns: slice) -> None:
        axes[:, columns] = left @ (X[:, columns] - mean[columns])

    each(multiply, slices(X.shape[1], _TILE))
    return axes


@one_blas_thread()  # once: to ask the libraries for it at each step takes longer than many a step
def pca(
    X: NDArray[np.floating], variance: float = 0.9, *, products: Floats | None = None, memory: float = MEMORY
) -> PrincipalComponents:
    """Project onto the fewest principal components that keep at least a share of the variance.

    The eigenvectors are those of the smaller of the two products of the centred data with itself: the covariance,
    d × d, whose data are read block by block and may be larger than memory, or the Gram matrix, n × n. Where there is
    no room for these, they are found without, reading the data once for each block of vectors.

    Parameters
    ----------
    X
        Samples × features, shape (n, d), n at least 2; may be mapped from a file.
    variance
        Share of the variance to keep, in (0, 1].
    products
        What `phonoscope.reduction.distances.centred_products` gives for X, where it is known already.
    memory
        GB: if three matrices like the product do not fit (and it is not given), a Lanczos iteration does without any,
        for the same but for rounding; where the variance lies on more directions than half of this memory holds, or on
        more than a half of all, the product is made, but no copy of it.

    Raises
    ------
    ValueError
        There are fewer than two samples, `variance` is out of range, or a value is NaN or infinite.
    """
    if X.ndim != 2 or len(X) < 2:  # noqa: PLR2004
        msg = f"PCA needs samples × features with at least two samples, not an array of shape {X.shape}"
        raise ValueError(msg)
    if not 0 < variance <= 1:
        msg = f"the share of variance to keep lies in (0, 1], not {variance}"
        raise ValueError(msg)
    mean = _mean(X)
    found = None
    if products is None and _short_of(memory, X):
        found = _without_product(X, mean, variance, memory)
    return _with_product(X, mean, variance, products, memory) if found is None else found


def _without_product(
    X: NDArray[np.floating], mean: Floats, variance: float, memory: float
) -> PrincipalComponents | None:
    """Find the components by a Lanczos iteration that reads the data for each block of vectors: no matrix is needed.

    None where the variance lies on more directions than the memory has room for.
    """
    n, d = X.shape
    # the basis, and as much again of axes and of what is multiplied
    room = min(int(memory * 1e9 / (16 * d)), min(n, d) // 2)
    if room < _WIDTH:
        return None
    blocks = slices(n, _FEW_ROWS)

    def multiply(rows: Floats) -> Floats:
        multiplied = np.zeros_like(rows)
        for block in blocks:
            centred = np.asarray(X[block] - mean, np.float64)
            subtract(multiplied, -inner(centred, rows), centred)
        return multiplied

    total = _finite(float(sum(np.square(X[block] - mean, dtype=np.float64).sum() for block in blocks)), mean)
    if total == 0:
        return _one_point(n, d)
    found = leading_of(multiply, d, _wanted(variance, total), room, _WIDTH)
    if found is None:
        return None
    values, axes = _not_rounding(*found, max(n, d))
    axes = signed(axes)
    return PrincipalComponents(_project(X, mean, axes), axes, values / total)


def _with_product(
    X: NDArray[np.floating], mean: Floats, variance: float, products: Floats | None, memory: float
) -> PrincipalComponents:
    """Find the components from the smaller of the two products, of which there is but one where memory is short."""
    n, d = X.shape
    wide, room = d > n, memory * 1e9 / 2

    def make(out: Floats | None = None) -> Floats:
        return centred_products(X, room, out) if wide else scatter(X, mean, out, room / 4)

    product = products if wide and products is not None else make()
    total = _finite(float(np.trace(product)), mean)
    if total == 0:
        return _one_point(n, d)
    tight = products is None and _short_of(memory, X)
    values, rows = _not_rounding(*leading(product, _wanted(variance, total), make if tight else None), max(n, d))
    del product  # the axes take much room too
    if not wide:
        axes = signed(rows)
        return PrincipalComponents(_project(X, mean, axes), axes, values / total)
    lengths = np.sqrt(values)[:, None]
    axes = _axes(X, mean, rows)
    axes /= lengths
    signs = np.array([np.sign(axis[np.abs(axis).argmax()]) for axis in axes])[:, None]
    axes *= signs
    scores = (rows * (lengths * signs)).T.astype(np.float32)
    return PrincipalComponents(np.ascontiguousarray(scores), axes, values / total)


def _short_of(memory: float, X: NDArray[np.floating]) -> bool:
    """Tell whether three matrices like the smaller product do not fit into `memory` GB."""
    return bool(24 * min(X.shape) ** 2 > memory * 1e9)


def _wanted(variance: float, total: float) -> float:
    return (variance - 1e-12) * total


def _finite(total: float, mean: Floats) -> float:
    # a value that is NaN or infinite makes the mean so, or the squares
    if not (np.isfinite(total) and np.isfinite(mean).all()):
        msg = "PCA needs finite values; the data hold NaN or infinity"
        raise ValueError(msg)
    return total


def _one_point(n: int, d: int) -> PrincipalComponents:
    """Return one component, on which all samples lie at 0: they are the same."""
    axis = np.zeros((1, d))
    axis[0, 0] = 1.0
    return PrincipalComponents(np.zeros((n, 1), np.float32), axis, np.ones(1))


def _not_rounding(values: Floats, rows: Floats, size: int) -> tuple[Floats, Floats]:
    """Leave out what a rounding error adds at variance = 1: components of no variance."""
    kept = max(int((values > values[0] * size * np.finfo(np.float64).eps).sum()), 1)
    return values[:kept], rows[:kept]
