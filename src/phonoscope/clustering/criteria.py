"""How good a clustering is, by measures that compare the inside of clusters with what lies between them.

Each is a figure of one clustering; over several numbers of clusters they make the curves that `read_curve` reads. What
has no value is NaN, or infinite where a formula divides by zero: a cluster without samples, a single cluster, and what
each function says of itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from phonoscope.parallel import product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

# Clusters that a product takes together.
_COLUMNS = 1_024


def one_hot(labels: NDArray[np.int64], k: int, dtype: type[np.floating] = np.float64) -> NDArray[np.floating]:
    """Return a matrix of shape (n, k) with 1 where a sample is in a cluster, and 0 elsewhere."""
    return np.asarray(labels[:, None] == np.arange(k), dtype)


def cluster_sums(
    M: NDArray[np.floating],
    clusterings: Sequence[NDArray[np.int64]],
    of: Callable[[NDArray[Any]], NDArray[Any]] | None = None,
) -> Iterator[NDArray[np.floating]]:
    """Sum the rows of a matrix by cluster, for each of several clusterings.

    Several clusterings take part in one product, which reads the matrix once.

    Parameters
    ----------
    M
        Shape (n, n): distances or affinities of all samples.
    clusterings
        For each the cluster of each sample, shape (n,), from 0 on.
    of
        Changes each entry of M before it is added, some rows at a time, so that there is no second matrix.

    Yields
    ------
    For each clustering of k clusters an array of shape (n, k): the sum of ``M[x, y]`` over the samples y of a cluster.
    """
    kind = M.dtype.type if of is None else of(M[:1]).dtype.type
    ks = [int(labels.max()) + 1 for labels in clusterings]
    first = 0
    while first < len(ks):
        last = first + 1
        while last < len(ks) and sum(ks[first : last + 1]) <= _COLUMNS:
            last += 1
        members = [one_hot(labels, k, kind) for labels, k in zip(clusterings[first:last], ks[first:last])]  # noqa: B905
        sums = product(M, np.hstack(members), of)
        yield from np.split(sums, np.cumsum(ks[first:last])[:-1], axis=1)
        first = last


def _comparable(labels: NDArray[np.int64], k: int) -> bool:
    return k > 1 and bool((np.bincount(labels, minlength=k) > 0).all())


def centre_ratio(
    to_centres: NDArray[np.floating], labels: NDArray[np.int64], of: Literal["sums", "means"] = "sums"
) -> float:
    """Return the ratio of distances within clusters and between them; the smaller, the better.

    ``mean over i of (sum over x in C_i of d(x, c_i)) / (sum over x not in C_i of d(x, c_i))``, c_i being the centre of
    cluster C_i (Pellegrini and Mouysset 2016, section 3.2, for k-means with Manhattan distances).

    Parameters
    ----------
    to_centres
        Distance of each sample to each centre, shape (n, k).
    labels
        Cluster of each sample, shape (n,), from 0 to k - 1.
    of
        ``sums``, as the paper says; or ``means``: each of the two sums divided by the number of its samples.

    Returns
    -------
    The mean ratio, at least 0. A cluster of one sample adds a ratio of 0. Where all other samples coincide with a
    cluster's centre: infinite, or NaN if its own do too.
    """
    n, k = to_centres.shape
    if not _comparable(labels, k):
        return float("nan")
    inside = one_hot(labels, k).astype(bool)
    within = np.where(inside, to_centres, 0).sum(axis=0, dtype=np.float64)
    between = np.where(inside, 0, to_centres).sum(axis=0, dtype=np.float64)
    if of == "means":
        sizes = inside.sum(axis=0)
        within, between = within / sizes, between / (n - sizes)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float((within / between).mean())


def block_ratio(sums: NDArray[np.floating], labels: NDArray[np.int64], k: int) -> float:
    """Return the ratio of affinities between clusters and within them; the smaller, the better.

    ``mean over i ≠ j of ‖A^(ij)‖ / ‖A^(ii)‖``, A^(ij) being the block of the affinity whose rows are the samples of
    cluster i and whose columns are those of cluster j, by Frobenius norms (Pellegrini and Mouysset 2016, section 3.2,
    for spectral clustering). No block is cut out: a norm is a sum over the rows of a cluster.

    Parameters
    ----------
    sums
        What `cluster_sums` gives for the affinity's entries squared, shape (n, k).
    labels
        Cluster of each sample, shape (n,).
    k
        Number of clusters.

    Returns
    -------
    The mean ratio, at least 0. A cluster of one sample has an affinity of 0 with itself, the diagonal: infinite, or
    NaN if it has none with some other cluster either.
    """
    if not _comparable(labels, k):
        return float("nan")
    norms = np.sqrt(_by_cluster(sums, labels, k))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = norms / np.diag(norms)[:, None]
    return float(ratios[~np.eye(k, dtype=bool)].mean())


def _by_cluster(sums: NDArray[np.floating], labels: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """Add up the rows of each cluster: from shape (n, k) to (k, k)."""
    return np.stack([np.bincount(labels, column, minlength=k) for column in sums.T], axis=1)


def silhouette(sums: NDArray[np.floating], labels: NDArray[np.int64], k: int) -> float:
    """Return the mean silhouette, between -1 and 1; the larger, the better (Rousseeuw 1987).

    ``mean over x of (b - a) / max(a, b)``: a is the mean distance of x to the other samples of its cluster, b the mean
    distance to those of the nearest other cluster.

    Parameters
    ----------
    sums
        What `cluster_sums` gives for the distances of all samples, shape (n, k).
    labels
        Cluster of each sample, shape (n,).
    k
        Number of clusters.

    Returns
    -------
    The mean; a sample that is alone in its cluster adds 0, and so does one with ``a = b = 0``.
    """
    if not _comparable(labels, k):
        return float("nan")
    rows, sizes = np.arange(len(labels)), np.bincount(labels, minlength=k)
    own_size = sizes[labels]
    a = sums[rows, labels].astype(np.float64) / np.maximum(own_size - 1, 1)
    means = sums / sizes
    means[rows, labels] = np.inf
    b = means.min(axis=1)
    larger = np.maximum(a, b)
    values = np.where((own_size > 1) & (larger > 0), (b - a) / np.where(larger > 0, larger, 1.0), 0.0)
    return float(values.mean())


def euclidean_spread(
    sums: NDArray[np.floating], labels: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the distances of samples to the means of their clusters, and of the means, without computing a mean.

    ``|x - c|² = mean over y in C of |x - y|² - V``, V being half the mean over y and z in C of ``|y - z|²``; and
    ``|c - c'|² = mean over x in C, y in C' of |x - y|² - V - V'``.

    Parameters
    ----------
    sums
        What `cluster_sums` gives for the squared distances of all samples, shape (n, k).
    labels
        Cluster of each sample, shape (n,).
    k
        Number of clusters, none of them empty.

    Returns
    -------
    Shapes (n,) and (k, k).
    """
    sizes = np.bincount(labels, minlength=k)
    means = _by_cluster(sums, labels, k) / np.multiply.outer(sizes, sizes)
    half = np.diag(means) / 2
    to_own = sums[np.arange(len(labels)), labels] / sizes[labels] - half[labels]
    between = means - half[:, None] - half[None, :]
    return np.sqrt(np.maximum(to_own, 0.0)), np.sqrt(np.maximum(between, 0.0))


def davies_bouldin(own: NDArray[np.floating], between: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """Return the index of Davies and Bouldin (1979); the smaller, the better.

    ``mean over i of max over j ≠ i of (s_i + s_j) / d(c_i, c_j)``: s is the mean distance of a cluster's samples to
    its centre c. With k-medians the distances are Manhattan's and the centres medians, with spectral clustering
    Euclidean and means.

    Parameters
    ----------
    own
        Distance of each sample to its cluster's centre, shape (n,).
    between
        Distances of the centres, shape (k, k).
    labels
        Cluster of each sample, shape (n,).

    Returns
    -------
    The index, at least 0. A cluster of one sample has ``s = 0``. Centres that coincide: infinite, or NaN if their
    clusters have no extent (scikit-learn gives such pairs a ratio of 0, so that the worst looks best).
    """
    k = len(between)
    if not _comparable(labels, k):
        return float("nan")
    spread = np.bincount(labels, own, minlength=k) / np.bincount(labels, minlength=k)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = (spread[:, None] + spread[None, :]) / between.astype(np.float64)
    np.fill_diagonal(ratios, -np.inf)
    return float(ratios.max(axis=1).mean())


def euclidean_davies_bouldin(sums: NDArray[np.floating], labels: NDArray[np.int64], k: int) -> float:
    """Return `davies_bouldin` by Euclidean distances and means; the parameters are those of `euclidean_spread`."""
    return davies_bouldin(*euclidean_spread(sums, labels, k), labels) if _comparable(labels, k) else float("nan")


def eigengaps(eigenvalues: NDArray[np.floating], ks: Sequence[int]) -> list[float]:
    """Return ``λ_k - λ_(k+1)`` for each k; the larger, the better (von Luxburg 2007, section 8.3).

    Parameters
    ----------
    eigenvalues
        The largest ones of the normalised affinity, largest first.
    ks
        Numbers of clusters.

    Returns
    -------
    The gaps, at least 0; NaN where the eigenvalue after the k-th is not there.
    """
    return [float(eigenvalues[k - 1] - eigenvalues[k]) if k < len(eigenvalues) else float("nan") for k in ks]
