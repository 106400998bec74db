from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import oracles
from phonoscope.clustering.kmedians import KMedians
from phonoscope.clustering.lloyd import lloyd
from phonoscope.clustering.manhattan import manhattan_distances
from phonoscope.clustering.medians import fill_medians, grouped, median, regroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def blobs(n: int = 90, d: int = 5, centres: int = 3, seed: int = 0) -> tuple[Floats, NDArray[np.int64]]:
    draws = np.random.default_rng(seed)
    truth = np.arange(n) % centres
    return 20 * draws.standard_normal((centres, d))[truth] + draws.standard_normal((n, d)), truth


@st.composite
def problems(draw: st.DrawFn) -> tuple[Floats, Floats]:
    """Small whole numbers, on which single precision is exact: ties and equal samples are common, and no excuse."""
    n, d = draw(st.integers(1, 14)), draw(st.integers(1, 5))
    k = draw(st.integers(1, n))
    whole = st.integers(-4, 4).map(float)
    X = draw(arrays(np.float64, (n, d), elements=whole))
    return X, draw(arrays(np.float64, (k, d), elements=whole))


def run(X: Any, start: Any, max_iter: int = 100) -> KMedians:  # noqa: ANN401
    return KMedians(len(start), init=start, max_iter=max_iter).fit(X)


@pytest.mark.parametrize("bounded", [False, True])
@settings(
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(problem=problems(), max_iter=st.sampled_from([1, 2, 3, 100]))
def test_equals_the_loops_from_the_same_start(
    monkeypatch: pytest.MonkeyPatch,
    problem: tuple[Floats, Floats],
    max_iter: int,
    bounded: bool,  # noqa: FBT001
) -> None:
    monkeypatch.setattr("phonoscope.clustering.lloyd._FEWEST_DIMENSIONS", 0 if bounded else 10**9)
    X, start = problem
    found, expected = run(X, start, max_iter), oracles.kmedians(X, start, max_iter)
    assert found.labels_.tolist() == expected.labels
    np.testing.assert_array_equal(found.cluster_centers_, expected.centres)
    assert found.inertia_ == expected.objective
    assert found.n_iter_ == expected.iterations


@pytest.mark.parametrize(("n", "d", "k"), [(200, 3, 8), (120, 70, 5), (64, 33, 20), (300, 1, 12)])
def test_equals_the_loops_on_larger_data(n: int, d: int, k: int) -> None:
    draws = np.random.default_rng(n)
    X = draws.standard_normal((n, d)).astype(np.float32)
    start = X[draws.choice(n, k, replace=False)]
    found, expected = run(X, start), oracles.kmedians(X, start)
    assert found.labels_.tolist() == expected.labels
    np.testing.assert_allclose(found.cluster_centers_, expected.centres, rtol=1e-6)
    assert found.inertia_ == pytest.approx(expected.objective, rel=1e-5)


@pytest.mark.parametrize("d", [12, 100, 700])
@pytest.mark.parametrize("offset", [0.0, 50.0])
def test_bounds_change_nothing(monkeypatch: pytest.MonkeyPatch, d: int, offset: float) -> None:
    """Classes that overlap move their centres for many iterations; far from zero, rounding is coarse."""
    draws = np.random.default_rng(d)
    X = (draws.standard_normal((20, d))[draws.integers(0, 20, 900)] + draws.standard_normal((900, d)) + offset).astype(
        "f"
    )
    start = X[draws.choice(900, 25, replace=False)]
    bounded = run(X, start)
    monkeypatch.setattr("phonoscope.clustering.lloyd._BOUNDS", 0)
    plain = run(X, start)
    assert bounded.n_iter_ == plain.n_iter_ > 3
    np.testing.assert_array_equal(bounded.labels_, plain.labels_)
    np.testing.assert_array_equal(bounded.cluster_centers_, plain.cluster_centers_)


def test_distances_to_the_start_may_be_known() -> None:
    X = np.random.default_rng(0).integers(-9, 10, (60, 15)).astype(np.float32)
    start = X[:7].copy()
    plain, told = lloyd(X, start, 100), lloyd(X, start, 100, to_centres=manhattan_distances(X, start))
    np.testing.assert_array_equal(plain.labels, told.labels)
    np.testing.assert_array_equal(plain.centres, told.centres)
    assert plain.cost == told.cost


def overlapping(n: int, classes: int = 6, d: int = 3) -> NDArray[np.float32]:
    draws = np.random.default_rng(n)
    centres = 2 * draws.standard_normal((classes, d))
    return (centres[draws.integers(classes, size=n)] + draws.standard_normal((n, d))).astype(np.float32)


@pytest.fixture(scope="module")
def settling() -> tuple[NDArray[np.float32], list[list[int]]]:
    """Samples, and their labels after each iteration until none changes."""
    X = overlapping(600)
    steps: list[list[int]] = []
    centres: Any = X[:6]
    while len(steps) < 2 or steps[-1] != steps[-2]:
        step = oracles.kmedians(X, centres, 1)
        steps.append(step.labels)
        centres = step.centres
    assert len(steps) < 100
    return X, steps


@pytest.mark.parametrize("tol", [0.2, 0.05, 0.01, 0.0])
def test_a_run_ends_when_few_enough_samples_change(
    tol: float, settling: tuple[NDArray[np.float32], list[list[int]]]
) -> None:
    X, steps = settling
    found = KMedians(6, init=X[:6], tol=tol).fit(X)
    changes = [600] + [sum(a != b for a, b in zip(*pair, strict=True)) for pair in itertools.pairwise(steps)]
    last = next(i for i, changed in enumerate(changes) if changed <= tol * 600)
    assert found.n_iter_ == last + 1
    assert found.labels_.tolist() == steps[last]
    np.testing.assert_array_equal(found.predict(X), found.labels_)


def test_all_samples_settle_unless_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    X = overlapping(3_000)
    settled, left = (KMedians(6, init=X[:6], tol=tol).fit(X) for tol in (0.0, 1 / 2_000))
    assert KMedians(6, init=X[:6]).fit(X).n_iter_ == settled.n_iter_ > left.n_iter_
    monkeypatch.setattr("phonoscope.clustering.lloyd.ALL_SETTLE", 2_999)
    many = KMedians(6, init=X[:6]).fit(X)
    np.testing.assert_array_equal(many.labels_, left.labels_)
    assert many.inertia_ == left.inertia_ == pytest.approx(settled.inertia_, rel=1e-3)


@pytest.mark.parametrize("tol", [-0.1, 1.0, "none", float("nan")])
def test_a_share_is_a_share(tol: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match="tol is 'auto' or a share"):
        KMedians(2, tol=tol).fit(blobs()[0])


@settings(deadline=None, max_examples=100)
@given(
    arrays(np.float32, st.integers(1, 70), elements=st.floats(-(2.0**99), 2.0**99, width=32)),
    st.integers(0, 3),
    st.sampled_from(["as it is", "many zeros", "equal", "tiny"]),
    st.sampled_from(["far", "near", "a value", "the median"]),
)
def test_the_median_is_the_median(x: NDArray[np.float32], seed: int, kind: str, guessed: str) -> None:
    draws = np.random.default_rng(seed)
    if kind == "many zeros":
        x = np.where(draws.random(len(x)) < 0.6, np.float32(0), x)
    elif kind == "equal":
        x = draws.choice(x[:3], len(x))
    elif kind == "tiny":
        x = (x * np.float32(1e-35)).astype(np.float32)
    ordered = np.sort(x)
    low, high = ordered[(len(x) - 1) // 2], ordered[len(x) // 2]
    at = {"a value": int(draws.integers(len(x))), "the median": len(x) // 2}.get(
        guessed, min(len(x) // 2 + 2, len(x) - 1)
    )
    guess = np.float32(
        draws.choice([-1e30, 1e30, 0.1]) if guessed == "far" else ordered[at] * (1 - 1e-6 * (guessed == "near"))
    )
    # half of a denormal number is rounded
    assert median(x, guess) == pytest.approx((float(low) + float(high)) / 2, rel=1e-6, abs=3e-45)


@pytest.mark.parametrize("n", [1_000, 70_000])
@pytest.mark.parametrize("k", [1, 3])
def test_medians_of_many_samples(n: int, k: int) -> None:
    draws = np.random.default_rng(n)
    X = np.maximum(draws.standard_normal((n, 35), dtype=np.float32) + np.linspace(-2, 2, 35, dtype=np.float32), 0)
    labels = draws.integers(0, k, n)
    expected = [np.median(X[labels == c], axis=0) for c in range(k)]
    for guess in (0.0, 1e9, np.array(expected) + 0.01):
        centres = np.full((k, 35), guess, np.float32)
        fill_medians(X, np.empty(0), *grouped(labels, k), np.arange(k), centres)
        np.testing.assert_array_equal(centres, expected)


@settings(deadline=None, max_examples=150)
@given(
    n=st.integers(1, 60),
    d=st.sampled_from([1, 3, 16, 27, 64, 70]),
    values=st.sampled_from([2, 5, 40, 100_000]),
    k=st.integers(1, 4),
    away=st.sampled_from([0.0, 0.02, 0.5, 1e30]),
    seed=st.integers(0, 10_000),
)
def test_medians_do_not_depend_on_the_guess(n: int, d: int, values: int, k: int, away: float, seed: int) -> None:
    draws = np.random.default_rng(seed)
    # few values: many of a column are equal, and many equal its median
    X = (draws.integers(-values, values, (n, d)) / 7).astype(np.float32)
    labels = draws.integers(0, k, n)
    there = np.unique(labels)
    expected = np.array([np.median(X[labels == c].astype(np.float64), axis=0) for c in there])
    centres = np.zeros((k, d), np.float32)
    with np.errstate(over="ignore"):
        centres[there] = (expected + away * draws.standard_normal(expected.shape)).clip(-3e38, 3e38)
    fill_medians(X, np.empty(0), *grouped(labels, k), there, centres)
    np.testing.assert_allclose(centres[there], expected, rtol=1e-6, atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(n=st.integers(1, 50), k=st.integers(1, 6), weighted=st.booleans(), seed=st.integers(0, 1_000))
def test_samples_are_grouped_in_one_pass_as_numpy_does(n: int, k: int, weighted: bool, seed: int) -> None:  # noqa: FBT001
    draws = np.random.default_rng(seed)
    labels, previous = draws.integers(0, k, n), draws.integers(-1, k, n)
    weights = draws.random(n) if weighted else np.empty(0)
    members, starts, touched = np.empty(n, np.int64), np.empty(k + 1, np.int64), np.empty(k, np.bool_)
    changed = regroup(labels, previous, weights, members, starts, touched)
    expected = grouped(labels, k)
    np.testing.assert_array_equal(members, expected[0])
    np.testing.assert_array_equal(starts, expected[1])
    moved = labels != previous
    assert changed == pytest.approx(weights[moved].sum() if weighted else moved.sum())
    assert set(np.flatnonzero(touched)) == {*labels[moved], *previous[moved]} - {-1}


# --- weights ---


@settings(deadline=None, max_examples=60)
@given(problem=problems(), seed=st.integers(0, 1_000))
def test_a_whole_weight_stands_for_as_many_equal_samples(problem: tuple[Floats, Floats], seed: int) -> None:
    X, start = problem
    weights = np.random.default_rng(seed).integers(0, 4, len(X))
    start = start[: max(min(len(start), int((weights > 0).sum())), 1)]
    weights[0] += 1  # at least one sample
    weighted = KMedians(len(start), init=start, max_iter=1).fit(X, sample_weight=weights)
    repeated = KMedians(len(start), init=start, max_iter=1).fit(np.repeat(X, weights, axis=0))
    found = len(set(oracles.nearest_centres(X[weights > 0], start)[0]))
    if len(set(weighted.labels_[weights > 0])) == len(set(repeated.labels_)) == found:
        # no cluster was emptied: of several equal samples only one is moved into an empty one
        np.testing.assert_array_equal(weighted.cluster_centers_, repeated.cluster_centers_)
        assert weighted.inertia_ == repeated.inertia_


@pytest.mark.parametrize("seed", range(5))
def test_weighted_medians_cost_least(seed: int) -> None:
    draws = np.random.default_rng(seed)
    X, weights = draws.integers(-9, 10, (40, 13)).astype(float), draws.random(40) * 3
    found = KMedians(3, init=X[:3]).fit(X, sample_weight=weights)
    distances = np.abs(X[:, None] - found.cluster_centers_).sum(axis=2)
    assert found.labels_.tolist() == distances.argmin(axis=1).tolist()
    assert found.inertia_ == pytest.approx((weights * distances.min(axis=1)).sum())
    for cluster, centre in enumerate(found.cluster_centers_):
        own = found.labels_ == cluster
        for j in range(13):
            costs = [(weights[own] * np.abs(X[own, j] - c)).sum() for c in X[own, j]]
            assert (weights[own] * np.abs(X[own, j] - centre[j])).sum() == pytest.approx(min(costs))


@pytest.mark.parametrize("tol", [0.0, 0.02, 0.1])
def test_of_weighted_samples_the_share_is_that_of_their_weights(tol: float) -> None:
    X = overlapping(300)
    weights = np.random.default_rng(1).integers(1, 9, 300)
    weighted = KMedians(6, init=X[:6], tol=tol).fit(X, sample_weight=weights)
    repeated = KMedians(6, init=X[:6], tol=tol).fit(np.repeat(X, weights, axis=0))
    assert weighted.n_iter_ == repeated.n_iter_
    np.testing.assert_array_equal(np.repeat(weighted.labels_, weights), repeated.labels_)
    light = KMedians(6, init=X[:6], tol=tol).fit(X, sample_weight=weights / 1_000)
    assert light.n_iter_ == weighted.n_iter_


def test_equal_weights_change_nothing_and_a_weight_of_zero_has_no_say() -> None:
    X, _ = blobs(60)
    plain = KMedians(4, random_state=0).fit(X)
    found = KMedians(4, init=X[:4]).fit(X, sample_weight=np.full(60, 0.25))
    np.testing.assert_array_equal(found.labels_, KMedians(4, init=X[:4]).fit(X).labels_)
    wild = np.vstack([X, np.full((5, 5), 1e6)])
    weights = np.r_[np.ones(60), np.zeros(5)]
    without = KMedians(4, init=X[:4]).fit(wild, sample_weight=weights)
    np.testing.assert_array_equal(without.cluster_centers_, KMedians(4, init=X[:4]).fit(X).cluster_centers_)
    assert without.labels_.tolist() == without.predict(wild).tolist()
    drawn = KMedians(4, random_state=0).fit(wild, sample_weight=weights)
    assert drawn.inertia_ < 2 * plain.inertia_  # no start was drawn from those without weight
    for bad in (-np.ones(60), np.full(60, np.nan), np.ones(59)):
        with pytest.raises(ValueError, match=r"weight|NaN"):
            KMedians(4).fit(X, sample_weight=bad)


def test_an_emptied_cluster_takes_the_farthest_sample_that_is_not_alone() -> None:
    X = np.array([[0.0], [1.0], [2.0], [3.0], [50.0]])
    # 50 is the farthest from its centre (10), but alone there; of the others, 3 is the farthest from 0
    found = run(X, np.array([[0.0], [1_000.0], [80.0]]), max_iter=1)
    assert found.labels_.tolist() == [0, 0, 0, 1, 2]
    assert found.cluster_centers_.tolist() == [[1.0], [3.0], [50.0]]
    # of two emptied clusters the second takes the next farthest
    found = run(X, np.array([[0.0], [1_000.0], [80.0], [2_000.0]]), max_iter=1)
    assert found.labels_.tolist() == [0, 0, 3, 1, 2]


def test_ties_go_to_the_lowest_label() -> None:
    X = np.array([[0.0], [2.0], [1.0]])
    assert run(X, np.array([[2.0], [0.0]]), max_iter=1).labels_.tolist() == [1, 0, 0]
    assert run(X, np.array([[0.0], [2.0]]), max_iter=1).labels_.tolist() == [0, 1, 0]
    assert run(X, np.array([[0.0], [2.0]])).predict([[1.5], [1.25]]).tolist() == [1, 0]  # centres 0.5 and 2


def test_a_cluster_of_even_size_has_the_mean_of_the_middle_two() -> None:
    found = KMedians(1).fit(np.array([[0.0, 9.0], [1.0, 7.0], [10.0, 8.0], [2.0, -50.0]]))
    assert found.cluster_centers_.tolist() == [[1.5, 7.5]]
    assert found.inertia_ == (1.5 + 0.5 + 8.5 + 0.5) + (1.5 + 0.5 + 0.5 + 57.5)


@pytest.mark.parametrize("init", ["pilot", "random"])
def test_one_cluster_and_as_many_as_samples(init: Any) -> None:  # noqa: ANN401
    X, _ = blobs(12)
    one = KMedians(1, init=init, random_state=0).fit(X)
    assert set(one.labels_) == {0}
    np.testing.assert_allclose(one.cluster_centers_[0], np.median(X, axis=0), rtol=1e-6)
    each = KMedians(12, init=init, random_state=0).fit(X)
    assert sorted(each.labels_) == list(range(12))
    assert each.inertia_ == 0


@pytest.mark.parametrize("init", ["pilot", "random"])
def test_equal_samples_fill_every_cluster(init: Any) -> None:  # noqa: ANN401
    found = KMedians(4, init=init, random_state=0).fit(np.ones((9, 3)))
    assert set(found.labels_) == {0, 1, 2, 3}
    assert found.inertia_ == 0


def test_columns_that_say_nothing_change_nothing() -> None:
    X, _ = blobs(60)
    wider = np.hstack([X, np.full((60, 40), 3.0)])
    plain, padded = (KMedians(4, random_state=3).fit(data) for data in (X, wider))
    assert padded.labels_.tolist() == plain.labels_.tolist()
    assert (padded.cluster_centers_[:, 5:] == 3).all()
    assert padded.inertia_ == pytest.approx(plain.inertia_, rel=1e-6)


@pytest.mark.parametrize("init", ["pilot", "random"])
@pytest.mark.parametrize("seed", range(5))
def test_ends_where_nothing_moves_any_more(init: Any, seed: int) -> None:  # noqa: ANN401
    X = np.random.default_rng(seed).integers(-9, 10, (70, 4)).astype(float)
    found = KMedians(6, init=init, random_state=seed).fit(X)
    assert found.n_iter_ < 100
    np.testing.assert_array_equal(found.cluster_centers_, oracles.medians(X, found.labels_, 6))
    assert found.labels_.tolist() == oracles.assigned(X, found.cluster_centers_)
    assert found.labels_.tolist() == found.predict(X).tolist()
    assert found.inertia_ == sum(
        oracles.manhattan(x, found.cluster_centers_[found.labels_[i]]) for i, x in enumerate(X)
    )


def one_step(X: Floats, starts: Iterator[Floats]) -> set[tuple[int, ...]]:
    """Return every labelling that one iteration can give from some starts."""
    distances = {}
    found = set()
    for start in starts:
        for centre in start:
            key = tuple(centre)
            if key not in distances:
                distances[key] = np.abs(X - centre).sum(axis=1)
        found.add(tuple(np.argmin([distances[tuple(centre)] for centre in start], axis=0).tolist()))
    return found


def pilot_starts(X: Floats, size: int, k: int) -> Iterator[Floats]:
    for rows in itertools.combinations(range(len(X)), size):
        pilot = X[list(rows)]
        for start in itertools.permutations(range(size), k):
            yield oracles.kmedians(pilot, pilot[list(start)], max_iter=1).centres


def test_random_starts_are_samples_and_a_pilot_run_takes_a_tenth_of_them() -> None:
    X = np.random.default_rng(1).integers(-50, 51, (21, 3)).astype(float)
    from_samples = one_step(X, (X[list(rows)] for rows in itertools.permutations(range(21), 2)))
    from_pilots = one_step(X, pilot_starts(X, 3, 2))  # a tenth, rounded up
    seen = {
        init: {tuple(KMedians(2, init=init, max_iter=1, random_state=s).fit(X).labels_.tolist()) for s in range(40)}
        for init in ("random", "pilot")
    }
    assert len(seen["random"]) > 20  # different seeds start elsewhere
    assert seen["random"] <= from_samples
    assert len(seen["pilot"]) > 20
    assert seen["pilot"] <= from_pilots
    assert not seen["pilot"] <= from_samples  # the pilot does run


def test_a_pilot_has_at_least_one_sample_a_cluster() -> None:
    X = np.random.default_rng(2).integers(-50, 51, (12, 4)).astype(float)
    # five of the twelve samples: each is its own cluster, and the run starts from them
    from_samples = {
        tuple(oracles.assigned(X, X[list(rows)])) for rows in itertools.combinations(range(12), 5)
    }  # but for the order of the labels
    for seed in range(10):
        labels = KMedians(5, max_iter=1, random_state=seed).fit(X).labels_
        assert any(oracles.same_partition(labels, known) for known in from_samples)


def test_the_best_of_several_runs_is_kept() -> None:
    X, _ = blobs(80, centres=8, seed=5)
    single = [KMedians(8, init="random", random_state=s).fit(X).inertia_ for s in range(10)]
    assert len(set(single)) > 1
    several = KMedians(8, init="random", n_init=10, random_state=0).fit(X)
    first = KMedians(8, init="random", n_init=1, random_state=0).fit(X)
    assert several.inertia_ <= min(first.inertia_, float(np.median(single)))


@pytest.mark.parametrize("init", ["pilot", "random"])
def test_a_seed_gives_the_same_result(init: Any) -> None:  # noqa: ANN401
    X = np.random.default_rng(0).standard_normal((150, 20))
    runs = [KMedians(7, init=init, n_init=2, random_state=s).fit(X) for s in (4, 4, np.random.RandomState(4), 5)]
    for again in runs[1:3]:
        np.testing.assert_array_equal(again.labels_, runs[0].labels_)
        np.testing.assert_array_equal(again.cluster_centers_, runs[0].cluster_centers_)
    assert runs[3].labels_.tolist() != runs[0].labels_.tolist()


def test_threads_change_nothing(numba_threads: Callable[[int], None]) -> None:
    X = np.random.default_rng(0).standard_normal((150, 40))
    runs = []
    for threads in (1, 2):
        numba_threads(threads)
        runs.append(KMedians(7, random_state=0).fit(X))
    np.testing.assert_array_equal(runs[0].labels_, runs[1].labels_)
    np.testing.assert_array_equal(runs[0].cluster_centers_, runs[1].cluster_centers_)
    assert runs[0].inertia_ == runs[1].inertia_


def test_any_layout_of_the_data_gives_the_same(tmp_path: Path) -> None:
    X = blobs(50)[0].astype(np.float32)
    read_only = X.copy()
    read_only.flags.writeable = False
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    wide = np.zeros((100, 10), np.float32)
    wide[::2, ::2] = X
    layouts = [X.astype(np.float64), np.asfortranarray(X), read_only, mapped, wide[::2, ::2], X.tolist()]
    expected = KMedians(4, random_state=0).fit(X)
    for data in layouts:
        found = KMedians(4, random_state=0).fit(data)
        np.testing.assert_array_equal(found.labels_, expected.labels_)
        np.testing.assert_array_equal(found.predict(data), expected.labels_)
        start = run(data, X[:4])
        np.testing.assert_array_equal(start.labels_, run(X, X[:4]).labels_)
    np.testing.assert_array_equal(run(X, np.asfortranarray(X[:4].astype(float))).labels_, run(X, X[:4]).labels_)


def test_neither_data_nor_start_are_changed() -> None:
    X = blobs(40)[0].astype(np.float32)
    start = X[:5].copy()
    kept, kept_start = X.copy(), start.copy()
    run(X, start)
    np.testing.assert_array_equal(X, kept)
    np.testing.assert_array_equal(start, kept_start)


@pytest.mark.filterwarnings("ignore:overflow")  # 1e300 is too large for single precision
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_values_that_are_no_numbers_are_refused(bad: float) -> None:
    X = blobs(20)[0]
    found = KMedians(3, random_state=0).fit(X)
    X[7, 2] = bad
    with pytest.raises(ValueError, match=r"NaN|infinity|too large"):
        KMedians(3, random_state=0).fit(X)
    with pytest.raises(ValueError, match=r"NaN|infinity|too large"):
        found.predict(X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_clusters": 0}, "n_clusters"),
        ({"n_clusters": 21}, "n_clusters"),
        ({"n_init": 0}, "n_init"),
        ({"max_iter": 0}, "max_iter"),
        ({"init": "k-means++"}, "init"),
        ({"n_clusters": 2, "init": np.zeros((3, 5))}, "init"),
        ({"n_clusters": 2, "init": np.zeros((2, 4))}, "init"),
        ({"n_clusters": 2, "init": np.full((2, 5), np.nan)}, "init"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KMedians(**parameters).fit(blobs(20)[0])


def test_predict_gives_the_nearest_centre() -> None:
    X = np.random.default_rng(0).integers(-20, 21, (40, 6)).astype(float)
    found = KMedians(5, random_state=0).fit(X[:25])
    assert found.predict(X).tolist() == oracles.nearest_centres(X, found.cluster_centers_)[0]
    with pytest.raises(ValueError, match="features"):
        found.predict(X[:, :3])
    with pytest.raises(NotFittedError):
        KMedians().predict(X)


def test_clear_clusters_are_found() -> None:
    X, truth = blobs(200, centres=4, seed=8)
    found = KMedians(4, n_init=10, random_state=0).fit_predict(X)
    assert oracles.same_partition(found, truth)


@pytest.mark.filterwarnings("ignore")  # checks that do not apply are skipped with a warning
def test_is_a_scikit_learn_estimator() -> None:
    # random starts are drawn by number: with samples repeated in the place of weights, other ones are drawn
    apart = {
        "check_sample_weight_equivalence_on_dense_data": "starts are drawn from other samples",
        "check_sample_weight_equivalence_on_sparse_data": "starts are drawn from other samples",
    }
    check_estimator(KMedians(3), expected_failed_checks=apart)


def test_serves_in_a_pipeline() -> None:
    X, truth = blobs(60)
    chain = make_pipeline(StandardScaler(), KMedians(3, n_init=5, random_state=0))
    assert oracles.same_partition(chain.fit_predict(X), truth)
    chain.fit(X, kmedians__sample_weight=np.ones(60))
