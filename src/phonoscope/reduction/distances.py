"""Distances between all samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def squared_distances(X: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return all squared Euclidean distances, shape (n, n), float64, symmetric with a zero diagonal.

    The data are centred first, which keeps the cancellation in ``|x|² + |y|² - 2 x·y`` small.
    """
    centred = X.astype(np.float64)
    centred -= centred.mean(axis=0)
    squares = np.einsum("ij,ij->i", centred, centred)
    distances = centred @ centred.T
    distances *= -2.0
    distances += squares[:, None]
    distances += squares[None, :]
    np.maximum(distances, 0.0, out=distances)
    np.fill_diagonal(distances, 0.0)
    return np.asarray(distances, np.float64)
