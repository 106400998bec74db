from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import SpectralClustering as OfScikitLearn
from sklearn.datasets import make_moons
from sklearn.utils.estimator_checks import check_estimator
from threadpoolctl import threadpool_limits

import oracles
from phonoscope.clustering.affinity import choose_sigma, contrast, gaussian_affinity
from phonoscope.clustering.spectral import SpectralClustering, leading_eigenpairs, normalised_affinity, unit_rows
from phonoscope.reduction.distances import squared_distances

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def blobs(n: int = 60, k: int = 3, spread: float = 0.3, seed: int = 0) -> tuple[Floats, NDArray[np.int64]]:
    draws = np.random.default_rng(seed)
    truth = np.arange(n) % k
    angle = 2 * np.pi * truth / k
    return 5 * np.stack([np.cos(angle), np.sin(angle)], axis=1) + spread * draws.standard_normal((n, 2)), truth


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 12), st.integers(0, 1_000), st.floats(0.05, 5))
def test_normalised_affinity_equals_the_formula(n: int, seed: int, sigma: float) -> None:
    X = np.random.default_rng(seed).standard_normal((n, 2))
    A = oracles.affinity(X, [sigma] * n, 2.0)
    np.testing.assert_allclose(normalised_affinity(A), oracles.normalised_affinity(A), rtol=1e-9, atol=1e-12)


def test_what_is_next_to_nothing_beside_others_counts_as_nothing() -> None:
    A = np.full((4, 4), 1e-220)
    A[:2, :2] = A[2:, 2:] = 0.5
    np.fill_diagonal(A, 0.0)
    expected = np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0], [0, 0, 1, 0]])
    np.testing.assert_array_equal(normalised_affinity(A) != 0, expected != 0)
    np.testing.assert_allclose(normalised_affinity(A), expected, rtol=1e-15)


@pytest.mark.parametrize("least", [1e-300, 1e-310, 5e-324])
def test_the_smallest_affinities_are_normalised_too(least: float) -> None:
    A = np.array([[0, least, 0, 0], [least, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]])
    np.testing.assert_allclose(normalised_affinity(A), [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]])


def test_a_sample_without_affinity_has_a_row_of_zeros() -> None:
    A = np.array([[0, 0.5, 0], [0.5, 0, 0], [0, 0, 0]])
    np.testing.assert_allclose(normalised_affinity(A), [[0, 1, 0], [1, 0, 0], [0, 0, 0]])


@pytest.mark.parametrize("k", [1, 3, 10, 24])
def test_eigenpairs_are_those_of_the_full_decomposition(k: int) -> None:
    X = np.random.default_rng(k).standard_normal((24, 4))
    L = oracles.normalised_affinity(oracles.affinity(X, [oracles.mouysset_sigma(X)] * 24, 2.0))
    values, vectors = leading_eigenpairs(L, k)
    all_values, all_vectors = np.linalg.eigh(L)
    assert values.shape == (k,)
    assert vectors.shape == (24, k)
    np.testing.assert_allclose(values, all_values[::-1][:k], atol=1e-8)
    assert values[0] == pytest.approx(1)  # the largest eigenvalue of every such matrix
    # no two are equal here: one by one, up to the sign
    overlap = np.abs((vectors * all_vectors[:, ::-1][:, :k]).sum(axis=0))
    np.testing.assert_allclose(overlap, 1, atol=1e-6)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(k), atol=1e-8)


@pytest.mark.parametrize("k", [2, 5, 8, 33])
@pytest.mark.parametrize("kind", ["noise", "groups", "pieces", "circle"])
def test_eigenpairs_of_a_larger_matrix_are_too(kind: str, k: int) -> None:
    draws = np.random.default_rng(k)
    angle = np.linspace(0, 2 * np.pi, 510, endpoint=False)
    X = {
        "noise": draws.standard_normal((510, 3)),
        "groups": np.repeat(np.eye(6), 85, axis=0) + 0.01 * draws.standard_normal((510, 6)),
        "pieces": 9 * np.repeat(np.eye(6), 85, axis=0) + 0.1 * draws.standard_normal((510, 6)),
        "circle": np.stack([np.cos(angle), np.sin(angle)], axis=1),  # its eigenvalues come in pairs
    }[kind]
    L = normalised_affinity(gaussian_affinity(squared_distances(X), 0.5))
    with threadpool_limits(1, "blas"):  # threads that wait for each other take many times as long beside other jobs
        values, vectors = leading_eigenpairs(L, k)
        again = leading_eigenpairs(L, k)
        expected = np.linalg.eigvalsh(L)[::-1][:k]
    np.testing.assert_allclose(values, expected, atol=1e-9)
    np.testing.assert_allclose(L @ vectors, vectors * values, atol=1e-8)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(k), atol=1e-8)
    np.testing.assert_array_equal(again[1], vectors)


def test_eigenspaces_of_equal_eigenvalues_are_found_whole() -> None:
    # five equal pieces: the eigenvalue 1 five times, and any basis of its eigenspace is right
    piece = np.ones((6, 6)) - np.eye(6)
    L = oracles.normalised_affinity(np.kron(np.eye(5), piece))
    values, vectors = leading_eigenpairs(L, 5)
    np.testing.assert_allclose(values, 1, atol=1e-8)
    indicator = np.kron(np.eye(5), np.ones((6, 1))) / np.sqrt(6)
    np.testing.assert_allclose(vectors @ vectors.T, indicator @ indicator.T, atol=1e-7)


def test_rows_have_unit_length_and_zeros_stay() -> None:
    assert unit_rows(np.array([[3.0, 4.0], [0.0, 0.0], [0.0, -1e-100]])).tolist() == [[0.6, 0.8], [0, 0], [0, -1]]


@pytest.mark.parametrize("sigma", ["mouysset", "median", "local", 0.9])
@pytest.mark.parametrize("kernel", ["2sigma2", "sigma2"])
def test_follows_ng_jordan_and_weiss_step_by_step(sigma: Any, kernel: Any) -> None:  # noqa: ANN401
    X, _ = blobs(30, spread=1.5)
    found = SpectralClustering(4, sigma=sigma, kernel=kernel, random_state=0).fit(X)
    widths = {"mouysset": [oracles.mouysset_sigma(X)] * 30, "local": oracles.local_sigmas(X), 0.9: [0.9] * 30}.get(
        sigma, [float(found.sigma_)] * 30
    )
    assert found.sigma_ == pytest.approx(np.median(widths))
    A = oracles.affinity(X, widths, 2.0 if kernel == "2sigma2" else 1.0)
    values, vectors = np.linalg.eigh(oracles.normalised_affinity(A))
    np.testing.assert_allclose(found.eigenvalues_, values[::-1][:4], atol=1e-8)
    rows = np.array([row / np.linalg.norm(row) for row in vectors[:, ::-1][:, :4]])
    # inner products of rows do not depend on signs, nor on rotations within an eigenspace
    np.testing.assert_allclose(found.embedding_ @ found.embedding_.T, rows @ rows.T, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found.embedding_, axis=1), 1)
    assert found.contrast_ == pytest.approx(contrast(A))
    assert found.labels_.shape == (30,)
    assert set(found.labels_) == {0, 1, 2, 3}


@pytest.mark.parametrize("sigma", ["mouysset", "median", "local", 0.5])
def test_blobs_are_recovered_and_scikit_learn_agrees(sigma: Any) -> None:  # noqa: ANN401
    X, truth = blobs()
    found = SpectralClustering(3, sigma=sigma, random_state=0).fit_predict(X)
    assert oracles.same_partition(found, truth)
    theirs = OfScikitLearn(3, gamma=1 / (2 * 0.5**2), random_state=0).fit_predict(X)
    assert oracles.same_partition(found, theirs)


def test_two_moons_are_recovered() -> None:
    X, truth = make_moons(200, noise=0.04, random_state=0)
    for sigma in (0.1, "local"):
        found = SpectralClustering(2, sigma=sigma, kernel="sigma2", random_state=0).fit_predict(X)
        assert oracles.same_partition(found, truth)
    theirs = OfScikitLearn(2, gamma=1 / (2 * 0.1**2), random_state=0).fit_predict(X)
    assert oracles.same_partition(theirs, truth)


def test_isolated_samples_leave_the_others_alone() -> None:
    X, truth = blobs(40, k=2)
    X = np.vstack([X, [[1e4, 1e4], [-1e4, 1e4]]])
    found = SpectralClustering(2, sigma=0.5, random_state=0).fit(X)
    np.testing.assert_allclose(found.eigenvalues_, 1, atol=1e-8)
    assert oracles.same_partition(found.labels_[:40], truth)
    assert np.isfinite(found.embedding_).all()


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
@pytest.mark.parametrize("sigma", ["mouysset", "median", "local", 1.0])
def test_samples_that_all_coincide_are_clustered(sigma: Any) -> None:  # noqa: ANN401
    found = SpectralClustering(2, sigma=sigma, random_state=0).fit(np.full((8, 3), 0.1))
    assert np.isfinite(found.embedding_).all()
    assert found.eigenvalues_[0] == pytest.approx(1)
    assert found.contrast_ == pytest.approx(0)


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_one_cluster_and_as_many_as_samples() -> None:
    X, _ = blobs(12)
    assert set(SpectralClustering(1, random_state=0).fit_predict(X)) == {0}
    assert sorted(SpectralClustering(12, random_state=0).fit_predict(X)) == list(range(12))
    assert SpectralClustering(2, random_state=0).fit_predict(X[:2]).tolist() in ([0, 1], [1, 0])


def test_a_seed_gives_the_same_result() -> None:
    X = np.random.default_rng(0).standard_normal((80, 3))
    first, again = (SpectralClustering(6, random_state=3).fit(X) for _ in range(2))
    np.testing.assert_array_equal(first.labels_, again.labels_)
    np.testing.assert_array_equal(first.embedding_, again.embedding_)


def test_any_layout_of_the_data_gives_the_same(tmp_path: Path) -> None:
    X = blobs(40, spread=1.0)[0].astype(np.float32)
    np.save(tmp_path / "x.npy", X)
    expected = SpectralClustering(4, random_state=0).fit(X)
    for data in (X.astype(np.float64), np.asfortranarray(X), np.load(tmp_path / "x.npy", mmap_mode="r"), X.tolist()):
        found = SpectralClustering(4, random_state=0).fit(data)
        np.testing.assert_array_equal(found.labels_, expected.labels_)
        assert found.sigma_ == expected.sigma_


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_clusters": 0}, "n_clusters"),
        ({"n_clusters": 61}, "n_clusters"),
        ({"sigma": "wide"}, "sigma"),
        ({"sigma": 0.0}, "sigma"),
        ({"sigma": float("nan")}, "sigma"),
        ({"kernel": "cosine"}, "kernel"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SpectralClustering(**parameters).fit(blobs()[0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(bad: float) -> None:
    X, _ = blobs()
    X[3, 1] = bad
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        SpectralClustering(3).fit(X)


def test_the_parts_make_the_whole() -> None:
    X, _ = blobs(50, spread=1.0)
    squared = squared_distances(X)
    A = gaussian_affinity(squared, choose_sigma(squared, 2, "mouysset"))
    values, vectors = leading_eigenpairs(normalised_affinity(A), 5)
    found = SpectralClustering(5, random_state=0).fit(X)
    np.testing.assert_allclose(found.eigenvalues_, values, atol=1e-10)
    rows = unit_rows(vectors)
    np.testing.assert_allclose(np.abs(found.embedding_), np.abs(rows), atol=1e-6)


@pytest.mark.filterwarnings("ignore")  # checks that do not apply are skipped with a warning
def test_is_a_scikit_learn_estimator() -> None:
    check_estimator(SpectralClustering(3))
