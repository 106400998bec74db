"""How much nearer samples are to their own phone than to the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phonoscope.evaluation.outcomes import indices
from phonoscope.evaluation.ranking import Distances
from phonoscope.parallel import each

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def silhouette_outcomes(X: NDArray[np.floating], phones: Sequence[str] | NDArray[Any]) -> NDArray[np.float64]:
    """Return the silhouette of each sample among the phones (Rousseeuw 1987), Euclidean distances.

    ``(b - a) / max(a, b)`` with a the mean distance to the other samples of its phone and b the mean distance to the
    samples of the phone for which that is smallest; 0 for the only sample of a phone.

    Parameters
    ----------
    X
        Samples × units, shape (n, d).
    phones
        The phone of each sample.

    Returns
    -------
    From -1 to 1; NaN where there is one phone only; shape (n,).
    """
    distances, label = Distances(X), indices(phones)
    found = np.empty(len(X))
    each(lambda rows: silhouettes(distances.euclidean(rows), rows, label, found), distances.blocks())
    return found


def silhouettes(
    distances: NDArray[np.float64], rows: slice, labels: NDArray[np.int64], found: NDArray[np.float64]
) -> None:
    """Put the silhouettes of some rows' samples into `found`, given their distances to all, shape (rows, n)."""
    sizes = np.bincount(labels)
    if len(sizes) == 1:
        found[rows] = np.nan
        return
    indicators = np.zeros((len(labels), len(sizes)))
    indicators[np.arange(len(labels)), labels] = 1.0
    sums = distances @ indicators
    here = np.arange(len(sums))
    own = labels[rows]
    a = sums[here, own] / np.maximum(sizes[own] - 1, 1)
    means = sums / sizes
    means[here, own] = np.inf
    b = means.min(axis=1)
    larger = np.maximum(a, b)
    share = np.divide(b - a, larger, out=np.zeros_like(a), where=larger > 0)
    found[rows] = np.where(sizes[own] > 1, share, 0.0)
