"""Groups of units: planted ones are found, whole branches stand together, odd layers do not matter."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

from phonoscope.phonology.unit_clusters import cluster_units


def planted(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Units selective for the first, the middle or the last phones of nine, in mixed order."""
    draws = np.random.default_rng(seed)
    kind = draws.integers(0, 3, n)
    psi = draws.integers(0, 2, (n, 9))
    for unit, which in enumerate(kind):
        psi[unit, 3 * which : 3 * which + 3] += 6
    return psi, kind


@pytest.mark.parametrize("most", [1_000, 60])
def test_planted_groups_are_found_also_by_units_that_the_tree_is_not_made_of(most: int) -> None:
    psi, kind = planted(300)
    found = cluster_units(psi, 3, most)
    assert adjusted_rand_score(kind, found.cluster) == 1
    assert len(found.drawn) == min(most, 300)
    assert sorted(found.phone_order.tolist()) == list(range(9))
    groups = [place // 3 for place in found.phone_order.tolist()]
    assert all(len(set(groups[i : i + 3])) == 1 for i in (0, 3, 6)), "phones of one kind of unit stand together"
    # clusters are numbered from left to right, and follow the phones from top to bottom
    assert np.all(np.diff(found.cluster[found.drawn]) >= 0)
    tops = [groups.index(kind[found.cluster == cluster][0]) for cluster in (1, 2, 3)]
    assert tops == sorted(tops)


def test_it_is_ward_s_linkage() -> None:
    psi = np.random.default_rng(1).integers(1, 9, (40, 7))
    expected = AgglomerativeClustering(5, linkage="ward").fit_predict(psi)
    assert adjusted_rand_score(expected, cluster_units(psi, 5).cluster) == 1


def test_units_that_are_selective_for_nothing_are_in_no_group() -> None:
    psi, _ = planted(50)
    psi[::5] = 0
    found = cluster_units(psi, 3)
    assert (found.cluster[::5] == 0).all()
    assert found.cluster.astype(bool).sum() == 40
    assert not set(found.drawn.tolist()) & set(range(0, 50, 5))


def test_layers_of_no_one_or_equal_units() -> None:
    nothing = cluster_units(np.zeros((4, 3), int), 8)
    assert (nothing.cluster.tolist(), nothing.drawn.tolist(), nothing.phone_order.tolist()) == ([0] * 4, [], [0, 1, 2])
    one = cluster_units(np.array([[0, 0, 0], [0, 2, 1]]), 8)
    assert (one.cluster.tolist(), one.drawn.tolist()) == ([0, 1], [1])
    equal = cluster_units(np.ones((5, 2), int), 8)
    assert sorted(equal.drawn.tolist()) == list(range(5))
    assert set(equal.cluster.tolist()) == {1}
