"""Manhattan distances between samples and centres, or between all samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import prange

from phonoscope.kernels import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Rows that one thread takes together: what it reads of Y serves all of them. With two rows of Y at a time, eight sums
# stand in registers, and a value that is loaded is used two or four times: 20 against 13 thousand million differences a
# second with one row of Y (AVX2, one core).
_ROWS = 4


@kernel(parallel=True, fastmath=True, error_model="numpy")
def fill_distances(X: NDArray[np.float32], Y: NDArray[np.float32], found: NDArray[np.float32]) -> None:
    """Fill `found`, shape (n, m), with the distances of the rows of X, shape (n, d), to those of Y, shape (m, d).

    Where four rows of X or two of Y are not left, the last one is taken again: every distance is added up in the same
    order, wherever its rows stand.
    """
    n, d = X.shape
    m = len(Y)
    for block in prange((n + _ROWS - 1) // _ROWS):
        i0 = block * _ROWS
        i1, i2, i3 = min(i0 + 1, n - 1), min(i0 + 2, n - 1), min(i0 + 3, n - 1)
        for pair in range((m + 1) // 2):
            c = 2 * pair
            e = min(c + 1, m - 1)
            s0 = s1 = s2 = s3 = np.float32(0)
            t0 = t1 = t2 = t3 = np.float32(0)
            for j in range(d):
                y, z = Y[c, j], Y[e, j]
                x0, x1, x2, x3 = X[i0, j], X[i1, j], X[i2, j], X[i3, j]
                s0 += abs(x0 - y)
                s1 += abs(x1 - y)
                s2 += abs(x2 - y)
                s3 += abs(x3 - y)
                t0 += abs(x0 - z)
                t1 += abs(x1 - z)
                t2 += abs(x2 - z)
                t3 += abs(x3 - z)
            found[i0, c], found[i1, c], found[i2, c], found[i3, c] = s0, s1, s2, s3
            found[i0, e], found[i1, e], found[i2, e], found[i3, e] = t0, t1, t2, t3


@kernel(parallel=True)
def nearest(distances: NDArray[np.float32], labels: NDArray[np.int64], least: NDArray[np.float32]) -> None:
    """Fill `labels` and `least`, shape (n,), with each row's first smallest of `distances`, shape (n, m)."""
    for i in prange(len(distances)):
        best = 0
        for c in range(1, distances.shape[1]):
            if distances[i, c] < distances[i, best]:
                best = c
        labels[i] = best
        least[i] = distances[i, best]


@kernel(parallel=True, fastmath=True, error_model="numpy")
def own_distances(
    X: NDArray[np.float32], centres: NDArray[np.float32], labels: NDArray[np.int64], found: NDArray[np.float32]
) -> None:
    """Fill `found`, shape (n,), with each row's distance to the centre of its own cluster."""
    for i in prange(len(X)):
        own = labels[i]
        total = np.float32(0)
        for j in range(X.shape[1]):
            total += abs(X[i, j] - centres[own, j])
        found[i] = total


def manhattan_distances(X: NDArray[np.floating], Y: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return ``sum_j |x_j - y_j|`` of every row of X and every row of Y, shape (n, m), float32.

    Parameters
    ----------
    X, Y
        Samples × features, shapes (n, d) and (m, d); computed in float32.
    """
    found = np.empty((len(X), len(Y)), np.float32)
    fill_distances(np.ascontiguousarray(X, np.float32), np.ascontiguousarray(Y, np.float32), found)
    return found
