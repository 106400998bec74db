"""The bootstrap: its draws, its tables, and that its intervals hold what they promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles_bootstrap import table
from phonoscope.evaluation.bootstrap import (
    FEWEST_SPEAKERS,
    centred,
    count_tables,
    draws_speakers,
    interval,
    resampling_weights,
    shuffled_tables,
)
from phonoscope.evaluation.cluster_measures import cluster_measures

if TYPE_CHECKING:
    from numpy.typing import NDArray

PHONES = np.repeat(["a", "b", "c"], [30, 20, 25])
MANY = np.array([f"s{i % 10}" for i in range(75)])
ONE = np.full(75, "s")


@pytest.mark.parametrize("speakers", [ONE, MANY], ids=["one speaker", "ten speakers"])
def test_a_replicate_has_as_many_samples_of_each_phone_as_the_panel(speakers: NDArray[np.str_]) -> None:
    weights = resampling_weights(PHONES, speakers, 50, 3)
    assert weights.shape == (50, 75)
    for phone in "abc":
        own = weights[:, phone == PHONES]
        assert set(own.sum(axis=1)) == {own.shape[1]}
    assert abs(weights.mean(axis=0) - 1).max() < 0.9
    assert len({row.tobytes() for row in weights}) == 50


def test_the_draws_follow_from_the_seed_and_the_panel() -> None:
    first = resampling_weights(PHONES, MANY, 20, 3)
    np.testing.assert_array_equal(first, resampling_weights(PHONES.tolist(), MANY.tolist(), 20, 3))
    assert (first != resampling_weights(PHONES, MANY, 20, 4)).any()


def test_speakers_are_drawn_where_every_phone_is_spoken_by_enough() -> None:
    assert draws_speakers(PHONES, MANY)
    assert not draws_speakers(PHONES, ONE)
    few = np.where(PHONES == "b", np.array([f"s{i % (FEWEST_SPEAKERS - 1)}" for i in range(75)]), MANY)
    assert not draws_speakers(PHONES, few)
    weights = resampling_weights(PHONES, MANY, 200, 0)
    of_speaker = np.array([weights[:, s == MANY].sum(axis=1) for s in np.unique(MANY)])
    left_out = (of_speaker == 0).mean()
    assert left_out == pytest.approx(0.9**9, abs=0.05), "nine of ten speakers are drawn with replacement"
    assert of_speaker.std(axis=1).min() > 5, "independent draws of samples would spread by less than three"


def test_one_label_a_sample_is_needed() -> None:
    with pytest.raises(ValueError, match="one label a sample"):
        resampling_weights(["a", "b"], ["s"], 2, 0)
    with pytest.raises(ValueError, match="one label a sample"):
        resampling_weights([], [], 2, 0)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 40), st.integers(0, 99))
def test_tables_are_those_of_samples_counted_one_by_one(phones: int, clusters: int, n: int, seed: int) -> None:
    draws = np.random.default_rng(seed)
    phone_index, labels = draws.integers(0, phones, n), draws.integers(0, clusters, n)
    weights = draws.integers(0, 4, (3, n)).astype(np.uint16)
    found = count_tables(phone_index, labels, weights)
    expected = [table(phone_index.tolist(), labels.tolist(), row) for row in weights.tolist()]
    assert found.tolist() == expected


def test_shuffled_phones_keep_their_numbers_and_tell_nothing() -> None:
    truth = np.repeat(np.arange(4), 50)
    tables = shuffled_tables(truth, truth, 40, 1)
    assert set(map(tuple, tables.sum(axis=2))) == {(50,) * 4} == set(map(tuple, tables.sum(axis=1)))
    assert abs(cluster_measures(tables)["ami"].mean()) < 0.01
    np.testing.assert_array_equal(tables, shuffled_tables(truth, truth, 40, 1))


def test_the_interval_is_that_of_the_moved_replicates_of_all_seeds() -> None:
    draws = np.random.default_rng(0)
    values = np.array([0.4, 0.5])
    replicates = values[:, None] + 0.2 + 0.03 * draws.standard_normal((2, 500))  # a bias of 0.2
    moved = centred(values, replicates)
    np.testing.assert_allclose(moved.mean(axis=1), values)
    low, high = interval(values, replicates, confidence=0.9)
    assert (low, high) == tuple(np.quantile(moved, [0.05, 0.95]))
    assert low < values.min(), "it spans what the seeds differ by"
    assert high > values.max()
    assert interval(values, replicates + 9) == pytest.approx(interval(values, replicates))
    assert interval(np.array([0.99]), np.array([[0.9, 1.0, 0.8]]), bounds=(0, 1))[1] == 1
    skewed = np.array([[0.0] * 99 + [1.0]])
    low, high = interval(np.array([0.5]), skewed, confidence=0.5)
    assert low <= 0.5 <= high


def coverage(held: list[bool]) -> float:
    return sum(held) / len(held)


def test_95_of_100_intervals_of_a_share_hold_the_truth() -> None:
    draws = np.random.default_rng(11)
    phones = np.repeat(np.arange(6), 40)
    truth = np.linspace(0.5, 0.9, 6)
    held = []
    for seed in range(200):
        right = draws.random(len(phones)) < truth[phones]
        weights = resampling_weights(phones.astype(str), np.full(len(phones), "s"), 200, seed)
        low, high = interval(np.array([right.mean()]), (weights @ right / len(phones))[None])
        held.append(low <= truth.mean() <= high)
    assert 0.9 <= coverage(held) <= 0.99


def test_95_of_100_intervals_hold_the_truth_for_other_speakers() -> None:
    draws = np.random.default_rng(12)
    phones, speakers = np.repeat(np.arange(4), 80), np.tile(np.arange(16), 20)
    held: list[bool] = []
    of_samples: list[bool] = []
    for seed in range(200):
        odds = 1.0 + 0.7 * draws.standard_normal(16)  # how well each speaker is recognised
        right = draws.random(len(phones)) < 1 / (1 + np.exp(-odds[speakers]))
        truth = 0.7084  # the mean of 1 / (1 + exp(-odds)) over speakers
        for names, into in ((speakers.astype(str), held), (np.full(len(phones), "s"), of_samples)):
            weights = resampling_weights(phones.astype(str), names, 200, seed)
            low, high = interval(np.array([right.mean()]), (weights @ right / len(phones))[None])
            into.append(low <= truth <= high)
    assert 0.9 <= coverage(held) <= 0.99
    assert coverage(of_samples) < 0.9, "samples drawn by themselves know nothing of other speakers"


@pytest.mark.parametrize("measure", ["f_measure", "pnmi", "ami", "accuracy"])
def test_95_of_100_intervals_hold_what_other_panels_of_this_size_have(measure: str) -> None:
    draws = np.random.default_rng(13)
    k = 6
    phones = np.repeat(np.arange(k), 30)
    chances = 0.5 * np.eye(k) + 0.5 * draws.dirichlet(np.ones(k), k)

    def clustered() -> NDArray[np.int64]:
        beyond = draws.random(len(phones))[:, None] > chances.cumsum(axis=1)[phones]
        return np.asarray(beyond.sum(axis=1).clip(max=k - 1), np.int64)

    once = np.ones((1, len(phones)), np.int64)
    many = np.concatenate([count_tables(phones, clustered(), once) for _ in range(2000)])
    truth = cluster_measures(many)[measure].mean()
    held = []
    for seed in range(200):
        labels = clustered()
        weights = resampling_weights(phones.astype(str), np.full(len(phones), "s"), 200, seed)
        value = cluster_measures(count_tables(phones, labels, once))[measure]
        again = cluster_measures(count_tables(phones, labels, weights))[measure]
        low, high = interval(value, again[None])
        held.append(low <= truth <= high)
    assert 0.9 <= coverage(held) <= 0.99
