"""k-medians: k-means with Manhattan distances, whose centres are component-wise medians."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numba import njit, prange
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

if TYPE_CHECKING:
    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray

# Columns whose medians one thread takes together, so that it reads whole cache lines of each row.
_COLUMNS = 16
_PILOT_SHARE = 0.1


@njit(parallel=True, cache=True, fastmath=True, error_model="numpy")
def assign(
    X: NDArray[np.float32],
    centres: NDArray[np.float32],
    labels: NDArray[np.int64],
    distances: NDArray[np.float32],
) -> None:
    """Find each row's nearest centre by Manhattan distance, the lowest label of equally near ones.

    Parameters
    ----------
    X
        Shape (n, d).
    centres
        Shape (k, d).
    labels, distances
        Shape (n,), filled with the nearest centre and the distance to it.
    """
    n, d = X.shape
    for i in prange(n):
        nearest = 0
        least = np.float32(np.inf)
        for c in range(len(centres)):
            total = np.float32(0)
            for j in range(d):
                total += abs(X[i, j] - centres[c, j])
            if total < least:
                least = total
                nearest = c
        labels[i] = nearest
        distances[i] = least


@njit(parallel=True, cache=True)
def medians(X: NDArray[np.float32], members: NDArray[np.int64], centre: NDArray[np.float32]) -> None:
    """Fill `centre`, shape (d,), with some rows' component-wise median: the middle two's mean of an even number."""
    d = X.shape[1]
    m = len(members)
    for block in prange((d + _COLUMNS - 1) // _COLUMNS):
        first = block * _COLUMNS
        last = min(first + _COLUMNS, d)
        columns = np.empty((last - first, m), np.float32)
        for i in range(m):
            for j in range(first, last):
                columns[j - first, i] = X[members[i], j]
        for j in range(first, last):
            centre[j] = np.median(columns[j - first])


def lloyd(
    X: NDArray[np.float32], centres: NDArray[np.float32], max_iter: int
) -> tuple[NDArray[np.int64], NDArray[np.float32], float, int]:
    """Alternate assignment and medians until no sample changes its cluster.

    A cluster that loses all its samples takes the sample that is farthest from its centre, out of those that are not
    alone in their cluster.

    Parameters
    ----------
    X
        Shape (n, d), float32, rows contiguous.
    centres
        The start, shape (k, d), float32.
    max_iter
        Assignments at the most.

    Returns
    -------
    Labels (n,), centres (k, d), the sum of the samples' distances to their centres, and the iterations done.
    """
    centres = centres.copy()
    labels = np.full(len(X), -1, np.int64)
    previous = labels.copy()
    distances = np.empty(len(X), np.float32)
    iteration = 0
    for iteration in range(1, max_iter + 1):  # noqa: B007 - read after the loop
        assign(X, centres, labels, distances)
        _fill_empty(labels, distances, len(centres))
        changed = labels != previous
        if not changed.any():
            break
        for cluster in np.union1d(labels[changed], previous[changed]):
            members = np.flatnonzero(labels == cluster)
            if cluster >= 0 and len(members):
                medians(X, members, centres[cluster])
        previous = labels.copy()
    assign_cost(X, centres, labels, distances)
    return labels, centres, float(distances.sum(dtype=np.float64)), iteration


@njit(parallel=True, cache=True, fastmath=True, error_model="numpy")
def assign_cost(
    X: NDArray[np.float32],
    centres: NDArray[np.float32],
    labels: NDArray[np.int64],
    distances: NDArray[np.float32],
) -> None:
    """Fill `distances`, shape (n,), with each row's Manhattan distance to the centre of its own cluster."""
    for i in prange(len(X)):
        total = np.float32(0)
        for j in range(X.shape[1]):
            total += abs(X[i, j] - centres[labels[i], j])
        distances[i] = total


def _fill_empty(labels: NDArray[np.int64], distances: NDArray[np.float32], k: int) -> None:
    sizes = np.bincount(labels, minlength=k)
    for cluster in np.flatnonzero(sizes == 0):
        movable = sizes[labels] > 1
        if not movable.any():
            return
        farthest = int(np.where(movable, distances, -1.0).argmax())
        sizes[labels[farthest]] -= 1
        labels[farthest] = cluster
        distances[farthest] = 0.0  # it is its cluster's centre now, and no other empty one takes it
        sizes[cluster] = 1


class KMedians(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """k-medians with Manhattan distances, as MATLAB's ``kmeans(..., 'Distance', 'cityblock')``.

    Parameters
    ----------
    n_clusters
        Number of clusters, at most the number of samples.
    init
        ``pilot``: the centres of a run on a random tenth of the samples, which itself starts from random samples
        (MATLAB's ``'Start', 'cluster'``); ``random``: random samples; or the centres, shape (n_clusters, d).
    n_init
        Runs from different starts; the one of the lowest cost is kept.
    max_iter
        Iterations of a run at the most.
    random_state
        Seed of the starts.

    Attributes
    ----------
    labels_
        Cluster of each sample, shape (n,).
    cluster_centers_
        Component-wise medians, shape (n_clusters, d), float32.
    inertia_
        Sum of the samples' Manhattan distances to their centres.
    n_iter_
        Iterations of the run kept.
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Literal["pilot", "random"] | NDArray[np.floating] = "pilot",
        n_init: int = 1,
        max_iter: int = 100,
        random_state: int | RandomState | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Cluster samples × features.

        Raises
        ------
        ValueError
            A parameter is out of range, or the data hold NaN or infinity.
        """
        data = validate_data(self, X, dtype=np.float32, order="C")
        if not 1 <= self.n_clusters <= len(data):
            msg = f"n_clusters lies between 1 and the number of samples ({len(data)}), not {self.n_clusters}"
            raise ValueError(msg)
        if self.n_init < 1 or self.max_iter < 1:
            msg = f"n_init and max_iter are at least 1, not {self.n_init} and {self.max_iter}"
            raise ValueError(msg)
        random = check_random_state(self.random_state)
        fixed = not isinstance(self.init, str)
        runs = (lloyd(data, self._start(data, random), self.max_iter) for _ in range(1 if fixed else self.n_init))
        labels, centres, inertia, iterations = min(runs, key=lambda run: run[2])
        self.labels_ = labels
        self.cluster_centers_ = centres
        self.inertia_ = inertia
        self.n_iter_ = iterations
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the nearest centre of each sample, shape (n,)."""
        check_is_fitted(self)
        data = validate_data(self, X, dtype=np.float32, order="C", reset=False)
        labels, distances = np.empty(len(data), np.int64), np.empty(len(data), np.float32)
        assign(data, self.cluster_centers_, labels, distances)
        return labels

    def _start(self, data: NDArray[np.float32], random: RandomState) -> NDArray[np.float32]:
        if not isinstance(self.init, str):
            centres = np.ascontiguousarray(self.init, np.float32)
            if centres.shape != (self.n_clusters, data.shape[1]):
                msg = f"init holds centres of shape {centres.shape}, not {(self.n_clusters, data.shape[1])}"
                raise ValueError(msg)
            if not np.isfinite(centres).all():
                msg = "init holds centres with NaN or infinity"
                raise ValueError(msg)
            return centres
        if self.init not in ("pilot", "random"):
            msg = f"init is 'pilot', 'random' or an array of centres, not {self.init!r}"
            raise ValueError(msg)
        if self.init == "random":
            return data[random.choice(len(data), self.n_clusters, replace=False)]
        size = max(int(np.ceil(_PILOT_SHARE * len(data))), self.n_clusters)
        pilot = data[random.choice(len(data), size, replace=False)]
        start = pilot[random.choice(size, self.n_clusters, replace=False)]
        return lloyd(pilot, start, self.max_iter)[1]
