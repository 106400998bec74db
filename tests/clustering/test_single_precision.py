"""Products of wide float32 samples summed partly in single precision: how far off they, and what follows, may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.linalg import subspace_angles

from phonoscope.clustering.embedding import embed
from phonoscope.reduction import distances
from phonoscope.reduction.distances import centred_products, centred_products_in_single_precision

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CLASSES = 12


def classes(n: int, d: int, seed: int = 0) -> NDArray[np.float32]:
    """Draw samples of overlapping classes, shifted off the origin, after a ReLU as units often are."""
    random = np.random.default_rng(seed)
    centres = 3 * random.standard_normal((CLASSES, 40))
    hidden = centres[random.integers(CLASSES, size=n)] + random.standard_normal((n, 40))
    return np.maximum(hidden @ random.standard_normal((40, d)) + 5, 0).astype(np.float32)


@pytest.mark.parametrize(("n", "d"), [(3, 1), (513, 1024), (700, 2500)])
@pytest.mark.parametrize("kept", [10**9, 0], ids=["kept", "block by block"])
def test_products_are_those_in_double_precision_but_for_rounding(
    n: int, d: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distances, "_CENTRED", kept)
    X = classes(n, d)
    exact = X.astype(np.float64) - X.mean(axis=0, dtype=np.float64)
    lengths = np.linalg.norm(exact, axis=1)
    found = centred_products_in_single_precision(X)
    np.testing.assert_array_less(np.abs(found - exact @ exact.T), 1e-6 * np.outer(lengths, lengths) + 1e-12)
    np.testing.assert_array_equal(found, found.T)


def test_a_mapped_file_gives_the_same_as_memory(tmp_path: Path) -> None:
    X = classes(600, 1600)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(centred_products_in_single_precision(mapped), centred_products_in_single_precision(X))


@pytest.mark.parametrize("sigma", ["mouysset", "median"])
def test_affinities_and_eigenvectors_are_those_in_double_precision(sigma: str) -> None:
    X = classes(900, 1600)
    fast = embed(X, CLASSES, sigma=sigma, keep_affinity=True)
    slow = embed(X, CLASSES, sigma=sigma, keep_affinity=True, products=centred_products(X))
    assert fast.affinity is not None
    assert slow.affinity is not None
    assert not np.array_equal(fast.affinity, slow.affinity)
    np.testing.assert_allclose(fast.affinity, slow.affinity, rtol=1e-5)
    np.testing.assert_allclose(fast.eigenvalues, slow.eigenvalues, atol=1e-8)
    assert np.sin(subspace_angles(fast.vectors, slow.vectors)).max() < 1e-5


@pytest.mark.parametrize(
    ("dtype", "d", "sigma"),
    [
        (np.float64, 1600, "mouysset"),
        (np.float32, 1400, "mouysset"),
        (np.float32, 1600, "local"),
        (np.float32, 1600, 2.0),
    ],
)
def test_what_needs_double_precision_gets_it(dtype: type, d: int, sigma: str | float) -> None:
    X: NDArray[np.floating] = classes(450, d).astype(dtype)
    found = embed(X, 4, sigma=sigma, keep_affinity=True)
    exact = embed(X, 4, sigma=sigma, keep_affinity=True, products=centred_products(X))
    assert found.affinity is not None
    assert exact.affinity is not None
    np.testing.assert_array_equal(found.affinity, exact.affinity)
