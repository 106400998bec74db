"""The variance's parts: from all pairs of samples, of planted effects, of a balanced panel by its analysis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles_structure as oracles
from phonoscope.evaluation.speaker_variance import speaker_variance


def planted(
    parts: tuple[float, float, float, float], shape: tuple[int, int, int], d: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Samples of phones × speakers, n each; `parts` are the variances summed over the d units."""
    random = np.random.default_rng(seed)
    n_phones, n_speakers, n = shape
    phone, speaker, both, rest = (np.sqrt(part / d) for part in parts)
    phones, speakers = (one.ravel() for one in np.mgrid[:n_phones, :n_speakers, :n][:2])
    effects = (
        phone * random.normal(0, 1, (n_phones, d))[phones]
        + speaker * random.normal(0, 1, (n_speakers, d))[speakers]
        + both * random.normal(0, 1, (n_phones * n_speakers, d))[phones * n_speakers + speakers]
    )
    return 50 + effects + rest * random.normal(0, 1, (len(phones), d)), phones, speakers


@given(st.integers(0, 2**32 - 1), st.floats(0.3, 0.9))
@settings(max_examples=20, deadline=None)
def test_sums_over_cells_are_sums_over_all_pairs(seed: int, kept: float) -> None:
    X, phones, speakers = planted((4, 2, 1, 1), (4, 5, 3), 6, seed)
    some = np.random.default_rng(seed).random(len(X)) < kept
    some[:3] = some[-3:] = some[3:6] = True
    X, phones, speakers = X[some], phones[some], speakers[some]
    expected = np.array(oracles.components(X, phones, speakers))
    found = speaker_variance(X, phones, speakers)
    assert found.total == pytest.approx(expected.sum())
    np.testing.assert_allclose(found.share, expected / expected.sum(), rtol=1e-8, atol=1e-10)
    assert found.share.sum() == pytest.approx(1)


def test_a_balanced_panel_gives_the_estimators_of_the_analysis_of_variance() -> None:
    P, S, n = 4, 3, 5
    X, phones, speakers = planted((4, 2, 1, 1), (P, S, n), 3, 1)
    cells = X.reshape(P, S, n, 3)
    of_cell, of_phone, of_speaker, grand = cells.mean(2), cells.mean((1, 2)), cells.mean((0, 2)), cells.mean((0, 1, 2))
    MS_p = S * n * np.square(of_phone - grand).sum() / (P - 1)
    MS_s = P * n * np.square(of_speaker - grand).sum() / (S - 1)
    inner = of_cell - of_phone[:, None] - of_speaker[None] + grand
    MS_ps = n * np.square(inner).sum() / ((P - 1) * (S - 1))
    MS_e = np.square(cells - of_cell[:, :, None]).sum() / (P * S * (n - 1))
    expected = np.array([(MS_p - MS_ps) / (S * n), (MS_s - MS_ps) / (P * n), (MS_ps - MS_e) / n, MS_e])
    found = speaker_variance(X.astype(np.float32), phones, speakers)
    np.testing.assert_allclose(found.share * found.total, expected, rtol=1e-4)


def test_planted_parts_are_found_in_an_uneven_panel_with_cells_missing() -> None:
    parts = (5.0, 3.0, 1.0, 1.0)
    X, phones, speakers = planted(parts, (20, 16, 4), 400, 7)
    random = np.random.default_rng(0)
    some = random.random(len(X)) < random.uniform(0.1, 0.9, 16)[speakers]
    found = speaker_variance(X[some], phones[some], speakers[some])
    np.testing.assert_allclose(found.share, np.array(parts) / 10, atol=0.04)
    assert found.total == pytest.approx(10, rel=0.15)
    assert (found.low < found.share).all()
    assert (found.share < found.high).all()
    assert found.high[1] - found.low[1] < 0.3


def test_what_is_not_there_scatters_around_nothing() -> None:
    shares = []
    for seed in range(12):
        X, phones, speakers = planted((0, 0, 0, 1), (6, 5, 2), 60, seed)
        some = np.random.default_rng(seed).random(len(X)) < 0.8
        shares.append(speaker_variance(X[some], phones[some], speakers[some]).share)
    mean = np.mean(shares, axis=0)
    assert mean[:3] == pytest.approx([0, 0, 0], abs=0.02)
    assert np.min(shares) < 0, "an estimate without bias is below 0 as often as above"


def test_the_interval_holds_the_speakers_share_as_often_as_it_says() -> None:
    held = 0
    for seed in range(60):
        found = speaker_variance(*planted((5, 3, 1, 1), (8, 10, 3), 60, seed))
        held += found.low[1] <= 0.3 <= found.high[1]
    assert held / 60 > 0.85


def test_one_speaker_says_nothing_and_two_give_no_interval() -> None:
    X, phones, speakers = planted((5, 3, 1, 1), (4, 2, 3), 5, 0)
    alone = speaker_variance(X, phones, np.zeros_like(speakers))
    assert np.isnan(alone.share).all()
    two = speaker_variance(X, phones, speakers)
    assert np.isfinite(two.share).all()
    assert np.isnan(two.low).all()
    flat = speaker_variance(np.ones_like(X), phones, speakers)
    assert np.isnan(flat.share).all()
    # no cell has two samples: what is interaction and what is residual can not be told
    first = np.arange(len(X)) % 3 == 0
    single = speaker_variance(X[first], phones[first], speakers[first])
    assert np.isnan(single.share).all()
