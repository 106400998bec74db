from __future__ import annotations

import math
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

import oracles_phonology as oracles
from phonoscope.phonology import filters
from phonoscope.phonology.filters import (
    best_filter,
    filter_correlations,
    filter_scalars,
    halves,
    mean_maps,
    spearman,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SHAPE = (2, 3, 4)
ROWS = arrays(
    np.float32,
    st.tuples(st.integers(1, 9), st.just(24)),
    elements=st.one_of(st.just(0.0), st.integers(-20, 40).map(lambda v: v / 8)),
)
FEW = st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), max_size=12)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "_CHUNK_BYTES", 24 * 4 * 4)  # four rows of 24 units


# --- mean maps ---


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("n", [1, 4, 11])
def test_mean_maps_are_the_means_of_the_phones_samples(n: int) -> None:
    X = np.random.default_rng(n).random((n, 24), dtype=np.float32)
    phones = (["u", "a", "u", "i"] * 3)[:n]
    names, maps = mean_maps(X, phones, SHAPE)
    assert names == tuple(dict.fromkeys(phones))
    assert maps.shape == (len(names), *SHAPE)
    for name, found in zip(names, maps, strict=True):
        rows = [row.astype(np.float64) for row, phone in zip(X, phones, strict=True) if phone == name]
        np.testing.assert_allclose(found.ravel(), sum(rows) / len(rows), rtol=1e-12)
    _, flat = mean_maps(X, phones, (24,))
    np.testing.assert_array_equal(flat, maps.reshape(-1, 24))


def test_many_float32_values_are_summed_without_losing_any() -> None:
    X = np.full((200_000, 1), 16_777_216.0, np.float32)
    X[1::2] = 1.0
    _, maps = mean_maps(X, ["a"] * len(X), (1,))
    assert maps.item() == (16_777_216 + 1) / 2


def test_a_file_is_not_read_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = (8, 9, 36)
    path = tmp_path / "conv1.npy"
    file = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(3_000, 8 * 9 * 36))
    file[:] = 1
    del file
    monkeypatch.setattr(filters, "_CHUNK_BYTES", 1 << 20)
    X = np.load(path, mmap_mode="r")
    phones = ["a", "i", "u"] * 1_000
    tracemalloc.start()
    mean_maps(X, phones, shape)
    filter_correlations(X, shape, phones, {"f1": np.arange(3_000.0)})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert X.nbytes > 30e6
    assert peak < 8e6


# --- scalars ---


@settings(deadline=None)
@given(ROWS)
def test_scalars_equal_the_loops(X: NDArray[np.float32]) -> None:
    mean, centroid = filter_scalars(X, SHAPE)
    expected = np.array([oracles.filter_scalars(row.astype(np.float64), SHAPE) for row in X])
    np.testing.assert_allclose(mean, expected[:, :, 0], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(centroid, expected[:, :, 1], rtol=1e-6, atol=1e-12)


@pytest.mark.usefixtures("small_chunks")
def test_chunks_change_nothing() -> None:
    X = np.random.default_rng(0).random((11, 24), dtype=np.float32)
    whole = [filter_scalars(X[i : i + 1], SHAPE) for i in range(11)]
    mean, centroid = filter_scalars(X, SHAPE)
    np.testing.assert_array_equal(mean, np.concatenate([m for m, _ in whole]))
    np.testing.assert_array_equal(centroid, np.concatenate([c for _, c in whole]))


def test_the_centroid_by_hand_and_of_a_silent_map() -> None:
    X = np.zeros((1, 24), np.float32)
    X[0, 12 + 1] = 2.0  # second map, first time, bin 1
    X[0, 12 + 4 + 3] = 6.0  # second map, second time, bin 3
    mean, centroid = filter_scalars(X, SHAPE)
    assert mean.tolist() == [[0.0, 8 / 12]]
    assert math.isnan(centroid[0, 0])
    assert centroid[0, 1] == (2 * 1 + 6 * 3) / 8


# --- correlation ---


@settings(deadline=None)
@given(FEW)
def test_spearman_equals_the_formula_and_scipy(pairs: list[tuple[int, int]]) -> None:
    x, y = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    found = spearman(np.array(x), np.array(y))
    expected = oracles.spearman(x, y)
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-12))
    if found is not None:
        assert found == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


@settings(deadline=None)
@given(st.lists(st.sampled_from("aiu"), min_size=1, max_size=40), st.integers(0, 99))
def test_halves_part_every_phone_evenly(phones: list[str], seed: int) -> None:
    first = halves(phones, seed)
    for phone in set(phones):
        of = np.array(phones) == phone
        assert first[of].sum() == (of.sum() + 1) // 2
    np.testing.assert_array_equal(first, halves(phones, seed))


def test_halves_are_the_seed_s() -> None:
    assert (halves(["a"] * 40, 0) != halves(["a"] * 40, 1)).any()


def planted(n: int = 300, seed: int = 0) -> tuple[NDArray[np.float32], list[str], dict[str, Floats]]:
    """Four filters of 2 × 10: noise, one whose peak moves with F1, one that is loud for b, one mostly silent."""
    random = np.random.default_rng(seed)
    phones = ["i", "a", "p", "b"] * (n // 4)
    names = np.array(phones)
    f1 = np.where(names == "i", 300.0, 700.0) + random.normal(0, 120, n)
    f1[(names == "p") | (names == "b")] = np.nan
    voiced = np.where(names == "b", 1.0, np.where(names == "p", 0.0, np.nan))
    X = random.random((n, 4, 2, 10)).astype(np.float32)
    peak = np.clip((1_200 - np.nan_to_num(f1, nan=600.0)) / 120, 0, 9).round().astype(int)
    X[np.arange(n), 1, :, peak] += 8
    X[:, 2] += (np.nan_to_num(voiced, nan=0.5) + random.normal(0, 0.2, n))[:, None, None].astype(np.float32)
    X[:, 3] = 0  # but for sixteen vowels, the peak of which is as their F1
    some = np.flatnonzero(np.isfinite(f1))[:16]
    X[some, 3, 0, np.argsort(np.argsort(f1[some])) // 2] = 1
    return X.reshape(n, -1), phones, {"f1": f1, "voicing": voiced}


def test_planted_filters_are_found() -> None:
    X, phones, targets = planted()
    found = filter_correlations(X, (4, 2, 10), phones, targets)
    assert found.columns == ["filter", "scalar", "target", "n", "rho_choosing", "rho"]
    assert found.height == 4 * 2 * 2
    assert found.select("filter", "scalar", "target").is_unique().all()
    f1, voicing = best_filter(found, "f1"), best_filter(found, "voicing")
    assert f1 is not None
    assert f1[:4] == (1, "centroid", "f1", 150)
    assert f1.rho is not None
    assert f1.rho < -0.9
    assert voicing is not None
    assert voicing[:4] == (2, "mean", "voicing", 150)
    assert voicing.rho is not None
    assert voicing.rho > 0.8
    assert best_filter(found, "f2") is None


def test_every_row_is_the_formula_on_its_half() -> None:
    X, phones, targets = planted(40)
    found = filter_correlations(X, (4, 2, 10), phones, targets, seed=5)
    choosing = halves(phones, 5)
    for row in found.iter_rows(named=True):
        column = [oracles.filter_scalars(x.astype(np.float64), (4, 2, 10))[row["filter"]] for x in X]
        values = np.array([pair[row["scalar"] == "centroid"] for pair in column])
        target = targets[row["target"]]
        both = ~np.isnan(values) & ~np.isnan(target)
        assert row["n"] == both.sum()
        for name, half in (("rho_choosing", choosing), ("rho", ~choosing)):
            expected = oracles.spearman(values[both & half].tolist(), target[both & half].tolist())
            assert row[name] == (None if expected is None else pytest.approx(expected, abs=0.02)), row


def test_a_filter_that_is_mostly_silent_is_not_chosen() -> None:
    X, phones, targets = planted(seed=1)
    found = filter_correlations(X, (4, 2, 10), phones, targets)
    silent = found.filter(filter=3, scalar="centroid", target="f1")
    assert silent["n"].item() == 16
    best = best_filter(found, "f1")
    assert best is not None
    assert silent["rho_choosing"].item() > abs(best.rho_choosing)
    assert best.filter == 1


def test_the_choice_does_not_flatter_the_rho_that_is_told() -> None:
    random = np.random.default_rng(0)
    choosing, told = [], []
    for seed in range(20):
        X = random.random((60, 64 * 4), dtype=np.float32)
        noise = {"noise": random.random(60)}
        best = best_filter(filter_correlations(X, (64, 1, 4), ["a", "i"] * 30, noise, seed=seed), "noise")
        assert best is not None
        assert best.rho is not None
        choosing.append(abs(best.rho_choosing))
        told.append(best.rho * np.sign(best.rho_choosing))
    assert np.mean(choosing) > 0.4
    assert np.mean(told) == pytest.approx(0, abs=4 * math.sqrt(1 / 29 / 20))


def test_no_samples_of_a_target_give_no_rho() -> None:
    X = np.random.default_rng(0).random((6, 24), dtype=np.float32)
    found = filter_correlations(X, SHAPE, list("aaaiii"), {"f1": np.full(6, np.nan)})
    assert found["n"].to_list() == [0] * 4
    assert found["rho"].null_count() == found["rho_choosing"].null_count() == 4
    assert found.schema["rho"] == pl.Float64
    assert best_filter(found, "f1") is None


@pytest.mark.parametrize(
    ("phones", "targets", "shape"),
    [
        (["a"] * 5, {}, SHAPE),
        (["a"] * 6, {"f1": np.zeros(5)}, SHAPE),
        (["a"] * 6, {}, (2, 3, 5)),
    ],
)
def test_what_does_not_fit_is_refused(
    phones: list[str], targets: dict[str, Floats], shape: tuple[int, int, int]
) -> None:
    with pytest.raises(ValueError, match="do not make activations"):
        filter_correlations(np.zeros((6, 24), np.float32), shape, phones, targets)


def test_mean_maps_and_scalars_refuse_it_too() -> None:
    X = np.zeros((6, 24), np.float32)
    with pytest.raises(ValueError, match="do not make activations"):
        mean_maps(X, ["a"] * 7, SHAPE)
    with pytest.raises(ValueError, match="do not make activations"):
        filter_scalars(X, (1, 3, 4))
