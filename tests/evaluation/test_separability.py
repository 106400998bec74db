from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from phonoscope.evaluation.separability import contingency, harmonic_mean, separability

if TYPE_CHECKING:
    from random import Random

# few phones and few clusters: ties, phones without a cluster and shared owners are then common
SAMPLES = st.lists(
    st.tuples(st.sampled_from(["p", "t", "k", "a", "a~", "2"]), st.integers(0, 5)), min_size=1, max_size=40
)


def test_the_paper_s_measures_by_hand() -> None:
    # cluster 0: a a a e   -> a        cluster 1: a a o   -> a
    # cluster 2: e e e o o -> e        nothing is left for o
    phones = list("aaaeaaoeeeoo")
    clusters = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2]
    found = separability(phones, clusters)
    # a: tp 3 + 2 = 5, fp 1 (e) + 1 (o) = 2, fn 0: P 5/7, R 5/5
    # e: tp 3, fp 2 (o), fn 1 (in cluster 0):     P 3/5, R 3/4
    # o: owns no cluster:                         P 0,   R 0
    assert found.per_phone.rows() == [
        ("a", 5, 2, pytest.approx(5 / 7), 1.0, pytest.approx(2 * 5 / 7 / (5 / 7 + 1))),
        ("e", 4, 1, pytest.approx(3 / 5), pytest.approx(3 / 4), pytest.approx(2 * 0.6 * 0.75 / 1.35)),
        ("o", 3, 0, 0.0, 0.0, 0.0),
    ]
    assert found.per_phone.columns == ["phone", "n_samples", "n_clusters", "precision", "recall", "f_measure"]
    precision, recall = (5 / 7 + 3 / 5 + 0) / 3, (1 + 3 / 4 + 0) / 3
    assert found.precision == pytest.approx(precision)
    assert found.recall == pytest.approx(recall)
    assert found.f_measure == pytest.approx(2 * precision * recall / (precision + recall))
    assert found.purity == pytest.approx((3 + 2 + 3) / 12)
    assert found.found_precision == pytest.approx((5 / 7 + 3 / 5) / 2)
    assert found.found_recall == pytest.approx((1 + 3 / 4) / 2)
    assert found.found_f_measure == pytest.approx(2 * 23 / 35 * 7 / 8 / (23 / 35 + 7 / 8))
    assert (found.n_samples, found.n_phones, found.n_phones_found) == (12, 3, 2)
    assert found.owner == {0: "a", 1: "a", 2: "e"}


@given(SAMPLES)
def test_equals_counting_phone_by_phone(samples: list[tuple[str, int]]) -> None:
    phones, clusters = [p for p, _ in samples], [c for _, c in samples]
    found = separability(phones, clusters)
    expected = oracles.phone_scores(phones, clusters)
    scores = list(expected.values())
    owning = [s for s in scores if s.n_clusters]
    assert found.owner == oracles.owners(phones, clusters)
    assert found.precision == pytest.approx(sum(s.precision for s in scores) / len(scores))
    assert found.recall == pytest.approx(sum(s.recall for s in scores) / len(scores))
    assert found.f_measure == pytest.approx(oracles.harmonic(found.precision, found.recall))
    assert found.found_precision == pytest.approx(sum(s.precision for s in owning) / len(owning))
    assert found.found_recall == pytest.approx(sum(s.recall for s in owning) / len(owning))
    assert found.found_f_measure == pytest.approx(oracles.harmonic(found.found_precision, found.found_recall))
    assert (found.n_samples, found.n_phones, found.n_phones_found) == (len(phones), len(scores), len(owning))
    tp, fp = sum(s.tp for s in scores), sum(s.fp for s in scores)
    fn = sum(s.n_samples for s in scores) - tp
    # one label a sample: purity and the micro-averaged precision and recall are one figure
    assert found.purity == pytest.approx(tp / (tp + fp)) == pytest.approx(tp / (tp + fn))
    for row, (phone, score) in zip(found.per_phone.iter_rows(), expected.items(), strict=True):
        f_measure = oracles.harmonic(score.precision, score.recall)
        assert row[:3] == (phone, score.n_samples, score.n_clusters)
        assert row[3:] == pytest.approx((score.precision, score.recall, f_measure))


@given(SAMPLES, st.permutations(range(6)), st.randoms())
def test_neither_names_of_clusters_nor_order_of_samples_matter(
    samples: list[tuple[str, int]], names: list[int], random: Random
) -> None:
    found = separability([p for p, _ in samples], [c for _, c in samples])
    shuffled = list(samples)
    random.shuffle(shuffled)
    again = separability([p for p, _ in shuffled], np.array([f"cluster {names[c]}" for _, c in shuffled]))
    assert again.per_phone.equals(found.per_phone)
    assert again.f_measure == found.f_measure
    assert again.owner == {f"cluster {names[c]}": phone for c, phone in found.owner.items()}


@given(st.lists(st.sampled_from("ptkaeiou"), min_size=1, max_size=30), st.integers(1, 3))
def test_perfect_clusters_give_one(phones: list[str], parts: int) -> None:
    # a phone may fill several clusters
    clusters = [f"{phone}{i % parts}" for i, phone in enumerate(phones)]
    found = separability(phones, np.array(clusters))
    assert (found.precision, found.recall, found.f_measure, found.purity) == (1, 1, 1, 1)
    assert found.n_phones_found == found.n_phones


def test_one_cluster_for_all_and_one_for_each() -> None:
    # everything is claimed for the first of two equally frequent phones: P (1/2 + 0) / 2, R (1 + 0) / 2
    one = separability(["b", "a", "b", "a"], [7, 7, 7, 7])
    assert one.owner == {7: "a"}
    assert (one.precision, one.recall) == (0.25, 0.5)
    assert one.f_measure == pytest.approx(1 / 3)
    assert separability(["b", "a", "b", "a"], [1, 2, 3, 4]).f_measure == 1


def test_arrays_of_numbers_are_labels_too() -> None:
    phones = np.array(["a", "a", "b"])
    found = separability(phones, np.array([2, 2, 0], np.int32))
    assert found.owner == {0: "b", 2: "a"}
    names, labels, counts = contingency(phones, np.array([2, 2, 0]))
    assert (names.tolist(), labels.tolist(), counts.tolist()) == (["a", "b"], [0, 2], [[0, 2], [1, 0]])


@pytest.mark.parametrize(
    ("phones", "clusters", "message"),
    [
        (["a", "b"], [0], "one label a sample"),
        ([["a"], ["b"]], [[0], [1]], "one label a sample"),
        ([["a"], ["b"]], [0, 1], "one label a sample"),
        ([], [], "no sample"),
    ],
)
def test_labels_that_do_not_fit_are_refused(phones: list[str], clusters: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        separability(phones, clusters)


def test_the_harmonic_mean_of_nothing_is_nothing() -> None:
    assert harmonic_mean(0.0, 0.0) == 0.0
    assert harmonic_mean(1.0, 0.0) == 0.0
    assert harmonic_mean(0.5, 1.0) == pytest.approx(2 / 3)
