"""Which differences between layers hold: paired bootstrap tests, corrected for their number."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from phonoscope.evaluation.bootstrap import centred

if TYPE_CHECKING:
    from numpy.typing import NDArray


class PairedTests(NamedTuple):
    """Tests of all pairs, each field with an entry a pair.

    Attributes
    ----------
    a, b
        Which two are compared.
    difference
        What b has more than a, a mean over seeds.
    low, high
        The interval of the difference.
    p_value
        Two-sided, of that pair alone.
    p_corrected
        Corrected for the number of pairs.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    difference: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p_value: NDArray[np.float64]
    p_corrected: NDArray[np.float64]


def paired_tests(
    values: NDArray[np.floating], replicates: NDArray[np.floating], *, confidence: float = 0.95
) -> PairedTests:
    """Test all differences between things that were measured on the same replicates.

    The differences of all N replicates, moved to a mean of zero, are what differences come about without any in truth::

        p = (1 + number of replicates with |d* - d| >= |d|) / (N + 1)

    Corrected p-values keep the chance that any of the pairs is wrongly said to differ below them: they compare each
    pair's |d| / SE with the largest of the replicates' among all pairs that are not yet decided (step-down max-T,
    Westfall and Young 1993, algorithm 2.8). That controls the same error as Holm's method, which multiplies p-values by
    the number of pairs: of more pairs than some N / 20 none could hold then, as no p-value is below 1 / (N + 1).

    Parameters
    ----------
    values
        On the panel itself: things × seeds, shape (m, s).
    replicates
        On the replicates, shape (m, s, B): replicate i of seed j is the same panel for all things.
    confidence
        Of the intervals.
    """
    m = len(values)
    pairs = np.array(list(combinations(range(m), 2)), np.int64).reshape(-1, 2)
    a, b = pairs[:, 0], pairs[:, 1]
    own = np.asarray(values, np.float64)
    seeds = own[b] - own[a]
    difference = seeds.mean(axis=1)
    moved = centred(own, replicates)
    around = (moved[b] - moved[a]).reshape(len(pairs), moved[0].size) - difference[:, None]
    outside = (1 - confidence) / 2
    low, high = difference + np.quantile(around, [outside, 1 - outside], axis=1) if len(pairs) else (difference,) * 2
    p_value = (1 + (np.abs(around) >= np.abs(difference)[:, None]).sum(axis=1)) / (around.shape[1] + 1)
    p_corrected = np.maximum(_step_down(difference, around), p_value)
    return PairedTests(
        a, b, difference, np.minimum(low, difference), np.maximum(high, difference), p_value, p_corrected
    )


def _step_down(difference: NDArray[np.float64], around: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correct p-values for the number of tests: differences (m,), and their replicates about zero (m, N)."""
    if not len(difference):
        return difference
    spread = around.std(axis=1)
    certain = spread == 0  # the two differ in every replicate by the same
    scale = np.where(certain, 1.0, spread)
    t = np.where(certain & (difference != 0), np.inf, np.abs(difference) / scale)
    order = np.argsort(t, kind="stable")  # from the least to the greatest
    largest = np.maximum.accumulate(np.abs(around[order]) / scale[order, None], axis=0)
    p = (1 + (largest >= t[order, None]).sum(axis=1)) / (around.shape[1] + 1)
    found = np.empty(len(p))
    found[order] = np.maximum.accumulate(p[::-1])[::-1]
    return found
