"""Phoneme selectivity of single units: from how many other phones a unit's activations single a phone out.

After Mesgarani, Cheung, Johnson and Chang (2014), who counted it for electrodes on the cortex, and Nagamine, Seltzer
and Mesgarani (2015), who counted it for the nodes of a network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import prange
from scipy.stats import norm

from phonoscope.kernels import kernel
from phonoscope.parallel import each, slices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_BLOCK_BYTES = 1 << 25
"""Of sorted keys that are in memory at a time."""
_UNITS = 64  # that a thread sorts at a time
_CODE_BITS = 32
_CODES = (1 << _CODE_BITS) - 1


class Selectivity(NamedTuple):
    """What a layer's units are selective for.

    Attributes
    ----------
    phones
        In the order in which they occur first.
    psi
        Phoneme selectivity index, shape (units, phones): 0 to the number of phones less one.
    fsi
        Feature selectivity index, shape (units, contrasts): 0 to 1.
    varies
        Shape (units,): False for a unit that answers the same to every sample.
    """

    phones: tuple[str, ...]
    psi: NDArray[np.uint16]
    fsi: NDArray[np.float32]
    varies: NDArray[np.bool_]


def phoneme_selectivity(
    X: NDArray[np.floating],
    phones: Sequence[str],
    alpha: float = 0.01,
    contrasts: Sequence[Mapping[str, bool]] = (),
) -> Selectivity:
    """Count for every unit and phone the other phones from which the unit singles it out.

    Two phones p and q are compared by Wilcoxon's rank-sum test (Mann and Whitney's U), one-sided: does the unit answer
    to p with higher activations than to q? By the normal approximation, without a correction for continuity, with that
    for ties, which the zeros of a ReLU make many of::

        z = (U - n_p n_q / 2) / sqrt(n_p n_q / 12 · (N + 1 - Σ (t³ - t) / (N (N - 1)))),   N = n_p + n_q

    U counts the pairs of a sample of p and one of q in which that of p is higher, equal ones half; t are the numbers of
    equal values among the samples of both. ``PSI(p)`` is the number of q with P(Z > z) < alpha: no correction is made
    for their number, so that about alpha of the pairs count by chance.

    The feature selectivity index of a contrast, such as nasal against oral vowels, is the share of the pairs of a phone
    of the one side and one of the other that are told apart in this way, the first higher.

    Parameters
    ----------
    X
        Activations, samples × units; rounded to float32 if they are not. May be memory-mapped: units are taken in
        blocks.
    phones
        The phone of each sample; at least two.
    alpha
        Level of each test, above 0 and below a half.
    contrasts
        True for the phones of the first side, False for those of the other; phones that are not in it stand apart.

    Raises
    ------
    ValueError
        The numbers of samples differ, an activation is not finite, there is one phone only, a contrast has an empty
        side, or alpha is not a level.
    """
    names, codes, sizes = _coded(X, phones)
    if not 0 < alpha < 0.5:  # noqa: PLR2004 - of a one-sided test
        msg = f"alpha = {alpha}: it has to lie between 0 and 0.5"
        raise ValueError(msg)
    sides = _sides(contrasts, names)
    n, n_units = X.shape
    pairs = sizes[:, None] * sizes[None, :].astype(np.float64)
    total = (sizes[:, None] + sizes[None, :]).astype(np.float64)
    # z > z_alpha is (2 U - n_p n_q)² > z_alpha² n_p n_q / 3 (…): two products a pair, and no root
    level = float(norm.isf(alpha)) ** 2 * pairs / 3
    bound, per_tie = level * (total + 1), level / (total * (total - 1))
    psi = np.zeros((n_units, len(names)), np.uint16)
    counts = np.zeros((n_units, len(sides)), np.int64)
    varies = np.zeros(n_units, np.bool_)
    size = max(1, _BLOCK_BYTES // (8 * n))
    for first in range(0, n_units, size):
        units = slice(first, first + size)
        keys = _sorted_keys(X[:, units], codes)
        varies[units] = keys[:, 0] >> _CODE_BITS != keys[:, -1] >> _CODE_BITS
        count_higher(keys, sizes, bound, per_tie, sides, psi[units], counts[units])
    compared = (sides == 1).sum(axis=1) * (sides == -1).sum(axis=1)
    return Selectivity(names, psi, (counts / compared).astype(np.float32), varies)


def mean_responses(X: NDArray[np.floating], phones: Sequence[str]) -> NDArray[np.float64]:
    """Return each unit's mean activation for each phone, shape (units, phones), in its own standard deviations.

    A unit's activations are standardised over all samples: 0 is its mean, 1 is one standard deviation above it; a unit
    that does not vary has 0 everywhere. Phones in the order in which they occur first.

    Raises
    ------
    ValueError
        The numbers of samples differ, or there is one phone only.
    """
    names, codes, sizes = _coded(X, phones)
    sums = np.zeros((len(names), X.shape[1]))
    for code in range(len(names)):
        sums[code] = X[codes == code].sum(axis=0, dtype=np.float64)
    mean = sums.sum(axis=0) / len(codes)
    spread = X.std(axis=0, dtype=np.float64)
    steady = X.max(axis=0) == X.min(axis=0)  # whose spread is not always exactly 0
    found = (sums / sizes[:, None] - mean) / np.where(steady, 1, spread)
    found[:, steady] = 0
    return np.ascontiguousarray(found.T)


def _coded(
    X: NDArray[np.floating], phones: Sequence[str]
) -> tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.int64]]:
    """Return the phones, the number of each sample's, and how many samples each has."""
    if X.ndim != 2 or len(X) != len(phones):  # noqa: PLR2004 - samples and units
        msg = f"{len(phones)} phones do not belong to activations of shape {X.shape}"
        raise ValueError(msg)
    names = tuple(dict.fromkeys(phones))
    if len(names) < 2:  # noqa: PLR2004 - one and another
        msg = "a unit is selective for one phone against others: at least two phones are needed"
        raise ValueError(msg)
    place = {name: code for code, name in enumerate(names)}
    codes = np.array([place[phone] for phone in phones], np.int64)
    return names, codes, np.bincount(codes, minlength=len(names))


def _sides(contrasts: Sequence[Mapping[str, bool]], names: tuple[str, ...]) -> NDArray[np.int8]:
    """Return 1 for the one side of each contrast, -1 for the other, 0 for neither, shape (contrasts, phones)."""
    sides = np.zeros((len(contrasts), len(names)), np.int8)
    for row, contrast in zip(sides, contrasts, strict=True):
        for code, name in enumerate(names):
            if name in contrast:
                row[code] = 1 if contrast[name] else -1
        if not ((row == 1).any() and (row == -1).any()):
            msg = f"a contrast needs a phone of the samples on each side, not {dict(contrast)}"
            raise ValueError(msg)
    return sides


def _sorted_keys(block: NDArray[np.floating], codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sort each unit's samples: whole numbers in the order of the activations, the phone in their lower half.

    Read as a whole number, the bits of a float32 rise with it where it is positive, and fall where it is negative.
    """
    keys = np.empty((block.shape[1], len(codes)), np.int64)

    def fill(units: slice) -> None:
        values = np.ascontiguousarray(block[:, units].T, np.float32) + np.float32(0)  # -0 becomes 0
        if not np.isfinite(values).all():
            msg = "an activation is not a finite number"
            raise ValueError(msg)
        bits = values.view(np.int32)
        rising = np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits).astype(np.int64)
        np.bitwise_or(rising << _CODE_BITS, codes[None, :], out=keys[units])
        keys[units].sort(axis=1)

    each(fill, slices(len(keys), _UNITS))
    return keys


@kernel(parallel=True, error_model="numpy")
def count_higher(
    keys: NDArray[np.int64],
    sizes: NDArray[np.int64],
    bound: NDArray[np.float64],
    per_tie: NDArray[np.float64],
    sides: NDArray[np.int8],
    psi: NDArray[np.uint16],
    counts: NDArray[np.int64],
) -> None:
    """Fill `psi`, shape (units, phones), and add up `counts`, shape (units, contrasts): pairs that are told apart.

    Parameters
    ----------
    keys
        Shape (units, samples), each row sorted: the value in the upper half, the phone in the lower.
    sizes
        Samples of each phone.
    bound, per_tie
        Shape (phones, phones): p is higher than q if ``2 U - n_p n_q`` is above 0 and its square is above
        ``bound - per_tie · Σ (t³ - t)``.
    sides
        Shape (contrasts, phones): 1, -1 or 0.
    """
    n_phones = len(sizes)
    for unit in prange(len(keys)):
        twice_u = np.zeros((n_phones, n_phones))  # whole numbers, as floats: these are quicker to compare
        own = np.zeros(n_phones)
        shared = np.zeros((n_phones, n_phones))
        compare_all(keys[unit], twice_u, own, shared)
        higher = np.empty(n_phones, np.int64)
        for p in range(n_phones):
            told = 0
            for q in range(n_phones):  # a phone is never above itself: 2 U is at most n_p² there
                excess = twice_u[p, q] - float(sizes[p]) * float(sizes[q])
                least = bound[p, q] - per_tie[p, q] * (own[p] + own[q] + shared[p, q])
                higher[q] = (excess > 0) & (excess * excess > least)
                told += higher[q]
            psi[unit, p] = told
            if told:
                add_contrasts(p, higher, sides, counts[unit])


@kernel()
def add_contrasts(p: int, higher: NDArray[np.int64], sides: NDArray[np.int8], counts: NDArray[np.int64]) -> None:
    """Add to `counts` how many phones of the other side of each contrast that has it p is higher than."""
    for contrast in range(len(sides)):
        if sides[contrast, p] == 1:
            for q in range(len(higher)):
                counts[contrast] += higher[q] * (sides[contrast, q] == -1)


@kernel()
def compare_all(
    row: NDArray[np.int64], twice_u: NDArray[np.float64], own: NDArray[np.float64], shared: NDArray[np.float64]
) -> None:
    """Compare all pairs of phones in one pass over a unit's sorted samples: each is above all that came before.

    Adds up ``2 U`` of each pair, and its ``Σ (t³ - t)`` in parts: for a tie of c samples of p and d of q it is
    ``(c³ - c) + (d³ - d) + 3 c d (c + d)``, of which `own` has the first two, and `shared` the last; so only the phones
    that are in a tie have to be gone through.
    """
    n_phones = len(own)
    below = np.zeros(n_phones)  # twice the number of samples that came before
    tied = np.zeros(n_phones)
    present = np.empty(n_phones, np.int64)
    i = 0
    while i < len(row):
        value = row[i] >> _CODE_BITS
        j = i + 1
        while j < len(row) and row[j] >> _CODE_BITS == value:
            j += 1
        if j == i + 1:
            p = row[i] & _CODES
            for q in range(n_phones):
                twice_u[p, q] += below[q]
            below[p] += 2
            i = j
            continue
        add_tie(row[i:j], below, tied, present, twice_u, own, shared)
        i = j


@kernel()
def add_tie(
    equal: NDArray[np.int64],
    below: NDArray[np.float64],
    tied: NDArray[np.float64],
    present: NDArray[np.int64],
    twice_u: NDArray[np.float64],
    own: NDArray[np.float64],
    shared: NDArray[np.float64],
) -> None:
    """Add what `compare_all` does for samples of one value; `tied` is 0 before and after."""
    m = 0
    for key in equal:
        p = key & _CODES
        if tied[p] == 0:
            present[m] = p
            m += 1
        tied[p] += 1
    for p in present[:m]:
        c = tied[p]
        for q in range(len(below)):
            twice_u[p, q] += c * (below[q] + tied[q])
        own[p] += c * c * c - c
        for q in present[:m]:
            shared[p, q] += 3 * c * tied[q] * (c + tied[q])
    for p in present[:m]:
        below[p] += 2 * tied[p]
        tied[p] = 0
