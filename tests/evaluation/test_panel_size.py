"""F against the number of samples of each phone."""

from __future__ import annotations

import numpy as np
import pytest

from phonoscope.evaluation.panel_size import draw, f_by_size, sizes
from phonoscope.evaluation.resampling import rows_by_phone
from phonoscope.settings import ClusteringSettings


def test_sizes_are_round_numbers_below_the_panel_s() -> None:
    assert sizes(10, 100, 33, 10_000) == [10, 20, 50]
    assert sizes(10, 101, 33, 10_000) == [10, 20, 50, 100]
    assert sizes(10, 10_000, 33, 10_000) == [10, 20, 50, 100, 200]
    assert sizes(2, 8, 12, 10_000) == [2, 5]
    assert sizes(10, 6, 33, 10_000) == []


def test_a_part_has_so_many_of_each_phone() -> None:
    index = np.repeat([0, 1, 2], [9, 4, 20])
    some = draw(rows_by_phone(index, 3), 6, (0, 1))
    assert np.bincount(index[some]).tolist() == [6, 4, 6]
    assert (np.diff(some) > 0).all()
    assert not np.array_equal(some, draw(rows_by_phone(index, 3), 6, (0, 2)))


def test_clear_phones_have_f_1_at_every_size_and_dealt_ones_less() -> None:
    index = np.repeat(np.arange(4), 30)
    X = (100 * np.eye(4, 6)[index] + np.random.default_rng(0).normal(0, 1, (120, 6))).astype(np.float32)
    found = f_by_size(
        X,
        [f"p{i}" for i in index],
        rows_by_phone(index, 4),
        [5, 20],
        k=4,
        draws=2,
        settings=ClusteringSettings(kmedians_restarts=10),
        seed=0,
    )
    assert [(r["n_per_phone"], r["draw"], r["clusterer"], r["n_samples"]) for r in found] == [
        (n, i, clusterer, 4 * n) for n in (5, 20) for i in (0, 1) for clusterer in ("kmedians", "spectral")
    ]
    assert [r["f_measure"] for r in found] == pytest.approx([1] * 8)
    chance = {n: np.mean([r["chance"] for r in found if r["n_per_phone"] == n]) for n in (5, 20)}
    assert chance[20] < chance[5] < 0.8, "of few samples more lie with most of their cluster by chance"
    assert (
        f_by_size(X, ["a"] * 120, rows_by_phone(index, 4), [2], k=9, draws=1, settings=ClusteringSettings(), seed=0)
        == []
    )
