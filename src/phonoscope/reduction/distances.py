"""Distances between all samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUNDING = 1e-13


def squared_distances(X: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return all squared Euclidean distances, shape (n, n), float64, with a zero diagonal.

    The data are centred first, which keeps the cancellation in ``|x|² + |y|² - 2 x·y`` small; what is left of it, below
    1e-13 of ``|x|² + |y|²``, counts as zero, so that samples that coincide are at no distance.
    """
    centred = X.astype(np.float64)
    centred -= centred.mean(axis=0)
    squares = np.einsum("ij,ij->i", centred, centred)
    both = squares[:, None] + squares[None, :]
    distances = both - 2.0 * (centred @ centred.T)
    distances[distances < _ROUNDING * both] = 0.0
    np.fill_diagonal(distances, 0.0)
    return np.asarray(distances, np.float64)
