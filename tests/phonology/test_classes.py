"""Clusters read as classes of phones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles_classes as oracles
from phonoscope.phonology.classes import infer_classes

SAMPLES = st.lists(
    st.tuples(st.sampled_from(["a", "b~", "2", "<i>", "R"]), st.integers(-2, 4)), min_size=1, max_size=40
)


@given(SAMPLES)
def test_classes_and_spread_equal_the_counting_of_samples(samples: list[tuple[str, int]]) -> None:
    phones, labels = [phone for phone, _ in samples], [label for _, label in samples]
    classes, spread = infer_classes(phones, labels)
    assert {one.cluster for one in classes} == set(labels)
    assert len(classes) == len(set(labels))
    for one in classes:
        expected = oracles.inferred_class(phones, labels, one.cluster)
        assert one.samples == expected.samples
        assert {s.phone: s.share for s in one.phones} == {p: float(part) for p, part in expected.phones.items()}
        assert all(s.samples == s.share * phones.count(s.phone) for s in one.phones)
        assert (set(one.members), set(one.companions)) == (expected.members, expected.companions)
        assert one.covered == (None if expected.covered is None else float(expected.covered))
    assert {s.phone for s in spread} == set(phones)
    for s in spread:
        assert s.entropy == pytest.approx(oracles.entropy(phones, labels, s.phone), abs=1e-12)
        assert s.effective == pytest.approx(2**s.entropy)
        assert s.largest == float(max(oracles.share(phones, labels, s.phone, c) for c in set(labels)))


@given(SAMPLES)
def test_the_order_is_by_members_and_samples_and_within_a_class_by_share(samples: list[tuple[str, int]]) -> None:
    phones, labels = zip(*samples, strict=True)
    classes, spread = infer_classes(phones, labels)
    keys = [(-len(one.members), -one.samples, one.cluster) for one in classes]
    assert keys == sorted(keys)
    for one in classes:
        shares = [(-s.share, s.phone) for s in one.phones]
        assert shares == sorted(shares)
        order = [s.phone for s in one.phones]
        assert [*one.members] == [p for p in order if p in one.members]
        assert [*one.companions] == [p for p in order if p in one.companions]
    entropies = [s.entropy for s in spread]
    assert entropies == sorted(entropies, reverse=True)


def test_a_class_as_the_paper_writes_it() -> None:
    # 82.7 % of the closed vowels, also grouped with the semivowel H
    phones = ["y"] * 100 + ["i"] * 100 + ["e"] * 100 + ["H"] * 100 + ["R"] * 100
    labels = [0] * 90 + [1] * 10 + [0] * 80 + [1] * 20 + [0] * 78 + [2] * 22 + [0] * 40 + [1] * 60 + [0] * 19 + [2] * 81
    (one, *_), _ = infer_classes(phones, labels)
    assert one.cluster == 0
    assert one.members == ("y", "i", "e")
    assert one.covered == pytest.approx(0.8267, abs=1e-4)
    assert one.companions == ("H",), "R has less than a fifth there"
    assert [s.phone for s in one.phones] == ["y", "i", "e", "H", "R"]
    assert one.samples == 307


def test_a_phone_that_is_parted_in_two_halves_is_a_member_of_both() -> None:
    classes, (spread,) = infer_classes(["a"] * 4, [0, 0, 1, 1])
    assert [one.members for one in classes] == [("a",), ("a",)]
    assert [one.covered for one in classes] == [0.5, 0.5]
    assert (spread.entropy, spread.effective, spread.largest) == (1.0, 2.0, 0.5)


def test_a_phone_in_one_class_is_not_spread_and_its_entropy_has_no_sign() -> None:
    _, (spread,) = infer_classes(["a"] * 3, [7, 7, 7])
    assert (spread.entropy, spread.effective, spread.largest) == (0.0, 1.0, 1.0)
    assert not np.signbit(spread.entropy)


def test_an_even_spread_over_four_classes_counts_four() -> None:
    _, (first, second) = infer_classes(["b"] * 2 + ["a"] * 4, [0, 0, 0, 1, 2, 3])
    assert (first.phone, first.effective, first.largest) == ("a", 4.0, 0.25)
    assert second.phone == "b"


def test_labels_may_be_an_array_and_come_back_as_plain_numbers() -> None:
    classes, _ = infer_classes(["a", "b"], np.array([3, -1], np.int32))
    assert sorted(one.cluster for one in classes) == [-1, 3]
    assert all(type(one.cluster) is int and type(one.samples) is int for one in classes)
    assert all(type(s.phone) is str and type(s.share) is float for one in classes for s in one.phones)


@pytest.mark.parametrize(("phones", "labels"), [([], []), (["a"], [0, 1]), (["a", "b"], [0])])
def test_nothing_and_unequal_lengths_are_refused(phones: list[str], labels: list[int]) -> None:
    with pytest.raises(ValueError, match="sample"):
        infer_classes(phones, labels)
