"""k-medians: k-means with Manhattan distances, whose centres are component-wise medians."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from phonoscope.clustering.lloyd import Converged, assign, lloyd

if TYPE_CHECKING:
    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray

_PILOT_SHARE = 0.1


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
    tol
        A run ends when no larger share of the samples (of their weights, if they have any) changes its cluster; 0: when
        none does; ``auto``: 0 up to 10,000 rows, beyond 1/2,000.
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
        tol: float | Literal["auto"] = "auto",
        random_state: int | RandomState | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:  # noqa: ARG002
        """Cluster samples × features.

        Parameters
        ----------
        X
            Shape (n, d). A float32 array with contiguous rows is used as it stands, also one mapped from a file.
        y
            Ignored.
        sample_weight
            How much each sample counts, shape (n,), at least 0; all alike if None. A whole number w stands for w equal
            samples. A sample of weight 0 gets the nearest centre, and has no other part in the result.

        Raises
        ------
        ValueError
            A parameter is out of range, or the data hold NaN or infinity.
        """
        data = validate_data(self, X, dtype=np.float32, order="C")
        weights = np.empty(0)
        rows = data
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, data, dtype=np.float64, ensure_non_negative=True)
            if not weights.all():
                rows, weights = data[weights > 0], weights[weights > 0]
        if not 1 <= self.n_clusters <= len(rows):
            msg = f"n_clusters lies between 1 and the number of samples ({len(rows)}), not {self.n_clusters}"
            raise ValueError(msg)
        if self.n_init < 1 or self.max_iter < 1:
            msg = f"n_init and max_iter are at least 1, not {self.n_init} and {self.max_iter}"
            raise ValueError(msg)
        tol: object = self.tol
        if tol != "auto" and not (isinstance(tol, Real) and 0 <= float(tol) < 1):
            msg = f"tol is 'auto' or a share of the samples from 0 to below 1, not {self.tol!r}"
            raise ValueError(msg)
        random = check_random_state(self.random_state)
        times = self.n_init if isinstance(self.init, str) else 1
        best = min(
            (self._settle(rows, self._start(rows, weights, random), weights) for _ in range(times)),
            key=lambda run: run.cost,
        )
        self.cluster_centers_ = best.centres
        self.labels_ = best.labels if len(rows) == len(data) else self._nearest(data)
        self.inertia_ = best.cost
        self.n_iter_ = best.iterations
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the nearest centre of each sample, shape (n,)."""
        check_is_fitted(self)
        return self._nearest(validate_data(self, X, dtype=np.float32, order="C", reset=False))

    def _nearest(self, data: NDArray[np.float32]) -> NDArray[np.int64]:
        return assign(data, self.cluster_centers_)[0]

    def _settle(self, rows: NDArray[np.float32], start: NDArray[np.float32], weights: NDArray[np.float64]) -> Converged:
        return lloyd(rows, start, self.max_iter, weights, tol=None if self.tol == "auto" else self.tol)

    def _start(
        self, data: NDArray[np.float32], weights: NDArray[np.float64], random: RandomState
    ) -> NDArray[np.float32]:
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
        share = weights / weights.sum() if len(weights) else None
        if self.init == "random":
            return data[random.choice(len(data), self.n_clusters, replace=False, p=share)]
        size = max(int(np.ceil(_PILOT_SHARE * len(data))), self.n_clusters)
        pilot = data[random.choice(len(data), size, replace=False, p=share)]
        # drawn by their weights, they count alike from here on
        start = pilot[random.choice(size, self.n_clusters, replace=False)]
        return self._settle(pilot, start, np.empty(0)).centres
