"""Which number of clusters a criterion's curve speaks for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Clusterer = Literal["kmedians", "spectral"]
Criterion = Literal["ratio", "first_minimum", "silhouette", "davies_bouldin", "stability", "eigengap"]
# the paper's first; eigengap is for spectral clustering only
CRITERIA: tuple[Criterion, ...] = ("ratio", "first_minimum", "silhouette", "davies_bouldin", "stability", "eigengap")
# An agreement of two halves that is lower by no more than this counts as equally good. Chosen by the planted panels of
# docs/choosing-k.md.
STABILITY_TOLERANCE = 0.02
_LARGEST = ("silhouette", "stability", "eigengap")


def criteria_of(clusterer: Clusterer, splits: int) -> tuple[Criterion, ...]:
    """List the criteria that a clusterer has: ``eigengap`` is spectral's only, ``stability`` needs splits."""
    absent = {"eigengap"} if clusterer == "kmedians" else set()
    return tuple(c for c in CRITERIA if c not in absent | (set() if splits else {"stability"}))


@dataclass(frozen=True)
class Selection:
    """The number of clusters that a criterion chooses.

    Attributes
    ----------
    criterion
        Its name.
    k
        The number chosen.
    curve
        Its value at each number of clusters.
    at_edge
        The choice is the smallest or the largest number that has a value, or as good as all numbers from there to it:
        the best may lie beyond the range.
    """

    criterion: Criterion
    k: int
    curve: Mapping[int, float]
    at_edge: bool


def _steps(curve: Mapping[int, float]) -> list[tuple[list[int], float]]:
    """List the runs of equal values, each with its ks."""
    return [([k for k, _ in run], value) for value, run in groupby(curve.items(), key=lambda item: item[1])]


def read_curve(criterion: Criterion, curve: Mapping[int, float]) -> Selection:
    """Choose the number of clusters.

    ``ratio``, ``davies_bouldin``: the k of the smallest value, the smallest k of equal ones.
    ``silhouette``, ``eigengap``: the k of the largest value, the smallest k of equal ones.
    ``first_minimum``: reads the curve of ``ratio`` from the left and takes the first k whose value is below the one
    before and below the one after; of equal values in a row, which count as one, the first k. Where the curve has no
    such k, the smallest value is chosen as with ``ratio``; it then lies at an end.
    ``stability``: the largest k whose value is at most 0.02 below the largest value. Classes that lie in groups come
    back as well at the number of groups as at their own, and the halves often agree entirely at k = 2.

    Values that are NaN or infinite are left out, as if their k were not in the range; if there are no others, the
    smallest k is chosen.

    Parameters
    ----------
    criterion
        One of `CRITERIA`.
    curve
        Value at each k, at least one.

    Raises
    ------
    ValueError
        The criterion has none of the names, or the curve is empty.
    """
    if criterion not in CRITERIA:
        msg = f"the criterion is one of {', '.join(CRITERIA)}, not {criterion!r}"
        raise ValueError(msg)
    if not curve:
        msg = "a curve without values chooses nothing"
        raise ValueError(msg)
    ordered = dict(sorted(curve.items()))
    finite = {k: value for k, value in ordered.items() if math.isfinite(value)}
    if not finite:
        return Selection(criterion, min(ordered), ordered, at_edge=True)
    steps = _steps(finite)
    minima = [
        ks[0]
        for (_, before), (ks, value), (_, after) in zip(steps, steps[1:], steps[2:], strict=False)
        if before > value < after
    ]
    if criterion == "first_minimum" and minima:
        return Selection(criterion, minima[0], ordered, at_edge=False)
    sign = -1 if criterion in _LARGEST else 1
    k = min(finite, key=lambda k: sign * finite[k])  # the first of equally good ones
    if criterion == "stability":
        k = max(other for other in finite if finite[other] >= finite[k] - STABILITY_TOLERANCE)
    return Selection(criterion, k, ordered, at_edge=k in steps[0][0] or k in steps[-1][0])
