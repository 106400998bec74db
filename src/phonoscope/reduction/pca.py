"""Principal components that keep a share of the variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import eigh

if TYPE_CHECKING:
    from numpy.typing import NDArray


_FIRST_TRY = 500


@dataclass(frozen=True)
class PrincipalComponents:
    """The components kept, strongest first.

    Attributes
    ----------
    scores
        The samples' coordinates, shape (n, m), float32.
    axes
        Unit vectors of the components, shape (m, d), float64; each one's largest entry is positive.
    share
        Share of the whole variance on each component kept, shape (m,).
    """

    scores: NDArray[np.float32]
    axes: NDArray[np.float64]
    share: NDArray[np.float64]


def _leading(product: NDArray[np.float64], wanted: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return eigenvalues and vectors, largest first, at least as many as add up to `wanted`."""
    n = len(product)
    values, vectors = np.empty(0), np.empty((n, 0))
    # most often a small part carries the variance, and finding a part of the vectors is several times as fast
    for count in (min(n, _FIRST_TRY), n):
        values, vectors = eigh(product, subset_by_index=(n - count, n - 1))
        if values.sum() >= wanted:
            break
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1]


def pca(X: NDArray[np.floating], variance: float = 0.9) -> PrincipalComponents:
    """Project onto the fewest principal components that keep at least a share of the variance.

    The eigenvectors are those of the smaller of the two products of the centred data with itself (covariance or Gram
    matrix), in float64.

    Parameters
    ----------
    X
        Samples × features, shape (n, d), n at least 2.
    variance
        Share of the variance to keep, in (0, 1].

    Raises
    ------
    ValueError
        There are fewer than two samples, `variance` is out of range, or a value is NaN or infinite.
    """
    if X.ndim != 2 or len(X) < 2:  # noqa: PLR2004
        msg = f"PCA needs samples × features with at least two samples, not an array of shape {X.shape}"
        raise ValueError(msg)
    if not 0 < variance <= 1:
        msg = f"the share of variance to keep lies in (0, 1], not {variance}"
        raise ValueError(msg)
    centred = X.astype(np.float64)
    centred -= centred.mean(axis=0)
    if not np.isfinite(centred).all():
        msg = "PCA needs finite values; the data hold NaN or infinity"
        raise ValueError(msg)
    n, d = centred.shape
    wide = d > n
    product = centred @ centred.T if wide else centred.T @ centred
    total = float(np.trace(product))
    values, vectors = _leading(product, variance * total)
    if total == 0:  # every sample is the same: one component, on which all lie at 0
        axis = np.zeros((1, d))
        axis[0, 0] = 1.0
        return PrincipalComponents(np.zeros((n, 1), np.float32), axis, np.ones(1))
    # a rounding error must not add a component of no variance at variance = 1
    rank = max(int((values > values[0] * max(n, d) * np.finfo(np.float64).eps).sum()), 1)
    kept = min(int(np.searchsorted(np.cumsum(values) / total, variance - 1e-12)) + 1, rank)
    values, vectors = values[:kept], vectors[:, :kept]
    axes = (centred.T @ vectors / np.sqrt(values)).T if wide else vectors.T
    signs = np.sign(axes[np.arange(kept), np.abs(axes).argmax(axis=1)])
    axes = axes * signs[:, None]
    return PrincipalComponents((centred @ axes.T).astype(np.float32), axes, values / total)
