"""Groups of units that are selective for the same phones."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform

from phonoscope.phonology.leaf_order import in_best_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DRAWN = 400
"""Units that the tree is made of: of the 10,368 of a convolution layer it would have no more to say."""


class UnitClusters(NamedTuple):
    """Units in groups.

    Attributes
    ----------
    cluster
        Of each unit, from 1 on in the order of `drawn`; 0 for a unit that is selective for nothing. Shape (units,).
    drawn
        The units that the tree was made of, in its order.
    phone_order
        The phones in the order of their own tree, shape (phones,).
    """

    cluster: NDArray[np.int64]
    drawn: NDArray[np.int64]
    phone_order: NDArray[np.int64]


def cluster_units(psi: NDArray[np.integer], n_clusters: int, most: int = _DRAWN) -> UnitClusters:
    """Group units by their selectivity for all phones, by Ward's linkage.

    The tree is made of at most `most` units, evenly drawn from those that single out some phone, and cut into
    `n_clusters`; every other such unit joins the cluster whose mean is nearest. Branches are turned so that the
    centres of gravity over the ordered phones rise.

    Parameters
    ----------
    psi
        Shape (units, phones).
    n_clusters
        How many at the most; fewer where fewer units differ.
    """
    selective = np.flatnonzero(psi.any(axis=1))
    cluster = np.zeros(len(psi), np.int64)
    n_phones = psi.shape[1]
    if len(selective) == 0:
        return UnitClusters(cluster, selective, np.arange(n_phones))
    picked = np.linspace(0, len(selective) - 1, min(most, len(selective))).round().astype(np.int64)
    drawn = selective[picked]
    of_drawn = psi[drawn].astype(np.float64)
    phone_order = _phone_order(of_drawn.T)
    if len(drawn) == 1:
        cluster[drawn] = 1
        return UnitClusters(cluster, drawn, phone_order)
    tree = linkage(of_drawn, "ward")
    place = np.empty(n_phones)
    place[phone_order] = np.arange(n_phones)
    order = _turned(tree, of_drawn @ place / of_drawn.sum(axis=1))
    # equal units would be parted too
    labels = fcluster(tree, min(n_clusters, len(np.unique(of_drawn, axis=0))), "maxclust")
    # a cluster is a branch, and so stands together
    names = {label: i + 1 for i, label in enumerate(dict.fromkeys(labels[order].tolist()))}
    labels = np.array([names[label] for label in labels.tolist()], np.int64)
    centres = np.array([of_drawn[labels == i + 1].mean(axis=0) for i in range(len(names))])
    values = psi[selective].astype(np.float64)
    distances = np.stack([((values - centre) ** 2).sum(axis=1) for centre in centres], axis=1)
    cluster[selective] = distances.argmin(axis=1) + 1
    cluster[drawn] = labels
    return UnitClusters(cluster, drawn[order], phone_order)


def _phone_order(profiles: NDArray[np.float64]) -> NDArray[np.int64]:
    """Order phones by a tree of their selectivities over the units, shape (phones, units)."""
    distances = pdist(profiles)
    return in_best_order(linkage(distances, "ward"), squareform(distances))[1]


def _turned(tree: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the leaves of a tree, of each node the child of the smaller mean weight first."""
    n = len(weight)
    leaves = [[i] for i in range(n)]
    means = weight.tolist()
    for left, right in tree[:, :2].astype(np.int64).tolist():
        first, second = (left, right) if means[left] <= means[right] else (right, left)
        leaves.append(leaves[first] + leaves[second])
        a, b = len(leaves[left]), len(leaves[right])
        means.append((a * means[left] + b * means[right]) / (a + b))
    return np.array(leaves[-1], np.int64)
