"""Whether the clusters come back: two halves of a panel clustered apart, and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.metrics import adjusted_rand_score

from phonoscope.clustering.growing import kmedians_at
from phonoscope.clustering.lloyd import assign
from phonoscope.clustering.spectral import (
    cluster_rows,
    leading_eigenpairs,
    normalised_affinity,
    unit_rows,
)
from phonoscope.parallel import slices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from phonoscope.settings import ClusteringSettings


_VOTERS = 7
_ROWS = 256  # whose affinities are looked at together


class Carried(NamedTuple):
    """Clusters of one half, and where they put the other half: labels of shapes (m,) and (n - m,)."""

    own: NDArray[np.int64]
    other: NDArray[np.int64]


def halvings(n: int, times: int, seed: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Part n samples at random into two halves, several times; of an odd number the first half has one fewer."""
    random = np.random.default_rng(seed)
    for _ in range(times):
        order = random.permutation(n)
        yield np.sort(order[: n // 2]), np.sort(order[n // 2 :])


def carry_by_centres(
    X: NDArray[np.float32],
    rows: NDArray[np.int64],
    others: NDArray[np.int64],
    ks: Sequence[int],
    *,
    settings: ClusteringSettings,
    seed: int,
) -> Iterator[Carried]:
    """Cluster some rows by k-medians, and give each of the other rows the cluster of its nearest centre; for each k."""
    for found in kmedians_at(X[rows], ks, settings, seed):
        yield Carried(found.labels, assign(X[others], found.centres)[0])


def carry_by_affinity(
    A: NDArray[np.float64], rows: NDArray[np.int64], others: NDArray[np.int64], ks: Sequence[int], *, seed: int
) -> Iterator[Carried]:
    """Cluster some rows spectrally, and let each of the other rows' nearest among them vote on its cluster; for each k.

    The seven samples of the largest affinity vote with their affinity. `A` is the affinity of the whole panel, so that
    all halves are clustered with the panel's σ. (Placing the other rows on the eigenvectors instead, by Nyström's
    formula, fails where the eigenvalues come close to 0, as those after the last class do.) A row without any affinity
    gets the first cluster.
    """
    own_affinity = A[np.ix_(rows, rows)]
    _, vectors = leading_eigenpairs(normalised_affinity(own_affinity, out=own_affinity), max(ks))
    del own_affinity
    voters = min(_VOTERS, len(rows))
    nearest, votes = np.empty((len(others), voters), np.int64), np.empty((len(others), voters))
    for part in slices(len(others), _ROWS):
        between = A[np.ix_(others[part], rows)]
        nearest[part] = np.argpartition(between, len(rows) - voters, axis=1)[:, len(rows) - voters :]
        votes[part] = np.take_along_axis(between, nearest[part], axis=1)
    for k in ks:
        own = cluster_rows(unit_rows(vectors[:, :k]), k, seed)
        counted = np.zeros((len(others), k))
        for voter in range(voters):
            counted[np.arange(len(others)), own[nearest[:, voter]]] += votes[:, voter]
        yield Carried(own, counted.argmax(axis=1))


def stability(
    n: int,
    ks: Sequence[int],
    carry: Callable[[NDArray[np.int64], NDArray[np.int64], Sequence[int]], Iterator[Carried]],
    *,
    splits: int,
    seed: int,
    progress: Callable[[int], None],
) -> list[float]:
    """Return for each k how well the clusters of two random halves agree; the larger, the better.

    Each half is clustered for itself; the clusters of the one are carried over to the other and compared with the
    other's own by the Rand index corrected for chance (Hubert and Arabie 1985): 1 where they are the same but for
    their names, 0 on average where the one says nothing of the other. The mean of both directions and all splits. After
    Lange, Roth, Braun and Buhmann (2004), who correct for chance by clusterings at random instead.

    Parameters
    ----------
    n
        Number of samples.
    ks
        Numbers of clusters.
    carry
        Clusters the rows given first, carries the clusters over to those given second, and yields one result a k.
    splits
        Random halvings, at least 1.
    seed
        Of the halvings.
    progress
        Called with the clusterings just done, which sum up to ``2 * splits * len(ks)``.

    Returns
    -------
    The mean at each k; NaN where half the panel has fewer than k samples, or fewer than k clusters were found.
    """
    usable = [k for k in ks if k <= n // 2]
    total = dict.fromkeys(ks, float("nan")) | dict.fromkeys(usable, 0.0)
    for first, second in halvings(n, splits if usable else 0, seed):
        for k, there, here in zip(usable, carry(first, second, usable), carry(second, first, usable), strict=True):
            total[k] += _agreement(here.own, there.other, k) + _agreement(there.own, here.other, k)
            progress(2)
    progress(2 * splits * (len(ks) - len(usable)))
    return [total[k] / (2 * splits) for k in ks]


def _agreement(own: NDArray[np.int64], carried: NDArray[np.int64], k: int) -> float:
    return float(adjusted_rand_score(own, carried)) if len(np.unique(own)) == k else float("nan")
