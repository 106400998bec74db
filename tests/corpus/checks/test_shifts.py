from __future__ import annotations

import numpy as np
import pytest

from phonoscope.corpus.checks.loudness import expected_levels
from phonoscope.corpus.checks.shifts import REACH, best_shift, likeness


@pytest.mark.parametrize("shift", [-0.3, -0.05, 0.0, 0.02, 0.2])
def test_a_planted_shift_is_found(shift: float) -> None:
    rng = np.random.default_rng(3)
    starts = 0.5 + np.cumsum(rng.uniform(0.05, 0.15, 41))
    starts, ends = starts[:-1], starts[1:]
    expected = rng.choice([0.0, -13.0, -27.0], 40)
    times = (np.arange(600) + 0.5) / 100
    levels = np.full(600, -60.0)
    for a, b, level in zip(starts + shift, ends + shift, expected, strict=True):
        levels[(times >= a) & (times < b)] = level - 20
    levels += rng.normal(0, 5, 600)
    found = likeness(levels, starts, ends, expected)
    assert found.shift == pytest.approx(shift, abs=0.01)
    assert found.frames == 600
    assert np.nanmax(found.curve) > 0.8
    assert np.all(np.abs(found.curve[np.isfinite(found.curve)]) <= 1 + 1e-9)


def test_nothing_is_said_of_silence_or_of_a_moment() -> None:
    assert np.isnan(likeness(np.full(200, -120.0), np.array([0.1]), np.array([0.5]), np.array([0.0])).curve).all()
    assert np.isnan(likeness(np.arange(20.0), np.array([0.0]), np.array([0.1]), np.array([0.0])).curve).all()
    assert best_shift(np.full(2 * REACH + 1, np.nan)) == 0.0


def test_louder_phones_are_higher() -> None:
    phones = ["a", "j", "l", "m", "z", "s", "b", "p", "?"]
    levels = expected_levels(phones, {phone: phone for phone in phones if phone != "?"})
    assert list(levels[:-1]) == sorted(levels[:-1], reverse=True)
    assert levels[-1] == 0.0
