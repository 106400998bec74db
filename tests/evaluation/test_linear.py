"""What a linear map tells apart: against the formula, scikit-learn, and phones that are planted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import cho_factor, cho_solve
from sklearn.covariance import ledoit_wolf_shrinkage

import oracles_structure as oracles
from phonoscope.evaluation.discriminants import Fold, _solved, discriminants, shrinkage, sum_of_squares
from phonoscope.evaluation.fold_choice import choose_folds, grouped_folds, sample_folds
from phonoscope.evaluation.linear import linear_scores, told_apart, wilson
from phonoscope.evaluation.resampling import draw_counts, rows_by_phone
from phonoscope.evaluation.systems import room_for
from phonoscope.reduction import distances


def panel(n_phones: int, n: int, d: int, seed: int, distance: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    index = np.repeat(np.arange(n_phones), n)
    means = distance * random.normal(0, 1, (n_phones, d))
    return (means[index] + random.normal(0, 1, (len(index), d)) * random.uniform(0.3, 2, d)), index


# --- discriminants ---


@given(st.integers(2, 5), st.integers(4, 8), st.integers(1, 60), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_narrow_and_wide_data_give_what_the_formula_gives(n_phones: int, n: int, d: int, seed: int) -> None:
    X, index = panel(n_phones, n, d, seed, 0.7)
    folds = sample_folds(index, 3, seed)
    expected = np.zeros((len(X), n_phones), bool)
    for fold in range(3):
        test = folds == fold
        train, labels = X[~test], index[~test]
        means = np.array([train[labels == phone].mean(axis=0) for phone in range(n_phones)])
        share = ledoit_wolf_shrinkage(train - means[labels], assume_centered=True)
        scores = oracles.discriminants(train, labels, X[test], max(share, 1e-9))
        expected[test] = scores < scores[np.arange(len(scores)), index[test]][:, None]
    expected[np.arange(len(X)), index] = True
    found = told_apart(X, index, folds)
    # in one dimension scikit-learn shrinks by nothing to anything, which is the same
    assert (found == expected).mean() > 0.98 if d == 1 else np.array_equal(found, expected)


def test_the_shrinkage_is_scikit_learn_s() -> None:
    X = np.random.default_rng(0).normal(0, 1, (30, 12)) * np.arange(1, 13)
    lengths = np.square(X).sum(axis=1)
    found = shrinkage(float(lengths @ lengths), float(np.square(X.T @ X).sum()), float(lengths.sum()), 30, 12)
    assert found == pytest.approx(ledoit_wolf_shrinkage(X, assume_centered=True))
    assert 0 < found < 1


@pytest.mark.parametrize("d", [40, 900])  # by units, and by samples
def test_less_memory_gives_the_same_to_the_last_digit(d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    X, index = panel(3, 250, d, 11)
    rows = np.flatnonzero(np.arange(len(X)) % 5 < 4)
    X, own = X.astype(np.float32), index[rows]
    folds = sample_folds(own, 4, 0)
    found = []
    for memory, centred in ((4.0, 300_000_000), (4.0, 0), (1e-6, 0)):
        monkeypatch.setattr(distances, "_CENTRED", centred)
        ours = discriminants(X, rows, memory)
        parts = [Fold.of(own, 3, folds == fold) for fold in range(4)]
        found.append([one for fold in parts for one in (ours.scores(fold), ours.nearest(fold))])
        copied = discriminants(X[rows], np.arange(len(rows)), memory)
        np.testing.assert_array_equal(copied.scores(parts[0]), found[-1][0])
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            np.testing.assert_array_equal(one, other)


def test_what_is_done_in_place_is_what_is_done_with_copies() -> None:
    random = np.random.default_rng(2)
    R = random.normal(0, 1, (1_300, 1_300)) * np.exp(random.normal(0, 3, 1_300))
    assert sum_of_squares(R) == np.square(R).sum()
    A, B = R @ R.T + 1e-3 * np.eye(len(R)), random.normal(0, 1, (len(R), 4))
    A += np.triu(random.normal(0, 1, A.shape), 1)  # above the diagonal nothing is read
    np.testing.assert_array_equal(_solved(A.copy(), B), cho_solve(cho_factor(A, lower=True), B))


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("most", [np.inf, 0.0])  # in memory, and in a file
def test_what_is_no_number_is_refused_wherever_the_matrix_lies(wrong: float, most: float) -> None:
    A = room_for((20, 20), np.dtype(np.float64), most, np.empty(0))
    A[:] = np.eye(20)
    A[13, 4] = wrong
    with pytest.raises(ValueError, match="finite"):
        _solved(A, np.ones((20, 1)))
    A[13, 4] = 0.0
    with pytest.raises(ValueError, match="finite"):
        _solved(A, np.full((20, 1), wrong))


def test_units_whose_covariances_do_not_fit_are_told_apart_by_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(4)
    index, folds = np.arange(240) % 6, np.arange(240) // 6 % 4
    X = random.standard_normal((6, 70))[index] + 2 * random.standard_normal((240, 70))
    expected = told_apart(X, index, folds)
    assert 0.5 < expected.mean() < 1
    monkeypatch.setattr("phonoscope.evaluation.discriminants._NARROW", 10)
    monkeypatch.setattr("phonoscope.evaluation.discriminants._ByUnits", None)
    np.testing.assert_array_equal(told_apart(X, index, folds, memory=1e-6), expected)


def test_a_phone_far_from_all_is_told_apart_and_two_in_one_place_are_not() -> None:
    random = np.random.default_rng(5)
    index = np.repeat(np.arange(4), 40)
    means = np.zeros((4, 200))
    means[0, 0], means[1, 1] = 30, 30  # the phones 2 and 3 are in one place
    X = (means[index] + random.normal(0, 1, (160, 200))).astype(np.float32)
    rows = rows_by_phone(index, 4)
    scores = linear_scores(told_apart(X, index, sample_folds(index, 5, 0)), rows, draw_counts([40] * 4, 50, 0))
    np.testing.assert_array_equal(scores.recall[:2], 1)
    assert (scores.recall[2:] < 0.8).all()
    assert scores.phones_apart[0] == 0.5
    assert scores.pairs_apart == (5 / 6, 5 / 6, 5 / 6)
    assert scores.pairs[2, 3] == pytest.approx(0.5, abs=0.2)
    assert scores.pairs[2, 3] == scores.pairs[3, 2]
    assert (np.diag(scores.pairs) == 1).all()
    assert scores.accuracy[1] < scores.accuracy[0] < scores.accuracy[2]
    assert scores.accuracy[0] == pytest.approx(scores.recall.mean())


def test_noise_is_recognised_as_often_as_chance_allows() -> None:
    X, index = panel(5, 60, 30, 3, 0.0)
    correct = told_apart(X, index, sample_folds(index, 5, 0)).all(axis=1)
    assert correct.mean() == pytest.approx(0.2, abs=0.08)


def test_samples_that_do_not_differ_are_not_told_apart_and_those_without_noise_are() -> None:
    index = np.repeat(np.arange(3), 4)
    folds = sample_folds(index, 2, 0)
    for d in (5, 40):
        flat = told_apart(np.ones((12, d), np.float32), index, folds)
        assert np.array_equal(flat, np.eye(3, dtype=bool)[index])
        exact = np.repeat(np.eye(3, d), 4, axis=0).astype(np.float32)
        assert told_apart(exact, index, folds).all()


def test_the_interval_of_a_share_is_wilson_s() -> None:
    low, high = wilson(np.array([0.5, 1.0, 0.0]), np.array([10, 20, 20]))
    assert low == pytest.approx([0.2366, 0.8389, 0.0], abs=1e-4)  # Newcombe 1998 and statsmodels
    assert high == pytest.approx([0.7634, 1.0, 0.1611], abs=1e-4)


# --- folds ---


def test_a_group_is_in_one_fold_and_folds_are_even() -> None:
    groups = np.random.default_rng(0).integers(0, 23, 400)
    folds = grouped_folds(groups, 5, 1)
    assert all(len(set(folds[groups == group])) == 1 for group in range(23))
    sizes = np.bincount(folds)
    assert len(sizes) == 5
    assert sizes.max() - sizes.min() <= np.bincount(groups).max()
    assert np.array_equal(folds, grouped_folds(groups, 5, 1))


def test_folds_are_by_speaker_where_every_phone_stays_to_be_learned() -> None:
    index = np.tile(np.repeat(np.arange(3), 4), 5)
    speakers = np.repeat([f"s{i}" for i in range(5)], 12)
    by, folds = choose_folds(index, {"speaker": speakers}, 5, 0)
    assert by == "speaker"
    assert all(len(set(folds[speakers == s])) == 1 for s in speakers)
    few, folds = choose_folds(index, {"speaker": ["one"] * 60, "utterance": speakers}, 5, 0)
    assert few == "utterance"
    alone = np.where(index == 2, "s0", speakers)  # phone 2 is of one speaker only
    by, folds = choose_folds(index, {"speaker": alone}, 5, 0)
    assert by == "sample"
    for phone in range(3):
        counts = np.bincount(folds[index == phone], minlength=5)
        assert counts.max() - counts.min() <= 1
    assert len(set(choose_folds(np.repeat([0, 1], 3), {}, 5, 0)[1])) == 3
