from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles
from phonoscope.signal.features import with_deltas
from phonoscope.signal.windows import gather


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 25), min_size=1, max_size=6), st.integers(2, 7), st.randoms(use_true_random=False))
def test_windows_are_those_of_whole_utterances_to_the_last_bit(count: list[int], context: int, random: object) -> None:
    draws = np.random.default_rng(hash(random) % 2**32)
    static = draws.uniform(0, 20, (sum(count), 5)).astype(np.float32)
    means = draws.standard_normal((3, 5, 3)).astype(np.float32)
    mean_of = draws.integers(0, 3, len(count)).astype(np.int32)
    start = np.cumsum([0, *count])[:-1]
    found = gather(static, start, np.array(count), means, mean_of, np.arange(len(static)), context)
    assert found.dtype == np.float32
    for first, n, group in zip(start, count, mean_of, strict=True):
        whole = with_deltas(static[first : first + n]) - means[group]
        for t in range(n):
            np.testing.assert_array_equal(found[first + t], oracles.window(whole, t, context))


@pytest.mark.parametrize("n", [1, 3, 30])
def test_any_rows_in_any_order(n: int) -> None:
    draws = np.random.default_rng(n)
    static = draws.uniform(0, 20, (40, 4)).astype(np.float32)
    start, count, means = np.array([0, 25, 25]), np.array([25, 0, 15]), np.zeros((1, 4, 3), np.float32)
    rows = draws.integers(0, 40, n)
    every = gather(static, start, count, means, np.zeros(3, np.int32), np.arange(40), 5)
    np.testing.assert_array_equal(gather(static, start, count, means, np.zeros(3, np.int32), rows, 5), every[rows])
