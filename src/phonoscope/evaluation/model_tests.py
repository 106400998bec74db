"""Whether a measure differs between two models: bootstrap tests of differences, paired where it is possible."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ALPHA: Final = 0.05
_NOTHING = 1e-9  # a standard error that is rounding
_SHIFTS = 16  # of so many pairings of independent replicates the interval is taken


@dataclass(frozen=True)
class Difference:
    """A difference of two values.

    Attributes
    ----------
    difference
        The first value minus the second.
    low, high
        Its 95 % interval, percentiles of the replicates' differences moved to a mean at the difference: measures with
        a maximum or a logarithm in them come out otherwise on replicates, which have fewer different samples.
    se
        Its standard error, the standard deviation of the replicates' differences.
    p
        Of a difference of 0, two-sided.
    """

    difference: float
    low: float
    high: float
    se: float
    p: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low > 0 or self.high < 0


def bootstrap_difference(
    value_a: float, value_b: float, draws_a: NDArray[np.floating], draws_b: NDArray[np.floating], *, paired: bool
) -> Difference:
    """Test a difference by the replicates of both values.

    The p-value is that of ``difference / se`` in the normal distribution: a share of replicates can not be smaller than
    one over their number, and would never hold after a correction for hundreds of tests.

    Parameters
    ----------
    value_a, value_b
        The values themselves.
    draws_a, draws_b
        Their bootstrap replicates, shapes (n,) and (m,).
    paired
        Whether the i-th replicates of both are of the same draw of the same samples. Then n = m, and the differences
        are those of the pairs. If not, the variances add up, and the interval is that of the differences of the
        first's replicates to the second's shifted by several distances.

    Raises
    ------
    ValueError
        There are no replicates, or paired ones of different numbers.
    """
    a, b = np.asarray(draws_a, np.float64), np.asarray(draws_b, np.float64)
    if not len(a) or not len(b) or (paired and len(a) != len(b)):
        msg = f"{len(a)} and {len(b)} replicates"
        raise ValueError(msg)
    if paired:
        differences = a - b
        variance = float(differences.var(ddof=1)) if len(a) > 1 else 0.0
    else:
        # equal places may come of equal random numbers: no shift by 0
        shifts = np.unique(np.linspace(1, max(1, len(b) - 1), _SHIFTS).astype(int))
        differences = np.concatenate([a - np.resize(np.roll(b, shift), len(a)) for shift in shifts])
        if len(b) > len(a):
            differences = np.concatenate([np.resize(np.roll(a, shift), len(b)) - b for shift in shifts])
        variance = sum(float(one.var(ddof=1)) if len(one) > 1 else 0.0 for one in (a, b))
    difference, se = value_a - value_b, math.sqrt(variance)
    low, high = difference + np.quantile(differences - differences.mean(), [ALPHA / 2, 1 - ALPHA / 2])
    if difference == 0:
        p = 1.0
    elif se < _NOTHING:  # no replicate says anything else: as little as their number can tell
        p = min(1.0, 2 / (min(len(a), len(b)) + 1))
    else:
        p = math.erfc(abs(difference) / se / math.sqrt(2))
    return Difference(difference, float(low), float(high), se, p)


def best_of(values: Sequence[float], draws: NDArray[np.floating], *, lower: bool = False) -> NDArray[np.floating]:
    """Return the best value of each replicate, whichever layer has it there.

    Each layer's replicates are moved to a mean at its value first: no layer is to be chosen for what replicates do to
    its measure.

    To choose the layer by all samples, and then to look at that layer's replicates only, would leave the choice out of
    the interval.

    Parameters
    ----------
    values
        Of the layers, shape (l,).
    draws
        Layers × replicates, shape (l, n).
    lower
        Whether the lowest is the best.
    """
    moved = draws - draws.mean(axis=1, keepdims=True) + np.asarray(values)[:, None]
    best: NDArray[np.floating] = moved.min(axis=0) if lower else moved.max(axis=0)
    return best


def holm(p: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Correct p-values for their number by Holm's step-down method (1979), shape (n,)."""
    values = np.asarray(p, np.float64)
    order = np.argsort(values, kind="stable")
    n = len(values)
    stepped = np.maximum.accumulate(values[order] * (n - np.arange(n)))
    corrected = np.empty(n)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def relative_depths(n: int) -> list[float]:
    """Return the relative depth of each of n layers: 0 for the first, 1 for the last."""
    return [i / max(1, n - 1) for i in range(n)]
