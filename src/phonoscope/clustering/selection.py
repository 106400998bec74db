"""Choosing the number of clusters: all numbers of a range tried, and measured by every criterion."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils import check_array, check_random_state

from phonoscope.clustering.affinity import choose_sigma, gaussian_affinity
from phonoscope.clustering.criteria import block_ratio, centre_ratio, davies_bouldin, eigengaps, one_hot, silhouette
from phonoscope.clustering.curves import Clusterer, Criterion, Selection, criteria_of, read_curve
from phonoscope.clustering.growing import kmedians_at
from phonoscope.clustering.manhattan import manhattan_distances
from phonoscope.clustering.spectral import cluster_rows, leading_eigenpairs, normalised_affinity, unit_rows
from phonoscope.clustering.stability import carry_by_affinity, carry_by_centres, stability
from phonoscope.reduction.distances import squared_distances
from phonoscope.settings import ClusteringSettings, SelectionSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Sweep:
    """One clusterer at every number of clusters.

    Attributes
    ----------
    clusterer
        ``kmedians`` or ``spectral``.
    ks
        The numbers of clusters, rising.
    labels
        Cluster of each sample at each of them, shape (len(ks), n).
    curves
        For each criterion its value at each of them.
    """

    clusterer: Clusterer
    ks: tuple[int, ...]
    labels: NDArray[np.int64]
    curves: Mapping[Criterion, Mapping[int, float]]

    def select(self, criterion: Criterion) -> Selection:
        """Choose by one of the criteria that were measured.

        Raises
        ------
        ValueError
            It was not.
        """
        if criterion not in self.curves:
            msg = f"the criterion is one of {', '.join(self.curves)}, not {criterion!r}"
            raise ValueError(msg)
        return read_curve(criterion, self.curves[criterion])


def clusterings(ks: Collection[int], criteria: Collection[Criterion], splits: int) -> int:
    """Return how many clusterings a `sweep` does, the steps of its progress."""
    return len(ks) * (1 + 2 * splits * ("stability" in criteria))


def sweep(
    X: NDArray[np.floating],
    clusterer: Clusterer,
    ks: Sequence[int],
    *,
    criteria: Collection[Criterion] | None = None,
    clustering: ClusteringSettings | None = None,
    selection: SelectionSettings | None = None,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _done: None,
) -> Sweep:
    """Cluster at every number of clusters, and measure each clustering.

    The labels are those of `KMedians` and `SpectralClustering` with this seed; the affinity and its eigenvectors are
    computed once for all numbers of clusters and all halves of the panel.

    Parameters
    ----------
    X
        Samples × features, shape (n, d), finite.
    clusterer
        ``kmedians`` or ``spectral``.
    ks
        Numbers of clusters, each from 1 to n; the criteria have values from 2.
    criteria
        Which to measure; all that the clusterer has if None.
    clustering, selection
        Settings of the clusterers and of the criteria; the defaults if None.
    seed
        Of the clusterings and the halvings.
    progress
        Called with the number of clusterings just done; `clusterings` tells how many there will be.

    Raises
    ------
    ValueError
        There are no ks, one is out of range, or the clusterer does not have a criterion.
    """
    clustering, selection = clustering or ClusteringSettings(), selection or SelectionSettings()
    known = criteria_of(clusterer, selection.stability_splits)
    wanted = tuple(c for c in known if criteria is None or c in criteria)
    if criteria is not None and set(criteria) - set(known):
        msg = f"the criteria of {clusterer} are {', '.join(known)}, not {', '.join(sorted(set(criteria) - set(known)))}"
        raise ValueError(msg)
    ordered = tuple(sorted(set(ks)))
    if not ordered or not 1 <= ordered[0] <= ordered[-1] <= len(X):
        msg = f"the numbers of clusters lie between 1 and the number of samples ({len(X)}), not {list(ks)}"
        raise ValueError(msg)
    run = _sweep_kmedians if clusterer == "kmedians" else _sweep_spectral
    labels, values = run(X, ordered, wanted, clustering=clustering, selection=selection, seed=seed, progress=progress)
    curves = {
        name: dict(zip(ordered, values["ratio" if name == "first_minimum" else name], strict=True)) for name in wanted
    }
    return Sweep(clusterer, ordered, labels, curves)


def _sweep_kmedians(
    X: NDArray[np.floating],
    ks: tuple[int, ...],
    wanted: tuple[Criterion, ...],
    *,
    clustering: ClusteringSettings,
    selection: SelectionSettings,
    seed: int,
    progress: Callable[[int], None],
) -> tuple[NDArray[np.int64], dict[str, list[float]]]:
    data = np.ascontiguousarray(X, np.float32)
    distances = manhattan_distances(data, data) if "silhouette" in wanted else None
    labels = np.empty((len(ks), len(data)), np.int64)
    values: dict[str, list[float]] = {"ratio": [], "silhouette": [], "davies_bouldin": []}
    for i, (k, found) in enumerate(zip(ks, kmedians_at(data, ks, clustering, seed), strict=True)):
        labels[i] = found.labels
        own = np.take_along_axis(found.to_centres, labels[i][:, None], axis=1)[:, 0]
        between = manhattan_distances(found.centres, found.centres)
        values["ratio"].append(centre_ratio(found.to_centres, labels[i], selection.ratio_of))
        values["davies_bouldin"].append(davies_bouldin(own, between, labels[i]))
        if distances is not None:
            values["silhouette"].append(silhouette(distances, labels[i], k))
        progress(1)
    if "stability" in wanted:
        carry = partial(carry_by_centres, data, settings=clustering, seed=seed)
        values["stability"] = stability(
            len(data), ks, carry, splits=selection.stability_splits, seed=seed, progress=progress
        )
    return labels, values


def _sweep_spectral(
    X: NDArray[np.floating],
    ks: tuple[int, ...],
    wanted: tuple[Criterion, ...],
    *,
    clustering: ClusteringSettings,
    selection: SelectionSettings,
    seed: int,
    progress: Callable[[int], None],
) -> tuple[NDArray[np.int64], dict[str, list[float]]]:
    squared = squared_distances(X)
    A = gaussian_affinity(squared, choose_sigma(squared, X.shape[1], clustering.sigma), clustering.kernel)
    L = normalised_affinity(A)
    eigenvalues, vectors = leading_eigenpairs(L, min(ks[-1] + 1, len(X)))
    squares = np.square(A if selection.blocks == "affinity" else L)
    distances = np.sqrt(squared, dtype=np.float32, casting="same_kind") if "silhouette" in wanted else None
    del squared, L  # the largest arrays there are
    labels = np.empty((len(ks), len(X)), np.int64)
    values: dict[str, list[float]] = {"ratio": [], "silhouette": [], "davies_bouldin": []}
    for i, k in enumerate(ks):
        labels[i] = cluster_rows(unit_rows(vectors[:, :k]), k, seed)
        values["ratio"].append(block_ratio(squares, labels[i], k))
        values["davies_bouldin"].append(_euclidean_davies_bouldin(X, labels[i], k))
        if distances is not None:
            values["silhouette"].append(silhouette(distances, labels[i], k))
        progress(1)
    values["eigengap"] = eigengaps(eigenvalues, ks)
    if "stability" in wanted:
        carry = partial(carry_by_affinity, A, seed=seed)
        values["stability"] = stability(
            len(X), ks, carry, splits=selection.stability_splits, seed=seed, progress=progress
        )
    return labels, values


def _euclidean_davies_bouldin(X: NDArray[np.floating], labels: NDArray[np.int64], k: int) -> float:
    members = one_hot(labels, k)
    centres = members.T @ X / np.maximum(members.sum(axis=0), 1)[:, None]  # no sample: judged by davies_bouldin
    own = np.linalg.norm(X - centres[labels], axis=1)
    return davies_bouldin(own, np.linalg.norm(centres[:, None] - centres[None, :], axis=2), labels)


def choose_k(
    X: ArrayLike,
    *,
    clusterer: Clusterer = "kmedians",
    criterion: Criterion | None = None,
    k_range: tuple[int, int] = (2, 33),
    random_state: int | RandomState | None = None,
) -> Selection:
    """Choose the number of clusters of some samples.

    >>> import numpy as np
    >>> groups = np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], 20, axis=0)
    >>> X = groups + np.random.default_rng(0).standard_normal((60, 2))
    >>> choose_k(X, k_range=(2, 8), random_state=0).k
    3

    Parameters
    ----------
    X
        Samples × features.
    clusterer
        ``kmedians`` or ``spectral``.
    criterion
        A name that `read_curve` knows; the one that the settings have for the clusterer if None.
    k_range
        The smallest and the largest number of clusters to try, both from 2 to the number of samples.
    random_state
        Seed of the clusterings.

    Raises
    ------
    ValueError
        A parameter is out of range, the clusterer does not have the criterion, or the data hold NaN or infinity.
    """
    data = check_array(X, dtype=[np.float64, np.float32], ensure_min_samples=2)
    if clusterer not in ("kmedians", "spectral"):
        msg = f"clusterer is 'kmedians' or 'spectral', not {clusterer!r}"
        raise ValueError(msg)
    low, high = k_range
    if not 2 <= low <= high <= len(data):  # noqa: PLR2004 - one cluster can not be compared with anything
        msg = f"k_range lies between 2 and the number of samples ({len(data)}), not {k_range}"
        raise ValueError(msg)
    seed = random_state if isinstance(random_state, int) else check_random_state(random_state).randint(2**31 - 1)
    selection = SelectionSettings()
    chosen: Criterion = criterion or getattr(selection, f"{clusterer}_criterion")
    found = sweep(data, clusterer, range(low, high + 1), criteria=[chosen], selection=selection, seed=seed)
    return found.select(chosen)
