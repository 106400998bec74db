"""Component-wise medians of the clusters of a clustering."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import prange

from phonoscope.kernels import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Columns that one thread takes together, at most: it reads four whole cache lines of each row.
_COLUMNS = 64
_LARGEST = np.float32(np.finfo(np.float32).max)
# Values from the guess to the middle one that are stepped over one by one.
_STEPS = np.float32(4)
# Numbers that a processor compares at once, at most: rows of a block are filled up to a multiple of it.
_LANES = 16


@kernel(fastmath=True, error_model="numpy")
def _up_to(x: NDArray[np.float32], cut: np.float32) -> np.float32:
    """Count the values up to a cut; in float32, which is exact up to 2^24 in each of the sums that run side by side."""
    count = np.float32(0)
    for i in range(len(x)):
        count += np.float32(1) if x[i] <= cut else np.float32(0)
    return count


@kernel(fastmath=True, error_model="numpy")
def _next_above(x: NDArray[np.float32], cut: np.float32) -> np.float32:
    """Return the smallest value above a cut, or the largest number there is."""
    found: np.float32 = _LARGEST
    for i in range(len(x)):
        found = min(found, x[i] if x[i] > cut else _LARGEST)
    return found


@kernel(fastmath=True, error_model="numpy")
def _next_below(x: NDArray[np.float32], cut: np.float32) -> np.float32:
    """Return the largest value below a cut, or the smallest number there is."""
    found: np.float32 = -_LARGEST
    for i in range(len(x)):
        found = max(found, x[i] if x[i] < cut else -_LARGEST)
    return found


@kernel(fastmath=True, error_model="numpy")
def _between(x: NDArray[np.float32], needed: np.float32) -> np.float32:
    """Return the value of a rank: the interval that holds it is halved until it holds no other one."""
    low: np.float32 = x[0]
    high: np.float32 = x[0]
    for i in range(len(x)):
        low = min(low, x[i])
        high = max(high, x[i])
    below, upto = _up_to(x, low), np.float32(len(x))
    if below >= needed:  # as of many units after a ReLU
        return low
    half = np.float32(0.5)
    while upto - below > np.float32(1):  # the value lies in (low, high]
        cut = low * half + high * half
        if not low < cut < high:
            return high
        count = _up_to(x, cut)
        if count >= needed:
            high, upto = cut, count
        else:
            low, below = cut, count
    return _next_above(x, low)


@kernel(fastmath=True, error_model="numpy")
def median(x: NDArray[np.float32], guess: np.float32) -> np.float32:
    """Return the median of some finite values, at least one: the middle two's mean of an even number.

    Values are not moved about but compared with a cut, which a processor does for eight or sixteen of them at once:
    first with the guess, from which the middle value is mostly a few steps away once a clustering settles, and only if
    it is not with the cuts that part the interval which holds it.

    Parameters
    ----------
    x
        Shape (m,).
    guess
        Any number: the median of what the cluster held before.
    """
    needed = np.float32((len(x) + 1) // 2)
    upto = _up_to(x, guess)
    middle = guess
    if upto < needed and needed - upto <= _STEPS:
        while upto < needed:
            middle = _next_above(x, middle)
            upto = _up_to(x, middle)
    elif upto >= needed and upto - needed < _STEPS:
        middle = -_LARGEST
        for i in range(len(x)):
            middle = max(middle, x[i] if x[i] <= guess else -_LARGEST)
        while True:
            before = _next_below(x, middle)
            fewer = _up_to(x, before)
            if fewer < needed or before == -_LARGEST:
                break
            middle, upto = before, fewer
    else:
        middle = _between(x, needed)
        upto = _up_to(x, middle)
    if len(x) % 2 == 1 or upto > needed:
        return middle
    half = np.float32(0.5)
    return middle * half + _next_above(x, middle) * half


@kernel(error_model="numpy")
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


@kernel(fastmath=True, error_model="numpy")
def _around(block: NDArray[np.float32], width: int, around: NDArray[np.float32]) -> None:
    """Count each column's values below and above its cut, and find the two of either that are nearest to it.

    Row by row, so that all columns are compared side by side.

    Parameters
    ----------
    block
        Samples × columns, shape (n, w), w at most `_COLUMNS`.
    width
        How many of the columns; a multiple of `_LANES` is quickest.
    around
        Seven times `_COLUMNS` numbers in one piece, as the compiler gives up where many arrays might overlap: the cuts;
        and, to be filled: how many are below, how many above; the largest and the next one below; the smallest and the
        next one above.
    """
    for j in range(width):
        around[_COLUMNS + j] = around[2 * _COLUMNS + j] = np.float32(0)
        around[3 * _COLUMNS + j] = around[4 * _COLUMNS + j] = -_LARGEST
        around[5 * _COLUMNS + j] = around[6 * _COLUMNS + j] = _LARGEST
    for i in range(len(block)):
        for j in range(width):
            x, cut = block[i, j], around[j]
            around[_COLUMNS + j] += np.float32(1) if x < cut else np.float32(0)
            around[2 * _COLUMNS + j] += np.float32(1) if x > cut else np.float32(0)
            low = x if x < cut else -_LARGEST
            high = x if x > cut else _LARGEST
            nearest = around[3 * _COLUMNS + j]
            around[4 * _COLUMNS + j] = max(around[4 * _COLUMNS + j], min(nearest, low))
            around[3 * _COLUMNS + j] = max(nearest, low)
            nearest = around[5 * _COLUMNS + j]
            around[6 * _COLUMNS + j] = min(around[6 * _COLUMNS + j], max(nearest, high))
            around[5 * _COLUMNS + j] = min(nearest, high)


@kernel(error_model="numpy")
def _of_rank(rank: int, less: int, upto: int, around: NDArray[np.float32], j: int) -> np.float32:
    """Return the value of a rank, from 1, in a column: the cut, or one of the two on either side of it."""
    at = 3 + less - rank if rank <= less else 0 if rank <= upto else 4 + rank - upto
    value: np.float32 = around[at * _COLUMNS + j]
    return value


@kernel(error_model="numpy")
def _one_by_one(
    block: NDArray[np.float32],
    some: NDArray[np.int64],
    around: NDArray[np.float32],
    columns: NDArray[np.int64],
    found: NDArray[np.float32],
) -> None:
    """Find the medians of some of a block's columns, each from its cut."""
    n = len(block)
    # row by row: a column at a time would read every line of memory once for each
    values = np.empty((len(some), n), np.float32)
    # indices that can not be negative, here and below: of others it is asked each time whether they are
    for i in range(np.uint64(n)):
        for a in range(np.uint64(len(some))):
            values[a, i] = block[i, np.uint64(some[a])]
    for a in range(len(some)):
        found[columns[some[a]]] = median(values[a], around[some[a]])


@kernel(error_model="numpy")
def _move_together(
    block: NDArray[np.float32], some: NDArray[np.int64], around: NDArray[np.float32], columns: NDArray[np.int64]
) -> None:
    """Make some of a block's columns, in rising order, its first ones, with their cuts."""
    for a in range(len(some)):
        around[a] = around[some[a]]
        columns[a] = columns[some[a]]
    for i in range(np.uint64(len(block))):
        for a in range(np.uint64(len(some))):
            block[i, a] = block[i, np.uint64(some[a])]


@kernel(error_model="numpy")
def _medians(block: NDArray[np.float32], width: int, found: NDArray[np.float32]) -> None:
    """Replace guesses, shape (width,), by the medians of a block's columns; further columns of it are of no account.

    Columns whose median is among the values next to the guess are done after one pass over the block. Those whose
    median is a few values farther off are moved together, and the pass is repeated over them; the others are done one
    by one. The block is overwritten.
    """
    n = len(block)
    around = np.zeros(7 * _COLUMNS, np.float32)
    around[:width] = found
    needed, last = (n + 1) // 2, n // 2 + 1
    half = np.float32(0.5)
    columns = np.arange(width)  # of `found`, for each of the block's
    near, far = np.empty(width, np.int64), np.empty(width, np.int64)
    left = width
    while left > 0:
        _around(block, (left + _LANES - 1) // _LANES * _LANES, around)
        nears = fars = 0
        for j in range(left):
            less, upto = int(around[_COLUMNS + j]), n - int(around[2 * _COLUMNS + j])
            if less - 1 <= needed and last <= upto + 2:
                middle = _of_rank(needed, less, upto, around, j)
                found[columns[j]] = (
                    middle if last == needed else middle * half + _of_rank(last, less, upto, around, j) * half
                )
            elif less - _STEPS <= needed <= upto + _STEPS:
                # the farther one known on the side of the middle: the middle is there or beyond, so that no cut is
                # tried twice
                around[j] = around[(6 if needed > upto else 4) * _COLUMNS + j]
                near[nears] = j
                nears += 1
            else:
                far[fars] = j
                fars += 1
        _one_by_one(block, far[:fars], around, columns, found)
        _move_together(block, near[:nears], around, columns)
        left = nears


@kernel(parallel=True, error_model="numpy")
def fill_medians(
    X: NDArray[np.float32],
    weights: NDArray[np.float64],
    members: NDArray[np.int64],
    starts: NDArray[np.int64],
    clusters: NDArray[np.int64],
    centres: NDArray[np.float32],
) -> None:
    """Fill the rows of `centres`, shape (k, d), that `clusters` names with the medians of these clusters.

    What stands there before is taken for a guess; it does not change the result.

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
    # an even number of blocks, one after the other: clusters are of all sizes, but all threads have the same ones
    pairs = (d + 2 * _COLUMNS - 1) // (2 * _COLUMNS)
    most = ((d + 2 * pairs - 1) // (2 * pairs) + _LANES - 1) // _LANES * _LANES
    for task in prange((d + most - 1) // most * len(clusters)):
        c = clusters[task % len(clusters)]
        first = task // len(clusters) * most
        width = min(most, d - first)
        rows = members[starts[c] : starts[c + 1]]
        block = np.zeros((len(rows), (width + _LANES - 1) // _LANES * _LANES), np.float32)
        for i in range(np.uint64(len(rows))):
            row = np.uint64(rows[i])
            for j in range(np.uint64(width)):
                block[i, j] = X[row, np.uint64(first) + j]
        if len(weights):
            of_rows = weights[rows]
            for j in range(width):
                centres[c, first + j] = weighted_median(block[:, j].copy(), of_rows)
        else:
            _medians(block, width, centres[c, first : first + width])


def grouped(labels: NDArray[np.int64], k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the samples sorted by cluster, and where each cluster starts, shapes (n,) and (k + 1,)."""
    # numbers of 16 bits are sorted without comparing them, many times faster
    members = np.argsort(labels.astype(np.int16 if k < 2**15 else np.int64), kind="stable")
    return members, np.searchsorted(labels[members], np.arange(k + 1))


@kernel(error_model="numpy")
def regroup(
    labels: NDArray[np.int64],
    previous: NDArray[np.int64],
    weights: NDArray[np.float64],
    members: NDArray[np.int64],
    starts: NDArray[np.int64],
    touched: NDArray[np.bool_],
) -> float:
    """Fill `members` and `starts` with what `grouped` gives, and `touched` with the clusters that gained or lost any.

    One pass in the place of a dozen of NumPy's, whose calls take longer than their work where samples are few.

    Parameters
    ----------
    labels, previous
        Cluster of each sample now and before (negative: none), shape (n,).
    weights
        Of the samples, shape (n,); empty where all count alike.
    members, starts, touched
        Filled; shapes (n,), (k + 1,) and (k,).

    Returns
    -------
    The weight of the samples that changed their cluster.
    """
    starts[:] = 0
    touched[:] = False
    changed = 0.0
    n = len(labels)
    # samples lie by phones: a cluster's often follow each other, and are done together
    first = 0
    while first < n:
        own, last = labels[first], first
        while last < n and labels[last] == own:
            before = previous[last]
            if before != own:
                changed += weights[last] if len(weights) else 1.0
                touched[own] = True
                if before >= 0:
                    touched[before] = True
            last += 1
        starts[own + 1] += last - first
        first = last
    for c in range(len(touched)):
        starts[c + 1] += starts[c]
    place = starts[:-1].copy()
    first = 0
    while first < n:
        own, at = labels[first], place[labels[first]]
        while first < n and labels[first] == own:
            members[at] = first
            at += 1
            first += 1
        place[own] = at
    return changed
