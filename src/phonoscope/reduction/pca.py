"""Principal components that keep a share of the variance."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np

from phonoscope.parallel import each, slices
from phonoscope.reduction.distances import MEMORY, centred_products
from phonoscope.reduction.leading import leading

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# Columns of a tile of the covariance matrix.
_TILE = 512
# Bytes of the rows that are taken from the data at a time, centred, in float64.
_ROWS_AT_A_TIME = 2**28
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


def _blocks(X: NDArray[np.floating]) -> list[slice]:
    return slices(len(X), max(_ROWS_AT_A_TIME // (8 * X.shape[1]), 1))


def _mean(X: NDArray[np.floating]) -> Floats:
    # block by block: the sum over a whole mapped array would be converted to float64 first
    return np.asarray(sum(X[rows].sum(axis=0, dtype=np.float64) for rows in _blocks(X)) / len(X))


def scatter(X: NDArray[np.floating], mean: Floats, out: Floats | None = None) -> Floats:
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
    """
    n, d = X.shape
    total = np.empty((d, d)) if out is None else out
    total[:] = 0.0
    tiles = list(combinations_with_replacement(slices(d, _TILE), 2))
    kind = np.float32 if n * d * d // 2 > _SINGLE_PRECISION else np.float64
    for rows in _blocks(X):
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


def pca(
    X: NDArray[np.floating], variance: float = 0.9, *, products: Floats | None = None, memory: float = MEMORY
) -> PrincipalComponents:
    """Project onto the fewest principal components that keep at least a share of the variance.

    The eigenvectors are those of the smaller of the two products of the centred data with itself: the covariance,
    d × d, whose data are read block by block and may be larger than memory, or the Gram matrix, n × n.

    Parameters
    ----------
    X
        Samples × features, shape (n, d), n at least 2; may be mapped from a file.
    variance
        Share of the variance to keep, in (0, 1].
    products
        What `phonoscope.reduction.distances.centred_products` gives for X, where it is known already.
    memory
        GB: if three matrices like the product do not fit, one is made do with (unless it is given), which takes longer
        for the same but for rounding.

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
    # a value that is NaN or infinite makes the mean so, or the product below
    wide = d > n
    tight = products is None and 24 * min(n, d) ** 2 > memory * 1e9

    def make(out: Floats | None = None) -> Floats:
        return centred_products(X, memory * 1e9 / 2, out) if wide else scatter(X, mean, out)

    product = products if wide and products is not None else make()
    total = float(np.trace(product))
    if not (np.isfinite(total) and np.isfinite(mean).all()):
        msg = "PCA needs finite values; the data hold NaN or infinity"
        raise ValueError(msg)
    if total == 0:  # every sample is the same: one component, on which all lie at 0
        axis = np.zeros((1, d))
        axis[0, 0] = 1.0
        return PrincipalComponents(np.zeros((n, 1), np.float32), axis, np.ones(1))
    values, rows = leading(product, (variance - 1e-12) * total, make if tight else None)
    del product  # the axes take much room too
    # a rounding error must not add a component of no variance at variance = 1
    kept = max(int((values > values[0] * max(n, d) * np.finfo(np.float64).eps).sum()), 1)
    values, rows = values[:kept], rows[:kept]
    lengths = np.sqrt(values)[:, None]
    axes = _axes(X, mean, rows) if wide else rows.copy()
    if wide:
        axes /= lengths
    signs = np.array([np.sign(axis[np.abs(axis).argmax()]) for axis in axes])[:, None]
    axes *= signs
    scores = (rows * (lengths * signs)).T.astype(np.float32) if wide else _project(X, mean, axes)
    return PrincipalComponents(np.ascontiguousarray(scores), axes, values / total)
