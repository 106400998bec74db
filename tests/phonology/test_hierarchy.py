from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.cluster.hierarchy import is_valid_linkage, leaves_list

import oracles_phonology as oracles
from phonoscope.phonology.hierarchy import (
    check_distances,
    cooccurrence,
    cooccurrence_distances,
    mean_distances,
    phone_tree,
    splits,
)
from phonoscope.phonology.triplets import organising_attributes, triplet_score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MEANS = arrays(
    np.float64, st.tuples(st.integers(2, 7), st.integers(1, 5)), elements=st.integers(-9, 9).map(lambda v: v / 4)
)
SAMPLES = st.lists(
    st.tuples(st.sampled_from(["p", "t", "a", "a~"]), st.integers(0, 2), st.integers(-1, 4)), min_size=1, max_size=14
)
VALUES = st.lists(st.integers(0, 3), min_size=2, max_size=8)


def scattered(n: int, seed: int = 0, *, ties: bool = False) -> Floats:
    """Symmetric distances; all different unless there shall be ties."""
    random = np.random.default_rng(seed)
    upper = np.triu(random.integers(1, 4, (n, n)) if ties else random.random((n, n)), 1)
    return np.asarray(upper + upper.T, np.float64)


# --- distances ---


@settings(deadline=None)
@given(MEANS)
def test_mean_distances_are_one_minus_pearson_s_r(means: Floats) -> None:
    found = mean_distances(means)
    for (i, p), (j, q) in itertools.product(enumerate(means.tolist()), repeat=2):
        assert found[i, j] == pytest.approx(0 if i == j else 1 - oracles.pearson(p, q), abs=1e-12)
    check_distances([str(i) for i in range(len(means))], found)


def test_how_strongly_a_phone_drives_the_layer_does_not_count() -> None:
    means = np.random.default_rng(0).random((3, 50)).astype(np.float32)
    found = mean_distances(means * np.array([[1], [7], [0.1]], np.float32) + np.array([[0], [2], [5]], np.float32))
    np.testing.assert_allclose(found, mean_distances(means), atol=1e-5)


def test_means_without_variance_correlate_with_nothing() -> None:
    means = np.array([[0.1] * 7, [0.0] * 7, list(range(7)), [0.7] * 7])
    assert mean_distances(means).tolist() == [[0, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 0]]


def test_cooccurrence_by_hand() -> None:
    # two clusterings of a a b b: in the first b is split, in the second each phone has its cluster
    names, found = cooccurrence(["a", "a", "b", "b"], np.array([[0, 0, 0, 7], [1, 1, 2, 2]]))
    assert names == ("a", "b")
    np.testing.assert_allclose(found, [[1, 1 / 4], [1 / 4, (1 / 2 + 1) / 2]])
    distance = 1 - (1 / 4) / math.sqrt(1 * 3 / 4)
    np.testing.assert_allclose(cooccurrence_distances(found), [[0, distance], [distance, 0]])


@settings(deadline=None)
@given(SAMPLES)
def test_cooccurrence_equals_trying_all_pairs(samples: list[tuple[str, int, int]]) -> None:
    phones = [p for p, _, _ in samples]
    labels = np.array([[k for _, k, _ in samples], [k for _, _, k in samples]])
    names, found = cooccurrence(phones, labels)
    assert names == tuple(dict.fromkeys(phones))
    expected = oracles.cooccurrence(phones, labels.tolist())
    for (i, p), (j, q) in itertools.product(enumerate(names), repeat=2):
        assert found[i, j] == pytest.approx(expected[p, q])
    distances = cooccurrence_distances(found)
    for (i, p), (j, q) in itertools.product(enumerate(names), repeat=2):
        cosine = expected[p, q] / math.sqrt(expected[p, p] * expected[q, q])
        assert distances[i, j] == pytest.approx(0 if i == j else 1 - cosine, abs=1e-12)


def test_phones_alike_are_at_no_distance_and_phones_apart_at_one() -> None:
    # p and t are spread alike over two clusters, a never meets them
    labels = np.array([[0, 1, 0, 1, 2, 2], [5, 5, 5, 5, 3, 4]])
    _, found = cooccurrence(list("ppttaa"), labels)
    np.testing.assert_allclose(cooccurrence_distances(found), [[0, 0, 1], [0, 0, 1], [1, 1, 0]], atol=1e-15)


@pytest.mark.parametrize("labels", [np.zeros((0, 2), int), np.zeros((1, 3), int), np.zeros(2, int)])
def test_labels_that_are_no_clusterings_of_the_samples_are_refused(labels: NDArray[np.int64]) -> None:
    with pytest.raises(ValueError, match="clusterings of 2 samples"):
        cooccurrence(["a", "b"], labels)


# --- trees ---


@settings(deadline=None)
@given(st.integers(2, 7), st.integers(0, 10_000))
def test_trees_are_those_of_average_linkage_with_the_best_order_of_leaves(n: int, seed: int) -> None:
    distances = scattered(n, seed)
    phones = [f"/{i}/" for i in range(n)]
    tree = phone_tree(phones, distances)
    joined = oracles.average_linkage(distances)
    found = [(frozenset(s.first), frozenset(s.second), s.height) for s in reversed(splits(tree))]
    for (first, second, height), (a, b, expected) in zip(found, joined, strict=True):
        assert {first, second} == {frozenset(phones[i] for i in side) for side in (a, b)}
        assert height == pytest.approx(expected)

    def length(order: Sequence[int]) -> float:
        return math.fsum(distances[i, j] for i, j in itertools.pairwise(order))

    assert sorted(tree.order) == list(range(n))
    assert leaves_list(tree.linkage).tolist() == tree.order.tolist()
    assert is_valid_linkage(tree.linkage)
    assert tree.order[0] < tree.order[-1]
    assert length(tree.order.tolist()) == pytest.approx(min(length(order) for order in oracles.leaf_orders(joined)))


def test_the_order_of_many_leaves_is_no_longer_than_any_that_turning_one_node_gives() -> None:
    distances = scattered(40)
    tree = phone_tree([str(i) for i in range(40)], distances)

    def length(order: list[int]) -> float:
        return math.fsum(distances[i, j] for i, j in itertools.pairwise(order))

    best = length(tree.order.tolist())
    place = {str(leaf): i for i, leaf in enumerate(tree.order)}
    for split in splits(tree):
        at, middle, end = (place[p] for p in (split.first[0], split.second[0], split.second[-1]))
        whole = tree.order.tolist()
        swapped = whole[:at] + whole[middle : end + 1] + whole[at:middle] + whole[end + 1 :]
        mirrored = whole[:at] + whole[at : end + 1][::-1] + whole[end + 1 :]
        assert best <= min(length(swapped), length(mirrored)) + 1e-12


def test_splits_name_both_sides_in_the_order_of_the_leaves() -> None:
    # p b | a e, the consonants nearer to each other
    near, vowels, far = 0.1, 0.3, 1.0
    distances = np.array([[0, far, near, far], [far, 0, far, vowels], [near, far, 0, far], [far, vowels, far, 0]])
    tree = phone_tree(["p", "a", "b", "e"], distances)
    top, second, lowest = splits(tree)
    assert [top.row, second.row, lowest.row] == [2, 1, 0]
    assert [top.height, second.height, lowest.height] == pytest.approx([1.0, 0.3, 0.1])
    assert {frozenset(top.first), frozenset(top.second)} == {frozenset("pb"), frozenset("ae")}
    assert set(second.phones) == set("ae")
    assert set(lowest.phones) == set("pb")
    assert top.phones == tuple(tree.phones[i] for i in tree.order)


@pytest.mark.parametrize(
    ("phones", "distances", "message"),
    [
        (["a"], [[0.0]], "have to be two"),
        (["a", "b", "c"], [[0.0, 1.0], [1.0, 0.0]], "between 3 phones"),
        (["a", "b"], [[0.0, math.nan], [math.nan, 0.0]], "finite"),
        (["a", "b"], [[0.0, 1.0], [2.0, 0.0]], "symmetric"),
        (["a", "b"], [[0.0, 1.0], [1.0, 0.5]], "zero diagonal"),
    ],
)
def test_what_are_no_distances_of_the_phones_is_refused(
    phones: list[str], distances: list[list[float]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        phone_tree(phones, np.array(distances))
    with pytest.raises(ValueError, match=message):
        organising_attributes(phones, np.array(distances), {})


# --- triplets ---


def test_the_triplet_score_by_hand() -> None:
    # on a line: a a . b . . a, c alone
    position = np.array([0.0, 1.0, 3.0, 6.0, 6.5])
    values = np.array([0, 0, 1, 0, 2])
    distances = np.abs(position[:, None] - position[None, :])
    # only value 0 has two phones, 0 1 3; against 2 and 4:
    # from 0: to 1 (1) < 3 and < 6.5; to 3 (6) > 3 and < 6.5:          3 of 4
    # from 1: to 0 (1) < 2 and < 5.5; to 3 (5) > 2 and < 5.5:          3 of 4
    # from 3: to 0 (6) > 3 and > 0.5; to 1 (5) > 3 and > 0.5:          0 of 4
    assert triplet_score(distances, values) == pytest.approx(6 / 12)


@settings(deadline=None)
@given(VALUES, st.integers(0, 10_000), st.booleans())
def test_the_triplet_score_equals_the_triple_loop(values: list[int], seed: int, ties: bool) -> None:  # noqa: FBT001 - hypothesis draws it
    distances = scattered(len(values), seed, ties=ties)
    expected = oracles.triplet_score(distances, values)
    found = triplet_score(distances, np.array(values))
    assert found == (None if expected is None else pytest.approx(expected))


def test_each_value_counts_alike_however_many_phones_have_it() -> None:
    # two of value 1 that are far apart, among twenty of value 0 that are together
    distances = np.ones((22, 22)) - np.eye(22)
    distances[20:, :20] = distances[:20, 20:] = 2.0
    distances[20, 21] = distances[21, 20] = 3.0
    assert triplet_score(distances, np.array([0] * 20 + [1] * 2)) == pytest.approx((1 + 0) / 2)


def test_no_order_is_chance_and_perfect_order_is_one() -> None:
    values = np.array([0, 0, 0, 1, 1, 2, 2])
    assert triplet_score(np.ones((7, 7)) - np.eye(7), values) == pytest.approx(0.5)
    assert triplet_score((values[:, None] != values[None, :]).astype(np.float64), values) == 1
    mean = np.mean([triplet_score(scattered(7, seed), values) for seed in range(200)])
    assert mean == pytest.approx(0.5, abs=0.03)


def test_planted_attributes_come_out_and_others_do_not() -> None:
    phones = list("ptkbdgaeiou")
    voiced = {p: None if p in "aeiou" else p in "bdg" for p in phones}
    major = {p: "vowel" if p in "aeiou" else "consonant" for p in phones}
    place = dict.fromkeys(phones) | dict(zip("pbtdkg", [0, 0, 1, 1, 2, 2], strict=True))
    random = np.random.default_rng(3)
    means = random.random((11, 60)) * 0.3
    means[[p in "aeiou" for p in phones], :20] += 1  # units that vowels drive, and so on
    means[[p not in "aeiou" for p in phones], 20:40] += 1
    means[[voiced[p] is True for p in phones], 40:50] += 1
    means[[voiced[p] is False for p in phones], 50:] += 1
    found = organising_attributes(
        phones,
        mean_distances(means),
        {"major": major, "voicing": voiced, "place": place, "nothing": dict.fromkeys(phones, 1)},
        n_permutations=999,
    )
    assert found["attribute"].to_list() == ["major", "voicing", "place", "nothing"]
    assert found["n_phones"].to_list() == [11, 6, 6, 11]
    assert found["n_values"].to_list() == [2, 2, 3, 1]
    score, p_value = found["score"].to_list(), found["p_value"].to_list()
    assert score[:2] == [1.0, 1.0]
    assert p_value[0] < 0.02
    assert p_value[1] == pytest.approx(2 / 20, abs=0.03)  # 20 ways to voice three of six, of which two part them so
    assert score[2] < 0.5
    assert p_value[2] > 0.5
    assert (score[3], p_value[3]) == (None, None)


@pytest.mark.parametrize("seed", range(4))
def test_the_p_value_is_that_of_all_permutations(seed: int) -> None:
    values = [0, 0, 1, 1, 1, 2]
    phones = list("abcdef")
    distances = scattered(6, seed, ties=seed % 2 == 1)
    drawn = [oracles.triplet_score(distances, order) or 0.0 for order in itertools.permutations(values)]
    observed = drawn[0]
    exact = np.mean([score >= observed - 1e-12 for score in drawn])
    attributes = {"planted": dict(zip(phones, values, strict=True))}
    found = organising_attributes(phones, distances, attributes, n_permutations=4_999)
    assert found["score"].to_list() == pytest.approx([observed])
    assert found["p_value"].to_list() == pytest.approx([exact], abs=4 * math.sqrt(0.25 / 5_000))


def test_the_draw_is_the_seed_s_and_no_other_attribute_changes_it() -> None:
    phones = list("abcdefgh")
    distances = scattered(8)
    one = dict(zip(phones, "xxxyyyzz", strict=True))
    two = dict(zip(phones, "xyxyxyxy", strict=True))
    both = organising_attributes(phones, distances, {"two": two, "one": one})
    alone = organising_attributes(phones, distances, {"one": one})
    assert both.row(1) == alone.row(0)
    assert organising_attributes(phones, distances, {"one": one}).equals(alone)
    assert not organising_attributes(phones, distances, {"one": one}, seed=1).equals(alone)


def test_a_phone_of_which_an_attribute_says_nothing_at_all_is_named() -> None:
    with pytest.raises(ValueError, match=r"voicing: .* for b, c"):
        organising_attributes(["a", "b", "c"], scattered(3), {"voicing": {"a": None}})
