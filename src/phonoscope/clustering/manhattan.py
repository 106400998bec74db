"""Manhattan distances between samples and centres, or between all samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit, prange

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Rows that one thread takes together: what it reads of Y serves all of them.
_ROWS = 4


@njit(parallel=True, cache=True, fastmath=True, error_model="numpy")
def _fill(X: NDArray[np.float32], Y: NDArray[np.float32], found: NDArray[np.float32]) -> None:
    n, d = X.shape
    for block in prange((n + _ROWS - 1) // _ROWS):
        first = block * _ROWS
        if first + _ROWS <= n:
            for c in range(len(Y)):
                s0 = s1 = s2 = s3 = np.float32(0)
                for j in range(d):
                    y = Y[c, j]
                    s0 += abs(X[first, j] - y)
                    s1 += abs(X[first + 1, j] - y)
                    s2 += abs(X[first + 2, j] - y)
                    s3 += abs(X[first + 3, j] - y)
                found[first, c], found[first + 1, c] = s0, s1
                found[first + 2, c], found[first + 3, c] = s2, s3
        else:
            for i in range(first, n):
                for c in range(len(Y)):
                    total = np.float32(0)
                    for j in range(d):
                        total += abs(X[i, j] - Y[c, j])
                    found[i, c] = total


def manhattan_distances(X: NDArray[np.floating], Y: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return ``sum_j |x_j - y_j|`` of every row of X and every row of Y, shape (n, m), float32.

    Parameters
    ----------
    X, Y
        Samples × features, shapes (n, d) and (m, d); computed in float32.
    """
    found = np.empty((len(X), len(Y)), np.float32)
    _fill(np.ascontiguousarray(X, np.float32), np.ascontiguousarray(Y, np.float32), found)
    return found
