"""F against the number of samples of each phone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phonoscope.evaluation.grid import CLUSTERERS, Cell, run_cell
from phonoscope.evaluation.separability import separability

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from phonoscope.settings import ClusteringSettings


def sizes(smallest: int, most: int, n_phones: int, largest: int) -> list[int]:
    """Return the numbers of samples a phone that are tried: 1, 2 and 5 times powers of ten, below the panel's.

    Parameters
    ----------
    smallest
        No fewer than these.
    most
        What the panel has: the numbers stay below.
    n_phones, largest
        So many phones have no more than so many samples together.
    """
    top = min(most - 1, largest // max(n_phones, 1))
    return [
        n
        for power in range(len(str(max(top, 1))))
        for n in (10**power, 2 * 10**power, 5 * 10**power)
        if smallest <= n <= top
    ]


def draw(rows: Sequence[NDArray[np.int64]], n: int, seed: Sequence[int]) -> NDArray[np.int64]:
    """Draw n samples of each phone without replacement, all of a phone that has fewer; rising rows."""
    random = np.random.default_rng(seed)
    return np.sort(np.concatenate([random.permutation(own)[:n] for own in rows]))


def f_by_size(
    X: NDArray[np.float32],
    phones: Sequence[str],
    rows: Sequence[NDArray[np.int64]],
    ns: Sequence[int],
    *,
    k: int,
    draws: int,
    settings: ClusteringSettings,
    seed: int,
) -> list[dict[str, Any]]:
    """Cluster a part of the panel, several times for each size, and measure F against the phones.

    Parameters
    ----------
    X
        Samples × dimensions of one layer, shape (n, m).
    phones
        The phone of each sample.
    rows
        The rows of each phone's samples.
    ns
        Samples of each phone that are drawn.
    k
        Number of clusters; a part of fewer samples is left out.
    draws
        Parts of each size, drawn independently of each other.
    settings
        The clusterers'.
    seed
        Of the draws and of the clusterers.

    Returns
    -------
    A row a size, draw and clusterer: clusterer, n_per_phone, n_samples, draw, f_measure, and chance, that of the same
    clusters when the phones are dealt to the samples at random.
    """
    found = []
    labels = np.asarray(phones)
    for n in ns:
        for number in range(draws):
            some = draw(rows, n, (seed, n, number))
            if len(some) < k:
                continue
            own = labels[some]
            dealt = np.random.default_rng((seed, n, number, 1)).permutation(own)
            for clusterer in CLUSTERERS:
                cell = Cell("", "pca", clusterer, k, seed + number)
                result = run_cell(np.ascontiguousarray(X[some]), own.tolist(), cell, settings)
                found.append(
                    {
                        "clusterer": clusterer,
                        "n_per_phone": n,
                        "n_samples": len(some),
                        "draw": number,
                        "f_measure": result.separability.f_measure,
                        "chance": separability(dealt, result.labels).f_measure,
                    }
                )
    return found
