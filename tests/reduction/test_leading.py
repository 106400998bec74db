"""The largest eigenvalues that make up a share, by LAPACK and by iteration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import LinAlgError, eigh_tridiagonal

from phonoscope.reduction import leading as module
from phonoscope.reduction.eigenpairs import dense
from phonoscope.reduction.leading import leading, leading_of


def product(n: int, rank: int, seed: int = 0) -> Any:  # noqa: ANN401 - float64
    """A covariance whose eigenvalues fade, of some rank."""
    Z = np.random.default_rng(seed).standard_normal((n, rank)) * np.geomspace(5, 0.5, rank)
    return Z @ Z.T


def check(found: Any, A: Any, wanted: float) -> None:  # noqa: ANN401
    """Hold values and vectors to NumPy's, and their number to the fewest that do."""
    values, vectors = found
    expected = np.linalg.eigvalsh(A)[::-1]
    m = len(values)
    np.testing.assert_allclose(values, expected[:m], rtol=1e-9, atol=1e-9 * expected[0])
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(m), atol=1e-10)
    np.testing.assert_allclose(vectors @ A, values[:, None] * vectors, atol=1e-9 * expected[0])
    assert values[:-1].sum() < wanted


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.05, 0.999), st.sampled_from(["evd", "stemr", "failing"]))
def test_lapack_finds_the_fewest_that_do(n: int, rank: int, share: float, way: str) -> None:
    A = product(n, rank, n)

    def failing(*args: Any, **options: Any) -> Any:  # noqa: ANN401
        if options.get("lapack_driver") == "stemr":
            raise LinAlgError
        return eigh_tridiagonal(*args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_ALL_AT_ONCE", 1_500 if way == "evd" else 0)
        if way == "failing":
            patch.setattr(module, "eigh_tridiagonal", failing)
        check(leading(A, share * np.trace(A)), A, share * np.trace(A))


@pytest.mark.parametrize("rank", [3, 20, 47, 300])
def test_the_iteration_finds_them_too_also_of_low_rank(rank: int) -> None:
    """Of low rank, directions of blocks are left out, and what is there is found all the same."""
    n = 700
    A = product(n, rank) + np.diag(np.full(n, 1e-3))
    wanted = 0.9 * np.trace(A)
    found = leading_of(dense(A), n, wanted, n)
    if found is None:  # too many: the other way
        assert rank > 100
        found = leading(A, wanted)
    check(found, A, wanted)


def test_equal_eigenvalues_are_all_found() -> None:
    n = 800
    Q = np.linalg.qr(np.random.default_rng(1).standard_normal((n, n)))[0]
    values = np.concatenate([np.full(12, 9.0), np.full(5, 4.0), np.full(n - 17, 1e-3)])
    A = (Q * values) @ Q.T
    A = (A + A.T) / 2
    wanted = 0.98 * np.trace(A)
    values, vectors = leading(A, wanted)
    assert len(values) == 17 if values.sum() >= wanted else len(values) > 17
    check((values, vectors), A, wanted)
