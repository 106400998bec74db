"""Phoneme selectivity: against SciPy's tests pair by pair, planted units, and what must not change it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import norm

from oracles_units import fsi, higher_without_ties, psi
from phonoscope.evaluation import selectivity
from phonoscope.evaluation.selectivity import mean_responses, phoneme_selectivity
from phonoscope.jobs import limited_threads

PHONES = [name for name, n in (("p", 9), ("a", 12), ("s", 7), ("m", 10)) for _ in range(n)]


def noise(seed: int, units: int, phones: list[str] | None = None) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((len(phones or PHONES), units)).astype(np.float32)


# whole numbers, of which many are equal, of both signs; and the zeros of a ReLU
@settings(max_examples=25, deadline=None)
@given(
    hnp.arrays(np.float32, (len(PHONES), 3), elements=st.integers(-3, 3).map(float)),
    st.sampled_from([0.2, 0.05, 0.01]),
    st.sampled_from([-3.0, 0.0]),
)
def test_it_is_what_scipy_s_rank_sum_says_of_every_pair_with_all_its_ties(
    X: np.ndarray, alpha: float, lowest: float
) -> None:
    X = np.maximum(X, np.float32(lowest))
    sides = {"p": True, "a": False, "s": True}
    found = phoneme_selectivity(X, PHONES, alpha, [sides])
    for unit in range(3):
        assert found.psi[unit].tolist() == psi(X[:, unit], PHONES, alpha)
        assert found.fsi[unit, 0] == pytest.approx(fsi(X[:, unit], PHONES, alpha, sides))


def test_of_activations_with_phones_apart_it_is_scipy_s_too() -> None:
    shift = np.repeat([0.0, 0.8, -1.0, 2.0], [9, 12, 7, 10])[:, None]
    X = np.maximum(noise(1, 25) + shift * np.linspace(-1, 1, 25), 0).astype(np.float32)
    found = phoneme_selectivity(X, PHONES)
    assert found.phones == ("p", "a", "s", "m")
    assert found.psi.tolist() == [psi(unit, PHONES, 0.01) for unit in X.T]
    assert len(np.unique(found.psi)) == 4, "from no other phone to all three"


def test_without_ties_it_is_the_rank_sum_test() -> None:
    X = noise(2, 20) + np.repeat([0.0, 1.0, 2.0, 0.5], [9, 12, 7, 10])[:, None].astype(np.float32)
    of = {name: X[[phone == name for phone in PHONES]] for name in "pasm"}
    expected = [
        [sum(higher_without_ties(of[p][:, unit], of[q][:, unit], 0.01) for q in "pasm" if q != p) for p in "pasm"]
        for unit in range(20)
    ]
    assert phoneme_selectivity(X, PHONES).psi.tolist() == expected


def test_the_level_is_crossed_where_it_is_crossed_by_hand() -> None:
    """Three above three: U = 9, z = (9 - 4.5) / sqrt(9 / 12 · 7) = 1.9640."""
    X = np.array([[4.0], [5], [6], [1], [2], [3]], np.float32)
    p = float(norm.sf(4.5 / np.sqrt(5.25)))
    assert phoneme_selectivity(X, list("aaabbb"), p * 1.0001).psi.tolist() == [[1, 0]]
    assert phoneme_selectivity(X, list("aaabbb"), p * 0.9999).psi.tolist() == [[0, 0]]


def test_planted_units_are_found() -> None:
    X = noise(3, 5)
    is_a, is_s = (np.array([phone == name for phone in PHONES]) for name in "as")
    X[is_a, 0] += 9  # for one phone
    X[is_a | is_s, 1] += 9  # for two, not told apart
    X[is_a, 2] -= 9  # against one: every other phone is above it
    X[:, 3] = 0  # dead
    X[:, 4] = -0.0
    X[::2, 4] = 0.0  # dead too: the two zeros are one number
    found = phoneme_selectivity(X, PHONES, contrasts=[{"a": True, "s": True, "p": False, "m": False}])
    assert found.psi.tolist() == [[0, 3, 0, 0], [0, 2, 2, 0], [1, 0, 1, 1], [0] * 4, [0] * 4]
    assert found.fsi[:, 0].tolist() == [0.5, 1, 0, 0, 0]
    assert found.varies.tolist() == [True, True, True, False, False]


def test_neither_the_order_of_samples_nor_a_rising_change_of_scale_matters() -> None:
    X = np.maximum(noise(4, 30) + np.repeat([0.0, 1.0, 2.0, 0.5], [9, 12, 7, 10])[:, None], 0).astype(np.float32)
    found = phoneme_selectivity(X, PHONES)
    order = np.random.default_rng(5).permutation(len(X))
    mixed = phoneme_selectivity(X[order], [PHONES[i] for i in order])
    assert (mixed.psi[:, [mixed.phones.index(phone) for phone in found.phones]] == found.psi).all()
    assert (phoneme_selectivity(X**3 - 2, PHONES).psi == found.psi).all()


def test_blocks_threads_and_memory_order_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.maximum(noise(6, 150), 0)
    contrasts = [{"a": True, "p": False, "m": False}, {"m": True, "s": False}]
    whole = phoneme_selectivity(X, PHONES, contrasts=contrasts)
    monkeypatch.setattr(selectivity, "_BLOCK_BYTES", 8 * len(X) * 7)
    with limited_threads(1):
        parts = phoneme_selectivity(np.asfortranarray(X), PHONES, contrasts=contrasts)
    for one, other in zip(whole[1:], parts[1:], strict=True):
        assert np.array_equal(np.asarray(one), np.asarray(other))


def test_about_alpha_of_the_pairs_count_by_chance() -> None:
    phones = [f"{i}" for i in range(12) for _ in range(30)]
    found = phoneme_selectivity(noise(7, 2_000, phones), phones, 0.01, [{str(i): i < 6 for i in range(12)}])
    assert found.psi.mean() / 11 == pytest.approx(0.01, abs=0.001)
    assert found.fsi.mean() == pytest.approx(0.01, abs=0.002)


def test_what_can_not_be_compared_is_refused() -> None:
    X = noise(8, 2)
    with pytest.raises(ValueError, match="37 phones do not belong"):
        phoneme_selectivity(X, PHONES[1:])
    with pytest.raises(ValueError, match="at least two phones"):
        phoneme_selectivity(X, ["a"] * len(X))
    with pytest.raises(ValueError, match="between 0 and"):
        phoneme_selectivity(X, PHONES, 0.5)
    with pytest.raises(ValueError, match="on each side"):
        phoneme_selectivity(X, PHONES, contrasts=[{"a": True, "o": False}])
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="not a finite number"):
        phoneme_selectivity(X, PHONES)


def test_mean_responses_are_those_of_standardised_activations() -> None:
    X = noise(9, 6) * np.arange(6, dtype=np.float32) + np.float32(0.1)  # the first does not vary
    found = mean_responses(X, PHONES)
    Z = (X[:, 1:] - X[:, 1:].mean(axis=0)) / X[:, 1:].std(axis=0)
    expected = [[Z[[phone == name for phone in PHONES], unit].mean() for name in "pasm"] for unit in range(5)]
    assert found[0].tolist() == [0, 0, 0, 0]
    assert np.allclose(found[1:], expected, atol=1e-5)
