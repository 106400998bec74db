# ruff: noqa: INP001 - a script's part, not a package
"""How good a result is, the same for every side: in NumPy and float64, with nothing of the package's.

Everything works in blocks of rows, as the largest data have more pairs of samples than fit into memory.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import cdist

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.floating]

_ROWS = 256
_STEPS = 100
_TOLERANCE = 1e-10


def _blocks(n: int, work: Callable[[slice], Sequence[float]]) -> list[float]:
    """Add up what `work` returns for each block of rows, on all cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = pool.map(work, (slice(i, min(i + _ROWS, n)) for i in range(0, n, _ROWS)))
        return [float(total) for total in np.sum(list(parts), axis=0)]


def manhattan_cost(X: Floats, centres: Floats) -> float:
    """Return the sum of the samples' Manhattan distances to their nearest centres."""
    return _blocks(len(X), lambda rows: [float(cdist(X[rows], centres, "cityblock").min(axis=1).sum())])[0]


def variance_kept(X: Floats, scores: Floats, axes: Floats) -> float:
    """Return the share of the variance that is left when samples are rebuilt from their scores on some axes."""
    mean = X.mean(axis=0, dtype=np.float64)

    def sums(rows: slice) -> list[float]:
        centred = X[rows] - mean
        rest = centred - scores[rows].astype(np.float64) @ axes
        return [float((rest * rest).sum()), float((centred * centred).sum())]

    lost, total = _blocks(len(X), sums)
    return 1 - lost / total


def _squared_distances(X: NDArray[np.float64], squares: NDArray[np.float64], rows: slice) -> NDArray[np.float64]:
    """Return some samples' squared distances to all, infinite to themselves."""
    block = squares[rows, None] + squares[None, :] - 2 * (X[rows] @ X.T)
    np.maximum(block, 0.0, out=block)
    block[np.arange(len(block)), np.arange(rows.start, rows.stop)] = np.inf
    return np.asarray(block)


def gaussian_widths(squared: NDArray[np.float64], perplexity: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find for each row b and log z such that ``p_j = exp(-b d_j² - log z)`` sums to 1 and has this perplexity.

    Newton's steps on log b, kept between bounds.
    """
    nearest = squared.min(axis=1, keepdims=True)
    beyond = squared - nearest
    finite = np.isfinite(beyond)
    beyond[~finite] = 0.0  # the sample itself: its weight is set to zero below
    log_b = -np.log(beyond.mean(axis=1) + 1e-300)
    low, high = np.full(len(squared), -np.inf), np.full(len(squared), np.inf)
    log_z = np.zeros(len(squared))
    for _ in range(_STEPS):
        b = np.exp(log_b)
        weights = np.exp(-b[:, None] * beyond)
        weights *= finite
        total = weights.sum(axis=1)
        mean = np.einsum("ij,ij->i", weights, beyond) / total
        variance = np.einsum("ij,ij,ij->i", weights, beyond, beyond) / total - mean * mean
        log_z = np.log(total) - b * nearest[:, 0]
        surplus = np.log(total) + b * mean - np.log(perplexity)
        close = np.abs(surplus) < _TOLERANCE
        if close.all():
            break
        low, high = np.where(surplus > 0, log_b, low), np.where(surplus > 0, high, log_b)
        with np.errstate(all="ignore"):
            log_b = log_b + np.clip(surplus / (b * b * variance), -2.0, 2.0)
            middle = np.where(np.isfinite(low) & np.isfinite(high), (low + high) / 2, np.nan_to_num(low, neginf=0.0))
        log_b = np.where(close, np.log(b), np.where((log_b > low) & (log_b < high), log_b, middle))
    return np.exp(log_b), log_z


def kl_divergence(X: Floats, Y: Floats, perplexity: float) -> float:
    """Return KL(P || Q) in nats of a t-SNE embedding.

    ``P_ij = (p(j|i) + p(i|j)) / 2n`` of all pairs, p(j|i) a Gaussian of the given perplexity around sample i; Q is the
    embedding's Student kernel of one degree of freedom, normalised over all pairs.

    Parameters
    ----------
    X
        What was embedded, shape (n, d).
    Y
        The embedding, shape (n, m).
    perplexity
        Of P.
    """
    n = len(X)
    data = X.astype(np.float64) - X.mean(axis=0, dtype=np.float64)
    squares = np.einsum("ij,ij->i", data, data)
    low = Y.astype(np.float64) - Y.mean(axis=0, dtype=np.float64)
    low_squares = np.einsum("ij,ij->i", low, low)
    b, log_z = np.empty(n), np.empty(n)

    def widths(rows: slice) -> list[float]:
        b[rows], log_z[rows] = gaussian_widths(_squared_distances(data, squares, rows), perplexity)
        return [0.0]

    def sums(rows: slice) -> list[float]:
        squared = _squared_distances(data, squares, rows)
        P = np.exp(-b[rows, None] * squared - log_z[rows, None])
        P += np.exp(-b[None, :] * squared - log_z[None, :])
        P /= 2 * n
        kernel = 1.0 / (1.0 + _squared_distances(low, low_squares, rows))  # zero for the sample itself
        there = P > 0
        p = P[there]
        return [float((p * np.log(p / kernel[there])).sum()), float(p.sum()), float(kernel.sum())]

    _blocks(n, widths)
    crossed, total, kernel_sum = _blocks(n, sums)
    return float(crossed + total * np.log(kernel_sum))
