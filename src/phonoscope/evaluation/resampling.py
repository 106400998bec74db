"""The bootstrap over a panel's samples: draws, mean activations of each draw, intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from phonoscope.parallel import slices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Columns whose means are computed at a time: of 200 draws and 33 phones 14 MB; and bytes that they may take.
_COLUMNS, _BLOCK = 256, 1 << 26


def rows_by_phone(index: NDArray[np.int64], n_phones: int) -> list[NDArray[np.int64]]:
    """Return the rows of each phone's samples; `index` is the phone of each sample, shape (n,)."""
    order = np.argsort(index, kind="stable")
    return np.split(order, np.cumsum(np.bincount(index, minlength=n_phones))[:-1])


def draw_counts(sizes: Sequence[int], draws: int, seed: int) -> list[NDArray[np.uint16]]:
    """Return how often each sample of each phone is drawn, as many with replacement as the phone has.

    Parameters
    ----------
    sizes
        Samples of each phone, at least 1.
    draws
        How many times all are drawn.
    seed
        A phone's draws do not depend on the other phones.

    Returns
    -------
    Shape (draws, size) for each phone.
    """
    return [
        np.random.default_rng((seed, i)).multinomial(n, np.full(n, 1 / n), size=draws).astype(np.uint16)
        for i, n in enumerate(sizes)
    ]


def columns_at_a_time(n: int) -> int:
    """Return how many columns of n samples are read at a time: fewer of so many samples that they take 64 MB."""
    return max(min(_COLUMNS, _BLOCK // (8 * n)), 1)


def mean_products(
    X: NDArray[np.floating], rows: Sequence[NDArray[np.int64]], counts: Sequence[NDArray[np.uint16]]
) -> NDArray[np.float64]:
    """Return the inner products of the phones' mean activations, of all samples and of each draw.

    The means are centred: their own mean, each phone counting the same, is taken off.

    Parameters
    ----------
    X
        Samples × units, shape (n, d), read a block of columns at a time; may be mapped from a file.
    rows
        The rows of each phone's samples.
    counts
        What `draw_counts` gives for them, (draws, size) each.

    Returns
    -------
    Shape (1 + draws, phones, phones), float64.
    """
    draws = len(counts[0])
    products = np.zeros((1 + draws, len(rows), len(rows)))
    for columns in slices(X.shape[1], columns_at_a_time(len(X))):
        block = X[:, columns].astype(np.float64)
        block -= block.mean(axis=0)
        means = np.empty((1 + draws, len(rows), block.shape[1]))
        for i, (own, drawn) in enumerate(zip(rows, counts, strict=True)):
            samples = block[own]
            means[0, i] = samples.mean(axis=0)
            np.matmul(drawn / float(len(own)), samples, out=means[1:, i])
        means -= means.mean(axis=1, keepdims=True)
        products += means @ means.transpose(0, 2, 1)
    return products


def interval(draws: NDArray[np.float64], estimate: float, level: float = 0.95) -> tuple[float, float]:
    """Return the bias-corrected percentile interval of a bootstrap (Efron 1981), never without the estimate.

    With z₀ = Φ⁻¹(share of the draws below the estimate, of ties one half) the interval reaches from the draws' quantile
    Φ(2 z₀ - z) to that of Φ(2 z₀ + z). Means of a draw hold more noise than those of all samples, and shares of what
    succeeds are lower for it: this is what the correction is for.

    Parameters
    ----------
    draws
        The figure in each draw, shape (draws,).
    estimate
        The figure of all samples.
    level
        The share of the distribution that the interval covers.
    """
    n = len(draws)
    below = (draws < estimate).sum() + (draws == estimate).sum() / 2
    centre = ndtri(np.clip(below / n, 1 / (n + 1), n / (n + 1)))
    reach = ndtri((1 + level) / 2)
    low, high = np.quantile(draws, ndtr([2 * centre - reach, 2 * centre + reach]))
    return float(min(low, estimate)), float(max(high, estimate))
