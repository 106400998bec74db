"""The bootstrap: draws, means of draws, intervals."""

from __future__ import annotations

import numpy as np
import pytest

from phonoscope.evaluation.resampling import draw_counts, interval, mean_products, rows_by_phone


def test_the_products_are_those_of_the_means_of_what_was_drawn() -> None:
    random = np.random.default_rng(0)
    index = random.permutation(np.repeat([0, 1, 2], [4, 5, 7]))
    X = random.normal(2, 1, (16, 300)).astype(np.float32)
    rows = rows_by_phone(index, 3)
    assert all((index[own] == i).all() for i, own in enumerate(rows))
    counts = draw_counts([4, 5, 7], 3, 8)
    assert [one.sum(axis=1).tolist() for one in counts] == [[4] * 3, [5] * 3, [7] * 3]
    found = mean_products(X, rows, counts)
    for i in range(4):
        weights = [np.ones(len(own)) if i == 0 else number[i - 1] for own, number in zip(rows, counts, strict=True)]
        means = np.array([np.average(X[own], axis=0, weights=w) for own, w in zip(rows, weights, strict=True)])
        means -= means.mean(axis=0)
        np.testing.assert_allclose(found[i], means @ means.T, rtol=1e-5, atol=1e-4)
    assert not np.array_equal(found[1], found[2])


def test_an_interval_covers_a_mean_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    covered = 0
    for trial in range(200):
        sample = random.normal(0, 1, 40)
        counts = draw_counts([40], 200, trial)[0]
        low, high = interval(counts @ sample / 40, float(sample.mean()))
        covered += low <= 0 <= high
    assert 0.88 <= covered / 200 <= 0.985


def test_an_interval_holds_the_estimate_though_all_draws_are_below_it() -> None:
    draws = np.linspace(0.1, 0.5, 99)
    low, high = interval(draws, 0.6)
    assert high == 0.6
    assert low > 0.4, "what the draws have lost is given back"
    assert interval(np.full(20, 0.25), 0.25) == (0.25, 0.25)
    plain = interval(draws, float(draws[49]))
    assert plain == pytest.approx(np.quantile(draws, [0.025, 0.975]))
