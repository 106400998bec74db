"""The spectra of filters against a transform term by term, and of kernels whose spectrum is known."""

from __future__ import annotations

import numpy as np
import pytest

from oracles_units import transform
from phonoscope.phonology.spectra import filter_spectra


@pytest.mark.parametrize(("shape", "size"), [((3, 5), 8), ((4, 4), 4), ((1, 7), 16)])
def test_it_is_the_transform_term_by_term(shape: tuple[int, int], size: int) -> None:
    weights = np.random.default_rng(0).standard_normal((2, 3, *shape)).astype(np.float32)
    found = filter_spectra(weights, size)
    assert found.magnitude.shape == (2, 3, size + 1, size // 2 + 1)
    for i in range(2):
        for channel in range(3):
            expected = [[transform(weights[i, channel], a, b) for b in found.spectral] for a in found.temporal]
            assert np.allclose(found.magnitude[i, channel], expected, atol=1e-5)


def test_a_falling_sweep_lies_on_the_right_and_a_rising_one_on_the_left() -> None:
    t, f = np.mgrid[:8, :8]
    falling, rising = np.cos(2 * np.pi * (t / 8 + f / 4)), np.cos(2 * np.pi * (t / 8 - f / 4))
    assert np.allclose(falling[2:, :-1], falling[:-2, 1:]), "in two frames it goes down by a band"
    found = filter_spectra(np.array([[falling], [rising]]))
    peaks = [divmod(int(one[0].argmax()), 5) for one in found.magnitude]
    assert [(found.temporal[i], found.spectral[j]) for i, j in peaks] == [(1 / 8, 1 / 4), (-1 / 8, 1 / 4)]


def test_a_flat_kernel_passes_what_does_not_change() -> None:
    found = filter_spectra(np.ones((1, 1, 3, 5)))
    assert found.magnitude.max() == found.magnitude[0, 0, 4, 0] == pytest.approx(15)
    assert (found.temporal[4], found.spectral[0]) == (0, 0)


def test_what_is_no_filter_is_refused() -> None:
    with pytest.raises(ValueError, match="channels, time and frequency"):
        filter_spectra(np.ones((3, 5)))
    for size in (7, 4):
        with pytest.raises(ValueError, match="even, and at least 5"):
            filter_spectra(np.ones((1, 1, 3, 5)), size)
