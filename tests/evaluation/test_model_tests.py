"""Differences of measures between models: held to tests written out, and to what they are known to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles_comparison import slow_holm, slow_paired
from phonoscope.evaluation.model_tests import best_of, bootstrap_difference, holm, relative_depths


@given(st.integers(0, 10_000), st.integers(2, 60), st.floats(-0.3, 0.3))
@settings(max_examples=25, deadline=None)
def test_paired_differences_are_those_of_the_slow_test(seed: int, n: int, shift: float) -> None:
    draws = np.random.default_rng(seed).normal(0.5, 0.05, (n, 2))
    found = bootstrap_difference(0.5 + shift, 0.5, draws[:, 0], draws[:, 1], paired=True)
    expected = slow_paired(0.5 + shift, 0.5, [tuple(row) for row in draws])
    assert (found.difference, found.low, found.high, found.se) == pytest.approx(expected[:4])
    assert found.p == pytest.approx(expected[4] if found.difference else 1.0)


def test_the_interval_of_independent_replicates_is_about_that_of_all_combinations() -> None:
    a, b = (np.random.default_rng(i).gamma(4, 0.02, size) for i, size in enumerate((400, 300)))
    for one, other in ((a, b), (b, a)):
        found = bootstrap_difference(one.mean(), other.mean(), one, other, paired=False)
        everything = one[:, None] - other[None]  # its mean is the difference
        assert (found.low, found.high) == pytest.approx(np.quantile(everything, [0.025, 0.975]), abs=0.006)
        assert found.se == pytest.approx(everything.std(), rel=0.005)


def test_replicates_of_equal_random_numbers_do_not_pair_where_they_are_said_to_be_independent() -> None:
    draws = np.random.default_rng(3).normal(0.5, 0.05, 200)
    assert bootstrap_difference(0.5, 0.5, draws, draws, paired=False).high > 0.1
    assert bootstrap_difference(0.5, 0.5, draws, draws, paired=True).high == 0


@pytest.mark.parametrize("paired", [True, False])
def test_of_no_difference_one_test_in_twenty_says_otherwise(*, paired: bool) -> None:
    draws = np.random.default_rng(11)
    wrong = 0
    for _ in range(400):
        values = draws.normal(0.5, 0.02, 2)  # what two models without a difference measure
        spread = values + draws.normal(0, 0.02, (100, 2))
        wrong += bootstrap_difference(values[0], values[1], spread[:, 0], spread[:, 1], paired=paired).p < 0.05
    assert 8 <= wrong <= 36


def test_edges() -> None:
    same = np.full(99, 0.5)
    nothing = bootstrap_difference(0.5, 0.5, same, same, paired=True)
    assert (nothing.difference, nothing.low, nothing.high, nothing.p) == (0, 0, 0, 1)
    assert not nothing.excludes_zero
    certain = bootstrap_difference(0.9, 0.5, same + 0.4, same, paired=False)
    assert certain.p == pytest.approx(0.02)
    assert certain.excludes_zero
    assert bootstrap_difference(0.9, 0.5, same[:1], same[:1], paired=False).p == 1
    with pytest.raises(ValueError, match="99 and 98"):
        bootstrap_difference(0.5, 0.5, same, same[1:], paired=True)
    with pytest.raises(ValueError, match="0 and 99"):
        bootstrap_difference(0.5, 0.5, same[:0], same, paired=False)


def test_the_best_layer_is_chosen_in_every_replicate() -> None:
    draws = np.array([[0.1, 0.9, 0.2], [0.2, 0.4, 0.9]])
    assert best_of([0.4, 0.5], draws) == pytest.approx([0.2, 0.9, 0.9])
    assert best_of([0.4, 0.5], draws, lower=True) == pytest.approx([0.1, 0.4, 0.2])
    # what replicates do to all of a layer's values is no reason to choose it
    assert best_of([0.4, 0.5], draws + np.array([[0.0], [0.7]])) == pytest.approx([0.2, 0.9, 0.9])


def test_what_replicates_do_to_a_measure_does_not_move_the_interval() -> None:
    draws = np.random.default_rng(5).normal(0.5, 0.02, (2, 300))
    for paired in (True, False):
        one = bootstrap_difference(0.6, 0.5, draws[0], draws[1], paired=paired)
        other = bootstrap_difference(0.6, 0.5, draws[0] + 0.3, draws[1], paired=paired)
        assert (one.low, one.high, one.p) == pytest.approx((other.low, other.high, other.p))
        assert one.low < 0.1 < one.high


@given(st.lists(st.floats(0, 1), max_size=12))
@settings(max_examples=25, deadline=None)
def test_holm_is_that_of_the_slow_procedure(p: list[float]) -> None:
    assert holm(p).tolist() == pytest.approx(slow_holm(p))


def test_holm_of_a_known_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_relative_depth() -> None:
    assert relative_depths(5) == [0, 0.25, 0.5, 0.75, 1]
    assert relative_depths(1) == [0]
