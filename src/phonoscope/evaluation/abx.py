"""ABX: how often a sample is nearer to a sample of another phone than to one of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from phonoscope.evaluation.outcomes import indices
from phonoscope.evaluation.ranking import DISTANCE, INDEX, Distances, Metric
from phonoscope.kernels import kernel
from phonoscope.parallel import each

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Mode = Literal["any", "within", "across"]
MODES: tuple[Mode, ...] = ("any", "within", "across")
_WITHIN, _ACROSS = 1, 2


def abx_outcomes(
    X: NDArray[np.floating],
    phones: Sequence[str] | NDArray[Any],
    speakers: Sequence[object] | NDArray[Any],
    mode: Mode = "any",
    metric: Metric = "cosine",
) -> NDArray[np.float64]:
    """Return the ABX error of each sample in the role of X (Schatz et al. 2013).

    For a sample x of phone A and another phone B, with all samples a != x of A and b of B::

        e(x, B) = mean over a, b of  1 if d(a, x) > d(b, x), 1/2 if they are equal, else 0

    and the sample's error is the mean of e(x, B) over the phones B. Only the order of distances matters: the angle
    between vectors and the cosine distance give the same.

    Parameters
    ----------
    X
        Samples × units, shape (n, d).
    phones, speakers
        The phone and the speaker of each sample.
    mode
        ``any``: whoever speaks. ``within``: a, b and x are of one speaker. ``across``: a and b are of one speaker, x of
        another; e(x, B) is the mean over the speakers that have both A and B.
    metric
        The distance d.

    Returns
    -------
    Errors from 0 to 1, 0.5 by chance, NaN where there is no triple; shape (n,).
    """
    distances, label, speaker = Distances(X), indices(phones), indices(speakers)
    found = np.empty(len(X))
    each(
        lambda rows: triples(distances.ranked(rows, metric), rows.start, label, speaker, MODES.index(mode), found),
        distances.blocks(),
    )
    return found


@kernel(nogil=True)
def triples(
    ranked: NDArray[np.uint64],
    first: int,
    labels: NDArray[np.int64],
    speakers: NDArray[np.int64],
    mode: int,
    found: NDArray[np.float64],
) -> None:
    """Put the errors of samples from `first` on into `found`; `mode` is the index in `MODES`.

    All other samples are gone through by distance. Whenever one is an a, those b that have come before it are nearer.
    """
    phones = labels.max() + 1
    lanes = speakers.max() + 1 if mode == _ACROSS else 1
    before = np.empty((lanes, phones))
    nearer = np.empty((lanes, phones))
    own = np.empty(lanes)
    n = ranked.shape[1]
    for row in range(len(ranked)):
        x = first + row
        before[:], nearer[:], own[:] = 0.0, 0.0, 0.0
        start = 0
        while start < n:
            end = start + 1
            while end < n and ranked[row, end] >> DISTANCE == ranked[row, start] >> DISTANCE:
                end += 1
            for part in range(3):  # of those b that are as far as an a, half count as nearer
                for place in range(start, end):
                    y = np.int64(ranked[row, place] & INDEX)
                    lane = _lane(x, y, speakers, mode)
                    if lane < 0:
                        continue
                    if labels[y] != labels[x]:
                        before[lane, labels[y]] += 0.5 if part != 1 else 0.0
                    elif part == 1:
                        own[lane] += 1.0
                        for b in range(phones):
                            nearer[lane, b] += before[lane, b]
            start = end
        found[x] = _error(own, before, nearer)


@kernel(nogil=True)
def _lane(x: int, y: np.int64, speakers: NDArray[np.int64], mode: int) -> int:
    """Return which triples with x the sample y can be part of, -1 if of none; across, one lane a speaker of a and b."""
    same = speakers[y] == speakers[x]
    if y == x or (mode == _WITHIN and not same) or (mode == _ACROSS and same):
        return -1
    return int(speakers[y]) if mode == _ACROSS else 0


@kernel(nogil=True)
def _error(own: NDArray[np.float64], others: NDArray[np.float64], nearer: NDArray[np.float64]) -> float:
    """Return the mean over phones of the mean over lanes of the share of pairs in which b is nearer than a."""
    error, phones = 0.0, 0
    for b in range(others.shape[1]):
        total, count = 0.0, 0
        for lane in range(len(own)):
            if own[lane] > 0 and others[lane, b] > 0:
                total += nearer[lane, b] / (own[lane] * others[lane, b])
                count += 1
        if count > 0:
            error += total / count
            phones += 1
    return error / phones if phones > 0 else np.nan
