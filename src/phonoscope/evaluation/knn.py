"""How many samples have the phone that most of their nearest neighbours have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phonoscope.evaluation.outcomes import answerable, indices
from phonoscope.evaluation.ranking import INDEX, Distances, Metric
from phonoscope.kernels import kernel
from phonoscope.parallel import each

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def knn_outcomes(
    X: NDArray[np.floating],
    phones: Sequence[str] | NDArray[Any],
    groups: Sequence[object] | NDArray[Any],
    k: int = 10,
    metric: Metric = "cosine",
) -> NDArray[np.float64]:
    """Tell for each sample whether most of its k nearest neighbours in other groups have its phone.

    Of phones that equally many neighbours have, the one of the nearest neighbour is the answer.

    Parameters
    ----------
    X
        Samples × units, shape (n, d).
    phones
        The phone of each sample.
    groups
        Neighbours are of other groups only, such as other speakers. One group only: any other sample may be one.
    k
        Number of neighbours; all that there are, if these are fewer.
    metric
        Of the distances.

    Returns
    -------
    1 where right, 0 where wrong, NaN where no possible neighbour has the phone; shape (n,).
    """
    distances, label, group = Distances(X), indices(phones), indices(groups)
    found = np.empty(len(X))
    each(
        lambda rows: neighbour_votes(distances.ranked(rows, metric), rows.start, label, group, k, found),
        distances.blocks(),
    )
    return np.where(answerable(label, group), found, np.nan)


@kernel(nogil=True)
def neighbour_votes(
    ranked: NDArray[np.uint64],
    first: int,
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    k: int,
    found: NDArray[np.float64],
) -> None:
    """Let the neighbours of samples from `first` on vote; `found` of these samples is 1 where right, else 0."""
    several = groups.max() > 0
    votes = np.zeros(labels.max() + 1, np.int64)
    voted = np.empty(k, np.int64)
    for row in range(len(ranked)):
        x = first + row
        n = 0
        for key in ranked[row]:
            y = np.int64(key & INDEX)
            if y == x or (several and groups[y] == groups[x]):
                continue
            voted[n] = labels[y]
            votes[labels[y]] += 1
            n += 1
            if n == k:
                break
        best = -1
        for label in voted[:n]:
            if best < 0 or votes[label] > votes[best]:
                best = label
        for label in voted[:n]:
            votes[label] = 0
        found[x] = 1.0 if best == labels[x] else 0.0
