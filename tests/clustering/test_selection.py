from __future__ import annotations

import math
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.metrics import adjusted_rand_score, davies_bouldin_score, silhouette_score

import oracles
import oracles_selection as naive
import phonoscope
from phonoscope.clustering.curves import CRITERIA, STABILITY_TOLERANCE, Clusterer, Criterion, criteria_of, read_curve
from phonoscope.clustering.growing import grow, kmedians_at
from phonoscope.clustering.kmedians import KMedians
from phonoscope.clustering.manhattan import manhattan_distances
from phonoscope.clustering.measuring import compared, most_compared
from phonoscope.clustering.selection import choose_k, clusterings, sweep
from phonoscope.clustering.spectral import SpectralClustering
from phonoscope.clustering.stability import Carried, carry_by_affinity, carry_by_centres, halvings, stability
from phonoscope.errors import SettingError
from phonoscope.settings import ClusteringSettings, SelectionSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

CLUSTERERS: tuple[Clusterer, ...] = ("kmedians", "spectral")
# few heights, so that equal ones are common
HEIGHTS = st.sampled_from([0.0, 0.01, 1.0, 1.5, 2.0, -1.0, math.nan, math.inf, -math.inf])
CURVES = st.dictionaries(st.integers(2, 20), HEIGHTS, min_size=1, max_size=10)


def groups(n: int = 80, k: int = 4, d: int = 3, spread: float = 0.5) -> tuple[Floats, Ints]:
    """Classes at the corners of a cube and beyond, all at a distance of 6 from the next."""
    truth = np.arange(n) % k
    corners = 6.0 * np.array([[i & 1, i >> 1 & 1, i >> 2] + [0] * (d - 3) for i in range(k)])
    return corners[truth] + spread * np.random.default_rng(0).standard_normal((n, d)), truth


# --- reading a curve ---


@pytest.mark.parametrize("criterion", [c for c in CRITERIA if c != "stability"])
@given(curve=CURVES)
def test_a_curve_is_read_as_with_a_pencil(criterion: Criterion, curve: dict[int, float]) -> None:
    found = read_curve(criterion, curve)
    largest = criterion in ("silhouette", "eigengap")
    expected = naive.reading(curve, largest=largest, first=criterion == "first_minimum")
    assert (found.k, found.at_edge) == expected
    assert found.criterion == criterion
    assert list(found.curve) == sorted(curve)
    assert all(found.curve[k] is curve[k] for k in curve)


@given(CURVES)
def test_stability_takes_the_largest_number_that_is_nearly_as_good(curve: dict[int, float]) -> None:
    found = read_curve("stability", curve)
    finite = {k: v for k, v in curve.items() if math.isfinite(v)}
    good = [k for k, v in finite.items() if v >= max(finite.values()) - STABILITY_TOLERANCE]
    assert found.k == (max(good) if good else min(curve))


@pytest.mark.parametrize(
    ("criterion", "curve", "k", "at_edge"),
    [
        ("ratio", {2: 3.0, 3: 1.0, 4: 1.0, 5: 2.0}, 3, False),  # the smallest of equal ones
        ("ratio", {2: 3.0, 3: 2.0, 4: 1.0}, 4, True),
        ("ratio", {2: 3.0, 3: 1.0, 4: 1.0}, 3, True),  # as good as the edge
        ("ratio", {4: 2.0, 2: 3.0, 3: 1.0}, 3, False),  # in any order
        ("ratio", {2: math.inf, 3: 1.0, 4: 2.0}, 3, True),  # the smallest that can be compared
        ("ratio", {2: math.nan, 3: math.inf}, 2, True),  # nothing else is there
        ("ratio", {7: 0.5}, 7, True),
        ("first_minimum", {2: 5.0, 3: 3.0, 4: 4.0, 5: 1.0, 6: 2.0}, 3, False),
        ("first_minimum", {2: 5.0, 3: 3.0, 4: 3.0, 5: 4.0, 6: 1.0}, 3, False),  # level ground, then up
        ("first_minimum", {2: 5.0, 3: 3.0, 4: 3.0, 5: 2.0, 6: 4.0}, 5, False),  # level ground, then down
        ("first_minimum", {2: 5.0, 3: 3.0, 4: 2.0}, 4, True),
        ("first_minimum", {2: 5.0, 3: math.inf, 4: 2.0, 5: 3.0}, 4, False),
        ("silhouette", {2: 0.1, 3: 0.3, 4: 0.3, 5: 0.2}, 3, False),
        ("davies_bouldin", {2: 2.0, 3: 1.0, 4: 2.0}, 3, False),
        ("eigengap", {2: 0.5, 3: 0.1, 4: math.nan}, 2, True),
        ("stability", {2: 1.0, 3: 0.6, 4: 0.99, 5: 0.5}, 4, False),
        ("stability", {2: 0.9, 3: 0.6, 4: 0.95, 5: 0.5}, 4, False),
        ("stability", {2: 0.9, 3: 0.6, 4: 0.5}, 2, True),
    ],
)
def test_readings_by_hand(criterion: Criterion, curve: dict[int, float], k: int, at_edge: bool) -> None:  # noqa: FBT001
    found = read_curve(criterion, curve)
    assert (found.k, found.at_edge) == (k, at_edge)


def test_what_can_not_be_read() -> None:
    with pytest.raises(ValueError, match="without values"):
        read_curve("ratio", {})
    with pytest.raises(ValueError, match="silhouette"):
        read_curve("silhouettes", {2: 1.0})  # type: ignore[arg-type]


# --- k-medians over a range ---


def grown(X: Any, centres: Any, k: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:  # noqa: ANN401
    return grow(X, centres, manhattan_distances(X, centres), k, np.random.default_rng(seed))


@pytest.mark.parametrize("k", [1, 2, 6])
def test_grown_centres_keep_the_old_ones_and_add_samples(k: int) -> None:
    X = groups()[0].astype(np.float32)
    start = X[:1] + 1
    found = grown(X, start, k, 0)
    assert found is not None
    centres, distances = found
    assert centres.shape == (k, 3)
    np.testing.assert_array_equal(centres[:1], start)
    assert all((centre == X).all(axis=1).any() for centre in centres[1:])
    assert len(np.unique(centres, axis=0)) == k
    np.testing.assert_allclose(distances, cdist(X, centres, "cityblock"), rtol=1e-5, atol=1e-5)


def test_centres_grow_into_the_gap() -> None:
    X, truth = groups(200, spread=0.1)
    centres = np.array([X[truth == c].mean(axis=0) for c in (0, 1, 3)], np.float32)
    for seed in range(10):
        found = grown(X.astype(np.float32), centres, 4, seed)
        assert found is not None
        assert truth[(X.astype(np.float32) == found[0][3]).all(axis=1)].tolist() == [2]


def test_centres_do_not_grow_where_nothing_is_left() -> None:
    X = np.array([[0.0], [0.0], [1.0]], np.float32)
    assert grown(X, X[:1], 3, 0) is None


def test_kmedians_over_a_range_ends_where_nothing_moves() -> None:
    X = np.random.default_rng(3).integers(-9, 10, (120, 4)).astype(np.float32)
    for k, found in zip(range(1, 15), kmedians_at(X, range(1, 15), ClusteringSettings(), 5), strict=True):
        np.testing.assert_array_equal(found.centres, oracles.medians(X, found.labels, k))
        assert found.labels.tolist() == oracles.assigned(X, found.centres)
        np.testing.assert_array_equal(found.to_centres, cdist(X, found.centres, "cityblock"))
        assert found.cost == found.to_centres[np.arange(120), found.labels].sum()


def test_samples_that_coincide_fill_every_number_of_clusters() -> None:
    fits = list(kmedians_at(np.ones((9, 3), np.float32), (1, 2, 5), ClusteringSettings(), 0))
    assert [len(set(found.labels)) for found in fits] == [1, 2, 5]
    assert all(found.cost == 0 for found in fits)


def test_kmedians_over_a_range_is_no_worse_than_at_each_number() -> None:
    above, below = [], []
    for seed in range(6):
        X = np.random.default_rng(seed).standard_normal((200, 4)).astype(np.float32)
        for k, found in zip(range(2, 20), kmedians_at(X, range(2, 20), ClusteringSettings(), seed), strict=True):
            alone = KMedians(k, random_state=seed).fit(X).inertia_
            above.append(found.cost / alone)
            below.append(found.cost < alone)
    assert np.mean(above) < 1
    assert np.mean(below) > 0.5


def test_more_restarts_end_lower() -> None:
    X = np.random.default_rng(3).standard_normal((150, 5)).astype(np.float32)

    def costs(restarts: int) -> list[float]:
        return [f.cost for f in kmedians_at(X, range(2, 25), ClusteringSettings(kmedians_restarts=restarts), 0)]

    assert sum(costs(9)) < sum(costs(1))


def test_each_number_starts_from_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(3).standard_normal((80, 4)).astype(np.float32)
    given: list[NDArray[np.float32]] = []

    def spied(data: Any, centres: NDArray[np.float32], *rest: Any) -> Any:  # noqa: ANN401
        given.append(centres)
        return grow(data, centres, *rest)

    monkeypatch.setattr("phonoscope.clustering.growing.grow", spied)
    fits = list(kmedians_at(X, (3, 4, 9), ClusteringSettings(), 0))
    assert len(given) == 6
    for twice, before in zip(
        (0, 2, 4), (np.median(X, axis=0, keepdims=True), *(f.centres for f in fits)), strict=False
    ):
        np.testing.assert_array_equal(given[twice], before)
        np.testing.assert_array_equal(given[twice + 1], before)


def test_iterations_are_limited() -> None:
    X = np.random.default_rng(3).standard_normal((200, 4)).astype(np.float32)
    for found in kmedians_at(X, range(2, 6), ClusteringSettings(max_iterations=1), 0):
        # the medians of the first assignment, which another one would change
        assert found.labels.tolist() != found.to_centres.argmin(axis=1).tolist()


# --- stability ---


@pytest.mark.parametrize("n", [2, 9, 30])
def test_halves_are_halves(n: int) -> None:
    found = list(halvings(n, 4, seed=1))
    assert len(found) == 4
    for first, second in found:
        assert len(first) == n // 2
        assert sorted([*first, *second]) == list(range(n))
    assert n < 9 or len({tuple(first) for first, _ in found}) == 4
    again = list(halvings(n, 4, seed=1))
    assert [first.tolist() for first, _ in again] == [first.tolist() for first, _ in found]


KS = st.lists(st.integers(1, 6), min_size=1, unique=True)


@settings(deadline=None, max_examples=40)
@given(st.integers(4, 16), st.integers(1, 3), st.integers(0, 1_000), KS)
def test_stability_is_the_mean_agreement(n: int, splits: int, seed: int, ks: list[int]) -> None:
    def at_random(rows: Ints, others: Ints, k: int) -> Carried:
        draws = np.random.default_rng([k, *rows])
        own = draws.permutation(np.r_[np.arange(k), draws.integers(0, k, len(rows) - k)])
        return Carried(own, draws.integers(0, k, len(others)))

    def carry(rows: Ints, others: Ints, wanted: Sequence[int]) -> Iterator[Carried]:
        return (at_random(rows, others, k) for k in wanted)

    steps: list[int] = []
    found = stability(n, ks, carry, splits=splits, seed=seed, progress=steps.append)
    assert sum(steps) == 2 * splits * len(ks)
    for k, value in zip(ks, found, strict=True):
        if k > n // 2:
            assert math.isnan(value)
            continue
        expected = []
        for first, second in halvings(n, splits, seed):
            a, b = at_random(first, second, k), at_random(second, first, k)
            expected.append(naive.adjusted_rand(b.own.tolist(), a.other.tolist()))
            expected.append(naive.adjusted_rand(a.own.tolist(), b.other.tolist()))
        assert value == pytest.approx(naive.mean(expected), abs=1e-12)


def test_fewer_clusters_than_asked_for_are_not_stable() -> None:
    def carry(rows: Ints, others: Ints, wanted: Sequence[int]) -> Iterator[Carried]:
        for _ in wanted:
            yield Carried(np.zeros(len(rows), np.int64), np.zeros(len(others), np.int64))

    found = stability(10, (1, 2), carry, splits=1, seed=0, progress=lambda _: None)
    assert found[0] == 1
    assert math.isnan(found[1])


def test_centres_carry_clusters_over() -> None:
    X = groups()[0].astype(np.float32)
    rows, others = next(halvings(len(X), 1, 0))
    ks = (2, 4, 7)
    fits = kmedians_at(X[rows], ks, ClusteringSettings(), 3)
    carried = carry_by_centres(X, rows, others, ks, settings=ClusteringSettings(), seed=3)
    for fit, found in zip(fits, carried, strict=True):
        np.testing.assert_array_equal(found.own, fit.labels)
        assert found.other.tolist() == oracles.nearest_centres(X[others], fit.centres)[0]


def test_neighbours_carry_clusters_over() -> None:
    X = np.random.default_rng(0).standard_normal((60, 2))
    A = oracles.affinity(X, [1.0] * 60, 2.0)
    rows, others = next(halvings(60, 1, 0))
    for k, found in zip((2, 5), carry_by_affinity(A, rows, others, (2, 5), seed=3), strict=True):
        alone = SpectralClustering(k, sigma=1.0, random_state=3).fit_predict(X[rows])
        assert oracles.same_partition(found.own, alone)
        for sample, label in zip(others, found.other, strict=True):
            nearest = sorted(range(len(rows)), key=lambda i, sample=sample: -A[sample, rows[i]])[:7]  # type: ignore[misc]
            votes = [sum(A[sample, rows[i]] for i in nearest if found.own[i] == c) for c in range(k)]
            assert label == votes.index(max(votes))


@pytest.mark.parametrize("clusterer", CLUSTERERS)
def test_clear_classes_come_back_and_others_do_not(clusterer: Clusterer) -> None:
    X, _ = groups(120, k=6)
    curve = sweep(X, clusterer, range(2, 12), criteria=["stability"], seed=1).curves["stability"]
    assert curve[6] == pytest.approx(1)
    assert max(curve[k] for k in (8, 9, 10, 11)) < 0.95
    cloud = np.random.default_rng(0).standard_normal((120, 6))
    assert max(sweep(cloud, clusterer, range(4, 12), criteria=["stability"]).curves["stability"].values()) < 0.5


# --- the sweep ---


def test_spectral_labels_are_those_of_the_estimator() -> None:
    X = np.random.default_rng(1).standard_normal((150, 3))
    for sigma, kernel in (("mouysset", "2sigma2"), ("local", "sigma2")):
        chosen = ClusteringSettings(sigma=sigma, kernel=kernel)  # type: ignore[arg-type]
        found = sweep(X, "spectral", (2, 3, 7, 12), criteria=["eigengap"], clustering=chosen, seed=4)
        for k, labels in zip(found.ks, found.labels, strict=True):
            alone = SpectralClustering(k, sigma=sigma, kernel=kernel, random_state=4).fit(X)  # type: ignore[arg-type]
            np.testing.assert_array_equal(labels, alone.labels_)
            wider = SpectralClustering(k + 1, sigma=sigma, kernel=kernel).fit(X).eigenvalues_  # type: ignore[arg-type]
            assert found.curves["eigengap"][k] == pytest.approx(wider[k - 1] - wider[k], abs=1e-9)


def test_kmedians_labels_are_those_over_a_range() -> None:
    X = np.random.default_rng(1).standard_normal((100, 3)).astype(np.float32)
    chosen = ClusteringSettings(kmedians_init="random", kmedians_restarts=3, max_iterations=7)
    found = sweep(X, "kmedians", (2, 3, 9), criteria=["ratio"], clustering=chosen, seed=4)
    for labels, fit in zip(found.labels, kmedians_at(X, (2, 3, 9), chosen, 4), strict=True):
        np.testing.assert_array_equal(labels, fit.labels)


@pytest.mark.parametrize("ratio_of", ["sums", "means"])
def test_kmedians_curves_equal_the_loops(ratio_of: Any) -> None:  # noqa: ANN401
    X = np.random.default_rng(2).integers(-9, 10, (40, 3)).astype(float)
    found = sweep(X, "kmedians", (2, 4, 6), selection=SelectionSettings(ratio_of=ratio_of), seed=1)
    assert set(found.curves) == {"ratio", "first_minimum", "silhouette", "davies_bouldin", "stability"}
    for k, labels in zip(found.ks, found.labels.tolist(), strict=True):
        centres = oracles.medians(X, labels, k)
        assert found.curves["ratio"][k] == pytest.approx(naive.centre_ratio(X, centres, labels, ratio_of))
        assert found.curves["first_minimum"][k] == found.curves["ratio"][k]
        expected = naive.davies_bouldin(X, centres, labels, oracles.manhattan)
        assert found.curves["davies_bouldin"][k] == pytest.approx(expected)
        expected = silhouette_score(cdist(X, X, "cityblock"), labels, metric="precomputed")
        assert found.curves["silhouette"][k] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("blocks", ["affinity", "normalised"])
def test_spectral_curves_equal_the_loops(blocks: Any) -> None:  # noqa: ANN401
    X, _ = groups(40, spread=2.0)
    found = sweep(X, "spectral", (2, 4, 6), selection=SelectionSettings(blocks=blocks), seed=1)
    assert tuple(found.curves) == CRITERIA
    A = oracles.affinity(X, [oracles.mouysset_sigma(X)] * 40, 2.0)
    blocked = A if blocks == "affinity" else oracles.normalised_affinity(A)
    values = np.linalg.eigvalsh(oracles.normalised_affinity(A))[::-1]
    for k, labels in zip(found.ks, found.labels.tolist(), strict=True):
        assert found.curves["ratio"][k] == pytest.approx(naive.block_ratio(blocked, labels, k))
        assert found.curves["davies_bouldin"][k] == pytest.approx(davies_bouldin_score(X, labels))
        assert found.curves["silhouette"][k] == pytest.approx(silhouette_score(X, labels), abs=1e-5)
        assert found.curves["eigengap"][k] == pytest.approx(values[k - 1] - values[k], abs=1e-9)


@pytest.mark.parametrize("clusterer", CLUSTERERS)
def test_stability_is_that_of_the_parts(clusterer: Clusterer) -> None:
    X = groups(50, spread=2.0)[0].astype(np.float32)
    found = sweep(X, clusterer, (2, 5), criteria=["stability"], selection=SelectionSettings(stability_splits=2), seed=6)
    A = oracles.affinity(X, [oracles.mouysset_sigma(X)] * 50, 2.0)
    carry = {
        "kmedians": partial(carry_by_centres, X, settings=ClusteringSettings(), seed=6),
        "spectral": partial(carry_by_affinity, A, seed=6),
    }[clusterer]
    expected = stability(50, (2, 5), carry, splits=2, seed=6, progress=lambda _: None)
    assert list(found.curves["stability"].values()) == pytest.approx(expected)


@pytest.mark.parametrize("clusterer", CLUSTERERS)
def test_progress_tells_of_every_clustering(clusterer: Clusterer) -> None:
    X, _ = groups(40)
    for criteria, splits, expected in ((["ratio"], 3, 3), (None, 2, 15), (None, 0, 3)):
        steps: list[int] = []
        chosen = SelectionSettings(kmedians_criterion="ratio", spectral_criterion="ratio", stability_splits=splits)
        found = sweep(X, clusterer, (2, 3, 30), criteria=criteria, selection=chosen, progress=steps.append)  # type: ignore[arg-type]
        assert sum(steps) == expected == clusterings(found.ks, found.curves, splits)
        assert tuple(found.curves) == (criteria_of(clusterer, splits) if criteria is None else tuple(criteria))


@pytest.mark.parametrize("clusterer", CLUSTERERS)
def test_a_seed_gives_the_same_sweep_and_the_data_stay(clusterer: Clusterer) -> None:
    X = np.random.default_rng(0).standard_normal((60, 4)).astype(np.float32)
    kept = X.copy()
    first, again, other = (sweep(X, clusterer, range(2, 7), seed=seed) for seed in (1, 1, 2))
    assert first.curves == again.curves
    np.testing.assert_array_equal(first.labels, again.labels)
    assert first.curves != other.curves
    np.testing.assert_array_equal(X, kept)


@pytest.mark.parametrize("clusterer", CLUSTERERS)
def test_ks_are_sorted_and_one_cluster_has_no_value(clusterer: Clusterer) -> None:
    X, _ = groups(40)
    found = sweep(X, clusterer, (3, 1, 3), criteria=["silhouette"])
    assert found.ks == (1, 3)
    assert found.labels.shape == (2, 40)
    assert math.isnan(found.curves["silhouette"][1])
    assert found.select("silhouette").k == 3


@pytest.mark.parametrize("clusterer", CLUSTERERS)
@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_samples_that_coincide_and_as_many_clusters_as_samples(clusterer: Clusterer) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        flat = sweep(np.full((8, 3), 0.1), clusterer, range(2, 9))
        each = sweep(groups(8, k=2)[0], clusterer, range(2, 9))
    for criterion in flat.curves:
        assert 2 <= flat.select(criterion).k <= 8
        assert 2 <= each.select(criterion).k <= 8
    assert each.select("silhouette").k == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ks": ()}, "numbers of clusters"),
        ({"ks": (0, 2)}, "numbers of clusters"),
        ({"ks": (2, 41)}, "numbers of clusters"),
        ({"clusterer": "kmedians", "criteria": ["eigengap"]}, "criteria of kmedians are .*not eigengap"),
        ({"criteria": ["elbow"]}, "not elbow"),
    ],
)
def test_what_can_not_be_swept(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sweep(groups(40)[0], **({"clusterer": "spectral", "ks": (2, 3)} | arguments))


def test_stability_needs_splits() -> None:
    chosen = SelectionSettings(kmedians_criterion="ratio", spectral_criterion="ratio", stability_splits=0)
    with pytest.raises(ValueError, match="not stability"):
        sweep(groups(40)[0], "spectral", (2, 3), criteria=["stability"], selection=chosen)
    with pytest.raises(SettingError, match=r"selection\.spectral_criterion = 'stability'.*stability_splits = 0"):
        SelectionSettings(kmedians_criterion="ratio", spectral_criterion="stability", stability_splits=0)
    with pytest.raises(SettingError, match=r"selection\.kmedians_criterion = 'stability'"):
        SelectionSettings(kmedians_criterion="stability", spectral_criterion="ratio", stability_splits=0)
    SelectionSettings(stability_splits=0, k=7)  # nothing is chosen


def test_only_what_was_measured_can_choose() -> None:
    found = sweep(groups(40)[0], "spectral", (2, 3), criteria=["ratio"])
    with pytest.raises(ValueError, match="one of ratio, not 'silhouette'"):
        found.select("silhouette")


# --- the public function ---


@pytest.mark.parametrize("clusterer", CLUSTERERS)
@pytest.mark.parametrize("criterion", [None, "silhouette", "davies_bouldin", "stability"])
def test_planted_classes_are_found(clusterer: Clusterer, criterion: Criterion | None) -> None:
    X, _ = groups(150, k=5)
    found = choose_k(X, clusterer=clusterer, criterion=criterion, k_range=(2, 12), random_state=0)
    assert found.k == 5
    assert not found.at_edge
    assert list(found.curve) == list(range(2, 13))


def test_the_literal_ratio_lies_at_the_edge_of_well_separated_classes() -> None:
    X, _ = groups(150, k=5)
    found = choose_k(X, criterion="ratio", k_range=(2, 12), random_state=0)
    assert (found.k, found.at_edge) == (12, True)


def test_the_default_is_that_of_the_settings() -> None:
    X, _ = groups(60)
    assert choose_k(X, k_range=(2, 6), random_state=0).criterion == SelectionSettings().kmedians_criterion
    found = choose_k(X.tolist(), clusterer="spectral", k_range=(2, 6), random_state=0)
    assert found.criterion == SelectionSettings().spectral_criterion
    assert phonoscope.choose_k is choose_k
    assert isinstance(found, phonoscope.Selection)


def test_random_states() -> None:
    X = np.random.default_rng(0).standard_normal((60, 4))
    ask = partial(choose_k, X, criterion="ratio", k_range=(2, 9))
    assert ask(random_state=3) == ask(random_state=3)
    assert ask(random_state=np.random.RandomState(3)) == ask(random_state=np.random.RandomState(3))
    assert ask(random_state=3).curve == sweep(X, "kmedians", range(2, 10), criteria=["ratio"], seed=3).curves["ratio"]
    assert ask(random_state=3) != ask(random_state=4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k_range": (1, 5)}, "k_range"),
        ({"k_range": (6, 5)}, "k_range"),
        ({"k_range": (2, 61)}, "k_range"),
        ({"clusterer": "kmeans"}, "clusterer"),
        ({"criterion": "eigengap"}, "eigengap"),
        ({"criterion": "elbow"}, "elbow"),
        ({"X": np.full((5, 2), np.nan)}, "NaN"),
        ({"X": np.ones(5)}, "1D"),
    ],
)
def test_what_can_not_be_chosen_from(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        choose_k(**{"X": groups(60)[0], "k_range": (2, 5), **arguments})


# --- large panels ---


def test_little_memory_compares_fewer_samples() -> None:
    assert most_compared(5_000, 4.0) == 5_000
    assert most_compared(5_000, 0.25) == 3_227  # three matrices of numbers of 8 bytes
    assert most_compared(5_000, 1e-6) == 1_000
    assert most_compared(200, 1e-6) == 200


@pytest.mark.parametrize("clusterer", ["kmedians", "spectral"])
def test_criteria_keep_within_the_memory(clusterer: Clusterer) -> None:
    X = np.random.default_rng(0).standard_normal((1_100, 2))

    def curve(memory: float, sample: int) -> Mapping[int, float]:
        clustering = ClusteringSettings(spectral="nystrom", memory=memory)
        selection = SelectionSettings(sample=sample)
        found = sweep(X, clusterer, [3], criteria=["silhouette"], clustering=clustering, selection=selection)
        return found.curves["silhouette"]

    assert curve(0.01, 5_000) == curve(4.0, 1_000)
    assert curve(0.01, 5_000) != curve(4.0, 5_000)


def test_in_a_large_panel_some_samples_are_compared() -> None:
    X = groups(600, k=5)[0].astype(np.float32)
    chosen = SelectionSettings(sample=200)
    rows = np.sort(np.random.default_rng(7).choice(600, 200, replace=False))
    assert compared(600, 200, 7).tolist() == rows.tolist()
    assert compared(200, 200, 7).tolist() == list(range(200))
    for clusterer, metric in (("kmedians", "cityblock"), ("spectral", "euclidean")):
        found = sweep(X, clusterer, (2, 5, 9), selection=chosen, seed=7)  # type: ignore[arg-type]
        whole = sweep(X, clusterer, (2, 5, 9), seed=7)  # type: ignore[arg-type]
        np.testing.assert_array_equal(found.labels, whole.labels)
        for k, labels in zip(found.ks, found.labels, strict=True):
            expected = silhouette_score(X[rows], labels[rows], metric=metric)
            assert found.curves["silhouette"][k] == pytest.approx(expected, abs=1e-4)
            assert found.curves["silhouette"][k] == pytest.approx(whole.curves["silhouette"][k], abs=0.05)
        assert found.select("silhouette").k == 5
        assert found.curves["stability"][5] == pytest.approx(1, abs=0.02)
    for k, labels in zip(found.ks, found.labels, strict=True):
        assert found.curves["davies_bouldin"][k] == pytest.approx(davies_bouldin_score(X[rows], labels[rows]), rel=1e-4)
        A = oracles.affinity(X[rows], [oracles.mouysset_sigma(X)] * 200, 2.0)
        assert found.curves["ratio"][k] == pytest.approx(naive.block_ratio(A, labels[rows].tolist(), k), rel=1e-4)


def test_a_cluster_without_any_sample_drawn_is_left_out() -> None:
    X = np.vstack([groups(300, k=3)[0], [[90.0, 90, 90]]]).astype(np.float32)  # one sample for itself
    seed = next(s for s in range(50) if 300 not in compared(301, 100, s))
    found = sweep(X, "kmedians", (4,), criteria=["silhouette"], selection=SelectionSettings(sample=100), seed=seed)
    assert np.bincount(found.labels[0]).min() == 1
    rows = compared(301, 100, seed)
    expected = silhouette_score(X[rows], found.labels[0][rows], metric="cityblock")
    assert found.curves["silhouette"][4] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("method", ["nystrom", "neighbours"])
def test_a_sweep_of_approximate_affinities_is_that_of_the_estimator(method: Any) -> None:  # noqa: ANN401
    X = groups(500, k=4)[0].astype(np.float32)
    chosen = ClusteringSettings(spectral=method, landmarks=200, sigma="median")
    found = sweep(X, "spectral", (2, 4, 6), clustering=chosen, seed=3)
    assert found.select("stability").k == 4
    for k, labels in zip(found.ks, found.labels, strict=True):
        alone = SpectralClustering(k, sigma="median", method=method, n_landmarks=200, random_state=3).fit(X)
        assert adjusted_rand_score(labels, alone.labels_) > 0.99 if k == 4 else len(set(labels)) == k
    exact = SpectralClustering(4, sigma="median", random_state=3).fit_predict(X)
    assert oracles.same_partition(found.labels[1], exact)
