"""Gaussian affinities, and how wide the Gaussian is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Zelnik-Manor and Perona take the distance to the seventh neighbour.
_LOCAL_NEIGHBOUR = 7
_KERNELS = {"2sigma2": 2.0, "sigma2": 1.0}


def mouysset_sigma(squared: NDArray[np.float64], dimensions: int) -> float:
    """Return the paper's width: half of ``Dmax / n^(1/p)`` (Mouysset, Noailles and Ruiz 2008).

    ``Dmax / n^(1/p)`` is the distance of neighbours if n samples filled a cube of side Dmax in p dimensions evenly.

    Parameters
    ----------
    squared
        Squared distances, shape (n, n).
    dimensions
        p, the width of the data.
    """
    return float(np.sqrt(squared.max()) / len(squared) ** (1.0 / dimensions) / 2.0)


def choose_sigma(squared: NDArray[np.float64], dimensions: int, rule: str | float) -> float | NDArray[np.float64]:
    """Choose the width of the Gaussian.

    ``mouysset`` is the paper's; ``median`` the median distance of two samples; ``local`` a width for each sample, its
    distance to the seventh nearest (Zelnik-Manor and Perona 2004); a number is taken as it is.

    Returns
    -------
    One width, or for ``local`` one a sample, shape (n,). Samples that all coincide get a width of 1.

    Raises
    ------
    ValueError
        The rule has none of these names, or the number is not above 0.
    """
    if isinstance(rule, int | float):
        if not rule > 0:
            msg = f"sigma is above 0, not {rule}"
            raise ValueError(msg)
        return float(rule)
    if rule == "mouysset":
        return mouysset_sigma(squared, dimensions) or 1.0
    if rule == "median":
        return float(np.sqrt(np.median(squared[np.triu_indices(len(squared), 1)]))) or 1.0
    if rule == "local":
        neighbour = min(_LOCAL_NEIGHBOUR, len(squared) - 1)
        widths = np.sqrt(np.partition(squared, neighbour, axis=1)[:, neighbour])
        # more coinciding samples than neighbours: any positive width keeps them together
        return np.where(widths > 0, widths, widths[widths > 0].min() if widths.any() else 1.0)
    msg = f"sigma is 'mouysset', 'median', 'local' or a number, not {rule!r}"
    raise ValueError(msg)


def gaussian_affinity(
    squared: NDArray[np.float64],
    sigma: float | NDArray[np.float64],
    kernel: str = "2sigma2",
) -> NDArray[np.float64]:
    """Return ``A_ij = exp(-d_ij² / (2 σ_i σ_j))``, or without the 2, with zeros on the diagonal.

    Parameters
    ----------
    squared
        Squared distances, shape (n, n).
    sigma
        One width, or one a sample, shape (n,).
    kernel
        ``2sigma2`` or ``sigma2``: the squared distance is divided by ``2 σ²`` (Ng, Jordan and Weiss) or ``σ²``.

    Raises
    ------
    ValueError
        `kernel` is neither.
    """
    if kernel not in _KERNELS:
        msg = f"kernel is {' or '.join(map(repr, _KERNELS))}, not {kernel!r}"
        raise ValueError(msg)
    A = np.exp(squared / (np.multiply.outer(sigma, sigma) * -_KERNELS[kernel]))
    np.fill_diagonal(A, 0.0)
    return np.asarray(A)


def contrast(A: NDArray[np.float64]) -> float:
    """Return 1 - (5th percentile / 95th percentile) of the affinities off the diagonal: 0 where the matrix is flat.

    With the paper's width on wide layers, ``n^(1/p)`` is nearly 1 and no affinity falls below e^-2: this figure tells.
    """
    low, high = np.percentile(A[np.triu_indices(len(A), 1)], (5, 95))
    return float(1.0 - low / high) if high > 0 else 0.0
