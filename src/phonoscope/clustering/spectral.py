"""Spectral clustering after Ng, Jordan and Weiss (NIPS 2001)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.metrics import adjusted_rand_score
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from phonoscope.clustering.affinity import normalised_affinity
from phonoscope.clustering.embedding import LANDMARKS, Embedding, affinity_of_some, embed
from phonoscope.clustering.nystrom import draw_landmarks
from phonoscope.clustering.rows import kmeans_rows
from phonoscope.reduction.eigenpairs import largest as leading_eigenpairs

if TYPE_CHECKING:
    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray

__all__ = ["SpectralClustering", "agreement", "cluster_rows", "leading_eigenpairs", "normalised_affinity", "unit_rows"]

_COMPARED = 2_000


def unit_rows(vectors: NDArray[np.floating]) -> NDArray[np.floating]:
    """Scale each row to unit length; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))


def cluster_rows(rows: NDArray[np.floating], k: int, random_state: int | RandomState | None) -> NDArray[np.int64]:
    """Cluster an embedding's rows by Euclidean k-means, the best of ten starts; see `kmeans_rows`.

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
    return kmeans_rows(rows, k, random_state)[0]


def agreement(
    X: NDArray[np.floating],
    labels: NDArray[np.int64],
    k: int,
    sigma: float | NDArray[np.float64],
    *,
    kernel: str = "2sigma2",
    seed: int = 0,
) -> float:
    """Return how well clusters agree with those of an exact spectral clustering of 2,000 samples drawn at random.

    The Rand index corrected for chance (Hubert and Arabie 1985): 1 where both are the same. With a width so small that
    2,000 samples have next to no affinities, it says nothing.

    Parameters
    ----------
    X
        Samples × features.
    labels
        The clusters in question, shape (n,).
    k
        Their number.
    sigma
        The width that they were found with, or one a sample.
    kernel
        As in `gaussian_affinity`.
    seed
        Of the samples and of k-means.
    """
    some = draw_landmarks(len(X), _COMPARED, seed)
    A = affinity_of_some(X, some, sigma, kernel)
    k = min(k, len(some))
    _, vectors = leading_eigenpairs(normalised_affinity(A, out=A), k)
    return float(adjusted_rand_score(labels[some], cluster_rows(unit_rows(vectors), k, seed)))


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
    method
        ``auto``, ``exact``, ``nystrom`` or ``neighbours``; see `plan`.
    memory
        GB that the exact method may take; ``auto`` does without it where it would take more.
    n_landmarks
        Samples that Nyström's method compares all samples with.
    random_state
        Seed of k-means, and of what the methods that are not exact draw at random.

    Attributes
    ----------
    method_
        The method used.
    agreement_
        How well the clusters agree with exact ones; see `agreement`. None where they are exact.
    labels_
        Cluster of each sample, shape (n,).
    sigma_
        The width used; with ``local`` the median of the samples' widths.
    contrast_
        How far the affinity matrix is from flat, between 0 and 1; see `Embedding`.
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
        method: Literal["auto", "exact", "nystrom", "neighbours"] = "auto",
        memory: float = 4.0,
        n_landmarks: int = LANDMARKS,
        random_state: int | RandomState | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.sigma = sigma
        self.kernel = kernel
        self.method = method
        self.memory = memory
        self.n_landmarks = n_landmarks
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
        if self.n_landmarks < 1:
            msg = f"n_landmarks is at least 1, not {self.n_landmarks}"
            raise ValueError(msg)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        found: Embedding = embed(
            data,
            self.n_clusters,
            sigma=self.sigma,
            kernel=self.kernel,
            method=self.method,
            memory=self.memory,
            n_landmarks=self.n_landmarks,
            seed=seed,
        )
        self.method_ = found.method
        self.sigma_ = float(np.median(found.sigma))
        self.contrast_ = found.contrast
        self.eigenvalues_ = found.eigenvalues
        self.embedding_ = unit_rows(found.vectors)
        # the seed itself, so that a sweep with the same one finds the same clusters
        self.labels_ = cluster_rows(self.embedding_, self.n_clusters, self.random_state)
        self.agreement_ = None
        if found.method != "exact":
            self.agreement_ = agreement(data, self.labels_, self.n_clusters, found.sigma, kernel=self.kernel, seed=seed)
        return self
