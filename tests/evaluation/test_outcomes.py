from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles_measures
from phonoscope.evaluation.folds import assign_folds
from phonoscope.evaluation.outcomes import answerable, measure_value

OUTCOMES = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, 0.25, math.nan]), st.integers(0, 3), st.integers(0, 2), st.integers(0, 2)),
    min_size=1,
    max_size=25,
)


@given(OUTCOMES)
@settings(max_examples=40, deadline=None)
def test_value_is_the_mean_over_phones_of_weighted_means(rows: list[tuple[float, int, int, int]]) -> None:
    outcomes, phones = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    weights = np.array([[r[2] for r in rows], [r[3] for r in rows]])
    found = measure_value(outcomes, phones, weights)
    expected = [oracles_measures.mean_over_phones(outcomes.tolist(), phones.tolist(), w.tolist()) for w in weights]
    assert found == pytest.approx(expected, nan_ok=True)
    plain = oracles_measures.mean_over_phones(outcomes.tolist(), phones.tolist(), [1.0] * len(rows))
    assert measure_value(outcomes, phones).shape == ()
    assert float(measure_value(outcomes, phones)) == pytest.approx(plain, nan_ok=True)
    assert measure_value(outcomes, phones, weights[None, :, None]).shape == (1, 2, 1)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20))
@settings(max_examples=30, deadline=None)
def test_a_sample_is_answerable_if_its_phone_is_elsewhere_too(rows: list[tuple[int, int]]) -> None:
    several = len({g for _, g in rows}) > 1
    expected = [
        any(q == p and (h != g if several else j != i) for j, (q, h) in enumerate(rows))
        for i, (p, g) in enumerate(rows)
    ]
    groups = np.unique([g for _, g in rows], return_inverse=True)[1]
    assert answerable(np.array([p for p, _ in rows]), groups).tolist() == expected


def test_folds_divide_no_group_and_spread_every_phone() -> None:
    draws = np.random.default_rng(0)
    phones = np.repeat(np.arange(6), 50)
    groups = draws.integers(0, 23, 300).astype(str)
    folds = assign_folds(phones, groups, 1)
    assert all(len(set(folds[groups == g])) == 1 for g in set(groups))
    table = np.array([[((folds == f) & (phones == p)).sum() for p in range(6)] for f in range(5)])
    assert table.sum(axis=1).max() - table.sum(axis=1).min() <= 12  # a group has 13 samples on average
    assert table.min() >= 4
    assert assign_folds(phones, groups, 1).tolist() == folds.tolist()
    assert assign_folds(phones, groups, 2).tolist() != folds.tolist()


@pytest.mark.parametrize(("groups", "n_folds"), [(1, 5), (2, 2), (4, 4), (5, 5), (9, 5)])
def test_there_are_as_many_folds_as_groups_up_to_five(groups: int, n_folds: int) -> None:
    phones = np.arange(60) % 3
    folds = assign_folds(phones, np.arange(60) // 3 % groups, 0)
    assert sorted(set(folds)) == list(range(n_folds))
    if groups == 1:  # samples one by one: perfectly even
        assert {tuple(np.bincount(phones[folds == f])) for f in range(5)} == {(4, 4, 4)}
