"""How well classes of phones fit clusters, and how well they would with features given to phones at random."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

TIE: Final = 1e-9
"""F-measures that differ by less are equal: sums in another order end in other digits."""

# permutations at a time: their scores of some hundred classes stay within the processor's cache
_CHUNK = 256


def f_measures(members: Bools, weights: Floats, mass: Floats | float) -> Floats:
    """Return the F of every class for every cluster: ``2 Σ_{p ∈ S} w_pc / (Σ_p w_pc + |S|)``.

    The harmonic mean of precision, ``Σ_{p ∈ S} w_pc / Σ_p w_pc``, and recall, ``Σ_{p ∈ S} w_pc / |S|``.

    Parameters
    ----------
    members
        Which phones are in which class, shape (classes, phones); no class is empty.
    weights
        w, the share of each phone's samples in each cluster, shape (phones, clusters).
    mass
        Each cluster's sum of w over all phones, shape (clusters,), or one for all.

    Returns
    -------
    Shape (classes, clusters).
    """
    sizes = members.sum(axis=1, dtype=np.float64)
    found = members.astype(np.float64) @ weights
    return np.asarray(2 * found / (sizes[:, None] + mass))


def is_one_phone(weights: Floats, mass: Floats, alone: Floats) -> Bools:
    """Tell for each cluster whether its best phone alone fits better than any set of several phones would.

    The best set of n phones is that of the n largest weights, whatever the features. So this holds or not before the
    features are looked at, and such clusters may be left out of a correction for the number of tests.

    Parameters
    ----------
    weights
        Of the phones that may be in a class of several, shape (phones, clusters).
    mass
        Each cluster's sum over all phones, shape (clusters,).
    alone
        The F of each cluster's best phone alone, shape (clusters,).
    """
    several = np.cumsum(-np.sort(-weights, axis=0), axis=0)[1:]
    sizes = np.arange(2, len(several) + 2)[:, None]
    return np.asarray((2 * several / (mass + sizes)).max(axis=0, initial=0.0) < alone - TIE)


def permuted_fits(
    members: Bools, weights: Floats, mass: Floats, alone: Floats, *, n: int, seed: int
) -> Iterator[Floats]:
    """Yield each cluster's best F when the features are dealt out to the phones anew, some permutations at a time.

    The clusters stay, and all see the same permutations. A phone alone is a class under each of them.

    Parameters
    ----------
    members
        The classes of several phones, shape (classes, phones).
    weights
        Of the phones that are permuted, shape (phones, clusters).
    mass, alone
        Each cluster's sum over all phones, and the F of its best phone alone, shape (clusters,).
    n
        Number of permutations.
    seed
        Of the permutations.

    Yields
    ------
    Shape (permutations, clusters); the rows of all are `n`.
    """
    draws = np.random.default_rng(seed)
    for start in range(0, n, _CHUNK):
        phones = np.tile(np.arange(len(weights)), (min(_CHUNK, n - start), 1))
        orders = draws.permuted(phones, axis=1)
        best = np.empty((len(orders), len(mass)))
        for c in range(len(mass)):
            scores = f_measures(members, weights[orders, c].T, mass[c])
            best[:, c] = scores.max(axis=0, initial=alone[c])
        yield best


def holm(p_values: Floats) -> Floats:
    """Correct p-values for their number (Holm 1979), shape (n,) to shape (n,).

    In ascending order ``max_{j ≤ i} min(1, (n - j + 1) p_j)``: the chance of any false finding stays below the level,
    whatever the dependence of the tests.
    """
    order = np.argsort(p_values, kind="stable")
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected
