"""Spectral clustering after Ng, Jordan and Weiss (NIPS 2001)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import ArpackNoConvergence, eigsh
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import KMeans
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data
from threadpoolctl import threadpool_limits

from phonoscope.clustering.affinity import choose_sigma, contrast, gaussian_affinity
from phonoscope.reduction.distances import squared_distances

if TYPE_CHECKING:
    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray

_KMEANS_STARTS = 10
_SMALLEST_FOR_LANCZOS = 500
# measured on the demo's 24 matrices: those that converge do so within two restarts, the others need dozens
_LANCZOS_RESTARTS = 2
# a second eigenvalue above this: nearly as large as the first, which is 1, so the graph is close to being in pieces
_IN_PIECES = 0.99


def normalised_affinity(A: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``L = D^-1/2 A D^-1/2``, D the row sums; a sample without any affinity keeps a row of zeros."""
    degrees = A.sum(axis=1)
    scale = np.where(degrees > 0, 1.0 / np.sqrt(np.where(degrees > 0, degrees, 1.0)), 0.0)
    return np.asarray(A * scale[:, None] * scale[None, :])


def leading_eigenpairs(L: NDArray[np.float64], k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the k largest eigenvalues, largest first, and their eigenvectors, shapes (k,) and (n, k).

    Lanczos iteration to full precision where it is quick. A graph that falls into pieces has 1 as its eigenvalue once
    a piece, and of equal eigenvalues Lanczos may miss some, after a long search: there the direct solver is used.
    """
    n = len(L)
    if n >= _SMALLEST_FOR_LANCZOS and k < n // 10:
        start = np.random.default_rng(0).random(n)  # the same for the same matrix
        try:
            values, vectors = eigsh(L, k, which="LA", v0=start, ncv=2 * k + 20, maxiter=_LANCZOS_RESTARTS, tol=0)
        except ArpackNoConvergence:
            pass
        else:
            order = np.argsort(values)[::-1]
            if k == 1 or values[order[1]] < _IN_PIECES:
                return values[order], vectors[:, order]
    values, vectors = eigh(L, subset_by_index=(n - k, n - 1))
    return values[::-1], vectors[:, ::-1]


def unit_rows(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale each row to unit length; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))


def cluster_rows(rows: NDArray[np.float64], k: int, random_state: int | RandomState | None) -> NDArray[np.int64]:
    """Cluster an embedding's rows by Euclidean k-means, the best of ten starts.

    Parameters
    ----------
    rows
        Shape (n, m).
    k
        Number of clusters.
    random_state
        Seed of the starts.

    Returns
    -------
    Cluster of each row, shape (n,).
    """
    seed = check_random_state(random_state).randint(2**31 - 1)
    kmeans = KMeans(k, n_init=_KMEANS_STARTS, random_state=seed)
    # threads add their partial sums in the order in which they finish: one thread gives the same clusters twice
    with threadpool_limits(limits=1, user_api="openmp"):
        return np.asarray(kmeans.fit_predict(rows), np.int64)


class SpectralClustering(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Clusters of any shape: k-means on the rows of the affinity's leading eigenvectors.

    ``A_ij = exp(-|x_i - x_j|² / (2 σ²))`` with a zero diagonal, ``L = D^-1/2 A D^-1/2``, the k largest eigenvectors of
    L side by side, rows scaled to unit length, Euclidean k-means on the rows.

    Parameters
    ----------
    n_clusters
        k, at most the number of samples.
    sigma
        ``mouysset`` (the paper's), ``median``, ``local``, or a number; see `choose_sigma`.
    kernel
        ``2sigma2`` or ``sigma2``: what the squared distance is divided by.
    random_state
        Seed of k-means.

    Attributes
    ----------
    labels_
        Cluster of each sample, shape (n,).
    sigma_
        The width used; with ``local`` the median of the samples' widths.
    contrast_
        How far the affinity matrix is from flat, between 0 and 1; see `contrast`.
    eigenvalues_
        The k largest, largest first, shape (k,).
    embedding_
        The rows that k-means saw, shape (n, k).
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        sigma: Literal["mouysset", "median", "local"] | float = "mouysset",
        kernel: Literal["2sigma2", "sigma2"] = "2sigma2",
        random_state: int | RandomState | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.sigma = sigma
        self.kernel = kernel
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Cluster samples × features.

        Raises
        ------
        ValueError
            A parameter is out of range, or the data hold NaN or infinity.
        """
        data = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=2)
        if not 1 <= self.n_clusters <= len(data):
            msg = f"n_clusters lies between 1 and the number of samples ({len(data)}), not {self.n_clusters}"
            raise ValueError(msg)
        squared = squared_distances(data)
        sigma = choose_sigma(squared, data.shape[1], self.sigma)
        A = gaussian_affinity(squared, sigma, self.kernel)
        self.sigma_ = float(np.median(sigma))
        self.contrast_ = contrast(A)
        self.eigenvalues_, vectors = leading_eigenpairs(normalised_affinity(A), self.n_clusters)
        self.embedding_ = unit_rows(vectors)
        self.labels_ = cluster_rows(self.embedding_, self.n_clusters, self.random_state)
        return self
