from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonoscope.reduction.eigenpairs import NotConvergedError, dense, krylov, largest, signed
from phonoscope.reduction.shifted import inverse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def with_eigenvalues(values: Floats, seed: int = 0) -> Floats:
    draws = np.random.default_rng(seed)
    Q, _ = np.linalg.qr(draws.standard_normal((len(values), len(values))))
    L = (Q * values) @ Q.T
    return np.asarray((L + L.T) / 2)


def spectrum(kind: str, n: int) -> Floats:
    draws = np.random.default_rng(1)
    return {
        "flat": np.append([1.0], 0.1 * 0.97 ** np.arange(n - 1)),
        "crowded": 1 - 1e-4 * np.arange(n),  # no gap anywhere, all near 1
        "pieces": np.append(np.ones(7), draws.uniform(-0.2, 0.9, n - 7)),
        "twins": np.repeat(np.linspace(1, -0.1, n // 5), 5),
        "more ones than wanted": np.append(np.ones(60), draws.uniform(0, 0.999, n - 60)),
        "zero": np.zeros(n),
        "few": np.append([1.0, 0.5, 0.25], np.zeros(n - 3)),  # fewer directions than wanted
    }[kind]


@pytest.mark.parametrize("kind", ["flat", "crowded", "pieces", "twins", "more ones than wanted", "zero", "few"])
@pytest.mark.parametrize("k", [1, 9, 34])
def test_eigenpairs_are_those_of_the_full_decomposition(kind: str, k: int) -> None:
    expected = np.sort(spectrum(kind, 450))[::-1][:k]
    L = with_eigenvalues(spectrum(kind, 450))
    values, vectors = largest(L, k)
    np.testing.assert_allclose(values, expected, atol=1e-10)
    np.testing.assert_allclose(L @ vectors, vectors * values, atol=1e-9)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(k), atol=1e-10)


def test_an_eigenspace_before_a_gap_is_found_whole() -> None:
    L = with_eigenvalues(spectrum("pieces", 450))
    _, vectors = largest(L, 7)
    _, whole = np.linalg.eigh(L)
    np.testing.assert_allclose(vectors @ vectors.T, whole[:, -7:] @ whole[:, -7:].T, atol=1e-9)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 40), st.integers(0, 1_000), st.data())
def test_small_matrices_equal_numpy(n: int, seed: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, n))
    L = with_eigenvalues(np.random.default_rng(seed).uniform(-1, 1, n), seed)
    values, vectors = largest(L, k)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(L)[::-1][:k], atol=1e-12)
    np.testing.assert_allclose(L @ vectors, vectors * values, atol=1e-12)


@pytest.mark.parametrize("kind", ["flat", "crowded"])
def test_the_number_of_threads_changes_no_bit(kind: str) -> None:
    L = with_eigenvalues(spectrum(kind, 900))
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = largest(L, 12)
        numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
        two = largest(L, 12)
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


def test_restarts_come_to_the_same() -> None:
    L = with_eigenvalues(np.linspace(-0.5, 1, 450))
    values, rows = krylov(dense(L), 450, 5, blocks=200, basis=4, patient=True)
    np.testing.assert_allclose(values, np.linspace(-0.5, 1, 450)[::-1][:5], atol=1e-10)
    np.testing.assert_allclose(rows @ L, values[:, None] * rows, atol=1e-9)


def test_a_search_that_takes_too_long_says_what_it_has() -> None:
    with pytest.raises(NotConvergedError) as told:
        krylov(dense(with_eigenvalues(spectrum("crowded", 450))), 450, 5, blocks=4)
    assert told.value.vectors.shape == (len(told.value.values), 450)


@pytest.mark.parametrize("n", [1, 5, 384, 900])
def test_the_inverse_is_one(n: int) -> None:
    L = with_eigenvalues(np.linspace(-1, 1, n))
    rows = np.random.default_rng(0).standard_normal((13, n))
    np.testing.assert_allclose(inverse(L, 1.1)(rows) @ (1.1 * np.eye(n) - L), rows, atol=1e-10)


def test_a_shift_inside_the_spectrum_is_refused() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        inverse(with_eigenvalues(np.linspace(-1, 1, 500)), 0.9)


def test_signs_are_fixed() -> None:
    assert signed(np.array([[1.0, -2.0], [3.0, 0.0], [0.0, 0.0], [-1.0, 1.0]])).tolist() == [
        [-1.0, 2.0],
        [3.0, 0.0],
        [0.0, 0.0],
        [1.0, -1.0],
    ]
