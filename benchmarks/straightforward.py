# ruff: noqa: INP001 - a script's part, not a package
"""What a user would write instead, with the usual libraries."""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from measuring import cores
from scipy.spatial.distance import cdist
from sklearn.cluster import SpectralClustering
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.metrics import euclidean_distances

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.floating]
    Labels = NDArray[np.integer]

_PILOT_SHARE = 10
_MOST_ITERATIONS = 100


@dataclass(frozen=True)
class Clustering:
    """What a Lloyd loop found.

    Attributes
    ----------
    labels, centres
        Cluster of each sample, shape (n,), and the clusters' medians, shape (k, d).
    iterations
        Assignments done.
    stopped
        Whether the time was up before nothing changed any more.
    """

    labels: Labels
    centres: Floats
    iterations: int
    stopped: bool


def lloyd(X: Floats, start: Floats, most_seconds: float = np.inf) -> Clustering:
    """Alternate ``cdist(..., "cityblock")`` and ``np.median`` until no sample changes its cluster.

    A cluster that loses all its samples keeps its centre.
    """
    began = time.perf_counter()
    centres = np.array(start, np.float64)
    labels = np.full(len(X), -1)
    iteration, stopped = 0, False
    for iteration in range(1, _MOST_ITERATIONS + 1):  # noqa: B007 - read after the loop
        nearest = cdist(X, centres, "cityblock").argmin(axis=1)
        if (nearest == labels).all():
            break
        labels = nearest
        for cluster in np.unique(labels):
            centres[cluster] = np.median(X[labels == cluster], axis=0)
        stopped = time.perf_counter() - began > most_seconds
        if stopped:
            break
    return Clustering(labels, centres, iteration, stopped)


def kmedians(X: Floats, k: int, seed: int = 0, most_seconds: float = np.inf) -> Clustering:
    """Run k-medians from the centres of a run on a random tenth of the samples."""
    random = np.random.default_rng(seed)
    pilot = X[np.sort(random.choice(len(X), max(-(-len(X) // _PILOT_SHARE), k), replace=False))]
    start = lloyd(pilot, pilot[random.choice(len(pilot), k, replace=False)]).centres
    return lloyd(X, start, most_seconds)


def pyclustering_kmedians(X: Floats, start: Floats) -> Floats:
    """Run pyclustering's k-medians by Manhattan distances until its centres stand still; return the centres."""
    found = importlib.import_module("pyclustering.cluster.kmedians")
    metric = importlib.import_module("pyclustering.utils.metric")
    manhattan = metric.distance_metric(metric.type_metric.MANHATTAN)
    run = found.kmedians(X.tolist(), start.tolist(), tolerance=1e-6, metric=manhattan, itermax=_MOST_ITERATIONS)
    return np.asarray(run.process().get_medians())


def pca(X: Floats, variance: float, solver: str) -> tuple[Floats, Floats]:
    """Return scikit-learn's scores and axes."""
    model = PCA(variance, svd_solver=solver)
    return model.fit_transform(X), model.components_


def tsne(X: Floats, dimensions: int, perplexity: float) -> Floats:
    """Return scikit-learn's embedding."""
    model = TSNE(dimensions, perplexity=perplexity, n_jobs=cores(), random_state=0)
    return np.asarray(model.fit_transform(X))


def open_tsne(X: Floats, perplexity: float) -> Floats:
    """Return openTSNE's embedding."""
    model: Any = importlib.import_module("openTSNE").TSNE(perplexity=perplexity, n_jobs=cores(), random_state=0)
    return np.asarray(model.fit(X))


def sigma(X: Floats) -> float:
    """Return the paper's width of the affinity: half of ``Dmax / n^(1/p)``."""
    return float(euclidean_distances(X).max()) / float(len(X) ** (1 / X.shape[1])) / 2


def spectral(X: Floats, k: int, width: float) -> SpectralClustering:
    """Fit scikit-learn's spectral clustering with this width of the affinity."""
    return SpectralClustering(k, gamma=1 / (2 * width**2), n_init=10, random_state=0, n_jobs=cores()).fit(X)


def spectral_by_neighbours(X: Floats, k: int) -> Labels:
    """Return scikit-learn's spectral clusters of the graph of neighbours: its full affinity would not fit."""
    model = SpectralClustering(k, affinity="nearest_neighbors", n_init=10, random_state=0, n_jobs=cores())
    return np.asarray(model.fit_predict(X))


def centre_ratio(X: Floats, found: Clustering) -> float:
    """Return the paper's criterion of k-medians, the smaller the better.

    Per cluster, the sum of its samples' distances to its centre over that of all other samples; the mean over clusters.
    """
    distances = cdist(X, found.centres, "cityblock")
    ratios = []
    for cluster in range(len(found.centres)):
        own = found.labels == cluster
        ratios.append(distances[own, cluster].sum() / distances[~own, cluster].sum())
    return float(np.mean(ratios))


def block_ratio(A: Floats, labels: Labels, k: int) -> float:
    """Return the paper's criterion of spectral clustering: ``‖A^(ij)‖ / ‖A^(ii)‖`` of the affinity, mean over i ≠ j."""
    order = np.argsort(labels, kind="stable")
    sorted_A = np.asarray(A)[np.ix_(order, order)]
    np.fill_diagonal(sorted_A, 0.0)
    bounds = np.concatenate([[0], np.cumsum(np.bincount(labels, minlength=k))])
    blocks = [slice(a, b) for a, b in pairwise(bounds)]
    norms = np.array([[np.linalg.norm(sorted_A[i, j]) for j in blocks] for i in blocks])
    with np.errstate(all="ignore"):
        ratios = norms / np.diag(norms)[:, None]
    return float(ratios[~np.eye(k, dtype=bool)].mean())


def sweep_kmedians(X: Floats, ks: Sequence[int]) -> Iterator[tuple[Clustering, float]]:
    """Run k-medians anew for every k, and measure the paper's criterion."""
    for k in ks:
        found = kmedians(X, k)
        yield found, centre_ratio(X, found)


def sweep_spectral(X: Floats, ks: Sequence[int]) -> Iterator[tuple[Labels, float]]:
    """Refit scikit-learn's spectral clustering for every k, and measure the paper's criterion."""
    width = sigma(X)
    for k in ks:
        found = spectral(X, k, width)
        yield found.labels_, block_ratio(found.affinity_matrix_, found.labels_, k)
