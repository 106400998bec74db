from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist
from sklearn.metrics import davies_bouldin_score, silhouette_score

import oracles
import oracles_selection as naive
from phonoscope.clustering.criteria import (
    block_ratio,
    centre_ratio,
    cluster_sums,
    davies_bouldin,
    eigengaps,
    euclidean_spread,
    one_hot,
    silhouette,
)
from phonoscope.clustering.manhattan import manhattan_distances

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def ratio_of(squares: Any, labels: Ints, k: int) -> float:  # noqa: ANN401
    return block_ratio(next(cluster_sums(squares, [labels])), labels, k)


def silhouette_of(distances: Any, labels: Ints, k: int) -> float:  # noqa: ANN401
    return silhouette(next(cluster_sums(distances, [labels])), labels, k)


WHOLE = st.integers(-4, 4).map(float)


@st.composite
def clusterings(draw: st.DrawFn) -> tuple[Floats, Ints, int]:
    """Samples on whole numbers, on which single precision is exact; every cluster has a sample, many have only one."""
    k = draw(st.integers(2, 5))
    n = draw(st.integers(k, 12))
    X = draw(arrays(np.float64, (n, draw(st.integers(1, 3))), elements=WHOLE))
    rest = draw(st.lists(st.integers(0, k - 1), min_size=n - k, max_size=n - k))
    return X, np.array(draw(st.permutations([*range(k), *rest])), np.int64), k


def same(found: float, expected: float) -> bool:
    return found == pytest.approx(expected, rel=1e-6, abs=1e-9, nan_ok=True)


def scattered(n: int = 60, d: int = 4, k: int = 5) -> tuple[Floats, Ints]:
    draws = np.random.default_rng(0)
    return draws.standard_normal((n, d)), np.arange(n) % k


@settings(deadline=None)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 11), st.just(3)), elements=WHOLE),
    arrays(np.float64, st.tuples(st.integers(1, 6), st.just(3)), elements=WHOLE),
)
def test_manhattan_distances_equal_the_loops(X: Floats, Y: Floats) -> None:
    found = manhattan_distances(X, Y)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[oracles.manhattan(x, y) for y in Y] for x in X])


@pytest.mark.parametrize(("n", "m", "d"), [(1, 1, 1), (7, 5, 300), (33, 50, 17)])
def test_manhattan_distances_equal_scipy_s(n: int, m: int, d: int) -> None:
    draws = np.random.default_rng(d)
    X, Y = draws.standard_normal((n, d)), draws.standard_normal((m, d))
    expected = cdist(X, Y, "cityblock")
    np.testing.assert_allclose(manhattan_distances(X, Y), expected, rtol=1e-5)
    wide = np.asfortranarray(np.repeat(X, 2, axis=1))
    np.testing.assert_allclose(manhattan_distances(wide[:, ::2], Y), expected, rtol=1e-5)


def test_manhattan_distances_do_not_depend_on_threads(numba_threads: Callable[[int], None]) -> None:
    X, _ = scattered(101, 40)
    found = []
    for threads in (1, 2):
        numba_threads(threads)
        found.append(manhattan_distances(X, X))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[0].T)
    assert (np.diag(found[0]) == 0).all()


def test_one_hot() -> None:
    assert one_hot(np.array([2, 0, 2]), 4).tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 1, 0]]


@settings(deadline=None, max_examples=150)
@given(clusterings(), st.sampled_from(["sums", "means"]), st.booleans())
def test_centre_ratio_equals_the_loops(problem: tuple[Floats, Ints, int], of: Any, medians: bool) -> None:  # noqa: ANN401, FBT001
    X, labels, k = problem
    # medians, and centres on samples, which make distances of 0 common
    centres = oracles.medians(X, labels, k) if medians else X[:k]
    found = centre_ratio(manhattan_distances(X, centres), labels, of)
    assert same(found, naive.centre_ratio(X, centres, labels.tolist(), of))


def test_centre_ratio_by_hand() -> None:
    # centres 1 and 10; within 1 + 1 and 0; the other cluster's samples lie at 9 of the first centre, at 10 and 8
    to_centres = np.array([[1.0, 10.0], [1.0, 8.0], [9.0, 0.0]])
    labels = np.array([0, 0, 1])
    assert centre_ratio(to_centres, labels) == pytest.approx((2 / 9 + 0 / 18) / 2)
    assert centre_ratio(to_centres, labels, "means") == pytest.approx((1 / 9 + 0 / 9) / 2)


def test_centre_ratio_where_it_divides_by_zero() -> None:
    labels = np.array([0, 0, 1])
    # the only sample of the other cluster lies on the first centre
    assert centre_ratio(np.array([[1.0, 3.0], [1.0, 3.0], [0.0, 0.0]]), labels) == math.inf
    assert math.isnan(centre_ratio(np.zeros((3, 2)), labels))


@settings(deadline=None, max_examples=150)
@given(clusterings(), st.floats(0.3, 3), st.booleans())
def test_block_ratio_equals_the_loops(problem: tuple[Floats, Ints, int], sigma: float, normalised: bool) -> None:  # noqa: FBT001
    X, labels, k = problem
    A = oracles.affinity(X, [sigma] * len(X), 2.0)
    A = oracles.normalised_affinity(A) if normalised else A
    assert same(ratio_of(np.square(A), labels, k), naive.block_ratio(A, labels.tolist(), k))


def test_block_ratio_by_hand() -> None:
    A = np.array([[0, 4, 1, 0], [4, 0, 0, 2], [1, 0, 0, 3], [0, 2, 3, 0]], float)
    between, first, second = math.sqrt(1 + 4), math.sqrt(2 * 16), math.sqrt(2 * 9)
    found = ratio_of(np.square(A), np.array([0, 0, 1, 1]), 2)
    assert found == pytest.approx((between / first + between / second) / 2)
    order = [2, 0, 3, 1]  # the order of the samples says nothing
    assert ratio_of(np.square(A)[order][:, order], np.array([1, 0, 1, 0]), 2) == pytest.approx(found)


def test_block_ratio_of_a_cluster_of_one_sample() -> None:
    A = np.array([[0, 4, 1], [4, 0, 0], [1, 0, 0]], float)
    assert ratio_of(np.square(A), np.array([0, 0, 1]), 2) == math.inf
    A[:, 2] = A[2, :] = 0.0
    assert math.isnan(ratio_of(np.square(A), np.array([0, 0, 1]), 2))


@settings(deadline=None, max_examples=150)
@given(clusterings())
def test_silhouette_equals_the_loops(problem: tuple[Floats, Ints, int]) -> None:
    X, labels, k = problem
    for metric, distance in (("cityblock", oracles.manhattan), ("euclidean", naive.euclidean)):
        D = cdist(X, X, metric)
        expected = naive.silhouette(X, labels.tolist(), k, distance)
        assert silhouette_of(D.astype(np.float32), labels, k) == pytest.approx(expected, abs=1e-6)


@settings(deadline=None, max_examples=100)
@given(clusterings())
def test_silhouette_equals_scikit_learn_s(problem: tuple[Floats, Ints, int]) -> None:
    X, labels, k = problem
    assume(k < len(X))  # scikit-learn refuses as many clusters as samples
    D = cdist(X, X, "cityblock")
    expected = silhouette_score(D, labels, metric="precomputed")
    assert silhouette_of(D.astype(np.float32), labels, k) == pytest.approx(expected, abs=1e-6)


def test_silhouette_of_larger_data_equals_scikit_learn_s() -> None:
    X, labels = scattered(400, 30, 12)
    for metric in ("cityblock", "euclidean"):
        D = cdist(X, X, metric)
        found = silhouette_of(D.astype(np.float32), labels, 12)
        assert found == pytest.approx(silhouette_score(D, labels, metric="precomputed"), abs=1e-6)


def test_silhouette_where_there_is_nothing_to_compare() -> None:
    assert silhouette_of(np.zeros((4, 4), np.float32), np.array([0, 0, 1, 1]), 2) == 0  # all samples coincide
    apart = (1 - np.eye(3)).astype(np.float32)
    assert silhouette_of(apart, np.array([0, 1, 2]), 3) == 0  # each is alone


@settings(deadline=None, max_examples=150)
@given(clusterings())
def test_davies_bouldin_equals_the_loops(problem: tuple[Floats, Ints, int]) -> None:
    X, labels, k = problem
    for centres_of, metric, distance in (
        (oracles.medians, "cityblock", oracles.manhattan),
        (naive.means, "euclidean", naive.euclidean),
    ):
        centres = centres_of(X, labels.tolist(), k)
        between = cdist(centres, centres, metric)
        # means that coincide but for rounding are infinitely far from a clear case: whole numbers keep them apart
        assume(((between == 0) | (between > 1e-9)).all())
        own = cdist(X, centres, metric)[np.arange(len(X)), labels]
        found = davies_bouldin(own, between, labels)
        assert same(found, naive.davies_bouldin(X, centres, labels.tolist(), distance))


@pytest.mark.parametrize("k", [2, 5, 12])
def test_davies_bouldin_equals_scikit_learn_s(k: int) -> None:
    X, labels = scattered(200, 6, k)
    X = X + labels[:, None]
    centres = naive.means(X, labels.tolist(), k)
    own = np.linalg.norm(X - centres[labels], axis=1)
    assert davies_bouldin(own, cdist(centres, centres), labels) == pytest.approx(davies_bouldin_score(X, labels))


def test_davies_bouldin_of_coinciding_centres() -> None:
    labels = np.array([0, 0, 1, 1])
    assert davies_bouldin(np.ones(4), np.zeros((2, 2)), labels) == math.inf
    assert math.isnan(davies_bouldin(np.zeros(4), np.zeros((2, 2)), labels))


def test_a_single_cluster_and_an_empty_one_have_no_value() -> None:
    D = np.ones((3, 3), np.float32)
    for labels, k in ((np.zeros(3, np.int64), 1), (np.array([0, 0, 2]), 3), (np.array([0, 0, 1]), 3)):
        assert math.isnan(centre_ratio(D[:, :k], labels))
        assert math.isnan(centre_ratio(D[:, :k], labels, "means"))
        assert math.isnan(ratio_of(D, labels, k))
        assert math.isnan(silhouette_of(D, labels, k))
        assert math.isnan(davies_bouldin(D[0], D[:k, :k], labels))


def test_eigengaps() -> None:
    found = eigengaps(np.array([1.0, 0.9, 0.2, 0.1]), (1, 2, 3, 4))
    np.testing.assert_allclose(found, [0.1, 0.7, 0.1, np.nan])


def test_nothing_is_changed() -> None:
    X, labels = scattered()
    D = cdist(X, X).astype(np.float32)
    kept = D.copy()
    silhouette_of(D, labels, 5)
    ratio_of(D, labels, 5)
    centre_ratio(D[:, :5], labels)
    davies_bouldin(D[0], D[:5, :5], labels)
    np.testing.assert_array_equal(D, kept)


@pytest.mark.parametrize("columns", [1, 6, 1_000])
def test_sums_by_cluster_equal_the_loops(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setattr("phonoscope.clustering.criteria._COLUMNS", columns)
    M = np.random.default_rng(0).integers(0, 9, (20, 20)).astype(float)
    many = [np.random.default_rng(k).permutation(np.arange(20) % k) for k in (1, 2, 5, 4, 20)]
    for labels, sums in zip(many, cluster_sums(M, many), strict=True):
        expected = [[row[labels == c].sum() for c in range(labels.max() + 1)] for row in M]
        np.testing.assert_array_equal(sums, expected)


@settings(deadline=None)
@given(clusterings())
def test_euclidean_spread_equals_that_of_the_means(problem: tuple[Floats, Ints, int]) -> None:
    X, labels, k = problem
    squared: NDArray[np.floating] = cdist(X, X, "sqeuclidean")
    own, between = euclidean_spread(next(cluster_sums(squared, [labels])), labels, k)
    means = naive.means(X, labels.tolist(), k)
    np.testing.assert_allclose(own, np.linalg.norm(X - means[labels], axis=1), atol=1e-6)
    np.testing.assert_allclose(between, cdist(means, means), atol=1e-6)
