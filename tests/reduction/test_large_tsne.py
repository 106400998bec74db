from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from phonoscope.reduction import tsne
from phonoscope.reduction.descent import kl_divergence
from phonoscope.reduction.neighbourhoods import joint_probabilities
from phonoscope.reduction.neighbours import by_products
from phonoscope.reduction.tsne import TSNE

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(("n", "count"), [(5, 4), (300, 7), (513, 90)])
def test_the_nearest_neighbours_are_scikit_learn_s(n: int, count: int) -> None:
    X = np.random.default_rng(0).standard_normal((n, 6)) + 100
    found, distances = by_products(X, count)
    expected, theirs = NearestNeighbors(n_neighbors=count).fit(X).kneighbors()[::-1]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(distances, theirs, rtol=1e-4)


def test_neighbours_in_one_place_are_at_no_distance() -> None:
    X = np.repeat(np.random.default_rng(0).standard_normal((4, 3)), 5, axis=0)
    found, distances = by_products(X, 4)
    assert (found // 5 == np.arange(20)[:, None] // 5).all()
    assert distances.max() < 1e-3


def test_many_samples_go_by_fast_fourier_transforms(
    numba_threads: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openTSNE")
    monkeypatch.setattr(tsne, "EXACT_UP_TO", 200)
    truth = np.arange(210) % 3
    X = 6 * np.eye(3)[truth] + 0.5 * np.random.default_rng(0).standard_normal((210, 3))
    found = []
    for threads in (1, 2):
        numba_threads(threads)
        found.append(TSNE(perplexity=8, max_iter=200, random_state=0).fit(X))
    first, second = found
    assert first.method_ == "fft"
    np.testing.assert_array_equal(first.embedding_, second.embedding_)
    nearest = NearestNeighbors(n_neighbors=6).fit(first.embedding_).kneighbors(return_distance=False)
    assert (truth[nearest] == truth[:, None]).all()
    exact = TSNE(perplexity=8, max_iter=500, method="exact").fit(X)
    assert exact.method_ == TSNE(3, perplexity=8, max_iter=1).fit(X).method_ == "exact"
    P = joint_probabilities(X, 8)
    assert kl_divergence(P, exact.embedding_) <= 1.01 * kl_divergence(P, first.embedding_)
    # of a P without the far neighbours, but a small part of it
    assert first.kl_divergence_ == pytest.approx(kl_divergence(P, first.embedding_), rel=0.2)
