"""Spectra of filters, against the sum that defines them."""

from __future__ import annotations

import numpy as np
import pytest

from phonoscope.phonology.spectra import filter_spectra


def test_it_is_the_magnitude_of_the_fourier_sum() -> None:
    weights = np.random.default_rng(0).normal(size=(2, 3, 3, 5)).astype(np.float32)
    found = filter_spectra(weights)
    assert found.magnitude.shape == (2, 3, 9, 5)
    t, f = np.meshgrid(np.arange(3), np.arange(5), indexing="ij")
    for i, a in enumerate(found.temporal):
        for j, b in enumerate(found.spectral):
            wave = np.exp(-2j * np.pi * (a * t + b * f))
            expected = np.abs((weights.astype(np.float64) * wave).sum(axis=(2, 3)))
            np.testing.assert_allclose(found.magnitude[:, :, i, j], expected, atol=1e-9)


def test_a_filter_passes_the_modulation_that_it_is_made_of() -> None:
    t, f = np.meshgrid(np.arange(3), np.arange(5), indexing="ij")
    falling = np.cos(2 * np.pi * (0.25 * t + 0.25 * f))
    found = filter_spectra(falling[None, None])
    i, j = np.unravel_index(found.magnitude[0, 0].argmax(), found.magnitude.shape[2:])
    assert found.temporal[i] > 0
    assert abs(found.temporal[i] - 0.25) <= 0.125
    assert abs(found.spectral[j] - 0.25) <= 0.125
    mirrored = filter_spectra(falling[None, None, ::-1])
    np.testing.assert_allclose(mirrored.magnitude[0, 0], found.magnitude[0, 0, ::-1], atol=1e-9)


def test_what_is_no_stack_of_kernels_is_refused() -> None:
    with pytest.raises(ValueError, match="channels, time and frequency"):
        filter_spectra(np.zeros((3, 5)))
    for size in (7, 4):
        with pytest.raises(ValueError, match=f"size = {size}"):
            filter_spectra(np.zeros((1, 1, 3, 5)), size)
