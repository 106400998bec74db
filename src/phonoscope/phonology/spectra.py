"""What modulations in time and in frequency the filters of a convolution layer pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIZE = 8


class FilterSpectra(NamedTuple):
    """The spectra of filters.

    Attributes
    ----------
    magnitude
        Shape (filters, channels, temporal, spectral).
    temporal
        Modulation in time of each row, cycles a frame, from -1/2 to 1/2: falling and rising sweeps.
    spectral
        Modulation over frequency of each column, cycles a mel band, from 0 to 1/2.
    """

    magnitude: NDArray[np.float64]
    temporal: NDArray[np.float64]
    spectral: NDArray[np.float64]


def filter_spectra(weights: NDArray[np.floating], size: int = _SIZE) -> FilterSpectra:
    """Return the magnitude of each kernel's Fourier transform in two dimensions.

    ``|Σ_t Σ_f w(t, f) exp(-2 π i (a t + b f))|`` for temporal modulations a and spectral modulations b. A kernel of 3
    frames and 5 bands has few degrees of freedom: 8 points are enough for both axes. That of (-a, -b) is the same, so
    that b starts at 0.

    Parameters
    ----------
    weights
        Shape (filters, channels, time, frequency).
    size
        Points of the transform, even, not fewer than the kernel has.

    Raises
    ------
    ValueError
        The weights do not have four axes, or `size` is odd or smaller than the kernel.
    """
    if weights.ndim != 4:  # noqa: PLR2004 - filters, channels, time, frequency
        msg = f"filters have channels, time and frequency, not the shape {weights.shape}"
        raise ValueError(msg)
    if size % 2 or size < max(weights.shape[2:]):
        msg = f"size = {size}: it has to be even, and at least {max(weights.shape[2:])}"
        raise ValueError(msg)
    found = np.abs(np.fft.rfft2(weights.astype(np.float64), (size, size), axes=(2, 3)))
    found = np.fft.fftshift(found, axes=2)
    found = np.concatenate([found, found[:, :, :1]], axis=2)  # half a cycle a frame rises as it falls
    return FilterSpectra(found, np.linspace(-0.5, 0.5, size + 1), np.linspace(0, 0.5, size // 2 + 1))
