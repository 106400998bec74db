"""k-medians at every number of clusters of a range, each a start for the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from phonoscope.clustering.kmedians import KMedians
from phonoscope.clustering.manhattan import manhattan_distances

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from phonoscope.settings import ClusteringSettings


def grow(
    X: NDArray[np.float32], centres: NDArray[np.float32], k: int, random: np.random.Generator
) -> NDArray[np.float32] | None:
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
    k
        Centres wanted, at least m.
    random
        Draws the samples.

    Returns
    -------
    Shape (k, d), the given centres first; None if every sample coincides with a centre before there are k.
    """
    nearest = manhattan_distances(X, centres).min(axis=1)
    while len(centres) < k:
        weights = nearest.astype(np.float64)
        if not weights.any():
            return None
        drawn = X[random.choice(len(X), 2 + int(np.log(k)), p=weights / weights.sum())]
        with_each = np.minimum(nearest, manhattan_distances(drawn, X))
        best = with_each.sum(axis=1).argmin()
        centres, nearest = np.vstack([centres, drawn[best]]), with_each[best]
    return centres


def kmedians_at(
    X: NDArray[np.float32], ks: Sequence[int], settings: ClusteringSettings, seed: int
) -> Iterator[KMedians]:
    """Fit k-medians at each number of clusters.

    At each k it is run as the settings say, and once more from the centres of the k before, to which `grow` adds what
    is missing (before the first k, from the median of all samples); the run of the lower cost is kept. A single run
    from random samples often leaves two classes in one cluster and parts another in its stead, now at this k and now
    at that: its curve then shows the luck of the starts rather than the number of classes.

    Parameters
    ----------
    X
        Samples × features, shape (n, d), float32.
    ks
        Numbers of clusters, rising.
    settings
        Start, restarts and iterations of the runs.
    seed
        Of every draw.
    """
    random = np.random.default_rng(seed)
    centres = np.median(X, axis=0, keepdims=True)
    for k in ks:
        found = KMedians(
            k,
            init=settings.kmedians_init,
            n_init=settings.kmedians_restarts,
            max_iter=settings.max_iterations,
            random_state=seed,
        ).fit(X)
        start = grow(X, centres, k, random)
        if start is not None:
            grown = KMedians(k, init=start, max_iter=settings.max_iterations).fit(X)
            found = grown if grown.inertia_ < found.inertia_ else found
        yield found
        centres = found.cluster_centers_
