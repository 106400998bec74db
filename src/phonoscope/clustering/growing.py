"""k-medians at every number of clusters of a range, each a start for the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from phonoscope.clustering.lloyd import Converged, lloyd
from phonoscope.clustering.manhattan import manhattan_distances, nearest
from phonoscope.clustering.medians import fill_medians, grouped
from phonoscope.kernels import kernel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from phonoscope.settings import ClusteringSettings


class Fitted(NamedTuple):
    """k-medians at one number of clusters.

    Attributes
    ----------
    labels
        Cluster of each sample, shape (n,).
    centres
        Shape (k, d), float32.
    to_centres
        Distance of each sample to each centre, shape (n, k), float32.
    cost
        Sum of the samples' distances to their own centres.
    """

    labels: NDArray[np.int64]
    centres: NDArray[np.float32]
    to_centres: NDArray[np.float32]
    cost: float


def grow(
    X: NDArray[np.float32],
    centres: NDArray[np.float32],
    to_centres: NDArray[np.float32],
    k: int,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Add samples to some centres until there are k, each in a place that the centres leave far away.

    Each time ``2 + ⌊ln k⌋`` samples are drawn with probabilities in proportion to their Manhattan distance to the
    nearest centre, and the one is added that leaves the smallest sum of these distances: a step of greedy k-means++
    (Arthur and Vassilvitskii 2007), with the distance that k-medians adds up in the place of its square.

    Parameters
    ----------
    X
        Samples × features, shape (n, d), float32.
    centres
        Shape (m, d), m at least 1.
    to_centres
        Distances of the samples to them, shape (n, m).
    k
        Centres wanted, at least m.
    random
        Draws the samples.

    Returns
    -------
    Centres, shape (k, d), the given ones first, and the distances to them, shape (n, k); None if every sample coincides
    with a centre before there are k.
    """
    least, labels = np.empty(len(X), np.float32), np.empty(len(X), np.int64)
    nearest(to_centres, labels, least)
    while len(centres) < k:
        weights = least.astype(np.float64)
        total = weights.sum()
        if total == 0:
            return None
        weights /= total
        drawn = X[random.choice(len(X), 2 + int(np.log(k)), p=weights)]
        to_drawn = manhattan_distances(X, drawn)
        best = _add_up_with(least, to_drawn).argmin()
        np.minimum(least, to_drawn[:, best], out=least)
        centres = np.vstack([centres, drawn[best]])
        to_centres = np.hstack([to_centres, to_drawn[:, best : best + 1]])
    return centres, to_centres


@kernel()
def _add_up_with(least: NDArray[np.float32], to_drawn: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the sum of the samples' distances to the nearest centre, for each sample drawn if it were one too."""
    sums = np.zeros(to_drawn.shape[1])
    for i in range(len(least)):
        for c in range(len(sums)):
            sums[c] += min(least[i], to_drawn[i, c])
    return sums


def kmedians_at(X: NDArray[np.float32], ks: Sequence[int], settings: ClusteringSettings, seed: int) -> Iterator[Fitted]:
    """Fit k-medians at each number of clusters.

    At each k it is run from the centres of the k before (before the first k, from the median of all samples), to which
    `grow` adds what is missing; once, and once more for each restart that the settings ask for, each time with other
    draws; the run of the lowest cost is kept. The clusters that a new centre does not touch have their medians already,
    so that such a run takes a fraction of the time of one that starts anew, and two end no higher than one that starts
    anew and one that is grown (docs/engine.md). Starts of their own for every k often leave two classes in one cluster
    and part another in its stead, now at this k and now at that: the curve then shows the luck of the starts.

    Parameters
    ----------
    X
        Samples × features, shape (n, d), float32.
    ks
        Numbers of clusters, rising.
    settings
        Restarts and iterations of the runs.
    seed
        Of every draw.
    """
    random = np.random.default_rng(seed)
    centres = X[:1].astype(np.float32)
    fill_medians(X, np.empty(0), *grouped(np.zeros(len(X), np.int64), 1), np.zeros(1, np.int64), centres)
    to_centres = manhattan_distances(X, centres)
    for k in ks:
        best: Converged | None = None
        for _ in range(1 + settings.kmedians_restarts):
            start = grow(X, centres, to_centres, k, random)
            if start is None:  # no more places than centres: any start will do
                break
            run = lloyd(X, start[0], settings.max_iterations, to_centres=start[1])
            if best is None or run.cost < best.cost:
                best = run
        if best is None:
            best = lloyd(X, X[random.choice(len(X), k, replace=False)], settings.max_iterations)
        centres, to_centres = best.centres, manhattan_distances(X, best.centres)
        yield Fitted(best.labels, centres, to_centres, best.cost)
