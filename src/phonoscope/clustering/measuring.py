"""A clusterer at every number of clusters of a range, and the criteria of each clustering."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state

from phonoscope.clustering.affinity import normalised_affinity
from phonoscope.clustering.criteria import (
    block_ratio,
    centre_ratio,
    cluster_sums,
    davies_bouldin,
    eigengaps,
    euclidean_davies_bouldin,
    silhouette,
)
from phonoscope.clustering.embedding import affinity_of_some, embed
from phonoscope.clustering.growing import kmedians_at
from phonoscope.clustering.manhattan import manhattan_distances
from phonoscope.clustering.spectral import cluster_rows, unit_rows
from phonoscope.clustering.stability import carry_by_affinity, carry_by_centres, stability
from phonoscope.reduction.distances import squared_distances

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from phonoscope.clustering.curves import Criterion
    from phonoscope.clustering.embedding import Embedding
    from phonoscope.settings import ClusteringSettings, SelectionSettings

    Measured = tuple[NDArray[np.int64], dict[str, list[float]]]

# Samples of which criteria tell something: so many are compared with each other, however little memory there is.
_FEWEST_COMPARED = 1_000


def embed_with(
    settings: ClusteringSettings,
    X: NDArray[np.floating],
    k: int,
    seed: int,
    *,
    products: NDArray[np.float64] | None = None,
    squared: NDArray[np.float64] | None = None,
    keep_affinity: bool = False,
) -> Embedding:
    """Return `embed` of X with what the settings say of it."""
    return embed(
        X,
        k,
        sigma=settings.sigma,
        kernel=settings.kernel,
        method=settings.spectral,
        memory=settings.memory,
        n_landmarks=settings.landmarks,
        seed=int(check_random_state(seed).randint(2**31 - 1)),  # as `SpectralClustering` draws it
        products=products,
        squared=squared,
        keep_affinity=keep_affinity,
    )


def labels_of(embedding: Embedding, k: int, seed: int) -> NDArray[np.int64]:
    """Cluster an embedded panel into k clusters, as `SpectralClustering` does."""
    return cluster_rows(unit_rows(embedding.vectors[:, :k]), k, seed)


def most_compared(sample: int, memory: float) -> int:
    """Return how many samples are compared with each other: `sample`, or as many as three matrices in `memory` GB have.

    A thousand at least.
    """
    return min(sample, max(int(np.sqrt(memory * 1e9 / 24)), _FEWEST_COMPARED))


def compared(n: int, sample: int, seed: int) -> NDArray[np.int64]:
    """Return the samples that are compared with each other, rising: all n, or so many drawn at random."""
    if n <= sample:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, sample, replace=False))


def measure_kmedians(
    X: NDArray[np.floating],
    ks: tuple[int, ...],
    wanted: Sequence[Criterion],
    clustering: ClusteringSettings,
    selection: SelectionSettings,
    *,
    seed: int,
    progress: Callable[[int], None],
) -> Measured:
    """Cluster by k-medians at each k; return the labels, shape (len(ks), n), and each criterion's values.

    The parameters are those of `phonoscope.clustering.selection.sweep`.
    """
    data = np.ascontiguousarray(X, np.float32)
    labels = np.empty((len(ks), len(data)), np.int64)
    values: dict[str, list[float]] = {"ratio": [], "davies_bouldin": []}
    for i, found in enumerate(kmedians_at(data, ks, clustering, seed)):
        labels[i] = found.labels
        own = np.take_along_axis(found.to_centres, labels[i][:, None], axis=1)[:, 0]
        between = manhattan_distances(found.centres, found.centres)
        values["ratio"].append(centre_ratio(found.to_centres, labels[i], selection.ratio_of))
        values["davies_bouldin"].append(davies_bouldin(own, between, labels[i]))
        progress(1)
    rows = compared(len(data), most_compared(selection.sample, clustering.memory), seed)
    some = data[rows]
    if "silhouette" in wanted:
        values["silhouette"] = _silhouettes(manhattan_distances(some, some), *_of_rows(labels, ks, rows))
    if "stability" in wanted:
        carry = partial(carry_by_centres, some, settings=clustering, seed=seed)
        values["stability"] = stability(
            len(some), ks, carry, splits=selection.stability_splits, seed=seed, progress=progress
        )
    return labels, values


def measure_spectral(
    X: NDArray[np.floating],
    ks: tuple[int, ...],
    wanted: Sequence[Criterion],
    clustering: ClusteringSettings,
    selection: SelectionSettings,
    *,
    seed: int,
    embedding: Embedding | None = None,
    progress: Callable[[int], None],
) -> Measured:
    """Cluster spectrally at each k; return the labels, shape (len(ks), n), and each criterion's values.

    The parameters are those of `phonoscope.clustering.selection.sweep`.
    """
    rows = compared(len(X), most_compared(selection.sample, clustering.memory), seed)
    squared = squared_distances(X[rows])
    if embedding is None:
        whole = squared if len(rows) == len(X) else None
        embedding = embed_with(clustering, X, min(ks[-1] + 1, len(X)), seed, squared=whole, keep_affinity=True)
    labels = np.empty((len(ks), len(X)), np.int64)
    for i, k in enumerate(ks):
        labels[i] = labels_of(embedding, k, seed)
        progress(1)
    values: dict[str, list[float]] = {"eigengap": eigengaps(embedding.eigenvalues, ks)}
    some, their_ks = _of_rows(labels, ks, rows)
    if "davies_bouldin" in wanted:
        sums = cluster_sums(squared, some)
        values["davies_bouldin"] = [
            euclidean_davies_bouldin(s, own, k) for s, own, k in zip(sums, some, their_ks, strict=True)
        ]
    if "silhouette" in wanted:
        values["silhouette"] = _silhouettes(squared, some, their_ks, _roots)
    A = embedding.affinity
    if A is None:  # the distances are not needed any more
        A = affinity_of_some(X, rows, embedding.sigma, clustering.kernel, squared)
    elif len(rows) < len(X):
        A = A[np.ix_(rows, rows)]
    del squared
    if {"ratio", "first_minimum"} & set(wanted):
        sums = cluster_sums(A if selection.blocks == "affinity" else normalised_affinity(A), some, np.square)
        values["ratio"] = [block_ratio(s, own, k) for s, own, k in zip(sums, some, their_ks, strict=True)]
    if "stability" in wanted:
        carry = partial(carry_by_affinity, A, seed=seed)
        values["stability"] = stability(
            len(rows), ks, carry, splits=selection.stability_splits, seed=seed, progress=progress
        )
    return labels, values


def _of_rows(
    labels: NDArray[np.int64], ks: Sequence[int], rows: NDArray[np.int64]
) -> tuple[list[NDArray[np.int64]], list[int]]:
    """Return each clustering of some rows, and its number of clusters.

    A small cluster may have none of the rows drawn: it is left out. One that has no sample at all stays: such a
    clustering has no value.
    """
    some, their_ks = [], []
    for own, k in zip(labels, ks, strict=True):
        present, numbered = np.unique(own[rows], return_inverse=True)
        whole = len(rows) == len(own) or len(np.unique(own)) < k
        some.append(own[rows] if whole else numbered)
        their_ks.append(k if whole else len(present))
    return some, their_ks


def _roots(squared: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.sqrt(squared, dtype=np.float32, casting="same_kind")


def _silhouettes(
    distances: NDArray[np.floating],
    labels: Sequence[NDArray[np.int64]],
    ks: Sequence[int],
    of: Callable[[NDArray[Any]], NDArray[Any]] | None = None,
) -> list[float]:
    sums = cluster_sums(distances, labels, of)
    return [silhouette(s, own, k) for s, own, k in zip(sums, labels, ks, strict=True)]
