from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import manifold
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.neighbors import NearestNeighbors

import oracles
from phonoscope.reduction import tsne
from phonoscope.reduction.neighbourhoods import conditional_probabilities, joint_probabilities
from phonoscope.reduction.tsne import TSNE, descend, gradient, kl_divergence

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def some(n: int = 12, d: int = 4, seed: int = 0) -> Floats:
    return np.asarray(np.random.default_rng(seed).standard_normal((n, d)))


def fading() -> Floats:
    return np.asarray(some() * np.array([4.0, 2.0, 1.0, 0.5]))


def blobs(n: int = 60) -> tuple[Floats, NDArray[np.int64]]:
    truth = np.arange(n) % 3
    return 6 * np.eye(3)[truth] + 0.5 * some(n, 3), truth


@settings(deadline=None, max_examples=40)
@given(st.integers(4, 15), st.floats(0, 1), st.sampled_from([1e-4, 1.0, 1e4]), st.integers(0, 1_000))
def test_conditional_probabilities_have_the_perplexity_asked_for(n: int, part: float, scale: float, seed: int) -> None:
    perplexity = 1.2 + part * (n - 2.5)  # up to nearly all the others
    squared = oracles.squared_distances(scale * some(n, 3, seed))
    P = conditional_probabilities(squared, perplexity)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-6)
    assert (np.diag(P) == 0).all()
    assert [2 ** oracles.entropy(row) for row in P] == pytest.approx([perplexity] * n, rel=1e-4)
    np.testing.assert_allclose(P, oracles.conditional_probabilities(squared, perplexity), atol=1e-4)


def test_neighbours_that_coincide_share_the_probability() -> None:
    # six samples in one place are five neighbours each; a perplexity of two can not be had
    X = np.vstack([np.zeros((6, 2)), [[1.0, 0], [5.0, 0]]])
    P = conditional_probabilities(oracles.squared_distances(X), 2.0)
    np.testing.assert_allclose(P[:6, :6], (1 - np.eye(6)) / 5, atol=1e-6)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-6)
    same = conditional_probabilities(np.zeros((5, 5)), 2.0)
    np.testing.assert_allclose(same, (1 - np.eye(5)) / 4)


def test_a_far_sample_has_neighbours_too() -> None:
    X = np.vstack([some(10, 2), [[1e5, 1e5]]])
    P = conditional_probabilities(oracles.squared_distances(X), 3.0)
    assert [2 ** oracles.entropy(row) for row in P] == pytest.approx([3.0] * 11, rel=1e-3)


@pytest.mark.parametrize("perplexity", [2.0, 5.0])
def test_joint_probabilities_are_the_symmetric_mean(perplexity: float) -> None:
    X = some(14)
    P = joint_probabilities(X, perplexity)
    assert P.dtype == np.float32
    assert P.flags.c_contiguous
    conditional = oracles.conditional_probabilities(oracles.squared_distances(X), perplexity)
    np.testing.assert_allclose(P, (conditional + conditional.T) / 28, atol=1e-6)
    np.testing.assert_allclose(P, P.T, rtol=1e-6)
    assert P.sum(dtype=np.float64) == pytest.approx(1, rel=1e-6)
    assert (np.diag(P) == 0).all()


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("spread", [1e-4, 1.0, 30.0])
def test_the_divergence_equals_the_double_loop(dimensions: int, spread: float) -> None:
    P = joint_probabilities(some(14), 4.0)
    Y = spread * some(14, dimensions, seed=1)
    expected = oracles.kl_divergence(P, Y)
    assert kl_divergence(P, Y) == pytest.approx(expected, rel=1e-6)
    assert kl_divergence(P, Y.astype(np.float32)) == pytest.approx(expected, rel=1e-4)
    # nothing diverges from itself
    assert kl_divergence(oracles.student(Y), Y) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("spread", [0.1, 1.0, 5.0])
def test_the_gradient_is_the_slope_of_the_divergence(dimensions: int, spread: float) -> None:
    P = joint_probabilities(some(11), 3.0)
    Y = (spread * some(11, dimensions, seed=2)).astype(np.float32)
    expected = oracles.kl_gradient(P, Y.astype(np.float64))
    found = gradient(P, Y)
    assert found.shape == Y.shape
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(found.sum(axis=0), 0, atol=1e-5)


@pytest.mark.parametrize("perplexity", [10.0, 30.0])
def test_ends_no_higher_than_scikit_learn(perplexity: float) -> None:
    X, _ = load_iris(return_X_y=True)
    ours = TSNE(perplexity=perplexity, random_state=0).fit(X)
    theirs = manifold.TSNE(method="exact", perplexity=perplexity, init="pca", random_state=0).fit(X)
    assert ours.kl_divergence_ <= 1.05 * theirs.kl_divergence_  # both stop in some local minimum
    # two programs, one measure: theirs of their embedding is ours of it
    P = joint_probabilities(X, perplexity)
    assert kl_divergence(P, theirs.embedding_) == pytest.approx(theirs.kl_divergence_, rel=1e-3)
    assert ours.kl_divergence_ == pytest.approx(kl_divergence(P, ours.embedding_), rel=1e-6)


def test_ends_as_low_as_scikit_learn_where_there_is_no_structure_to_help() -> None:
    ours, theirs = [], []
    for seed in range(4):  # one alone may be lucky
        X = some(200, 10, seed)
        ours.append(TSNE(perplexity=10).fit(X).kl_divergence_)
        theirs.append(manifold.TSNE(method="exact", perplexity=10, init="pca", random_state=0).fit(X).kl_divergence_)
    assert np.mean(ours) <= 1.03 * np.mean(theirs)


def test_a_third_dimension_lowers_the_divergence() -> None:
    X, _ = load_iris(return_X_y=True)
    flat, solid = (TSNE(m, perplexity=10, random_state=0).fit(X) for m in (2, 3))
    assert solid.embedding_.shape == (150, 3)
    assert solid.kl_divergence_ < flat.kl_divergence_
    # scikit-learn descends another divergence in three dimensions (two degrees of freedom): no better by this one
    theirs = manifold.TSNE(3, method="exact", perplexity=10, init="pca", random_state=0).fit_transform(X)
    assert solid.kl_divergence_ <= 1.05 * kl_divergence(joint_probabilities(X, 10), theirs)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("init", ["pca", "random"])
def test_neighbours_stay_neighbours(dimensions: int, init: Any) -> None:  # noqa: ANN401
    X, truth = blobs()
    Y = TSNE(dimensions, perplexity=8, init=init, random_state=0).fit_transform(X)
    nearest = NearestNeighbors(n_neighbors=6).fit(Y).kneighbors(return_distance=False)
    assert (truth[nearest] == truth[:, None]).all()


def test_the_embedding_is_centred_and_at_rest() -> None:
    X, _ = load_iris(return_X_y=True)
    fitted = TSNE(perplexity=15, random_state=0).fit(X)
    assert fitted.embedding_.dtype == np.float32
    np.testing.assert_allclose(fitted.embedding_.mean(axis=0), 0, atol=1e-3)
    assert np.abs(gradient(joint_probabilities(X, 15), fitted.embedding_)).max() < 1e-4


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize(("early", "exaggeration", "momentum"), [(4, 8.0, 0.5), (0, 1.0, 0.8)])
def test_every_step_is_van_der_maaten_s(
    early: int, exaggeration: float, momentum: float, dimensions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tsne, "_EXAGGERATED_ITERATIONS", early)
    P = joint_probabilities(some(13), 4.0)
    Y = some(13, dimensions, seed=1)
    found = descend(P, Y.astype(np.float32), iterations=4, exaggeration=8.0, learning_rate=20.0)
    step, gains = np.zeros_like(Y), np.ones_like(Y)
    for _ in range(4):
        # with P exaggerated the slope is that of the attraction eight times over, and of the repulsion once
        slope, Q = np.zeros_like(Y), oracles.student(Y)
        for i in range(13):
            for j in range(13):
                apart = Y[i] - Y[j]
                slope[i] += 4 * (exaggeration * P[i, j] - Q[i, j]) * apart / (1 + apart @ apart)
        same = np.sign(slope) == np.sign(step)
        gains = np.maximum(np.where(same, gains * 0.8, gains + 0.2), 0.01)
        step = momentum * step - 20 * gains * slope
        Y = Y + step
        Y = Y - Y.mean(axis=0)
    np.testing.assert_allclose(found, Y, atol=1e-3 * np.abs(Y).max())


def test_starts_from_the_principal_components_made_small() -> None:
    X = fading()
    Y = TSNE(perplexity=4, max_iter=1, learning_rate=1e-9).fit_transform(X)
    scores = oracles.pca(X, 1.0)[0][:, :2]
    expected = 1e-4 * scores / scores[:, 0].std()
    np.testing.assert_allclose(np.abs(Y), np.abs(expected), atol=1e-8)
    drawn = TSNE(perplexity=4, init="random", max_iter=1, learning_rate=1e-9, random_state=0).fit_transform(some(300))
    np.testing.assert_allclose(drawn.std(axis=0), 1e-4, rtol=0.15)


@pytest.mark.parametrize("init", ["pca", "random"])
def test_a_seed_gives_the_same_embedding(init: Any) -> None:  # noqa: ANN401
    X = some(50, 6)
    first, again, other = (
        TSNE(perplexity=8, init=init, max_iter=400, random_state=s).fit_transform(X) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.array_equal(first, other) == (init == "pca")  # components are not drawn


@pytest.mark.parametrize("dimensions", [2, 3])
def test_threads_change_nothing(numba_threads: Callable[[int], None], dimensions: int) -> None:
    X = some(70, 5)
    found = []
    for threads in (1, 2):
        numba_threads(threads)
        found.append(TSNE(dimensions, perplexity=9, max_iter=400).fit(X))
    np.testing.assert_array_equal(found[0].embedding_, found[1].embedding_)
    assert found[0].kl_divergence_ == found[1].kl_divergence_


def test_any_layout_of_the_data_gives_the_same(tmp_path: Path) -> None:
    X = some(30, 5).astype(np.float32)
    kept = X.copy()
    np.save(tmp_path / "x.npy", X)
    expected = TSNE(perplexity=5, max_iter=260).fit_transform(X)
    np.testing.assert_array_equal(X, kept)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(TSNE(perplexity=5, max_iter=260).fit_transform(mapped), expected)
    # other layouts add in another order, and descents part ways in the last digit
    for data in (X.astype(np.float64), np.asfortranarray(X), X.tolist()):
        np.testing.assert_allclose(joint_probabilities(np.asarray(data), 5.0), joint_probabilities(X, 5.0), atol=1e-7)
        assert TSNE(perplexity=5, max_iter=260).fit_transform(data).shape == (30, 2)


@pytest.mark.parametrize("X", [np.zeros((9, 3)), np.full((33, 4), 0.1)])
def test_samples_that_are_all_the_same_are_embedded(X: Floats) -> None:
    fitted = TSNE(perplexity=2, max_iter=300, random_state=0).fit(X)
    assert np.isfinite(fitted.embedding_).all()
    assert np.isfinite(fitted.kl_divergence_)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize(("n", "perplexity"), [(3, 1), (3, 1.9), (4, 1), (5, 3.9), (8, 2)])
def test_few_samples_are_embedded(n: int, perplexity: float, dimensions: int) -> None:
    fitted = TSNE(dimensions, perplexity=perplexity, random_state=0).fit(some(n, 2))
    assert np.isfinite(fitted.embedding_).all()
    assert fitted.kl_divergence_ > -1e-6


def test_one_feature_is_enough() -> None:
    fitted = TSNE(3, perplexity=5, max_iter=300).fit(np.arange(20.0)[:, None])
    assert np.isfinite(fitted.embedding_).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 1}, "n_components"),
        ({"n_components": 4}, "n_components"),
        ({"perplexity": 0.5}, "perplexity"),
        ({"perplexity": 11}, "perplexity"),
        ({"perplexity": float("nan")}, "perplexity"),
        ({"perplexity": 3, "init": "spectral"}, "init"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TSNE(**parameters).fit(some(12))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(bad: float) -> None:
    X = some(12)
    X[3, 1] = bad
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        TSNE(perplexity=3).fit(X)


def test_parameters_are_kept_as_given() -> None:
    fitted = TSNE(3, perplexity=7, init="random", early_exaggeration=5, learning_rate=11, max_iter=300, random_state=9)
    assert clone(fitted).get_params() == fitted.get_params()
    assert fitted.fit(some(30)).get_params() == clone(fitted).get_params()
