from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import oracles_spectral
from phonoscope.reduction.neighbours import nearest_neighbours

if TYPE_CHECKING:
    from numpy.typing import NDArray


@pytest.fixture
def panel() -> NDArray[np.float32]:
    draws = np.random.default_rng(0)
    return (3 * draws.standard_normal((12, 15))[draws.integers(0, 12, 700)] + draws.standard_normal((700, 15))).astype(
        "f"
    )


def test_comparing_all_finds_what_the_tree_finds(panel: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch) -> None:
    by_tree, far = nearest_neighbours(panel, 6)
    monkeypatch.setattr("phonoscope.reduction.neighbours._EXHAUSTIVE", 0)
    by_products, also_far = nearest_neighbours(panel, 6)
    np.testing.assert_allclose(also_far, far, rtol=1e-4)
    assert (by_products == by_tree).mean() > 0.999  # nearly equal distances may change places


def test_descent_finds_nearly_all(panel: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phonoscope.reduction.neighbours._EXHAUSTIVE", 0)
    monkeypatch.setattr("phonoscope.reduction.neighbours._COMPARED", 0)
    places, distances = nearest_neighbours(panel, 6, seed=1)
    assert (places != np.arange(700)[:, None]).all()
    expected = oracles_spectral.neighbour_distances(panel, 6)
    assert np.isclose(distances, expected, rtol=1e-4).mean() > 0.95
    again, _ = nearest_neighbours(panel, 6, seed=1)
    np.testing.assert_array_equal(again, places)
