"""Tests between layers: what is called a difference, and how seldom by mistake."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles_bootstrap import step_down
from phonoscope.evaluation.paired import paired_tests


def test_pairs_are_compared_replicate_by_replicate() -> None:
    draws = np.random.default_rng(0)
    common = 0.1 * draws.standard_normal((2, 300))  # what the panel gives to all layers alike
    values = np.array([[0.5, 0.6], [0.55, 0.65], [0.5, 0.6]])
    replicates = values[..., None] + common + 0.005 * draws.standard_normal((3, 2, 300))
    tests = paired_tests(values, replicates)
    assert list(zip(tests.a.tolist(), tests.b.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 2)]
    np.testing.assert_allclose(tests.difference, [0.05, 0.0, -0.05], atol=1e-12)
    assert ((tests.low <= tests.difference) & (tests.difference <= tests.high)).all()
    assert (tests.high - tests.low).max() < 0.05, "the panel's part cancels out"
    assert tests.p_value[[0, 2]] == pytest.approx(1 / 601)
    assert tests.p_corrected[[0, 2]] == pytest.approx(1 / 601)
    assert tests.p_value[1] == tests.p_corrected[1] == 1


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 6), st.integers(0, 999))
def test_the_correction_is_that_of_the_book_s_algorithm(m: int, seed: int) -> None:
    draws = np.random.default_rng(seed)
    values = 0.3 * draws.standard_normal((m, 1))
    replicates = values[..., None] + 0.2 * draws.standard_normal((m, 1, 40))
    tests = paired_tests(values, replicates)
    moved = replicates - replicates.mean(axis=2, keepdims=True)
    around = (moved[tests.b] - moved[tests.a])[:, 0]
    assert tests.p_corrected == pytest.approx(
        np.maximum(step_down(tests.difference.tolist(), around.tolist()), tests.p_value)
    )
    assert (tests.p_corrected >= tests.p_value).all()


def test_without_differences_hardly_any_family_has_one_that_holds() -> None:
    draws = np.random.default_rng(5)
    wrong = 0
    for _ in range(200):
        samples = draws.random((6, 150)) < 0.5
        weights = draws.multinomial(150, np.full(150, 1 / 150), size=600)
        values = samples.mean(axis=1)[:, None]
        tests = paired_tests(values, (samples @ weights.T / 150)[:, None])
        wrong += bool((tests.p_corrected <= 0.05).any())
    assert wrong / 200 <= 0.1


def test_many_layers_can_differ_too() -> None:
    values = np.arange(24.0)[:, None]
    tests = paired_tests(values, values[..., None] + 0.1 * np.random.default_rng(1).standard_normal((24, 1, 200)))
    assert len(tests.a) == 276
    assert (tests.p_corrected < 0.05).all(), "276 times the least p-value would be above 1"


def test_one_layer_has_no_pairs_and_what_never_changes_is_certain() -> None:
    assert len(paired_tests(np.ones((1, 2)), np.ones((1, 2, 20))).p_corrected) == 0
    tests = paired_tests(np.array([[0.0], [1.0], [1.0]]), np.array([[[0.0] * 20], [[1.0] * 20], [[1.0] * 20]]))
    assert tests.p_corrected.tolist() == pytest.approx([1 / 21, 1 / 21, 1])
