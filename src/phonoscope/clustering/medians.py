"""Component-wise medians of the clusters of a clustering."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit, prange

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Columns that one thread takes together: it reads four whole cache lines of each row.
_COLUMNS = 64
_LARGEST = np.float32(np.finfo(np.float32).max)


@njit(cache=True, fastmath=True, error_model="numpy")
def median(x: NDArray[np.float32]) -> np.float32:  # noqa: C901 - one kernel: nothing is gained by parting it
    """Return the median of some finite values, at least one: the middle two's mean of an even number.

    The interval that holds the middle value is halved until it holds no other one. Each step counts the values below
    the cut, which a processor does for eight or sixteen of them at once; moving them about, as partitioning does, it
    does one by one.
    """
    m = len(x)
    low = high = x[0]
    for i in range(m):
        low = min(low, x[i])
        high = max(high, x[i])
    # numbers of values are counted in float32, which is exact up to 2^24 in each of the sums that run side by side
    zero, one, half = np.float32(0), np.float32(1), np.float32(0.5)
    needed = np.float32((m + 1) // 2)
    below = zero
    for i in range(m):
        below += one if x[i] <= low else zero
    upto = np.float32(m)
    if below >= needed:  # as of many units after a ReLU
        high, upto = low, below
    else:
        while upto - below > one:  # the middle value lies in (low, high]
            cut = low * half + high * half
            if not low < cut < high:
                break
            count = zero
            for i in range(m):
                count += one if x[i] <= cut else zero
            if count >= needed:
                high, upto = cut, count
            else:
                low, below = cut, count
        largest = low
        for i in range(m):
            largest = max(largest, x[i] if x[i] <= high else low)
        high = largest
    found: np.float32 = high
    if m % 2 == 0 and upto <= needed:
        following = _LARGEST
        for i in range(m):
            following = min(following, x[i] if x[i] > high else _LARGEST)
        found = high * half + following * half
    return found


@njit(cache=True, error_model="numpy")
def weighted_median(x: NDArray[np.float32], weights: NDArray[np.float64]) -> np.float32:
    """Return the value with half of the weight on either side; between two such values, their mean.

    Whole weights give the median of values repeated so many times. The weights are above 0.
    """
    order = np.argsort(x, kind="mergesort")
    half = weights.sum() / 2
    slack = 1e-12 * half  # sums of weights that are not whole numbers are not exact
    total = 0.0
    found: np.float32 = x[order[-1]]
    for place in range(len(x) - 1):
        total += weights[order[place]]
        if total > half + slack:
            found = x[order[place]]
            break
        if total >= half - slack:
            found = x[order[place]] * np.float32(0.5) + x[order[place + 1]] * np.float32(0.5)
            break
    return found


@njit(parallel=True, cache=True, error_model="numpy")
def fill_medians(
    X: NDArray[np.float32],
    weights: NDArray[np.float64],
    members: NDArray[np.int64],
    starts: NDArray[np.int64],
    clusters: NDArray[np.int64],
    centres: NDArray[np.float32],
) -> None:
    """Fill the rows of `centres`, shape (k, d), that `clusters` names with the medians of these clusters.

    Parameters
    ----------
    X
        Samples × features, shape (n, d), rows contiguous.
    weights
        Of the samples, shape (n,); empty where all count alike.
    members, starts
        The rows of cluster c are ``members[starts[c] : starts[c + 1]]``, at least one.
    clusters
        Which clusters.
    """
    d = X.shape[1]
    blocks = (d + _COLUMNS - 1) // _COLUMNS
    for task in prange(len(clusters) * blocks):
        c = clusters[task // blocks]
        first = (task % blocks) * _COLUMNS
        width = min(_COLUMNS, d - first)
        rows = members[starts[c] : starts[c + 1]]
        columns = np.empty((_COLUMNS, len(rows)), np.float32)
        for i in range(len(rows)):
            for j in range(width):
                columns[j, i] = X[rows[i], first + j]
        if len(weights):
            of_rows = weights[rows]
            for j in range(width):
                centres[c, first + j] = weighted_median(columns[j], of_rows)
        else:
            for j in range(width):
                centres[c, first + j] = median(columns[j])


def grouped(labels: NDArray[np.int64], k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the samples sorted by cluster, and where each cluster starts, shapes (n,) and (k + 1,)."""
    # numbers of 16 bits are sorted without comparing them, many times faster
    members = np.argsort(labels.astype(np.int16 if k < 2**15 else np.int64), kind="stable")
    return members, np.searchsorted(labels[members], np.arange(k + 1))
