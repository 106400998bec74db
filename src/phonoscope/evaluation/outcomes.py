"""Measures of a layer as means of one outcome a sample: samples can then be weighted anew without measuring again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def measure_value(
    outcomes: NDArray[np.float64], phone_index: NDArray[np.integer], weights: NDArray[Any] | None = None
) -> NDArray[np.float64]:
    """Return the mean over phones of the weighted mean of the outcomes of a phone's samples.

    Phones count alike, however many samples they have. Samples without an outcome (NaN) are left out, and so are phones
    none of whose samples with an outcome has a weight.

    Parameters
    ----------
    outcomes
        Outcome of each sample, shape (n,).
    phone_index
        Number of each sample's phone, from 0, shape (n,).
    weights
        Weights from 0, shape (..., n), as how often a bootstrap has drawn each sample; None: all 1.

    Returns
    -------
    Shape (...), which is () without weights; NaN where no sample has both an outcome and a weight.
    """
    known = np.flatnonzero(~np.isnan(outcomes))
    used = np.ones(len(outcomes)) if weights is None else np.asarray(weights, np.float64)
    columns = np.zeros((len(known), int(phone_index.max(initial=-1)) + 1))
    columns[np.arange(len(known)), phone_index[known]] = 1.0
    total = used[..., known] @ columns
    sums = used[..., known] @ (columns * outcomes[known, None])
    means = np.divide(sums, total, out=np.zeros_like(sums), where=total > 0)
    phones = (total > 0).sum(axis=-1)
    found = np.full(phones.shape, np.nan)
    np.divide(means.sum(axis=-1), phones, out=found, where=phones > 0)
    return found


def indices(labels: object) -> NDArray[np.int64]:
    """Give labels numbers from 0 in sorted order, shape (n,)."""
    return np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.int64)


def answerable(phones: NDArray[np.int64], groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which samples have their phone in another group as well; with one group, in another sample.

    Parameters
    ----------
    phones, groups
        Numbers from 0, shape (n,).
    """
    counts = np.zeros((phones.max(initial=0) + 1, groups.max(initial=0) + 1), np.int64)
    np.add.at(counts, (phones, groups), 1)
    own = counts[phones, groups] if counts.shape[1] > 1 else 1
    return np.asarray(counts.sum(axis=1)[phones] > own)
