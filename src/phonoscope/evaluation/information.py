"""What clusters tell about phones in the sense of information theory, for many tables of counts at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import gammaln

from phonoscope.kernels import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NEGLIGIBLE = 1e-20  # a probability that adds nothing to a sum of some hundred that are weighted by less than ln N


class Information(NamedTuple):
    """Entropies and mutual information in nats, each of shape (tables,).

    Attributes
    ----------
    mutual
        I(phone; cluster).
    phones, clusters
        The entropies H(phone) and H(cluster).
    expected
        The mean of I over all labellings with these numbers of samples of each phone and each cluster.
    """

    mutual: NDArray[np.float64]
    phones: NDArray[np.float64]
    clusters: NDArray[np.float64]
    expected: NDArray[np.float64]


def information(counts: NDArray[np.int64]) -> Information:
    """Compute entropies, mutual information and its expectation by chance.

    With n the counts, a and b the sums of its rows and columns and N the sum of all::

        I = sum_pc n_pc / N ln(N n_pc / (a_p b_c))        H(phone) = - sum_p a_p / N ln(a_p / N)
        E[I] = sum_pc sum_m m / N ln(N m / (a_p b_c)) P(m)

    where P(m) is the hypergeometric probability that m of the b_c samples of a cluster are of a phone that has a_p of
    the N samples (Vinh, Epps and Bailey 2010, equation 24a).

    Parameters
    ----------
    counts
        Tables × phones × clusters, shape (t, p, c), none of which is empty.
    """
    totals = counts.sum(axis=(1, 2))
    found = np.zeros((4, len(counts)))
    whole = np.arange(int(totals.max(initial=0)) + 1, dtype=np.float64)
    logarithms = np.log(np.maximum(whole, 1.0))
    _information(np.ascontiguousarray(counts), totals, logarithms, gammaln(whole + 1.0), found)
    return Information(*found)


@kernel(nogil=True, error_model="numpy")
def _expected(a: int, b: int, n: int, logarithms: NDArray[np.float64], factorials: NDArray[np.float64]) -> float:
    """Sum one pair's share of E[I], from the most probable m outwards: most m are too improbable to add anything."""
    least, most = max(0, a + b - n), min(a, b)
    mode = min(max((a + 1) * (b + 1) // (n + 2), least), most)
    peak = math.exp(
        factorials[a]
        + factorials[b]
        + factorials[n - a]
        + factorials[n - b]
        - factorials[n]
        - factorials[mode]
        - factorials[a - mode]
        - factorials[b - mode]
        - factorials[n - a - b + mode]
    )
    offset = logarithms[n] - logarithms[a] - logarithms[b]
    total = 0.0
    probability, m = peak, mode
    while probability > _NEGLIGIBLE:
        total += m * (logarithms[m] + offset) * probability
        if m == most:
            break
        probability *= float(a - m) * float(b - m) / (float(m + 1) * float(n - a - b + m + 1))
        m += 1
    probability, m = peak, mode
    while m > least:
        probability *= float(m) * float(n - a - b + m) / (float(a - m + 1) * float(b - m + 1))
        m -= 1
        if m == 0 or probability <= _NEGLIGIBLE:  # m = 0 adds nothing
            break
        total += m * (logarithms[m] + offset) * probability
    return total / n


@kernel(nogil=True, error_model="numpy")
def _information(
    counts: NDArray[np.int64],
    totals: NDArray[np.int64],
    logarithms: NDArray[np.float64],
    factorials: NDArray[np.float64],
    found: NDArray[np.float64],
) -> None:
    tables, phones, clusters = counts.shape
    for t in range(tables):
        n = totals[t]
        rows, columns = np.zeros(phones, np.int64), np.zeros(clusters, np.int64)
        for p in range(phones):
            for c in range(clusters):
                rows[p] += counts[t, p, c]
                columns[c] += counts[t, p, c]
        for p in range(phones):
            found[1, t] += rows[p] * (logarithms[n] - logarithms[rows[p]]) / n
        for c in range(clusters):
            found[2, t] += columns[c] * (logarithms[n] - logarithms[columns[c]]) / n
        for p in range(phones):
            for c in range(clusters):
                if rows[p] == 0 or columns[c] == 0:
                    continue
                m = counts[t, p, c]
                offset = logarithms[n] - logarithms[rows[p]] - logarithms[columns[c]]
                found[0, t] += m * (logarithms[m] + offset) / n
                found[3, t] += _expected(rows[p], columns[c], n, logarithms, factorials)
