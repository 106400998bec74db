from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

import oracles
import oracles_spectral
from phonoscope.clustering.rows import _laid_out, _settle, _settle_all, kmeans_rows
from phonoscope.clustering.spectral import unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def some_rows(n: int, d: int, groups: int, seed: int, spread: float = 0.5) -> Floats:
    draws = np.random.default_rng(seed)
    return np.asarray(
        unit_rows(draws.standard_normal((groups, d))[np.arange(n) % groups] + spread * draws.standard_normal((n, d)))
    )


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 40), st.integers(1, 9), st.integers(0, 1_000), st.data())
def test_from_the_same_centres_as_the_loops(n: int, d: int, seed: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, n))
    draws = np.random.default_rng(seed)
    rows = draws.standard_normal((n, d))
    columns, padded = _laid_out(rows, np.float64)
    start = padded[draws.choice(n, k, replace=False)]
    expected, inertia = oracles_spectral.lloyd(rows, start[:, :d])
    for all_threads in (False, True):
        labels = np.zeros(n, np.int64)
        found = (
            _settle_all(columns, padded, start.copy(), labels)
            if all_threads
            else _settle(columns, padded, start.copy(), labels, 300)
        )
        assert labels.tolist() == expected
        assert found == pytest.approx(inertia, abs=1e-12)


def test_the_inertia_is_no_larger_than_scikit_learn_s() -> None:
    ratios = []
    for seed in range(12):
        k = 2 + 2 * seed
        rows = some_rows(500, k, 10, seed)
        labels, inertia = kmeans_rows(rows, k, seed)
        assert inertia == pytest.approx(oracles_spectral.inertia(rows, labels), rel=1e-9)
        with threadpool_limits(1):
            ratios.append(inertia / KMeans(k, n_init=10, random_state=seed).fit(rows).inertia_)
    assert np.mean(ratios) < 1.002
    assert max(ratios) < 1.03


def test_groups_are_found_in_many_rows() -> None:
    rows = some_rows(20_000, 12, 12, 0, spread=0.05)
    labels, inertia = kmeans_rows(rows, 12, 0)
    assert oracles.same_partition(labels, np.arange(20_000) % 12)
    assert inertia == pytest.approx(oracles_spectral.inertia(rows, labels), rel=1e-6)


def test_groups_far_closer_than_float32_tells_apart_are_found() -> None:
    rows = np.repeat([[1.0, 0.0], [1.0, 1e-10], [0.0, 1.0]], 5, axis=0)
    labels, _ = kmeans_rows(rows, 3, 0)
    assert oracles.same_partition(labels, np.repeat([0, 1, 2], 5))


def test_fewer_different_rows_than_clusters() -> None:
    labels, inertia = kmeans_rows(np.repeat(np.eye(3), 4, axis=0), 5, 0)
    assert oracles.same_partition(labels, np.repeat([0, 1, 2], 4))
    assert inertia == 0
    assert set(kmeans_rows(np.ones((4, 2)), 4, 0)[0].tolist()) == {0}


@pytest.mark.parametrize("n", [1, 2, 7, 30])
def test_as_many_clusters_as_rows(n: int) -> None:
    labels, inertia = kmeans_rows(some_rows(n, 5, n, 3), n, 0)
    assert sorted(labels.tolist()) == list(range(n))
    assert inertia == 0


@pytest.mark.parametrize("n", [300, 17_000])
def test_the_number_of_threads_and_the_layout_change_nothing(n: int) -> None:
    rows = some_rows(n, 6, 9, 1)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one, least = kmeans_rows(rows, 7, 4)
        numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
        two, again = kmeans_rows(np.asfortranarray(rows), 7, 4)
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(one, two)
    assert least == pytest.approx(again, rel=1e-12)
