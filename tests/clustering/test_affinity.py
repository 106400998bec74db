from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import oracles
from phonoscope.clustering.affinity import (
    choose_sigma,
    contrast,
    gaussian_affinity,
    mouysset_sigma,
)
from phonoscope.reduction.distances import squared_distances

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DATA = arrays(
    np.float64,
    st.tuples(st.integers(2, 12), st.integers(1, 6)),
    elements=st.floats(-100, 100, width=32, allow_subnormal=False),
)
FACTOR = {"2sigma2": 2.0, "sigma2": 1.0}


def some(n: int = 20, d: int = 3, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal((n, d))


@settings(deadline=None)
@given(DATA)
def test_squared_distances_equal_the_loops(X: Floats) -> None:
    found = squared_distances(X)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, oracles.squared_distances(X), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found, found.T, rtol=1e-12, atol=1e-10)
    assert (found >= 0).all()
    assert (np.diag(found) == 0).all()


def test_a_common_offset_costs_no_digits() -> None:
    X = some().astype(np.float32)
    np.testing.assert_allclose(
        squared_distances(X.astype(np.float64) + 1e6), oracles.squared_distances(X), rtol=1e-7, atol=1e-8
    )
    kept = X.copy()
    squared_distances(X)
    np.testing.assert_array_equal(X, kept)


def test_the_paper_s_sigma_by_hand() -> None:
    # a square of side 3, in a space of two dimensions: Dmax = 3 √2, four samples, four to the power of 1/2 is 2
    X = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0], [3.0, 3.0]])
    assert mouysset_sigma(squared_distances(X), 2) == pytest.approx(3 * math.sqrt(2) / 2 / 2)
    # the same in a space of four: four to the power of 1/4 is √2
    assert mouysset_sigma(squared_distances(X), 4) == pytest.approx(3 * math.sqrt(2) / math.sqrt(2) / 2)


@settings(deadline=None)
@given(DATA)
def test_the_paper_s_sigma_equals_the_formula(X: Floats) -> None:
    expected = oracles.mouysset_sigma(X)
    assert mouysset_sigma(squared_distances(X), X.shape[1]) == pytest.approx(expected, rel=1e-9, abs=1e-5)


@pytest.mark.parametrize("kernel", ["2sigma2", "sigma2"])
@pytest.mark.parametrize("rule", ["mouysset", "median", "local", 0.7])
@pytest.mark.parametrize("n", [6, 19])  # odd numbers of pairs: the median of squares is the square of the median
def test_affinity_equals_the_formula(
    n: int, rule: Literal["mouysset", "median", "local"] | float, kernel: Literal["2sigma2", "sigma2"]
) -> None:
    X = some(n)
    pairs = [math.dist(X[i], X[j]) for i in range(n) for j in range(i)]
    widths = {
        "mouysset": [oracles.mouysset_sigma(X)] * n,
        "median": [float(np.median(pairs))] * n,
        "local": oracles.local_sigmas(X),
        0.7: [0.7] * n,
    }[rule]
    squared = squared_distances(X)
    sigma = choose_sigma(squared, 3, rule)
    np.testing.assert_allclose(np.broadcast_to(sigma, n), widths, rtol=1e-9)
    A = gaussian_affinity(squared, sigma, kernel)
    np.testing.assert_allclose(A, oracles.affinity(X, widths, FACTOR[kernel]), rtol=1e-9)
    assert (np.diag(A) == 0).all()
    np.testing.assert_allclose(A, A.T, rtol=1e-12)


@pytest.mark.parametrize("rule", ["mouysset", "median", "local"])
def test_samples_that_all_coincide_have_a_width_and_full_affinity(
    rule: Literal["mouysset", "median", "local"],
) -> None:
    squared = squared_distances(np.full((9, 4), 0.1))
    sigma = choose_sigma(squared, 4, rule)
    assert (np.asarray(sigma) > 0).all()
    np.testing.assert_allclose(gaussian_affinity(squared, sigma), 1 - np.eye(9))


@pytest.mark.parametrize("seed", range(5))
def test_coinciding_samples_keep_together_under_local_widths(seed: int) -> None:
    X = some(24, 10, seed)
    X[:10] = X[0]  # more than a sample has neighbours that count
    squared = squared_distances(X)
    A = gaussian_affinity(squared, choose_sigma(squared, 10, "local"))
    np.testing.assert_allclose(A[:10, :10], 1 - np.eye(10), atol=1e-6)


def test_a_far_sample_has_no_affinity() -> None:
    A = gaussian_affinity(squared_distances(np.array([[0.0], [1.0], [1e3]])), 1.0)
    assert A[2].tolist() == [0, 0, 0]
    assert A[0, 1] == pytest.approx(math.exp(-0.5))


@pytest.mark.parametrize("rule", [0, -1.0, math.nan, "widest"])
def test_widths_that_are_none_are_refused(rule: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match="sigma"):
        choose_sigma(squared_distances(some()), 3, rule)


def test_contrast_tells_flat_from_not() -> None:
    assert contrast(np.full((10, 10), 0.4)) == pytest.approx(0)
    assert contrast(np.zeros((10, 10))) == 0
    blocks = np.asarray(np.kron(np.eye(2), np.ones((10, 10))), np.float64)
    assert contrast(blocks) == pytest.approx(1)
    A = oracles.affinity(some(), [0.8] * 20, 2.0)
    pairs = [A[i, j] for i in range(20) for j in range(i)]
    assert contrast(A) == pytest.approx(1 - np.quantile(pairs, 0.05) / np.quantile(pairs, 0.95))


def test_the_paper_s_width_is_flat_on_wide_layers() -> None:
    squared = squared_distances(some(60, 1024))
    A = gaussian_affinity(squared, choose_sigma(squared, 1024, "mouysset"))
    assert A[~np.eye(60, dtype=bool)].min() > math.exp(-2.1)
    assert contrast(A) < 0.5
