from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles
import oracles_spectral
from phonoscope.clustering.affinity import choose_sigma, gaussian_affinity, normalised_affinity, quantiles_above
from phonoscope.clustering.embedding import embed, plan
from phonoscope.clustering.neighbour_graph import neighbour_affinity, sparse_eigenpairs
from phonoscope.clustering.nystrom import nystrom_eigenpairs
from phonoscope.clustering.spectral import SpectralClustering
from phonoscope.clustering.widths import choose_sigma_of_many, largest_distance
from phonoscope.reduction.distances import centred_products, squared_distances
from phonoscope.reduction.eigenpairs import largest
from phonoscope.reduction.neighbours import nearest_neighbours

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def planted(
    n: int = 600, d: int = 12, k: int = 5, seed: int = 0, spread: float = 0.3
) -> tuple[Floats, NDArray[np.int64]]:
    draws = np.random.default_rng(seed)
    truth = np.arange(n) % k
    return draws.standard_normal((k, d))[truth] + spread * draws.standard_normal((n, d)), truth


@pytest.mark.parametrize("kernel", ["2sigma2", "sigma2"])
@pytest.mark.parametrize("sigma", [1.5, "median", "local"])
@pytest.mark.parametrize("wide", [False, True])
def test_nystrom_with_all_samples_as_landmarks_is_exact(sigma: Any, kernel: str, *, wide: bool) -> None:  # noqa: ANN401
    X, _ = planted(120, 90 if wide else 3)
    squared = squared_distances(X)
    # wide enough for every sample to have neighbours: lone ones are left apart
    width = choose_sigma(squared, X.shape[1], 4.0 if wide and sigma == 1.5 else sigma)
    expected, vectors = largest(normalised_affinity(gaussian_affinity(squared, width, kernel)), 5)
    values, found = nystrom_eigenpairs(X, 5, width, landmarks=np.arange(120), kernel=kernel)
    np.testing.assert_allclose(values, expected, atol=1e-3)
    cosines = np.linalg.svd(vectors.T @ found, compute_uv=False)
    np.testing.assert_allclose(cosines, 1, atol=1e-2)


@pytest.mark.parametrize("method", ["nystrom", "neighbours"])
@pytest.mark.parametrize("sigma", ["mouysset", "median", "local", 1.0])
def test_planted_classes_are_found_by_every_method(method: Any, sigma: Any) -> None:  # noqa: ANN401
    X, truth = planted()
    found = SpectralClustering(5, sigma=sigma, method=method, n_landmarks=150, random_state=0).fit(X)
    assert found.method_ == method
    assert oracles.same_partition(found.labels_, truth)
    assert found.agreement_ == 1
    exact = SpectralClustering(5, sigma=sigma, random_state=0).fit(X)
    assert exact.agreement_ is None
    assert found.sigma_ == pytest.approx(exact.sigma_, rel=0.02)
    assert found.contrast_ == pytest.approx(exact.contrast_, abs=0.02)


def test_a_sample_out_of_reach_of_the_landmarks_has_a_row_of_zeros() -> None:
    X, _ = planted(60, 2)
    X[7] = 1e3
    _, vectors = nystrom_eigenpairs(X, 3, 1.0, landmarks=np.arange(10, 40))
    assert (vectors[7] == 0).all()
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("method", ["nystrom", "neighbours"])
def test_any_layout_gives_the_same_by_every_method(tmp_path: Path, method: Any) -> None:  # noqa: ANN401
    X = planted(300)[0].astype(np.float32)
    np.save(tmp_path / "x.npy", X)
    expected = SpectralClustering(5, method=method, n_landmarks=50, random_state=0).fit(X)
    for data in (X.astype(np.float64), np.asfortranarray(X), np.load(tmp_path / "x.npy", mmap_mode="r")):
        found = SpectralClustering(5, method=method, n_landmarks=50, random_state=0).fit(data)
        np.testing.assert_array_equal(found.labels_, expected.labels_)


@settings(deadline=None, max_examples=20)
@given(st.integers(3, 30), st.integers(1, 4), st.integers(0, 1_000), st.integers(0, 1))
def test_neighbours_are_the_nearest(n: int, d: int, seed: int, doubled: int) -> None:
    X = np.random.default_rng(seed).standard_normal((n, d))
    if doubled:
        X[n // 2 :] = X[0]
    k = min(4, n - 1)
    places, distances = nearest_neighbours(X, k)
    np.testing.assert_allclose(distances, oracles_spectral.neighbour_distances(X, k), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(X[places] - X[:, None], axis=2), distances, atol=1e-12)
    assert (places != np.arange(n)[:, None]).all()


def test_the_graph_of_all_neighbours_is_the_affinity() -> None:
    X, _ = planted(80, 3)
    for sigma in (0.7, np.linspace(0.5, 1, 80)):
        A = neighbour_affinity(X, sigma, neighbours=79)
        expected = gaussian_affinity(squared_distances(X), sigma)
        np.testing.assert_allclose(A.toarray(), expected, atol=1e-12)
        values, vectors = sparse_eigenpairs(A, 4)
        np.testing.assert_allclose(values, largest(normalised_affinity(expected), 4)[0], atol=1e-9)
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(4), atol=1e-9)


def test_a_graph_in_pieces_has_1_once_a_piece() -> None:
    X = 100 * np.repeat(np.eye(6), 100, axis=0) + np.random.default_rng(0).standard_normal((600, 6))
    values, _ = sparse_eigenpairs(neighbour_affinity(X, 1.0, neighbours=10), 7)
    np.testing.assert_allclose(values[:6], 1, atol=1e-9)
    assert values[6] < 1 - 1e-6


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 60), st.integers(1, 5), st.integers(0, 1_000))
def test_the_largest_distance_is_within_its_bounds(n: int, d: int, seed: int) -> None:
    X = np.random.default_rng(seed).standard_normal((n, d))
    exact = float(np.sqrt(squared_distances(X).max()))
    found = largest_distance(X)
    assert exact / np.sqrt(3) - 1e-9 <= found <= exact + 1e-9


@pytest.mark.parametrize("rule", ["mouysset", "median", "local", 0.6])
def test_widths_of_many_are_those_of_all_distances(rule: Any) -> None:  # noqa: ANN401
    X, _ = planted(200)
    np.testing.assert_allclose(choose_sigma_of_many(X, rule), choose_sigma(squared_distances(X), 12, rule), rtol=1e-9)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 30), st.integers(0, 1_000), st.sampled_from([0, 1, 2]))
def test_quantiles_are_numpy_s(n: int, seed: int, digits: int) -> None:
    M = np.round(np.random.default_rng(seed).gamma(0.3, size=(n, n)), digits)
    shares = [0.0, 0.05, 0.5, 0.95, 1.0]
    expected = np.quantile(M[np.triu_indices(n, 1)], shares)
    np.testing.assert_allclose(quantiles_above(M, shares), expected, rtol=1e-12)


def test_the_plan_follows_the_memory() -> None:
    assert plan(3_300, 1_024) == "exact"
    assert plan(33_000, 1_024) == "nystrom"
    assert plan(33_000, 2) == "neighbours"
    assert plan(33_000, 2, sigma="median") == "nystrom"
    assert plan(33_000, 1_024, sigma="local") == "neighbours"
    assert plan(33_000, 1_024, memory=30) == "exact"
    assert plan(10, 2, method="nystrom") == "nystrom"
    for wrong in ({"method": "fast"}, {"memory": 0.0}, {"memory": float("nan")}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            plan(10, 2, **wrong)


def test_what_is_known_already_is_used() -> None:
    X, _ = planted(100)
    expected = embed(X, 4, keep_affinity=True)
    assert expected.affinity is not None
    squared = squared_distances(X)
    kept = squared.copy()
    for found in (embed(X, 4, products=centred_products(X)), embed(X, 4, squared=squared)):
        np.testing.assert_array_equal(found.vectors, expected.vectors)
        assert found.affinity is None
    np.testing.assert_array_equal(squared, kept)
    np.testing.assert_allclose(expected.affinity, gaussian_affinity(squared, expected.sigma))


@pytest.mark.parametrize("parameters", [{"method": "fast"}, {"memory": -1.0}, {"n_landmarks": 0}])
def test_parameters_out_of_range_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(parameters))):
        SpectralClustering(5, **parameters).fit(planted(60)[0])
