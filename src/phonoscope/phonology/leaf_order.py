"""The best order of a dendrogram's leaves.

SciPy's `optimal_leaf_ordering` promises the same but does not keep it (release 1.17: every second tree of eight leaves
gets an order that is longer than need be), so this is made here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def in_best_order(linkage: Floats, distances: Floats) -> tuple[Floats, Ints]:
    """Turn the nodes of a dendrogram so that neighbouring leaves are as near to each other as it allows.

    Of all orders that turning nodes gives, one with the smallest sum of distances between neighbouring leaves, by
    dynamic programming (Bar-Joseph, Gifford and Jaakkola 2001): for a node with the children L and R, the shortest
    order of its leaves from u in L to w in R is as long as

    ``C(u, w) = min over m in L and k in R of C(u, m) + d(m, k) + C(k, w)``.

    Of an order and its mirror image, the one that begins with the leaf of the lower index.

    Parameters
    ----------
    linkage
        SciPy's, shape (n - 1, 4).
    distances
        Shape (n, n), symmetric, with a zero diagonal.

    Returns
    -------
    The linkage with each row's child that comes first in its first column; the leaves in order, shape (n,).
    """
    n = len(distances)
    children = linkage[:, :2].astype(np.int64).tolist()
    leaves = [np.array([i]) for i in range(n)]
    # of each node, C by the places of u and w in its leaves; infinite where both are on one side, so never both ends
    costs = [np.zeros((1, 1))] * n
    for left, right in children:
        between = distances[np.ix_(leaves[left], leaves[right])]
        across = _min_plus(_min_plus(costs[left], between), costs[right])
        cut = len(leaves[left])
        cost = np.full((sum(across.shape),) * 2, np.inf)
        cost[:cut, cut:], cost[cut:, :cut] = across, across.T
        costs.append(cost)
        leaves.append(np.concatenate([leaves[left], leaves[right]]))

    def ordered(node: int, first: int, last: int) -> list[int]:
        """Order the leaves of a node, given the places of the two ends."""
        if node < n:
            return [node]
        left, right = children[node - n]
        cut = len(leaves[left])
        if first >= cut:
            return ordered(node, last, first)[::-1]
        between = distances[np.ix_(leaves[left], leaves[right])]
        total = costs[left][first][:, None] + between + costs[right][:, last - cut][None, :]
        m, k = divmod(int(total.argmin()), total.shape[1])
        return ordered(left, first, m) + ordered(right, k, last - cut)

    ends = divmod(int(costs[-1].argmin()), n)
    best = ordered(2 * n - 2, *ends)
    order = np.array(best if best[0] < best[-1] else best[::-1])
    place = np.argsort(order)
    turned = linkage.copy()
    for row, (left, right) in enumerate(children):
        if place[leaves[left][0]] > place[leaves[right][0]]:
            turned[row, :2] = right, left
    return turned, order


def _min_plus(a: Floats, b: Floats) -> Floats:
    """Return ``min over j of a_ij + b_jk``, shape (i, k)."""
    return np.asarray((a[:, :, None] + b[None, :, :]).min(axis=1))
