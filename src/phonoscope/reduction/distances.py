"""Distances between all samples."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np
from numba import prange

from phonoscope.kernels import kernel
from phonoscope.parallel import each, slices

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUNDING = 1e-13
# Rows of a block: small enough that a few samples make work for all cores, large enough for a quick product.
_ROWS = 512


def centred_products(X: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the Gram matrix of the centred samples, shape (n, n), float64: ``(x - mean)·(y - mean)``.

    Each pair of blocks of rows is multiplied once. Neither the result nor its rounding depends on the number of
    threads.

    Parameters
    ----------
    X
        Samples × features, shape (n, d), float32 or float64; may be mapped from a file.
    """
    centred = X.astype(np.float64)
    centred -= centred.mean(axis=0)
    products = np.empty((len(X), len(X)))

    def multiply(pair: tuple[slice, slice]) -> None:
        rows, columns = pair
        block = centred[rows] @ centred[columns].T
        if rows == columns:  # symmetric to the last digit, as the other blocks are
            block = np.tril(block) + np.tril(block, -1).T
        products[rows, columns] = block
        products[columns, rows] = block.T

    each(multiply, combinations_with_replacement(slices(len(X), _ROWS), 2))
    return products


@kernel(parallel=True)
def _to_squared_distances(products: NDArray[np.float64], squares: NDArray[np.float64]) -> None:
    for i in prange(len(products)):
        for j in range(len(products)):
            both = squares[i] + squares[j]
            distance = both - 2.0 * products[i, j]
            products[i, j] = distance if distance >= _ROUNDING * both and i != j else 0.0


def squared_distances(X: NDArray[np.floating], products: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Return all squared Euclidean distances, shape (n, n), float64, with a zero diagonal.

    The data are centred first, which keeps the cancellation in ``|x|² + |y|² - 2 x·y`` small; what is left of it, below
    1e-13 of ``|x|² + |y|²``, counts as zero, so that samples that coincide are at no distance.

    Parameters
    ----------
    X
        Samples × features, shape (n, d).
    products
        What `centred_products` gives for X, where it is known already; it is overwritten.
    """
    distances = centred_products(X) if products is None else products
    _to_squared_distances(distances, distances.diagonal().copy())
    return distances
