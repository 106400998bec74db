"""Which samples are neighbours: the probabilities that t-SNE has to match."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit, prange

from phonoscope.reduction.distances import squared_distances

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NEGLIGIBLE = 1e-16
_PERPLEXITY_STEPS = 100
_PERPLEXITY_TOLERANCE = 1e-5  # of the entropy, in nats


@njit(cache=True, fastmath=True, error_model="numpy")
def _row(squared: NDArray[np.float64], i: int, perplexity: float, p: NDArray[np.float64]) -> None:
    """Fill `p` with one row of `conditional_probabilities`."""
    n = len(squared)
    nearest = 1e300
    mean = 0.0
    for j in range(n):
        if j != i:
            nearest = min(nearest, squared[j])
            mean += squared[j] / (n - 1)
    low, high = 0.0, 1e300
    beta = 1.0 / (mean - nearest) if mean > nearest else 1.0
    for _ in range(_PERPLEXITY_STEPS):
        total = weighted = 0.0
        for j in range(n):
            # the nearest neighbour's distance is taken off: the sum can not underflow
            d = squared[j] - nearest
            p[j] = np.exp(-beta * d) if j != i else 0.0
            total += p[j]
            weighted += p[j] * d
        # the sample itself adds no weight: its p is zero
        surplus = np.log(total) + beta * weighted / total - np.log(perplexity)
        if abs(surplus) < _PERPLEXITY_TOLERANCE:
            break
        if surplus > 0:
            low = beta
            beta = beta * 2 if high >= 1e300 else (low + high) / 2  # noqa: PLR2004
        else:
            high = beta
            beta = (low + high) / 2
    for j in range(n):
        p[j] /= total


@njit(parallel=True, cache=True)
def conditional_probabilities(squared: NDArray[np.float64], perplexity: float) -> NDArray[np.float64]:
    """Find for each sample the Gaussian whose perplexity over the others is `perplexity`, by bisection.

    Parameters
    ----------
    squared
        Squared distances, shape (n, n).
    perplexity
        ``2 ** entropy`` in bits, the effective number of neighbours.

    Returns
    -------
    p(j | i), shape (n, n); rows sum to one, the diagonal is zero.
    """
    P = np.empty_like(squared)
    for i in prange(len(squared)):
        _row(squared[i], i, perplexity, P[i])
    return P


def joint_probabilities(X: NDArray[np.floating], perplexity: float) -> NDArray[np.float32]:
    """Return the symmetric p(i, j) of t-SNE, shape (n, n), summing to one."""
    P = conditional_probabilities(squared_distances(X), perplexity)
    # rows have to be contiguous for the sums over them to be fast, and a sum with a transpose need not be
    joint = np.ascontiguousarray((P + P.T) / (2 * len(P)), np.float32)
    # what no float32 sum feels is set to zero, for arithmetic with denormal numbers takes several times as long
    joint[joint < _NEGLIGIBLE] = 0.0
    return joint
