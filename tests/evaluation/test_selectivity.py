"""Selectivity of units: against SciPy's rank-sum tests, phone by phone, and what must not change it."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, norm, ranksums

from phonoscope.evaluation.selectivity import mean_responses, phoneme_selectivity

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

ALPHA = 0.01


def by_scipy(X: NDArray[np.float32], phones: list[str], alpha: float) -> NDArray[np.int64]:
    """Every pair of phones of every unit, by itself."""
    names = list(dict.fromkeys(phones))
    labels = np.array(phones)
    psi = np.zeros((X.shape[1], len(names)), np.int64)
    for unit in range(X.shape[1]):
        for p, q in permutations(range(len(names)), 2):
            a, b = X[labels == names[p], unit], X[labels == names[q], unit]
            if np.ptp(np.concatenate([a, b])) == 0:
                continue  # SciPy has no value for samples that are all equal: they do not differ
            found = mannwhitneyu(a, b, alternative="greater", method="asymptotic", use_continuity=False)
            psi[unit, p] += found.pvalue < alpha
    return psi


@given(
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    levels=st.integers(2, 12),
    seed=st.integers(0, 10_000),
    alpha=st.sampled_from([0.001, 0.01, 0.1]),
)
@settings(max_examples=15, deadline=None)
def test_it_is_what_the_rank_sum_test_of_every_pair_gives(
    sizes: list[int], levels: int, seed: int, alpha: float
) -> None:
    random = np.random.default_rng(seed)
    phones = [f"p{i}" for i, size in enumerate(sizes) for _ in range(size)]
    order = random.permutation(len(phones))
    phones = [phones[i] for i in order]
    # few values, many of them 0, and some below: ties of all kinds
    X = np.maximum(random.integers(-levels, levels, (len(phones), 4)) / 4, -0.5).astype(np.float32)
    X += np.float32(0.5) * np.array([int(p[1:]) for p in phones], np.float32)[:, None] * (np.arange(4) > 1)
    assert np.array_equal(phoneme_selectivity(X, phones, alpha).psi, by_scipy(X, phones, alpha))


def test_without_ties_it_is_scipys_other_rank_sum_test_too() -> None:
    random = np.random.default_rng(1)
    X = random.normal(size=(90, 6)).astype(np.float32)
    X[:30] += 0.7
    phones = ["a"] * 30 + ["b"] * 35 + ["c"] * 25
    labels = np.array(phones)
    expected = np.zeros((6, 3), np.int64)
    for unit in range(6):
        for p, q in permutations(range(3), 2):
            z = ranksums(X[labels == "abc"[p], unit], X[labels == "abc"[q], unit]).statistic
            expected[unit, p] += norm.sf(z) < ALPHA
    assert expected.any()
    assert np.array_equal(phoneme_selectivity(X, phones, ALPHA).psi, expected)


def planted() -> tuple[NDArray[np.float32], list[str]]:
    random = np.random.default_rng(2)
    phones = [phone for phone in "ptkbdg" for _ in range(20)]
    X = random.normal(size=(120, 8)).astype(np.float32)
    X[:20, 0] += 10  # p alone
    X[60:, 1] += 10  # the voiced ones
    X[:, 2] = 3  # nothing
    return X, phones


def test_planted_selectivity_is_found() -> None:
    X, phones = planted()
    voiced = {phone: phone in "bdg" for phone in "ptkbdg"}
    found = phoneme_selectivity(X, phones, ALPHA, [voiced])
    assert found.phones == tuple("ptkbdg")
    assert found.psi[0, 0] == 5
    assert (found.psi[0, 1:] < 4).all()
    assert (found.psi[1, 3:] >= 3).all()
    assert found.fsi[1, 0] == 1
    assert found.fsi[0, 0] == 0
    assert not found.psi[2].any()
    assert found.varies.tolist() == [True, True, False, *[True] * 5]


def test_the_feature_index_is_a_share_of_pairs() -> None:
    X, phones = planted()
    X[60:80, 3] += 10  # only b of the voiced ones, above everything
    voiced = {"p": False, "t": False, "b": True, "d": True}  # k and g stand apart
    found = phoneme_selectivity(X, phones, ALPHA, [voiced])
    labels = np.array(phones)
    pairs = [
        mannwhitneyu(
            X[labels == a, 3], X[labels == b, 3], alternative="greater", method="asymptotic", use_continuity=False
        ).pvalue
        < ALPHA
        for a in "bd"
        for b in "pt"
    ]
    assert found.fsi[3, 0] == np.mean(pairs)
    assert 0.5 <= found.fsi[3, 0] < 1


def test_the_order_of_samples_units_and_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    X, phones = planted()
    expected = phoneme_selectivity(X, phones, ALPHA).psi
    order = np.random.default_rng(3).permutation(len(phones))
    again = phoneme_selectivity(X[order], [phones[i] for i in order], ALPHA)
    places = [again.phones.index(phone) for phone in "ptkbdg"]
    assert np.array_equal(again.psi[:, places], expected)
    assert np.array_equal(phoneme_selectivity(X[:, ::-1], phones, ALPHA).psi, expected[::-1])
    assert np.array_equal(phoneme_selectivity(X.astype(np.float64), phones, ALPHA).psi, expected)
    monkeypatch.setattr("phonoscope.evaluation.selectivity._BLOCK_BYTES", 3 * 8 * len(phones))
    np.save(tmp_path / "x.npy", X)
    assert np.array_equal(phoneme_selectivity(np.load(tmp_path / "x.npy", mmap_mode="r"), phones, ALPHA).psi, expected)


def test_any_rising_function_of_a_unit_leaves_it() -> None:
    X, phones = planted()
    assert np.array_equal(
        phoneme_selectivity(np.exp(X / 4), phones, ALPHA).psi, phoneme_selectivity(X, phones, ALPHA).psi
    )


def test_mean_responses_are_means_of_standardised_activations() -> None:
    X, phones = planted()
    labels, spread = np.array(phones), X.std(axis=0, dtype=np.float64)
    standard = (X - X.mean(axis=0, dtype=np.float64)) / np.where(spread > 0, spread, 1)
    expected = np.array([standard[labels == phone].mean(axis=0) for phone in "ptkbdg"]).T
    np.testing.assert_allclose(mean_responses(X, phones), expected, atol=1e-6)
    assert not mean_responses(X, phones)[2].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"phones": ["a"] * 120}, "at least two phones"),
        ({"phones": ["a", "b"]}, "do not belong"),
        ({"alpha": 0.7}, "alpha = 0.7"),
        ({"contrasts": [{"p": True}]}, "a phone of the samples on each side"),
    ],
)
def test_what_can_not_be_measured_is_told(change: dict[str, object], message: str) -> None:
    X, phones = planted()
    with pytest.raises(ValueError, match=message):
        phoneme_selectivity(**({"X": X, "phones": phones} | change))  # type: ignore[arg-type]
    X[3, 3] = np.nan
    with pytest.raises(ValueError, match="not a finite number"):
        phoneme_selectivity(X, phones)
