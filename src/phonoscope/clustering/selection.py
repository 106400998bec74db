"""Choosing the number of clusters: all numbers of a range tried, and measured by every criterion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils import check_array, check_random_state

from phonoscope.clustering.curves import Clusterer, Criterion, Selection, criteria_of, read_curve
from phonoscope.clustering.measuring import measure_kmedians, measure_spectral
from phonoscope.parallel import one_blas_thread
from phonoscope.settings import ClusteringSettings, SelectionSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray

    from phonoscope.clustering.embedding import Embedding


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
    labels: NDArray[np.integer]
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
    embedding: Embedding | None = None,
    progress: Callable[[int], None] = lambda _done: None,
) -> Sweep:
    """Cluster at every number of clusters, and measure each clustering.

    Spectral labels are those of `SpectralClustering` with this seed; the affinity and its eigenvectors are computed
    once for all numbers of clusters and all halves of the panel. Those of k-medians come from `kmedians_at`.

    In a panel of more samples than `selection.sample`, what compares samples with each other (silhouette, stability,
    spectral ratio and Davies-Bouldin index) is measured on so many drawn at random; on fewer where three matrices of
    them do not fit into `clustering.memory`.

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
        Of the clusterings, the halvings and the samples that are compared.
    embedding
        What `phonoscope.clustering.embedding.embed` gives for X, where it is known already.
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
    with one_blas_thread():
        if clusterer == "kmedians":
            labels, values = measure_kmedians(X, ordered, wanted, clustering, selection, seed=seed, progress=progress)
        else:
            labels, values = measure_spectral(
                X, ordered, wanted, clustering, selection, seed=seed, embedding=embedding, progress=progress
            )
    curves = {
        name: dict(zip(ordered, values["ratio" if name == "first_minimum" else name], strict=True)) for name in wanted
    }
    return Sweep(clusterer, ordered, labels, curves)


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
