"""Principal components that keep a share of the variance."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np

from phonoscope.parallel import each, one_blas_thread, slices
from phonoscope.reduction.distances import MEMORY, centred_products
from phonoscope.reduction.eigenpairs import signed
from phonoscope.reduction.leading import leading, leading_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# Columns of a tile of the covariance matrix: small enough that few tiles keep all cores busy.
_TILE = 256
# Bytes of the rows that are taken from the data at a time, centred, in float64.
_ROWS_AT_A_TIME = 2**28
# Where the data are read for each multiplication: vectors that are multiplied at a time, samples or features that a
# thread takes of the data, at most, and how many of these blocks are added up together.
_WIDTH, _LONGEST, _TOGETHER = 32, 512, 8
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
        centred = np.empty((rows.stop - rows.start, d), kind)

        def centre(part: slice, rows: slice = rows, centred: NDArray[Any] = centred) -> None:
            np.subtract(X[rows][part], mean, out=centred[part], casting="same_kind")

        each(centre, slices(len(centred), _LONGEST))

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
    n, d = X.shape
    mean = _mean(X)
    found = None
    # three matrices of the smaller size: the product, its copy in the solver, and the vectors
    tight = products is None and 24 * min(n, d) ** 2 > memory * 1e9
    if tight:
        found = _without_product(X, mean, variance, memory)
    if found is None:
        found = _with_product(X, mean, variance, products, memory, tight=tight)
    values, rows, total = found
    if total == 0:  # every sample is the same: one component, on which all lie at 0
        axis = np.zeros((1, d))
        axis[0, 0] = 1.0
        return PrincipalComponents(np.zeros((n, 1), np.float32), axis, np.ones(1))
    # a rounding error must not add a component of no variance at variance = 1
    kept = max(int((values > values[0] * max(n, d) * np.finfo(np.float64).eps).sum()), 1)
    values, rows = values[:kept], rows[:kept]
    if d <= n:
        axes = signed(rows)
        return PrincipalComponents(_project(X, mean, axes), axes, values / total)
    lengths = np.sqrt(values)[:, None]
    axes = _axes(X, mean, rows)
    axes /= lengths
    signs = np.array([np.sign(axis[np.abs(axis).argmax()]) for axis in axes])[:, None]
    axes *= signs
    scores = (rows * (lengths * signs)).T.astype(np.float32)
    return PrincipalComponents(np.ascontiguousarray(scores), axes, values / total)


def _with_product(
    X: NDArray[np.floating], mean: Floats, variance: float, products: Floats | None, memory: float, *, tight: bool
) -> tuple[Floats, Floats, float]:
    """Return the eigenvalues and eigenvectors kept of the smaller of the two products, and its trace."""
    n, d = X.shape
    wide, room = d > n, memory * 1e9 / 2

    def make(out: Floats | None = None) -> Floats:
        return centred_products(X, room, out) if wide else scatter(X, mean, out, room / 4)

    product = products if wide and products is not None else make()
    total = _finite(float(np.trace(product)), mean)
    return *leading(product, _wanted(variance, total), make if tight else None), total


def _without_product(
    X: NDArray[np.floating], mean: Floats, variance: float, memory: float
) -> tuple[Floats, Floats, float] | None:
    """Return what `_with_product` does, by a Lanczos iteration that reads the data for each block of vectors.

    None where the variance lies on more directions than there is room for.
    """
    (n, d), wide = X.shape, X.shape[1] > X.shape[0]
    short = min(n, d)
    # half of the memory is for the basis; the other for the vectors found, and for blocks
    room = min(int(memory * 1e9 / (16 * short)), short // 2)
    if room < _WIDTH:
        return None
    blocks = slices(max(n, d), int(np.clip(memory * 1e9 / (16 * 16 * short), 1, _LONGEST)))

    def centred(block: slice) -> Floats:
        """Return so many features of all samples, or so many samples with the samples as columns."""
        return np.asarray(X[:, block] - mean[block] if wide else (X[block] - mean).T, np.float64)

    def multiply(rows: Floats) -> Floats:
        multiplied = np.zeros_like(rows)
        for first in range(0, len(blocks), _TOGETHER):
            some = blocks[first : first + _TOGETHER]
            parts = np.empty((len(some), *rows.shape))

            def work(i: int, some: list[slice] = some, parts: Floats = parts) -> None:
                own = centred(some[i])
                np.matmul(rows @ own, own.T, out=parts[i])

            each(work, range(len(some)))
            for part in parts:  # one after the other, whichever was done first
                multiplied += part
        return multiplied

    squares = np.empty(len(blocks))

    def add_up(i: int) -> None:
        squares[i] = np.square(centred(blocks[i])).sum()

    each(add_up, range(len(blocks)))
    total = _finite(float(squares.sum()), mean)
    found = leading_of(multiply, short, _wanted(variance, total), room, _WIDTH)
    return None if found is None else (*found, total)


def _wanted(variance: float, total: float) -> float:
    return (variance - 1e-12) * total


def _finite(total: float, mean: Floats) -> float:
    # a value that is NaN or infinite makes the mean so, or the squares
    if not (np.isfinite(total) and np.isfinite(mean).all()):
        msg = "PCA needs finite values; the data hold NaN or infinity"
        raise ValueError(msg)
    return total
