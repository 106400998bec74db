from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from phonoscope.evaluation.grid import reduce_by_tsne
from phonoscope.reduction import tsne
from phonoscope.reduction.descent import kl_divergence
from phonoscope.reduction.forces import TILE
from phonoscope.reduction.neighbourhoods import affinities, joint_probabilities
from phonoscope.reduction.neighbours import by_products
from phonoscope.reduction.tsne import TSNE
from phonoscope.settings import ReductionSettings

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


def test_samples_that_do_not_fit_into_the_memory_go_that_way_too() -> None:
    pytest.importorskip("openTSNE")
    X = np.random.default_rng(0).standard_normal((210, 3)).astype(np.float32)
    with_less = TSNE(perplexity=8, max_iter=20, memory=3e-5, random_state=0).fit(X)
    assert with_less.method_ == "fft"
    asked = TSNE(perplexity=8, max_iter=20, method="fft", random_state=0).fit(X)
    np.testing.assert_array_equal(with_less.embedding_, asked.embedding_)
    settings = ReductionSettings(perplexity=8, tsne_iterations=250)
    small, large = (reduce_by_tsne(X, settings, 0, memory)[1]["kl_divergence"] for memory in (3e-5, 4.0))
    assert small != large
    assert TSNE(perplexity=8, max_iter=1).fit(X).method_ == "exact"
    with pytest.raises(ValueError, match="memory is above 0 GB, not 0"):
        TSNE(memory=0).fit(X)


def test_with_the_usual_memory_25_000_samples_are_exact() -> None:
    assert tsne.plan(25_000, 2) == tsne.plan(100_000, 3) == tsne.plan(100_000, 1) == "exact"
    assert tsne.plan(25_001, 2) == tsne.plan(25_000, 2, 0.6) == "fft"
    assert tsne.plan(15_000, 2, 0.25) == tsne.plan(15_000, 3, 0.1) == "exact"
    assert tsne.plan(15_500, 2, 0.25) == "fft"


def test_the_bytes_of_exact_forces_are_those_of_their_arrays() -> None:
    X = np.random.default_rng(0).standard_normal((700, 3))
    for dimensions in (2, 3):
        P = affinities(X, 8)
        blocks = -(-len(X) // TILE)
        work = 4 * blocks * blocks * 2 * dimensions * TILE  # of `_Forces`
        assert tsne.exact_bytes(len(X), dimensions) == pytest.approx(P.codes.nbytes + work, rel=0.7)
