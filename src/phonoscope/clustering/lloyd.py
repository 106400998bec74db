"""Lloyd's alternation of assignment and medians, with bounds that spare most of the distances."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import prange

from phonoscope.clustering.manhattan import manhattan_distances, nearest, own_distances
from phonoscope.clustering.medians import fill_medians, regroup
from phonoscope.kernels import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

# In few dimensions a distance costs less than the bound that would spare it (measured with the demo's embeddings).
_FEWEST_DIMENSIONS = 12
# Bytes that the bounds may take, 4 for each sample and cluster: beyond, all distances are computed, block by block.
_BOUNDS = 2**31
_BLOCK = 2**16
# Rows that one thread takes together, whose bounds lie side by side: they are all moved by a few instructions.
_ROWS = 32
_NO_WEIGHTS = np.empty(0)
_LARGEST = np.float32(np.finfo(np.float32).max)
# Of more samples than this the last ones need not settle: where classes overlap, ever fewer of ever more wander to and
# fro between two clusters for ever more iterations, and change neither the cost nor the clusters to speak of.
ALL_SETTLE, UNSETTLED = 10_000, 1 / 2_000


class Converged(NamedTuple):
    """Where the alternation ended.

    Attributes
    ----------
    labels
        Cluster of each sample, shape (n,).
    centres
        Medians of the clusters, shape (k, d), float32.
    distances
        Of each sample to its centre, shape (n,), float32.
    cost
        The sum of the distances, each times the sample's weight.
    iterations
        Assignments done.
    """

    labels: NDArray[np.int64]
    centres: NDArray[np.float32]
    distances: NDArray[np.float32]
    cost: float
    iterations: int


@kernel(fastmath=True, error_model="numpy")
def _nearest_within(
    x: NDArray[np.float32],
    centres: NDArray[np.float32],
    apart: NDArray[np.float32],
    slack: np.float32,
    own: int,
    bound: np.float32,
    lower: NDArray[np.float32],
) -> tuple[int, np.float32]:
    """Return a sample's nearest centre and the distance; `lower` is brought up to date.

    Parameters
    ----------
    x
        Shape (d,).
    centres, apart, slack
        As of `_reassign`.
    own
        The centre before.
    bound
        A distance up to which it is the nearest one in any case.
    lower
        No more than the distances to the other centres, shape (k,).
    """
    wider, narrower = np.float32(1) + slack, np.float32(1) - slack
    total = np.float32(0)
    for j in range(len(x)):
        total += abs(x[j] - centres[own, j])
    most = total
    lower[own] = total * narrower
    if bound > most * wider:
        return own, most
    for c in range(len(centres)):
        if c == own or lower[c] > most * wider or apart[own, c] * narrower > most * wider:
            continue
        total = np.float32(0)
        for j in range(len(x)):
            total += abs(x[j] - centres[c, j])
        lower[c] = total * narrower
        if total < most or (total == most and c < own):
            own, most = c, total
    return own, most


@kernel(parallel=True, fastmath=True, error_model="numpy")
def _reassign(
    X: NDArray[np.float32],
    centres: NDArray[np.float32],
    shifts: NDArray[np.float32],
    apart: NDArray[np.float32],
    slack: np.float32,
    labels: NDArray[np.int64],
    upper: NDArray[np.float32],
    lower: NDArray[np.float32],
) -> None:
    """Find each row's nearest centre after the centres have moved, by the bounds of Elkan (2003).

    Parameters
    ----------
    X, centres
        Shapes (n, d) and (k, d).
    shifts
        How far each centre has moved, shape (k,).
    apart
        Half the distances of the centres, shape (k, k); on the diagonal each one's to the nearest other one.
    slack
        Relative error that a computed distance can have, with a margin: bounds are slackened by it, so that what they
        spare are distances that would have been computed as larger ones.
    labels
        Nearest centre before and, changed in place, after; shape (n,).
    upper, lower
        No less than the distance to the own centre, shape (n,); no more than that to each other centre, as
        `_lower_bounds` has them. Changed in place.
    """
    n = len(X)
    blocks = len(lower)
    wider, narrower = np.float32(1) + slack, np.float32(1) - slack
    for turn in prange(blocks):
        # every second block first: samples lie by phones, of which some have settled and others have not
        block = 2 * turn if 2 * turn < blocks else 2 * (turn - (blocks + 1) // 2) + 1
        first = block * _ROWS
        bounds = lower[block]
        least = np.full(_ROWS, _LARGEST)
        for r in range(min(_ROWS, n - first)):
            bounds[labels[first + r], r] = _LARGEST
        for c in range(len(centres)):
            shift = shifts[c] * wider
            for r in range(_ROWS):
                bound = bounds[c, r] - shift
                bounds[c, r] = bound
                least[r] = min(least[r], bound)
        for r in range(min(_ROWS, n - first)):
            i = first + r
            own = labels[i]
            most = upper[i] + shifts[own] * wider
            upper[i] = most
            surely = max(least[r], apart[own, own] * narrower)
            if surely <= most * wider:  # of most samples it is not, which is seen at a glance
                labels[i], upper[i] = _nearest_within(X[i], centres, apart, slack, own, surely, bounds[:, r])


@kernel(parallel=True)
def _lower_bounds(distances: NDArray[np.float32], narrower: np.float32) -> NDArray[np.float32]:
    """Return distances, shape (n, k), made a little shorter and laid out as bounds: ``_ROWS`` samples side by side.

    Shape (n / _ROWS, rounded up, k, _ROWS).
    """
    n, k = distances.shape
    lower = np.zeros(((n + _ROWS - 1) // _ROWS, k, _ROWS), np.float32)
    for block in prange(len(lower)):
        first = block * _ROWS
        for r in range(min(_ROWS, n - first)):
            for c in range(k):
                lower[block, c, r] = distances[first + r, c] * narrower
    return lower


@kernel(fastmath=True, error_model="numpy")
def _half_distances(centres: NDArray[np.float32], moved: NDArray[np.bool_], apart: NDArray[np.float32]) -> None:
    """Fill in half the distances of the centres, where one of the two has moved; see `_reassign`."""
    k = len(centres)
    for c in range(k):
        for e in range(k if moved[c] else 0):
            if e > c or (e < c and not moved[e]):
                total = np.float32(0)
                for j in range(centres.shape[1]):
                    total += abs(centres[c, j] - centres[e, j])
                apart[c, e] = apart[e, c] = total * np.float32(0.5)
    for c in range(k):
        apart[c, c] = _LARGEST
        apart[c, c] = apart[c].min()


@kernel(error_model="numpy")
def _step(
    X: NDArray[np.float32],
    weights: NDArray[np.float64],
    centres: NDArray[np.float32],
    shifts: NDArray[np.float32],
    apart: NDArray[np.float32],
    slack: np.float32,
    labels: NDArray[np.int64],
    upper: NDArray[np.float32],
    lower: NDArray[np.float32],
    previous: NDArray[np.int64],
    members: NDArray[np.int64],
    starts: NDArray[np.int64],
    touched: NDArray[np.bool_],
) -> float:
    """Assign after the clusters touched have moved, and group anew: in one call, as each takes long of few samples."""
    _half_distances(centres, touched, apart)
    _reassign(X, centres, shifts, apart, slack, labels, upper, lower)
    return float(regroup(labels, previous, weights, members, starts, touched))


@kernel(error_model="numpy")
def _move(
    X: NDArray[np.float32],
    weights: NDArray[np.float64],
    members: NDArray[np.int64],
    starts: NDArray[np.int64],
    touched: NDArray[np.bool_],
    centres: NDArray[np.float32],
    shifts: NDArray[np.float32],
) -> None:
    """Move the centres of the clusters touched to their medians, and tell how far each centre has moved."""
    clusters = np.flatnonzero(touched & (starts[1:] > starts[:-1]))
    before = centres[clusters]
    fill_medians(X, weights, members, starts, clusters, centres)
    shifts[:] = 0
    for i in range(len(clusters)):
        shift = 0.0
        for j in range(centres.shape[1]):
            shift += abs(centres[clusters[i], j] - before[i, j])
        shifts[clusters[i]] = shift


def assign(X: NDArray[np.float32], centres: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return each row's nearest centre, the first of equally near ones, and its distance; in blocks of rows."""
    labels, least = np.empty(len(X), np.int64), np.empty(len(X), np.float32)
    for first in range(0, len(X), _BLOCK):
        rows = slice(first, first + _BLOCK)
        nearest(manhattan_distances(X[rows], centres), labels[rows], least[rows])
    return labels, least


def lloyd(
    X: NDArray[np.float32],
    centres: NDArray[np.float32],
    max_iter: int,
    weights: NDArray[np.float64] = _NO_WEIGHTS,
    to_centres: NDArray[np.float32] | None = None,
    tol: float | None = None,
) -> Converged:
    """Alternate assignment and medians until no sample changes its cluster, or of many samples hardly any.

    A cluster that loses all its samples takes the sample that is farthest from its centre, out of those that are not
    alone in their cluster.

    Parameters
    ----------
    X
        Shape (n, d), float32, rows contiguous; may be mapped from a file.
    centres
        The start, shape (k, d), float32.
    max_iter
        Assignments at the most.
    weights
        Of the samples, shape (n,), above 0; none where all count alike.
    to_centres
        Distances of the samples to the start, shape (n, k), where they are known already.
    tol
        The share of the samples, or of their weights, that may still change; None: 0 up to 10,000 rows of X, beyond
        1/2,000.
    """
    k, d = centres.shape
    if tol is None:
        tol = UNSETTLED if len(X) > ALL_SETTLE else 0.0
    may_change = tol * (weights.sum() if len(weights) else len(X))
    centres = centres.copy()
    bounded = d >= _FEWEST_DIMENSIONS and len(X) * k * 4 <= _BOUNDS
    # 32 sums run side by side (8 to a register, 4 registers); the error of each grows with its length
    slack = np.float32(1e-6 + d * 8e-9)
    labels, upper = np.empty(len(X), np.int64), np.empty(len(X), np.float32)
    lower = np.empty((0, k, _ROWS), np.float32)
    shifts = np.zeros(k, np.float32)
    previous = np.full(len(X), -1, np.int64)
    members, starts, touched = np.empty(len(X), np.int64), np.empty(k + 1, np.int64), np.empty(k, np.bool_)
    apart = np.zeros((k, k), np.float32)
    iteration = 0
    for iteration in range(1, max_iter + 1):
        if bounded and iteration > 1:
            changed = _step(
                X, weights, centres, shifts, apart, slack, labels, upper, lower, previous, members, starts, touched
            )
        else:
            if iteration > 1 or (to_centres is None and not bounded):
                labels, upper = assign(X, centres)
            else:
                distances = manhattan_distances(X, centres) if to_centres is None else to_centres
                nearest(distances, labels, upper)
                if bounded:
                    lower = _lower_bounds(distances, np.float32(1) - slack)
            changed = regroup(labels, previous, weights, members, starts, touched)
        if (starts[1:] == starts[:-1]).any():
            before = labels.copy()
            if _fill_empty(X, centres, labels, upper):
                own_distances(X, centres, labels, upper)
                moved = np.flatnonzero(labels != before)
                if bounded:  # of its own centre a sample has no bound
                    lower[moved // _ROWS, before[moved], moved % _ROWS] = 0
                changed = regroup(labels, previous, weights, members, starts, touched)
        if changed <= may_change:
            break
        _move(X, weights, members, starts, touched, centres, shifts)
        previous[:] = labels
    own_distances(X, centres, labels, upper)
    cost = upper.sum(dtype=np.float64) if not len(weights) else upper.astype(np.float64) @ weights
    return Converged(labels, centres, upper, float(cost), iteration)


def _fill_empty(
    X: NDArray[np.float32], centres: NDArray[np.float32], labels: NDArray[np.int64], upper: NDArray[np.float32]
) -> bool:
    """Give each empty cluster a sample, changing `labels`; tell whether there was one.

    `upper` is overwritten: bounds do not tell which sample is the farthest.
    """
    sizes = np.bincount(labels, minlength=len(centres))
    empty = np.flatnonzero(sizes == 0)
    if not len(empty):
        return False
    own_distances(X, centres, labels, upper)
    for cluster in empty:
        movable = sizes[labels] > 1
        if not movable.any():
            break
        farthest = int(np.where(movable, upper, -1.0).argmax())
        sizes[labels[farthest]] -= 1
        labels[farthest] = cluster
        upper[farthest] = 0.0  # it is its cluster's centre now, and no other empty one takes it
        sizes[cluster] = 1
    return True
