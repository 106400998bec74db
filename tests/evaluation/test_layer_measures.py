from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from phonoscope.evaluation.abx import abx_outcomes
from phonoscope.evaluation.folds import assign_folds
from phonoscope.evaluation.knn import knn_outcomes
from phonoscope.evaluation.layer_measures import (
    LAYER_MEASURES,
    chance_outcomes,
    layer_and_chance_outcomes,
    layer_outcomes,
)
from phonoscope.evaluation.linear_probe import _solve, linear_probe_outcomes
from phonoscope.evaluation.outcomes import measure_value
from phonoscope.evaluation.silhouettes import silhouette_outcomes
from phonoscope.jobs import limited_threads
from phonoscope.parallel import one_blas_thread
from phonoscope.reduction.distances import centred_products

if TYPE_CHECKING:
    from numpy.typing import NDArray

N, PHONES, SPEAKERS = 420, 6, 7


class Panel:
    """Phones that differ, said by speakers who differ more."""

    def __init__(self, d: int, n_speakers: int = SPEAKERS, blur: float = 1.5) -> None:
        draws = np.random.default_rng(d)
        self.phones = np.arange(N) % PHONES
        self.speakers = draws.integers(0, n_speakers, N)
        self.utterances = self.speakers * 10 + draws.integers(0, 10, N)
        centres, voices = draws.standard_normal((PHONES, d)), 1.5 * draws.standard_normal((n_speakers, d))
        self.X = centres[self.phones] + voices[self.speakers] + blur * draws.standard_normal((N, d)) + 3


def answers(Z: NDArray[np.float64], phones: NDArray[np.int64], test: NDArray[np.float64], penalty: float) -> list[int]:
    names = np.unique(phones)
    Y = (phones[:, None] == names).astype(float)
    with one_blas_thread():  # threads that wait for each other take longer than the work
        model = Ridge(alpha=penalty, fit_intercept=False).fit(Z, Y - Y.mean(axis=0))
    return names[(model.predict(test) + Y.mean(axis=0)).argmax(axis=1)].tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("d", [8, 360])  # fewer and more units than samples
def test_the_probe_equals_ridge_regressions_of_scikit_learn(d: int) -> None:
    panel = Panel(d, blur=1.5 if d < PHONES * 10 else 5.0)
    X, phones = panel.X, panel.phones.copy()
    X[:, 1] = 7.0  # a unit that never changes
    phones[panel.speakers == 3] = 6  # a phone of one speaker: nobody can be trained on it for this speaker
    expected = np.full(N, np.nan)
    folds = assign_folds(phones, panel.speakers, 5)
    for fold in range(5):
        train, test = folds != fold, folds == fold
        used = np.delete(X, 1, axis=1)
        scaler = StandardScaler().fit(used[train])
        Z = scaler.transform(used) / np.sqrt(d - 1)
        inner = assign_folds(phones[train], panel.speakers[train], 5, 4)
        fit, choose = Z[train][inner != 0], Z[train][inner == 0]
        known = phones[train]
        right = {
            penalty: sum(answers(fit, known[inner != 0], choose, penalty) == known[inner == 0])
            for penalty in (0.01, 0.1, 1.0, 10.0)
        }
        best = max(right.values())
        penalty = max(p for p, r in right.items() if r == best)
        expected[test] = answers(Z[train], known, Z[test], penalty) == phones[test]
        expected[test & ~np.isin(phones, known)] = np.nan
    assert np.isnan(expected).sum() == (panel.speakers == 3).sum()
    assert 0.3 < np.nanmean(expected) < 0.95  # it has something to get wrong
    assert linear_probe_outcomes(X, phones, panel.speakers, 5) == pytest.approx(expected, nan_ok=True)


def test_the_probe_learns_nothing_from_the_speaker_it_is_asked_about() -> None:
    draws = np.random.default_rng(0)
    speakers = np.repeat(np.arange(40), 10)
    phones = draws.integers(0, 4, 40)[speakers]  # what a speaker says is all one phone
    X = draws.standard_normal((40, 200))[speakers] + 0.1 * draws.standard_normal((400, 200))
    assert np.nanmean(linear_probe_outcomes(X, phones, np.zeros(400), 0)) > 0.99
    assert np.nanmean(linear_probe_outcomes(X, phones, speakers, 0)) < 0.5


def test_a_matrix_that_rounding_has_made_indefinite_is_solved_all_the_same() -> None:
    draws = np.random.default_rng(0)
    vectors = np.linalg.qr(draws.standard_normal((5, 5)))[0]
    exact = (vectors * [90.0, 4.0, 1.0, 0.0, 0.0]) @ vectors.T
    rounded = (vectors * [90.0, 4.0, 1.0, 0.0, -0.02]) @ vectors.T
    B = draws.standard_normal((5, 2))
    expected = np.linalg.solve(exact + 0.01 * np.eye(5), B)
    assert _solve(exact.__getitem__, B, 0.01, np.empty_like(exact)) == pytest.approx(expected)
    assert _solve(rounded.__getitem__, B, 0.01, np.empty_like(rounded)) == pytest.approx(expected)


@pytest.mark.parametrize("n_speakers", [SPEAKERS, 1])
def test_phones_that_lie_apart_come_out_right_and_shuffled_ones_by_chance(n_speakers: int) -> None:
    panel = Panel(30, n_speakers, blur=0.0)
    panel.X += 0.05 * np.random.default_rng(1).standard_normal(panel.X.shape) + 20 * np.eye(PHONES, 30)[panel.phones]
    true, chance = layer_and_chance_outcomes(panel.X, panel.phones, panel.speakers, panel.utterances, seed=0)
    assert list(true) == list(chance) == list(LAYER_MEASURES)
    across = 0.0 if n_speakers > 1 else np.nan
    for name, value in {"linear_probe": 1.0, "knn": 1.0, "abx_within": 0.0, "abx_across": across}.items():
        np.testing.assert_array_equal(true[name], np.full(N, value))
    values = {name: float(measure_value(chance[name], panel.phones)) for name in LAYER_MEASURES}
    assert [values["linear_probe"], values["knn"]] == pytest.approx([1 / PHONES, 1 / PHONES], abs=0.07)
    assert [values["abx_within"], values["abx_across"]] == pytest.approx([0.5, across + 0.5], abs=0.02, nan_ok=True)
    assert true["silhouette"].min() > 0.5
    assert values["silhouette"] < 0


@pytest.mark.parametrize("n_speakers", [SPEAKERS, 1])
def test_a_layer_s_measures_are_the_single_ones(n_speakers: int) -> None:
    panel = Panel(30, n_speakers)
    X, phones, speakers, utterances = panel.X.astype(np.float32), panel.phones, panel.speakers, panel.utterances
    names = np.array(list("ptkaei"))[phones]
    found = layer_outcomes(X, names, speakers, utterances, seed=2, products=centred_products(X))
    groups = speakers if n_speakers > 1 else utterances
    assert list(found) == list(LAYER_MEASURES)
    np.testing.assert_array_equal(found["linear_probe"], linear_probe_outcomes(X, names, groups, 2))
    np.testing.assert_array_equal(found["knn"], knn_outcomes(X, names, groups))
    for mode in ("within", "across"):
        np.testing.assert_array_equal(found[f"abx_{mode}"], abx_outcomes(X, names, speakers, mode))
    np.testing.assert_array_equal(found["silhouette"], silhouette_outcomes(X, names))
    assert np.isnan(found["abx_across"]).all() == (n_speakers == 1)
    assert not any(np.isnan(outcome).any() for name, outcome in found.items() if name != "abx_across")


def test_chance_is_chance_and_stands_where_the_phones_are() -> None:
    panel = Panel(30, blur=0.5)
    given = (panel.X, panel.phones, panel.speakers, panel.utterances)
    true, chance = layer_and_chance_outcomes(*given, seed=3)
    for name, outcome in layer_outcomes(*given, seed=3).items():
        np.testing.assert_array_equal(true[name], outcome)
    for name, outcome in chance_outcomes(*given, seed=3).items():
        np.testing.assert_array_equal(chance[name], outcome)
    values = {name: float(measure_value(chance[name], panel.phones)) for name in LAYER_MEASURES}
    assert [values["abx_within"], values["abx_across"]] == pytest.approx([0.5, 0.5], abs=0.02)
    assert [values["linear_probe"], values["knn"]] == pytest.approx([1 / PHONES, 1 / PHONES], abs=0.07)
    assert values["silhouette"] < 0 < measure_value(true["silhouette"], panel.phones)
    # a phone that one speaker alone has: whoever it is dealt out to, it has no triples across speakers
    alone = np.where((panel.speakers == 2) & (panel.phones == 1), PHONES, panel.phones)
    chance = chance_outcomes(panel.X, alone, panel.speakers, panel.utterances, seed=3)
    for name in ("linear_probe", "knn", "abx_across"):
        np.testing.assert_array_equal(np.isnan(chance[name]), alone == PHONES)


@pytest.mark.skipif(numba.get_num_threads() < 2, reason="there is one core")
def test_the_number_of_threads_changes_nothing() -> None:
    panel = Panel(400)
    given = (panel.X.astype(np.float32), panel.phones, panel.speakers, panel.utterances)
    several = layer_outcomes(*given, seed=1)
    with limited_threads(1):
        alone = layer_outcomes(*given, seed=1)
    for name in LAYER_MEASURES:
        np.testing.assert_array_equal(several[name], alone[name])


def test_very_few_samples_have_no_outcome_rather_than_an_error() -> None:
    for n in (1, 2, 3):
        X = np.arange(n * 2, dtype=np.float32).reshape(n, 2)
        found = layer_outcomes(X, ["a", "e", "a"][:n], ["x"] * n, ["u"] * n, seed=0)
        assert {len(outcome) for outcome in found.values()} == {n}
        assert np.isnan(found["linear_probe"]).tolist() == [n < 3, True, False][:n]
        assert np.isnan(found["knn"]).tolist() == [n < 3, True, False][:n]
