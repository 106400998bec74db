from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn import manifold
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.estimator_checks import check_estimator

import oracles
from phonoscope.reduction import descent
from phonoscope.reduction.descent import descend, divergence, gradient, kl_divergence
from phonoscope.reduction.forces import TILE
from phonoscope.reduction.neighbourhoods import _encode, affinities, joint_probabilities
from phonoscope.reduction.pca import pca
from phonoscope.reduction.tsne import TSNE, leading_scores

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


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("spread", [1e-4, 1.0, 30.0])
def test_the_divergence_equals_the_double_loop(dimensions: int, spread: float) -> None:
    P = joint_probabilities(some(14), 4.0)
    Y = spread * some(14, dimensions, seed=1)
    expected = oracles.kl_divergence(P, Y)
    assert kl_divergence(P, Y) == pytest.approx(expected, rel=1e-6)
    assert kl_divergence(P, Y.astype(np.float32)) == pytest.approx(expected, rel=1e-4)
    assert divergence(affinities(some(14), 4.0), Y) == pytest.approx(expected, rel=1e-5)
    # nothing diverges from itself
    assert kl_divergence(oracles.student(Y), Y) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("spread", [0.1, 1.0, 5.0])
def test_the_gradient_is_the_slope_of_the_divergence(dimensions: int, spread: float) -> None:
    Y = (spread * some(11, dimensions, seed=2)).astype(np.float32)
    expected = oracles.kl_gradient(joint_probabilities(some(11), 3.0), Y.astype(np.float64))
    found = gradient(affinities(some(11), 3.0), Y)
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
    assert ours.kl_divergence_ == pytest.approx(kl_divergence(P, ours.embedding_), rel=1e-5)


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
    fitted = TSNE(perplexity=15, max_iter=5_000, random_state=0).fit(X)
    assert fitted.n_iter_ < 5_000  # nothing moved any more
    assert fitted.embedding_.dtype == np.float32
    np.testing.assert_allclose(fitted.embedding_.mean(axis=0), 0, atol=1e-3)
    assert np.abs(gradient(affinities(X, 15), fitted.embedding_)).max() < 1e-3
    longer = TSNE(perplexity=15, max_iter=fitted.n_iter_ - 1, random_state=0).fit(X)
    assert fitted.kl_divergence_ == pytest.approx(longer.kl_divergence_, abs=1e-4)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize(("early", "exaggeration", "rate", "momentum"), [(4, 8.0, 20, 0.8), (0, 1.0, 30, 0.9)])
def test_every_step_is_van_der_maaten_s(
    early: int, exaggeration: float, rate: float, momentum: float, dimensions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descent, "EXAGGERATED_ITERATIONS", early)
    X = some(13)
    P, Y = joint_probabilities(X, 4.0), some(13, dimensions, seed=1)
    found, steps = descend(
        affinities(X, 4.0), Y.astype(np.float32), iterations=4, exaggeration=8.0, learning_rates=(20.0, 30.0)
    )
    assert steps == 4

    def kernels(Y: Floats) -> float:
        return sum(1 / (1 + oracles.squared_distance(a, b)) for a in Y for b in Y) - 13

    step, gains, normaliser = np.zeros_like(Y), np.ones_like(Y), kernels(Y)
    for _ in range(4):
        # with P exaggerated the slope is that of the attraction eight times over, and of the repulsion once
        slope, Q, following = np.zeros_like(Y), oracles.student(Y), kernels(Y)
        for i in range(13):
            for j in range(13):
                apart = Y[i] - Y[j]
                repulsion = Q[i, j] * following / normaliser  # by the sum of the step before
                slope[i] += 4 * (exaggeration * P[i, j] - repulsion) * apart / (1 + apart @ apart)
        same = np.sign(slope) == np.sign(step)
        gains = np.maximum(np.where(same, gains * 0.8, gains + 0.2), 0.01)
        step = momentum * step - rate * gains * slope
        normaliser = following
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


@pytest.mark.parametrize("shape", [(40, 6), (40, 1), (6, 40), (2, 9), (1_010, 1_200), (9_000, 5)])
def test_the_leading_scores_are_those_of_all_components(shape: tuple[int, int]) -> None:
    n, d = shape
    X = (some(n, d) * np.linspace(3, 1, d) ** 2 + 5).astype(np.float32)
    X[:, : min(d, 3)] *= [4, 3, 2][:d]  # components far enough apart to be told
    expected = pca(X, 1.0).scores[:, :3]
    found = leading_scores(X, 3)
    kept = min(expected.shape[1], found.shape[1])
    np.testing.assert_allclose(found[:, :kept], expected[:, :kept], atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(found[:, kept:], 0, atol=1e-6)


@pytest.mark.parametrize("init", ["pca", "random"])
def test_a_seed_gives_the_same_embedding(init: Any) -> None:  # noqa: ANN401
    X = some(50, 6)
    first, again, other = (
        TSNE(perplexity=8, init=init, max_iter=400, random_state=s).fit_transform(X) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.array_equal(first, other) == (init == "pca")  # components are not drawn


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("n", [70, 600])  # one block of samples, and three
def test_threads_change_nothing(numba_threads: Callable[[int], None], dimensions: int, n: int) -> None:
    X = some(n, 5)
    found = []
    for threads in (1, 2):
        numba_threads(threads)
        found.append(TSNE(dimensions, perplexity=9, max_iter=200).fit(X))
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
        ({"n_components": 0}, "n_components"),
        ({"n_components": 4}, "n_components"),
        ({"perplexity": 0.5}, "perplexity"),
        ({"perplexity": 11}, "perplexity"),
        ({"perplexity": float("nan")}, "perplexity"),
        ({"perplexity": 3, "init": "spectral"}, "init"),
        ({"perplexity": 3, "method": "barnes_hut"}, "method"),
        ({"perplexity": 3, "method": "fft", "n_components": 3}, "two dimensions"),
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


@pytest.mark.filterwarnings("ignore")
def test_is_an_estimator_of_scikit_learn_s() -> None:
    check_estimator(TSNE(perplexity=1, max_iter=20))


def test_affinities_may_be_known_already() -> None:
    X = some(60)
    P = affinities(X, 5)
    for dimensions in (2, 3):
        alone, told = TSNE(dimensions, perplexity=5), TSNE(dimensions, perplexity=5)
        np.testing.assert_array_equal(told.fit_transform(X, affinities=P), alone.fit_transform(X))
        assert told.kl_divergence_ == alone.kl_divergence_


@pytest.mark.parametrize("gap", [16, 32, 48, 200, 100_000])
def test_where_the_arrays_lie_in_memory_changes_nothing(gap: int) -> None:
    P = joint_probabilities(some(60), 5)
    size = 2 * TILE * TILE
    memory = np.zeros(size + gap + P.nbytes, np.uint8)
    behind = memory[size + gap :].view(np.float64).reshape(P.shape)
    behind[:] = P
    codes = np.zeros(TILE * TILE, np.uint16)
    assert _encode(behind, P.max(), memory[:size].view(np.uint16), 1) == _encode(P.copy(), P.max(), codes, 1)
    np.testing.assert_array_equal(codes, memory[:size].view(np.uint16))


@pytest.mark.parametrize(("n", "perplexity", "seed"), [(6, 2, 0), (40, 5, 0), (40, 5, 1), (100, 10, 2)])
def test_one_dimension_is_a_line_at_rest(n: int, perplexity: float, seed: int) -> None:
    X = np.random.default_rng(seed).standard_normal((n, 6)).astype(np.float32)
    found = TSNE(1, perplexity=perplexity, random_state=0).fit(X)
    assert found.embedding_.shape == (n, 1)
    P = joint_probabilities(X, perplexity)
    assert found.kl_divergence_ == pytest.approx(oracles.kl_divergence(P, found.embedding_), rel=1e-3)
    assert np.abs(oracles.kl_gradient(P, found.embedding_.astype(np.float64))).max() < 1e-3
    assert found.kl_divergence_ < oracles.kl_divergence(P, np.zeros((n, 1)))  # that of no embedding at all
    theirs = manifold.TSNE(1, perplexity=perplexity, method="exact", init="pca", random_state=0).fit(X)
    assert found.kl_divergence_ < oracles.kl_divergence(P, theirs.embedding_)
