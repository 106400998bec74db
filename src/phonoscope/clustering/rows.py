"""Euclidean k-means of an embedding's rows: ten starts, of which the best is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import prange
from sklearn.utils import check_random_state

from phonoscope.clustering.row_steps import UNROLLED, add_up, assign, fill_empty, move_centres
from phonoscope.kernels import kernel

if TYPE_CHECKING:
    from numpy.random import RandomState
    from numpy.typing import NDArray

    Floats = NDArray[np.floating]
    Labels = NDArray[np.int64]

_STARTS = 10
# With more rows than this the starts are tried on as many of them, drawn at random.
_TRIED_ON = 16_384
_ITERATIONS = 300
# After so many iterations this many of the starts go on: the others hardly ever overtake them.
_TRIAL_ITERATIONS, _FINALISTS = 6, 3
# Sums are over at most this many blocks of at least so many rows, whatever the number of threads.
_BLOCKS, _BLOCK = 64, 2_048


@kernel(fastmath=True, error_model="numpy")
def _seed(columns: Floats, rows: Floats, draws: Floats, centres: Floats) -> None:
    """Draw centres by k-means++, of several candidates the one that lowers the inertia most.

    Arthur and Vassilvitskii (2007), and their greedy variant.
    """
    n, (k, candidates) = len(rows), draws.shape
    nearest, trial, best = np.empty(n, rows.dtype), np.empty(n, rows.dtype), np.empty(n, rows.dtype)
    unused = np.empty(n, np.int64)
    centres[0] = rows[int(draws[0, 0] * n)]
    assign(columns, centres[:1], 0, n, nearest, unused)
    cumulated = np.empty(n)
    for c in range(1, k):
        total = 0.0
        for i in range(n):
            total += nearest[i]
            cumulated[i] = total
        least = -1.0
        for t in range(candidates):
            # rows that all coincide with a centre: any
            place = np.searchsorted(cumulated, draws[c, t] * total, side="right") if total > 0 else int(draws[c, t] * n)
            chosen = min(place, n - 1)
            assign(columns, rows[chosen : chosen + 1], 0, n, trial, unused)
            potential = 0.0
            for i in range(n):
                trial[i] = min(trial[i], nearest[i])
                potential += trial[i]
            if least < 0 or potential < least:
                least = potential
                centres[c] = rows[chosen]
                best[:] = trial
        nearest[:] = best


@kernel(error_model="numpy")
def _settle(columns: Floats, rows: Floats, centres: Floats, labels: Labels, iterations: int) -> float:
    """Run k-means from given centres until no label changes, on one thread; returns the inertia."""
    n, k = len(rows), len(centres)
    before = np.full(n, -1, np.int64)
    nearest, sums, sizes = np.empty(n, rows.dtype), np.empty(centres.shape), np.empty(k, np.int64)
    for _ in range(iterations):
        assign(columns, centres, 0, n, nearest, labels)
        add_up(rows, labels, 0, n, sums, sizes)
        fill_empty(rows, nearest, labels, sums, sizes)
        if (labels == before).all():
            break
        before[:] = labels
        move_centres(centres, sums, sizes)
    total = 0.0
    for i in range(n):
        total += nearest[i]
    return total


@kernel(parallel=True, error_model="numpy")
def _try(columns: Floats, rows: Floats, draws: Floats, centres: Floats, inertias: Floats) -> None:
    """Draw centres, and move them a few times, each start on one thread: fills centres (starts, k, d) and inertias."""
    for start in prange(len(draws)):
        _seed(columns, rows, draws[start], centres[start])
        labels = np.zeros(len(rows), np.int64)
        inertias[start] = _settle(columns, rows, centres[start], labels, _TRIAL_ITERATIONS)


@kernel(parallel=True, error_model="numpy")
def _settle_each(columns: Floats, rows: Floats, centres: Floats, inertias: Floats) -> None:
    for start in prange(len(centres)):
        labels = np.zeros(len(rows), np.int64)
        inertias[start] = _settle(columns, rows, centres[start], labels, _ITERATIONS)


@kernel(parallel=True, error_model="numpy")
def _settle_all(columns: Floats, rows: Floats, centres: Floats, labels: Labels) -> float:
    """Do what `_settle` does, with all threads on blocks of rows: worth their starting where there are many rows."""
    n, k = len(rows), len(centres)
    size = max(_BLOCK, (n + _BLOCKS - 1) // _BLOCKS)
    blocks = (n + size - 1) // size
    sums, sizes = np.empty((blocks, *centres.shape)), np.empty((blocks, k), np.int64)
    nearest, before = np.empty(n, rows.dtype), np.full(n, -1, np.int64)
    for _ in range(_ITERATIONS):
        for b in prange(blocks):
            first, last = b * size, min(n, (b + 1) * size)
            assign(columns, centres, first, last, nearest, labels)
            add_up(rows, labels, first, last, sums[b], sizes[b])
        for b in range(1, blocks):
            sums[0] += sums[b]
            sizes[0] += sizes[b]
        fill_empty(rows, nearest, labels, sums[0], sizes[0])
        if (labels == before).all():
            break
        before[:] = labels
        move_centres(centres, sums[0], sizes[0])
    total = 0.0
    for i in range(n):
        total += nearest[i]
    return total


def _laid_out(rows: Floats, dtype: type[np.floating]) -> tuple[Floats, Floats]:
    """Return the rows filled up with zeros, and the same with each column in one piece."""
    padded = np.zeros((len(rows), -(-rows.shape[1] // UNROLLED) * UNROLLED), dtype)
    padded[:, : rows.shape[1]] = rows
    return np.ascontiguousarray(padded.T), padded


def kmeans_rows(rows: Floats, k: int, random_state: int | RandomState | None = None) -> tuple[Labels, float]:
    """Cluster rows by Euclidean k-means from ten starts of greedy k-means++, each until no row changes its cluster.

    The starts run in float32; the one of the least inertia goes on in float64. Of more than 16,384 rows the starts see
    as many, drawn at random. A cluster that empties takes the row farthest from its own centre; there are fewer than k
    clusters only if there are fewer than k different rows. The same for any number of threads.

    Parameters
    ----------
    rows
        Shape (n, m), finite.
    k
        Number of clusters, from 1 to n.
    random_state
        Seed of the starts.

    Returns
    -------
    Cluster of each row, shape (n,), and the sum of squared distances to the clusters' means.
    """
    random = np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))
    # float32 keeps only so many digits: they shall not go to what all rows share
    centred = rows - rows.mean(axis=0, dtype=np.float64)
    scale = float(np.abs(centred).max()) or 1.0
    centred /= scale
    n = len(rows)
    tried = np.sort(random.choice(n, _TRIED_ON, replace=False)) if n > max(_TRIED_ON, k) else slice(None)
    columns, padded = _laid_out(centred[tried], np.float32)
    draws = random.random((_STARTS if k > 1 else 1, k, 2 + int(np.log(k))))
    centres = np.empty((len(draws), k, padded.shape[1]), np.float32)
    inertias = np.empty(len(draws))
    _try(columns, padded, draws, centres, inertias)
    chosen = inertias.argsort(kind="stable")[:_FINALISTS]
    centres, inertias = centres[chosen], inertias[chosen]
    _settle_each(columns, padded, centres, inertias)
    best = centres[inertias.argmin()]
    labels = np.zeros(n, np.int64)
    if n > _TRIED_ON:
        _settle_all(*_laid_out(centred, np.float32), best, labels)
        inertia = _settle_all(*_laid_out(centred, np.float64), best.astype(np.float64), labels)
    else:
        inertia = _settle(*_laid_out(centred, np.float64), best.astype(np.float64), labels, _ITERATIONS)
    return labels, float(inertia) * scale**2
