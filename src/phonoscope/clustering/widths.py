"""The width of the Gaussian for panels whose distances do not fit into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from phonoscope.clustering.affinity import choose_sigma
from phonoscope.parallel import each, slices
from phonoscope.reduction.distances import squared_distances
from phonoscope.reduction.neighbours import nearest_neighbours

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Rows that a thread takes at a time, and the bytes that they may take in float64.
_ROWS, _BYTES = 4_096, 2**25
_SEARCHES, _ROUNDS = 8, 6
_PAIRED = 4_000
_LOCAL_NEIGHBOUR = 7


def largest_distance(X: NDArray[np.floating], seed: int = 0) -> float:
    """Return the distance of two samples that are about as far from each other as any.

    From each of eight samples to the farthest one, and on from there until no distance grows, at most six times. The
    result is never above the largest distance and never below its part of ``1/√3``; on most data it is the largest.

    Parameters
    ----------
    X
        Samples × features, shape (n, d); read once a round, in blocks.
    seed
        Of the samples that the searches start from.
    """
    n = len(X)
    at = np.random.default_rng(seed).choice(n, min(_SEARCHES, n), replace=False)
    blocks, largest = slices(n, int(np.clip(_BYTES // (8 * X.shape[1]), 1, _ROWS))), -1.0
    distances, places = np.empty((len(blocks), len(at))), np.empty((len(blocks), len(at)), np.int64)
    shift = X[at[0]].astype(np.float64)  # what all samples share would cost digits
    for _ in range(_ROUNDS):
        ends = X[at] - shift
        end_squares = np.einsum("ij,ij->i", ends, ends)

        def work(i: int, ends: NDArray[np.float64] = ends, squares: NDArray[np.float64] = end_squares) -> None:
            rows = X[blocks[i]] - shift
            squared = squares + np.einsum("ij,ij->i", rows, rows)[:, None] - 2.0 * (rows @ ends.T)
            places[i] = blocks[i].start + squared.argmax(axis=0)
            distances[i] = squared.max(axis=0)

        each(work, range(len(blocks)))
        best = distances.argmax(axis=0)
        farthest = float(distances.max())
        if farthest <= largest:
            break
        largest, at = farthest, places[best, np.arange(len(at))]
    return float(np.sqrt(max(largest, 0.0)))


def choose_sigma_of_many(X: NDArray[np.floating], rule: str | float, seed: int = 0) -> float | NDArray[np.float64]:
    """Choose the width as `choose_sigma` does, without all distances.

    ``mouysset`` takes its largest distance from `largest_distance`; ``median`` looks at the distances among 4,000
    samples drawn at random; ``local`` looks for each sample's seventh neighbour by `nearest_neighbours`.

    Raises
    ------
    ValueError
        The rule has none of these names, or the number is not above 0.
    """
    if rule == "mouysset":
        return largest_distance(X, seed) / len(X) ** (1.0 / X.shape[1]) / 2.0 or 1.0
    if rule == "local":
        _, distances = nearest_neighbours(X, min(_LOCAL_NEIGHBOUR, len(X) - 1), seed)
        widths = distances[:, -1].astype(np.float64)
        return np.where(widths > 0, widths, widths[widths > 0].min() if widths.any() else 1.0)
    some = X[np.sort(np.random.default_rng(seed).choice(len(X), min(_PAIRED, len(X)), replace=False))]
    squared = squared_distances(some) if rule == "median" else np.zeros((2, 2))
    return choose_sigma(squared, X.shape[1], rule)
