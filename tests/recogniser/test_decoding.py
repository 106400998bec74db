from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles
from phonoscope.recogniser.decoding import (
    PhoneBigram,
    collapse,
    edit_distance,
    estimate_bigram,
    phone_error_rate,
    viterbi,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STRINGS = st.lists(st.integers(0, 3), max_size=6)


def ints(values: list[int]) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


@settings(deadline=None, max_examples=80)
@given(st.integers(1, 5), st.integers(1, 4), st.booleans(), st.integers(0, 10_000))
def test_viterbi_finds_the_best_of_all_paths(frames: int, states: int, whole: bool, seed: int) -> None:  # noqa: FBT001
    draws = np.random.default_rng(seed)
    shapes = [(frames, states), (states,), (states, states)]
    if whole:  # many equally good paths
        likelihood, initial, transition = (draws.integers(-2, 1, shape).astype(float) for shape in shapes)
    else:
        likelihood, initial, transition = (draws.standard_normal(shape) for shape in shapes)
    found = viterbi(likelihood, initial, transition)
    assert tuple(found.tolist()) == oracles.best_path(likelihood, initial, transition)


def test_viterbi_by_hand() -> None:
    # alone, the frames say 0 1 0; a change costs 3, and the middle frame is worth 2
    likelihood = np.array([[0.0, -5.0], [-2.0, 0.0], [0.0, -5.0]])
    stay = np.array([[0.0, -3.0], [-3.0, 0.0]])
    assert viterbi(likelihood, np.zeros(2), stay).tolist() == [0, 0, 0]
    assert viterbi(likelihood, np.zeros(2), np.zeros((2, 2))).tolist() == [0, 1, 0]
    assert viterbi(likelihood, np.array([-np.inf, 0.0]), stay).tolist() == [1, 1, 0]  # 0 is no start
    assert viterbi(likelihood[:1], np.zeros(2), stay).tolist() == [0]
    # transitions are [from, to]
    one_way = np.array([[0.0, 0.0], [-9.0, 0.0]])
    to_and_fro = np.array([[0.0, -1.0], [-1.0, 0.0], [0.0, -1.0]])
    assert viterbi(to_and_fro, np.zeros(2), one_way).tolist() in ([0, 0, 0], [0, 1, 1])
    assert viterbi(to_and_fro, np.zeros(2), one_way.T.copy()).tolist() in ([0, 0, 0], [1, 1, 0])


def test_a_long_stretch_does_not_underflow() -> None:
    truth = np.repeat(np.arange(4), 500)
    likelihood = np.full((2000, 4), -700.0)
    likelihood[np.arange(2000), truth] = -600.0
    found = viterbi(likelihood, np.log(np.full(4, 0.25)), np.log(np.full((4, 4), 0.25)))
    assert found.tolist() == truth.tolist()


@settings(deadline=None)
@given(STRINGS, STRINGS)
def test_edit_distance_equals_the_recursion(a: list[int], b: list[int]) -> None:
    assert edit_distance(ints(a), ints(b)) == oracles.edit_distance(tuple(a), tuple(b))


@settings(deadline=None)
@given(STRINGS, STRINGS, STRINGS)
def test_edit_distance_is_a_distance(a: list[int], b: list[int], c: list[int]) -> None:
    x, y, z = ints(a), ints(b), ints(c)
    assert (edit_distance(x, y) == 0) == (a == b)
    assert edit_distance(x, y) == edit_distance(y, x)
    assert edit_distance(x, z) <= edit_distance(x, y) + edit_distance(y, z)
    assert abs(len(a) - len(b)) <= edit_distance(x, y) <= max(len(a), len(b))


@given(st.lists(st.integers(0, 2), max_size=20))
def test_collapse_keeps_one_of_each_run(states: list[int]) -> None:
    assert collapse(ints(states)).tolist() == [state for state, _ in itertools.groupby(states)]


def test_the_bigram_by_hand() -> None:
    # phones 0 1 2; two strings
    strings = [ints([0, 1, 0, 2]), ints([1, 0]), ints([])]
    frames = ints([29, 9, 4])
    bigram = estimate_bigram(strings, frames, n_phones=3)
    # first phones 0: 1, 1: 1, 2: 0, each plus one
    np.testing.assert_allclose(np.exp(bigram.log_initial), [2 / 5, 2 / 5, 1 / 5])
    # tokens 3, 2 and 1, frames 29, 9 and 4, each plus one: a phone lasts 30/4, 10/3 and 5/2 frames
    leave = np.array([4 / 30, 3 / 10, 2 / 5])
    # pairs 0-1, 1-0, 0-2, 1-0, each plus one, none with itself
    follow = np.array([[0, 2 / 4, 2 / 4], [3 / 4, 0, 1 / 4], [1 / 2, 1 / 2, 0]])
    expected = leave[:, None] * follow + np.diag(1 - leave)
    np.testing.assert_allclose(np.exp(bigram.log_transition), expected)
    np.testing.assert_allclose(np.exp(bigram.log_prior), np.array([30, 10, 5]) / 45)


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 4), max_size=8), max_size=6), st.lists(st.integers(0, 500), min_size=5, max_size=5)
)
def test_probabilities_sum_to_one(strings: list[list[int]], frames: list[int]) -> None:
    bigram = estimate_bigram([ints(s) for s in strings], ints(frames), n_phones=5)
    for logs in (bigram.log_initial, bigram.log_prior, *bigram.log_transition):
        assert np.isfinite(logs).all()
        assert np.exp(logs).sum() == pytest.approx(1)


def test_the_weight_is_the_bigram_s_and_not_the_durations() -> None:
    strings, frames = [ints([0, 1, 0, 2, 1, 0])], ints([20, 12, 3])
    plain, none, double = (estimate_bigram(strings, frames, n_phones=3, lm_scale=scale) for scale in (1.0, 0.0, 2.0))
    diagonal = np.eye(3, dtype=bool)
    leave = np.log1p(-np.exp(plain.log_transition[diagonal]))[:, None]
    for scale, scaled in ((0.0, none), (2.0, double)):
        np.testing.assert_allclose(scaled.log_transition[diagonal], plain.log_transition[diagonal])
        expected = scale * (plain.log_transition - leave) + leave
        np.testing.assert_allclose(scaled.log_transition[~diagonal], expected[~diagonal])
        np.testing.assert_allclose(scaled.log_initial, scale * plain.log_initial)
        np.testing.assert_allclose(scaled.log_prior, plain.log_prior)


def flat(n: int) -> PhoneBigram:
    """Prefer nothing: the frames decide alone."""
    return PhoneBigram(np.zeros(n), np.zeros((n, n)), np.full(n, -np.log(n)))


def sure(path: list[int], n: int) -> NDArray[np.float32]:
    return np.where(np.arange(n) == np.array(path)[:, None], -0.01, -9).astype(np.float32)


def test_the_phone_error_rate_by_hand() -> None:
    # decoded 0 1 2 (of 0 0 1 2) against 0 2: one insertion; 1 0 against 1 2 0 0: two deletions; 2 against 0: one wrong
    posterior = sure([0, 0, 1, 2, 1, 1, 0, 2], 3)
    stretches = [
        (np.arange(4), ints([0, 2])),
        (np.arange(4, 7), ints([1, 2, 0, 0])),
        (np.arange(7, 8), ints([0])),
    ]
    assert phone_error_rate(posterior, stretches, flat(3)) == pytest.approx((1 + 2 + 1) / (2 + 4 + 1))
    assert phone_error_rate(posterior, [(np.arange(4), ints([0, 1, 2]))], flat(3)) == 0
    # more is decoded than was said
    assert phone_error_rate(posterior, [(np.arange(4), ints([2]))], flat(3)) == 2
    assert np.isnan(phone_error_rate(posterior, [], flat(3)))


def test_a_frequent_phone_needs_more_evidence() -> None:
    # the posterior says 0 by a hair, the prior says 0 anyway: the likelihood is higher for 1
    posterior = np.log(np.array([[0.55, 0.45]], np.float32))
    frequent = PhoneBigram(np.zeros(2), np.zeros((2, 2)), np.log(np.array([0.9, 0.1])))
    assert phone_error_rate(posterior, [(np.arange(1), ints([1]))], frequent) == 0
    assert phone_error_rate(posterior, [(np.arange(1), ints([0]))], flat(2)) == 0
