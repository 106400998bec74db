from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

import oracles
from phonoscope.reduction.distances import centred_products
from phonoscope.reduction.pca import pca

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def fading(n: int, d: int, seed: int = 0) -> Floats:
    """Samples whose components fade slowly, as those of activations do, off the origin."""
    draws = np.random.default_rng(seed)
    m = min(n, d)
    spread = np.linspace(3, 0.2, m)
    axes = np.linalg.qr(draws.standard_normal((d, m)))[0].T
    return np.asarray(7 + draws.standard_normal((n, m)) * spread @ axes)


def check_scores(found: NDArray[Any], expected: NDArray[Any]) -> None:
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found * signs, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


SHAPES = [(40, 12), (12, 40), (25, 25), (2, 30), (30, 1), (60, 7)]


@pytest.mark.parametrize("variance", [0.3, 0.9, 0.999, 1.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_a_singular_value_decomposition(shape: tuple[int, int], variance: float) -> None:
    X = fading(*shape)
    found = pca(X, variance)
    scores, share = oracles.pca(X, variance)
    if variance == 1:  # what a decomposition leaves behind the rank is rounding
        rank = np.linalg.matrix_rank(X - X.mean(axis=0))
        scores, share = scores[:, :rank], share[:rank]
    assert found.scores.dtype == np.float32
    assert found.scores.shape == scores.shape
    np.testing.assert_allclose(found.share, share, rtol=1e-6)
    check_scores(found.scores, scores)
    m = scores.shape[1]
    assert found.axes.shape == (m, shape[1])
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(m), atol=1e-8)
    np.testing.assert_allclose(found.scores, (X - X.mean(axis=0)) @ found.axes.T, atol=1e-4)
    largest = np.abs(found.axes).argmax(axis=1)
    assert (found.axes[np.arange(m), largest] > 0).all()


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 30), st.integers(1, 30), st.floats(0.05, 0.99), st.integers(0, 1_000))
def test_keeps_as_few_components_as_scikit_learn(n: int, d: int, variance: float, seed: int) -> None:
    X = np.random.default_rng(seed).standard_normal((n, d)) * np.linspace(2, 0.5, d)
    theirs = PCA(variance, svd_solver="full").fit(X)
    found = pca(X, variance)
    assert len(found.share) == theirs.n_components_
    np.testing.assert_allclose(found.share, theirs.explained_variance_ratio_, rtol=1e-6)
    assert found.share.sum() >= variance - 1e-9
    assert found.share[:-1].sum() < variance
    check_scores(found.scores, theirs.transform(X))


def test_a_slow_decay_needs_most_of_many_components() -> None:
    X = np.random.default_rng(0).standard_normal((520, 2_000))
    with threadpool_limits(1, "blas"):  # threads that wait for each other take many times as long beside other jobs
        for variance in (0.9, 0.9999):
            found, (scores, share) = pca(X, variance), oracles.pca(X, variance)
            np.testing.assert_allclose(found.share, share, rtol=1e-6)
            check_scores(found.scores[:, :3], scores[:, :3])
    assert len(found.share) > 510


@pytest.mark.parametrize("shape", [(300, 700), (700, 900), (900, 700)])
def test_one_matrix_is_enough_where_memory_is_scarce(shape: tuple[int, int]) -> None:
    X = np.random.default_rng(1).standard_normal(shape).astype(np.float32)  # too flat for few vectors
    peaks, found = [], []
    for memory in (4.0, 1e-6):
        tracemalloc.start()
        found.append(pca(X, 0.6, memory=memory))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    plenty, scarce = found
    np.testing.assert_allclose(scarce.share, plenty.share, rtol=1e-9)
    np.testing.assert_allclose(scarce.axes, plenty.axes, atol=1e-7)
    np.testing.assert_allclose(scarce.scores, plenty.scores, atol=1e-4)
    assert peaks[1] < peaks[0]
    given = pca(X, 0.6, products=centred_products(X) if shape[1] > shape[0] else None, memory=1e-6)
    np.testing.assert_array_equal(given.share, (plenty if shape[1] > shape[0] else scarce).share)


@pytest.mark.parametrize("shape", [(3_000, 3_500), (3_500, 3_000)])
def test_no_matrix_is_needed_where_the_variance_lies_on_few_directions(shape: tuple[int, int]) -> None:
    draws = np.random.default_rng(2)
    X = (draws.standard_normal((shape[0], 60)) * np.geomspace(8, 1, 60)) @ draws.standard_normal((60, shape[1]))
    X = (5 + X + draws.standard_normal(shape)).astype(np.float32)
    plenty = pca(X, 0.9)
    tracemalloc.start()
    found = pca(X, 0.9, memory=0.02)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 10 < len(found.share) < 60
    np.testing.assert_allclose(found.share, plenty.share, rtol=1e-9)
    np.testing.assert_allclose(found.axes, plenty.axes, atol=1e-6)
    np.testing.assert_allclose(found.scores, plenty.scores, atol=1e-3)
    assert peak < 8 * min(shape) ** 2  # the bytes of the smaller product


def test_values_that_are_no_numbers_are_found_without_a_product_too() -> None:
    X = np.random.default_rng(3).standard_normal((700, 800))
    X[650, 3] = np.inf
    with pytest.raises(ValueError, match="finite"), np.errstate(invalid="ignore"):
        pca(X, memory=0.008)
    X[:] = 1.5
    assert pca(X, memory=0.008).scores.tolist() == [[0.0]] * 700


def test_the_share_that_is_reached_exactly_is_enough() -> None:
    # variances 8, 1 and 1 on the axes: nine tenths are reached by two
    X = np.array([[2.0, 0, 0], [-2, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    X[:, 0] *= np.sqrt(2)
    assert pca(X, 0.8).share == pytest.approx([0.8])
    assert pca(X, 0.9).share == pytest.approx([0.8, 0.1])
    assert pca(X, 0.901).share == pytest.approx([0.8, 0.1, 0.1])


@pytest.mark.parametrize("shape", [(30, 8), (8, 30)])
def test_all_the_variance_is_no_more_than_the_rank(shape: tuple[int, int]) -> None:
    draws = np.random.default_rng(0)
    X = draws.standard_normal((shape[0], 3)) @ draws.standard_normal((3, shape[1]))
    found = pca(X, 1.0)
    assert found.scores.shape == (shape[0], 3)
    assert found.share.sum() == pytest.approx(1)
    np.testing.assert_allclose(found.scores @ found.axes + X.mean(axis=0), X, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1 / 3, 7.7])
@pytest.mark.parametrize("shape", [(7, 3), (10, 40)])
def test_samples_that_are_all_the_same_lie_at_zero(value: float, shape: tuple[int, int]) -> None:
    found = pca(np.full(shape, value))
    assert found.scores.shape == (shape[0], 1)
    np.testing.assert_allclose(found.scores, 0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(found.axes, axis=1), 1)


def test_a_column_that_is_always_the_same_counts_for_nothing() -> None:
    X = fading(30, 4)
    wider = np.hstack([np.full((30, 2), 0.1), X])
    np.testing.assert_allclose(np.abs(pca(wider).scores), np.abs(pca(X).scores), atol=1e-5)


def test_any_layout_gives_the_same_and_the_data_stay(tmp_path: Path) -> None:
    X = fading(20, 50).astype(np.float32)
    kept = X.copy()
    np.save(tmp_path / "x.npy", X)
    expected = pca(X)
    np.testing.assert_array_equal(X, kept)
    for data in (X.astype(np.float64), np.asfortranarray(X), np.load(tmp_path / "x.npy", mmap_mode="r")):
        np.testing.assert_allclose(pca(data).scores, expected.scores, atol=1e-5)
    np.testing.assert_array_equal(pca(X).scores, expected.scores)


@pytest.mark.parametrize(
    ("X", "variance", "message"),
    [
        (np.ones((1, 4)), 0.9, "two samples"),
        (np.ones(4), 0.9, "two samples"),
        (np.eye(4), 0.0, "variance"),
        (np.eye(4), 1.1, "variance"),
        (np.eye(4), np.nan, "variance"),
        (np.array([[1, np.nan], [0, 1]]), 0.9, "NaN"),
        (np.array([[1, np.inf], [0, 1]]), 0.9, "infinity"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_what_can_not_be_reduced_is_refused(X: Floats, variance: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pca(X, variance)


@pytest.mark.parametrize("n", [1_250, 1_500])
@pytest.mark.parametrize("shape", ["wide", "tall"])
def test_large_data_equal_scikit_learn(n: int, shape: str) -> None:
    """Of such sizes the components are found by an iteration."""
    d = n + 300 if shape == "wide" else n
    rows = n if shape == "wide" else n + 300
    draws = np.random.default_rng(n)
    spread = np.r_[np.geomspace(30, 3, 60), np.full(d - 60, 0.5)]
    X = (draws.standard_normal((rows, d)) * spread + 5).astype(np.float32)
    with threadpool_limits(1, "blas"):
        theirs = PCA(0.85, svd_solver="full").fit(X.astype(np.float64))
        found = pca(X, 0.85)
    assert 20 < len(found.share) == theirs.n_components_ < 100
    np.testing.assert_allclose(found.share, theirs.explained_variance_ratio_, rtol=1e-8)
    check_scores(found.scores, theirs.transform(X.astype(np.float64)))
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(len(found.share)), atol=1e-9)


def test_equal_variances_and_few_directions_of_large_data() -> None:
    draws = np.random.default_rng(0)
    axes = np.linalg.qr(draws.standard_normal((1_300, 40)))[0]
    drawn = draws.standard_normal((1_400, 40))
    scores = np.linalg.qr(drawn - drawn.mean(axis=0))[0]
    X = scores @ axes.T  # forty components of exactly the same variance, and nothing else
    found = pca(X, 0.9)
    np.testing.assert_allclose(found.share, 1 / 40, rtol=1e-6)
    assert len(found.share) == 36
    np.testing.assert_allclose(
        found.scores @ found.scores.T, (X - X.mean(0)) @ found.axes.T @ found.axes @ X.T, atol=1e-3
    )
    whole = pca(X, 1.0)
    assert len(whole.share) == 40
    np.testing.assert_allclose(whole.scores @ whole.axes + X.mean(axis=0), X, atol=1e-5)


def test_threads_change_nothing(numba_threads: Callable[[int], None]) -> None:
    draws = np.random.default_rng(1)
    for n, d in ((1_300, 1_350), (2_000, 1_210), (700, 90)):
        X = draws.standard_normal((n, d)).astype(np.float32) * np.geomspace(20, 0.1, d).astype(np.float32)
        found = []
        for threads in (1, 2):
            numba_threads(threads)
            found.append(pca(X))
        np.testing.assert_array_equal(found[0].scores, found[1].scores)
        np.testing.assert_array_equal(found[0].axes, found[1].axes)


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_rows_taken_block_by_block_make_the_same(monkeypatch: pytest.MonkeyPatch, precision: Any) -> None:  # noqa: ANN401
    X = fading(200, 30).astype(np.float32)
    whole = pca(X)
    monkeypatch.setattr("phonoscope.reduction.pca._ROWS_AT_A_TIME", 8 * 30 * 7)
    if precision is np.float32:
        monkeypatch.setattr("phonoscope.reduction.pca._SINGLE_PRECISION", 0)
    found = pca(X)
    tolerance = 1e-5 if precision is np.float32 else 1e-10
    np.testing.assert_allclose(found.share, whole.share, rtol=tolerance)
    check_scores(found.scores, whole.scores)
