"""Gaussian affinities, and how wide the Gaussian is."""

from __future__ import annotations

from math import factorial
from typing import TYPE_CHECKING

import numpy as np
from numba import prange

from phonoscope.kernels import kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Zelnik-Manor and Perona take the distance to the seventh neighbour.
_LOCAL_NEIGHBOUR = 7
_KERNELS = {"2sigma2": 2.0, "sigma2": 1.0}
# exp(x) = 2^k exp(r), |r| at most ln 2 / 2, by its series; adding and subtracting _ROUND rounds to an integer, which
# then is in the sum's last bits. Below _UNDERFLOW the result would not have all its digits: it counts as 0.
_INVERSE_FACTORIALS = tuple(1.0 / factorial(i) for i in range(13))
_ROUND, _LOG2E, _LN2_HIGH, _LN2_LOW = 6755399441055744.0, 1.4426950408889634, 0.6931471803691238, 1.9082149292705877e-10
_UNDERFLOW, _BIAS, _EXPONENT = -708.0, 1023, 52
# A normalised affinity up to this counts as 0: it changes no digit of an eigenvector, but a product of two of them is
# below the smallest normal number, with which a processor is a hundred times slower.
_NOTHING = 1e-100
# Bins are the first 16 bits of a float64, which rise with a number that is not negative.
_BIN_SHIFT, _BINS, _CHUNKS = 48, 1 << 15, 16


# all of fastmath but what would undo the rounding
@kernel(parallel=True, error_model="numpy", fastmath={"nnan", "ninf", "nsz", "arcp", "contract"})
def _exponentials(
    squared: NDArray[np.float64], over: NDArray[np.float64], factor: float, A: NDArray[np.float64]
) -> None:
    n = len(squared)
    for i in prange(n):
        rounded = np.empty(n)
        bits = rounded.view(np.int64)
        scale = -over[i] / factor
        for j in range(n):
            rounded[j] = max(squared[i, j] * (scale * over[j]), _UNDERFLOW) * _LOG2E + _ROUND
        for j in range(n):
            x = squared[i, j] * (scale * over[j])
            k = rounded[j] - _ROUND
            r = (x - k * _LN2_HIGH) - k * _LN2_LOW
            p = _INVERSE_FACTORIALS[12]
            for m in range(11, -1, -1):
                p = p * r + _INVERSE_FACTORIALS[m]
            A[i, j] = p if x > _UNDERFLOW else 0.0
        for j in range(n):
            bits[j] = (bits[j] + _BIAS) << _EXPONENT
        for j in range(n):
            A[i, j] *= rounded[j]
        A[i, i] = 0.0


@kernel(parallel=True)
def _normalise(A: NDArray[np.float64], scale: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    for i in prange(len(A)):
        for j in range(len(A)):
            both = scale[i] * scale[j]
            # affinities below the smallest normal number: the product alone is infinite, and 0 times it is none
            scaled = A[i, j] * both if both < np.inf else A[i, j] * max(scale[i], scale[j]) * min(scale[i], scale[j])
            out[i, j] = scaled if scaled > _NOTHING else 0.0


@kernel(parallel=True)
def _histograms(bits: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
    """Count the first bits of the numbers above the diagonal; each row of `counts` gets every 16th row."""
    for chunk in prange(_CHUNKS):
        for i in range(chunk, len(bits), _CHUNKS):
            for j in range(i + 1, len(bits)):
                counts[chunk, bits[i, j] >> _BIN_SHIFT] += 1


@kernel(parallel=True)
def _collect(bits: NDArray[np.int64], chosen: int, starts: NDArray[np.int64], found: NDArray[np.int64]) -> None:
    """Copy the numbers of a bin; those of each row of `counts` go where `starts` says."""
    for chunk in prange(_CHUNKS):
        place = starts[chunk]
        for i in range(chunk, len(bits), _CHUNKS):
            for j in range(i + 1, len(bits)):
                if bits[i, j] >> _BIN_SHIFT == chosen:
                    found[place] = bits[i, j]
                    place += 1


def quantiles_above(M: NDArray[np.float64], shares: Sequence[float]) -> list[float]:
    """Return quantiles of the numbers above a matrix's diagonal, none of which is negative, without copying them.

    The same as ``np.quantile(M[np.triu_indices(n, 1)], shares)``.
    """
    M = np.ascontiguousarray(M)
    bits = M.view(np.int64)
    counts = np.zeros((_CHUNKS, _BINS), np.int64)
    _histograms(bits, counts)
    upto = counts.sum(axis=0).cumsum()
    bins: dict[int, NDArray[np.float64]] = {}

    def at(rank: int) -> float:
        chosen = int(np.searchsorted(upto, rank, side="right"))
        before = int(upto[chosen - 1]) if chosen else 0
        if chosen not in bins:
            found = np.empty(int(upto[chosen]) - before, np.int64)
            _collect(bits, chosen, counts[:, chosen].cumsum() - counts[:, chosen], found)
            bins[chosen] = found.view(np.float64)
        return float(np.partition(bins[chosen], rank - before)[rank - before])

    quantiles = []
    for share in shares:
        place = share * (int(upto[-1]) - 1)
        low = int(place)
        least, next_one = at(low), at(min(low + 1, int(upto[-1]) - 1))
        quantiles.append(least + (next_one - least) * (place - low))
    return quantiles


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
        return float(np.sqrt(quantiles_above(squared, [0.5])[0])) or 1.0
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
    *,
    out: NDArray[np.float64] | None = None,
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
    out
        Where the result goes; may be `squared` itself, which saves memory.

    Raises
    ------
    ValueError
        `kernel` is neither.
    """
    if kernel not in _KERNELS:
        msg = f"kernel is {' or '.join(map(repr, _KERNELS))}, not {kernel!r}"
        raise ValueError(msg)
    A = np.empty(squared.shape) if out is None else out
    _exponentials(squared, 1.0 / np.broadcast_to(np.asarray(sigma, np.float64), len(squared)), _KERNELS[kernel], A)
    return A


def normalised_affinity(A: NDArray[np.float64], *, out: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Return ``L = D^-1/2 A D^-1/2``, D the row sums; a sample without any affinity keeps a row of zeros.

    Entries up to 1e-100 are 0.

    Parameters
    ----------
    A
        Shape (n, n).
    out
        Where the result goes; may be `A` itself, which saves memory.
    """
    degrees = A.sum(axis=1)
    L = np.empty(A.shape) if out is None else out
    _normalise(A, np.where(degrees > 0, 1.0 / np.sqrt(np.where(degrees > 0, degrees, 1.0)), 0.0), L)
    return L


def contrast(A: NDArray[np.float64]) -> float:
    """Return 1 - (5th percentile / 95th percentile) of the affinities off the diagonal: 0 where the matrix is flat.

    With the paper's width on wide layers, ``n^(1/p)`` is nearly 1 and no affinity falls below e^-2: this figure tells.
    """
    low, high = quantiles_above(A, [0.05, 0.95])
    return float(1.0 - low / high) if high > 0 else 0.0
