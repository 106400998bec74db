"""The hierarchy of the phones in a layer: their distances and dendrograms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from phonoscope.phonology.leaf_order import in_best_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_FEWEST = 2  # phones that have a distance
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Tree:
    """A dendrogram of phones.

    Attributes
    ----------
    phones
        In the order of the distances it was made from.
    linkage
        SciPy's: row i joins the nodes ``linkage[i, 0]`` (drawn first) and ``linkage[i, 1]`` at the height
        ``linkage[i, 2]`` to node ``len(phones) + i`` of ``linkage[i, 3]`` phones. Shape (phones - 1, 4).
    order
        Index of each leaf's phone, from the first leaf drawn to the last, shape (phones,).
    """

    phones: tuple[str, ...]
    linkage: NDArray[np.float64]
    order: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Split:
    """An inner node of a tree: the phones that part below it, in the order of the leaves.

    Attributes
    ----------
    row
        Of the tree's linkage.
    height
        The mean distance between the phones of the two sides.
    first, second
        The phones of the side that is drawn first, and of the other.
    """

    row: int
    height: float
    first: tuple[str, ...]
    second: tuple[str, ...]

    @property
    def phones(self) -> tuple[str, ...]:
        """All phones under the node."""
        return self.first + self.second


def mean_distances(means: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the correlation distances of the phones' mean activations.

    ``d(p, q) = 1 - r``, r being Pearson's correlation of the two mean vectors over the units; from 0 to 2. Where
    activations are rectified, the Euclidean distance mostly tells how strongly a phone drives a layer at all, which
    the correlation leaves out. It is the usual choice for comparing representations (Kriegeskorte, Mur and Bandettini
    2008).

    Parameters
    ----------
    means
        Mean activation of each phone, shape (phones, units).

    Returns
    -------
    Shape (phones, phones), symmetric, with a zero diagonal. A vector without variance correlates with nothing: it is
    at distance 1 from all others.
    """
    flat = means.astype(np.float64)
    centred = flat - flat.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    # the mean of equal numbers may differ from them in the last digit
    varies = lengths > _ROUNDING * np.linalg.norm(flat, axis=1, keepdims=True)
    unit = np.where(varies, centred / np.where(varies, lengths, 1.0), 0.0)
    distances = np.clip(1.0 - unit @ unit.T, 0.0, 2.0)
    np.fill_diagonal(distances, 0.0)
    return np.asarray((distances + distances.T) / 2)


def cooccurrence(phones: Sequence[str], labels: NDArray[np.integer]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the probability that a random sample of one phone and one of another share a cluster.

    ``S(p, q) = mean over the clusterings of Σ_c s_pc s_qc``, s_pc being the share of phone p's samples in cluster c;
    the two samples are drawn with replacement, so that S(p, p) is what one phone's samples have with each other.

    Parameters
    ----------
    phones
        The phone of each sample.
    labels
        Clusters of the samples, any integers; a row a clustering, such as one for each k. Shape (clusterings, n).

    Returns
    -------
    The phones in the order in which they occur first; S, shape (phones, phones).

    Raises
    ------
    ValueError
        There is no clustering, or the numbers of samples differ.
    """
    if labels.ndim != 2 or labels.shape[1] != len(phones) or not labels.size:  # noqa: PLR2004 (clusterings and samples)
        msg = f"labels of shape {labels.shape} are no clusterings of {len(phones)} samples"
        raise ValueError(msg)
    names = tuple(dict.fromkeys(phones))
    place = {name: i for i, name in enumerate(names)}
    index = np.array([place[phone] for phone in phones], dtype=np.int64)
    sizes = np.bincount(index)
    total = np.zeros((len(names), len(names)))
    for row in labels:
        clusters, cluster = np.unique(row, return_inverse=True)
        counts = np.bincount(index * len(clusters) + cluster, minlength=len(names) * len(clusters))
        shares = counts.reshape(len(names), -1) / sizes[:, None]
        total += shares @ shares.T
    return names, total / len(labels)


def cooccurrence_distances(similarity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn the probabilities of `cooccurrence` into distances.

    ``d(p, q) = 1 - S(p, q) / sqrt(S(p, p) S(q, q))``: one minus the cosine of the phones' distributions over the
    clusters of all clusterings, so that a phone spread over clusters is as near to itself as any other. 0 where two
    phones are distributed alike in each clustering, 1 where they never share a cluster.

    Returns
    -------
    Shape (phones, phones), symmetric, with a zero diagonal.
    """
    own = np.sqrt(np.diag(similarity))
    distances = np.clip(1.0 - similarity / np.outer(own, own), 0.0, 1.0)
    np.fill_diagonal(distances, 0.0)
    return np.asarray((distances + distances.T) / 2)


def phone_tree(phones: Sequence[str], distances: NDArray[np.float64]) -> Tree:
    """Build the dendrogram by average linkage, its leaves in the best order.

    Average linkage, as its heights stay mean distances between phones and no space is supposed in which these are
    Euclidean, as Ward's method does. Of the orders of the leaves that the dendrogram allows, the one in which
    neighbours are nearest; see `phonoscope.phonology.leaf_order`.

    Parameters
    ----------
    phones
        At least two.
    distances
        Shape (phones, phones), symmetric, with a zero diagonal.

    Raises
    ------
    ValueError
        There are fewer than two phones, or the distances are no such matrix, or not finite.
    """
    check_distances(phones, distances)
    joined, order = in_best_order(linkage(squareform(distances), "average"), distances)
    return Tree(tuple(phones), joined, order)


def splits(tree: Tree) -> list[Split]:
    """List the inner nodes with the phones on their two sides, from the highest to the lowest."""
    under: list[tuple[str, ...]] = [(phone,) for phone in tree.phones]
    found = []
    for row, (first, second, height, _) in enumerate(tree.linkage):
        split = Split(row, float(height), under[int(first)], under[int(second)])
        found.append(split)
        under.append(split.phones)
    return found[::-1]


def check_distances(phones: Sequence[str], distances: NDArray[np.float64]) -> None:
    """See that distances are a matrix that dendrograms and triplets can be made of.

    Raises
    ------
    ValueError
        There are fewer than two phones, or the distances are not phones × phones, finite, and symmetric with a zero
        diagonal.
    """
    n = len(phones)
    if n < _FEWEST or distances.shape != (n, n):
        msg = f"distances of shape {distances.shape} are none between {n} phones, of which there have to be two"
        raise ValueError(msg)
    if not np.isfinite(distances).all() or np.diag(distances).any() or not np.array_equal(distances, distances.T):
        msg = "distances have to be finite and symmetric, with a zero diagonal"
        raise ValueError(msg)
