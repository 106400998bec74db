"""Distances between all samples."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np
from numba import prange

from phonoscope.kernels import kernel
from phonoscope.parallel import each, slices

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_ROUNDING = 1e-13
# Rows of a block: small enough that a few samples make work for all cores, large enough for a quick product.
_ROWS = 512
# Features whose products are summed in single precision before they are added up in double precision.
_FEATURES = 4_096
# Bytes that all samples may take, centred, in float64; of more, each block is centred when it is multiplied.
_CENTRED = 300_000_000
_ANY = float("inf")
MEMORY = 4.0
"""GB that what compares all samples may take where nothing is said of it."""


def centred_products(
    X: NDArray[np.floating], most: float = _ANY, out: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return the Gram matrix of the centred samples, shape (n, n), float64: ``(x - mean)·(y - mean)``.

    Each pair of blocks of rows is multiplied once. Neither the result nor its rounding depends on the number of
    threads.

    Parameters
    ----------
    X
        Samples × features, shape (n, d), float32 or float64; may be mapped from a file.
    most
        Bytes that the centred samples may take, see `Centred`.
    out
        Where the result goes, if there is a place already.
    """
    centred = Centred(X, most=most)
    products = np.empty((len(X), len(X))) if out is None else out

    def put(rows: slice, columns: slice, block: NDArray[np.float64]) -> None:
        products[rows, columns] = block

    centred.each_product(put)
    return products


def centred_products_in_single_precision(X: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return about what `centred_products` gives, in half the time, for samples that are float32 themselves.

    Products of 4,096 features at a time are summed in float32, and these sums in float64: the error of an entry is
    about 1e-7 of ``|x| |y|``, some ten times that which the rounding of the samples to float32 has left in it.

    Parameters
    ----------
    X
        Samples × features, shape (n, d), float32; may be mapped from a file.
    """
    n, d = X.shape
    sums = np.empty((-(-n // _ROWS), d))

    def add_up(rows: slice) -> None:
        X[rows].sum(axis=0, dtype=np.float64, out=sums[rows.start // _ROWS])

    each(add_up, slices(n, _ROWS))
    mean = sums.sum(axis=0) / n
    products = np.empty((n, n))
    whole = np.empty(X.shape, np.float32) if 4 * X.size <= _CENTRED else None

    def centred(rows: slice, columns: slice = slice(None)) -> NDArray[np.float32]:
        return np.asarray(X[rows, columns] - mean[columns], np.float32)

    def keep(rows: slice) -> None:
        assert whole is not None  # noqa: S101 - for the type checker
        whole[rows] = centred(rows)

    if whole is not None:
        each(keep, slices(n, _ROWS))

    def block(rows: slice, columns: slice) -> NDArray[np.float32]:
        return centred(rows, columns) if whole is None else whole[rows, columns]

    def multiply(pair: tuple[slice, slice]) -> None:
        rows, others = pair
        total = np.zeros((rows.stop - rows.start, others.stop - others.start))
        for columns in slices(d, _FEATURES):
            total += block(rows, columns) @ block(others, columns).T
        if rows == others:
            total = np.tril(total) + np.tril(total, -1).T
        products[rows, others] = total
        products[others, rows] = total.T

    each(multiply, combinations_with_replacement(slices(n, _ROWS), 2))
    return products


class Centred:
    """Samples less their mean, in float64: all of them where they are few, else a block whenever it is asked for.

    Parameters
    ----------
    X
        Samples × features, shape (n, d), float32 or float64; may be mapped from a file.
    rows
        Those of X that are the samples; all if None.
    most
        Bytes that all samples may take in float64; 300 MB at the most. Blocks that are centred at a time keep within it
        too, but for those of one thread. The products are the same to the last digit.
    """

    def __init__(self, X: NDArray[np.floating], rows: NDArray[np.int64] | None = None, most: float = _ANY) -> None:
        self._X, self._rows = X, rows
        self._n = len(X) if rows is None else len(rows)
        self._mean: NDArray[np.float64] | None = None
        self._threads: int | None = None
        if 8 * self._n * X.shape[1] <= min(_CENTRED, most):
            self._X, self._rows = (X if rows is None else X[rows]).astype(np.float64), None
            self._X -= self._X.mean(axis=0)
        else:
            self._mean = self._running_sum() / self._n
            if most < _ANY:  # two blocks, and what they are made of
                self._threads = max(int(most // (2 * 12 * _ROWS * X.shape[1])), 1)

    def __len__(self) -> int:
        """Return the number of samples."""
        return self._n

    def _taken(self, rows: slice) -> NDArray[np.floating]:
        return np.asarray(self._X[rows] if self._rows is None else self._X[self._rows[rows]])

    def __getitem__(self, rows: slice) -> NDArray[np.float64]:
        """Return some centred samples."""
        return np.asarray(self._taken(rows) if self._mean is None else self._taken(rows) - self._mean, np.float64)

    def each_product(self, put: Callable[[slice, slice, NDArray[np.float64]], None]) -> None:
        """Call `put` with the rows and the columns of each block of all products, and the block itself; on all threads.

        Each pair of blocks of samples is multiplied once.
        """

        def multiply(pair: tuple[slice, slice]) -> None:
            rows, columns = pair
            block = self.products(rows, columns)
            put(rows, columns, block)
            if rows != columns:
                put(columns, rows, block.T)

        each(multiply, combinations_with_replacement(slices(self._n, _ROWS), 2), most=self._threads)

    def products(self, rows: slice, columns: slice) -> NDArray[np.float64]:
        """Return the products of two blocks of samples, the same or the first above the second."""
        if rows != columns:
            return np.asarray(self[rows] @ self[columns].T)
        block = self[rows]
        block = block @ block.T
        return np.asarray(np.tril(block) + np.tril(block, -1).T)  # symmetric to the last digit, as others are

    def rows(self, rows: slice) -> NDArray[np.float64]:
        """Return the products of some samples with all, shape (rows, n), as `centred_products` has but for rounding."""
        own = self[rows]
        found = np.empty((len(own), self._n))
        for others in slices(self._n, _ROWS):
            np.matmul(own, self[others].T, out=found[:, others])
        return found

    def squares(self) -> NDArray[np.float64]:
        """Return the squared length of each sample, shape (n,)."""
        blocks = (self[rows] for rows in slices(self._n, _ROWS))
        return np.concatenate([np.einsum("ij,ij->i", block, block) for block in blocks])

    def _running_sum(self) -> NDArray[np.float64]:
        """Sum the samples one after the other, as NumPy does along the first axis of an array in float64."""
        total = np.zeros((1, self._X.shape[1]))
        for rows in slices(self._n, _ROWS):
            total = np.concatenate([total, self._taken(rows)]).sum(axis=0, keepdims=True)
        return np.asarray(total[0])


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
