"""Which samples are neighbours: the probabilities that t-SNE has to match."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from phonoscope.kernels import kernel
from phonoscope.parallel import each, slices
from phonoscope.reduction.forces import TILE, tiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_STEPS = 200
_TOLERANCE = 1e-5  # of the entropy, in nats
_STRIDE = np.log(8.0)  # farthest step of the logarithm of a precision
_FARTHEST = 64.0  # exp(-64) of the nearest neighbour's probability counts as none
_ROUNDING = 1e-13  # as in `distances`: what is left of the cancellation counts as no distance
_ROOTS = 65_535.0  # the largest 16-bit code


class Widths(NamedTuple):
    """Each sample's Gaussian: ``p(j | i) = exp(-precision_i (|x_i - x_j|² - nearest_i)) / total_i``; shapes (n,).

    Attributes
    ----------
    precision
        One over twice the variance.
    nearest
        Squared distance of the nearest other sample; taken off, so that the sum can not underflow.
    total
        Sum over the other samples, at least one.
    """

    precision: Floats
    nearest: Floats
    total: Floats


@dataclass(frozen=True)
class Affinities:
    """All p(i, j) of t-SNE, each pair once, as 16-bit square roots: 2 bytes a pair, read in every step.

    The probability is ``unit · code²``; it is off by at most ``sqrt(p · largest) / 65535``, the largest being
    ``65535² · unit``, and as often too large as too small. What is below 6e-11 of the largest is zero.

    Attributes
    ----------
    n
        Number of samples.
    pairs
        Which two blocks of samples each tile is of, shape (tiles, 2).
    codes
        Square roots, shape (tiles, TILE · TILE); on the diagonal tiles of each pair once, elsewhere zero.
    unit
        Probability of a code of one.
    negentropy
        ``sum p log p`` over all ordered pairs, before rounding, in nats.
    """

    n: int
    pairs: NDArray[np.int64]
    codes: NDArray[np.uint16]
    unit: float
    negentropy: float


@kernel(fastmath=True, error_model="numpy", nogil=True)
def _decay(x: float) -> float:
    """Return exp(-x) for x in [0, 64], to 1e-12 up to 20: arithmetic alone, which vector instructions can do."""
    t = x / -256.0
    e = 1 + t * (1 + t / 2 * (1 + t / 3 * (1 + t / 4 * (1 + t / 5 * (1 + t / 6 * (1 + t / 7 * (1 + t / 8)))))))
    e *= e
    e *= e
    e *= e
    e *= e
    e *= e
    e *= e
    e *= e
    return e * e


@kernel(fastmath=True, error_model="numpy", nogil=True)
def _width(others: Floats, nearest: float, entropy: float, precision: float) -> tuple[float, float]:
    """Find a precision whose entropy over the squared distances `others` is that asked for, and its total.

    Newton's method on the logarithm of the precision, whose slope is minus the variance of the exponent; bisection
    where it leaves the interval known.
    """
    low, high = 0.0, 1e300
    total = 1.0
    for _ in range(_STEPS):
        total = first = second = 0.0
        for j in range(len(others)):
            x = min(precision * (others[j] - nearest), _FARTHEST)
            e = _decay(x)
            total += e
            first += e * x
            second += e * x * x
        mean = first / total
        surplus = np.log(total) + mean - entropy
        if abs(surplus) < _TOLERANCE:
            break
        if surplus > 0:
            low = precision
        else:
            high = precision
        variance = second / total - mean * mean
        step = _STRIDE if surplus > 0 else -_STRIDE
        if variance > 0 and abs(surplus) < variance * _STRIDE:
            step = surplus / variance
        aim = precision * np.exp(step)
        if not low < aim < high:
            aim = (low + high) / 2
        if aim > 1e290 or aim == precision:  # noqa: PLR2004 - the nearest coincide: no precision tells them apart
            break
        precision = aim
    return precision, total


@kernel(error_model="numpy", nogil=True)
def _distance(squares: float, product: float) -> float:
    distance = squares - 2.0 * product
    return distance if distance >= _ROUNDING * squares else 0.0


@kernel(fastmath=True, error_model="numpy", nogil=True)
def _to_distances(products: Floats, squares: Floats, i: int) -> float:
    """Turn sample i's products into its squared distances from the others, the last in its own place; the smallest."""
    last = len(squares) - 1
    own = squares[i]
    nearest = 1e300
    for j in range(last + 1):
        products[j] = _distance(own + squares[j], products[j])
    products[i] = products[last]  # the sample itself is no neighbour
    for j in range(last):
        nearest = min(nearest, products[j])
    return nearest


@kernel(error_model="numpy", nogil=True)
def _widths(
    products: Floats, squares: Floats, first: int, entropy: float, precision: Floats, nearest: Floats, total: Floats
) -> None:
    """Fill the widths of the samples from `first` on, of which `products` are the rows; it is overwritten."""
    n = len(squares)
    start = 0.0
    for row in range(len(products)):
        i = first + row
        nearest[i] = _to_distances(products[row], squares, i)
        others = products[row, : n - 1]
        if start == 0.0:
            mean = others.mean()
            start = 1.0 / (mean - nearest[i]) if mean > nearest[i] else 1.0
        precision[i], total[i] = _width(others, nearest[i], entropy, start)
        # the next sample's is most often like it; where no precision would do, it is no start
        start = precision[i] if precision[i] < 1e100 else 0.0  # noqa: PLR2004


@kernel(error_model="numpy", nogil=True)
def _joint(
    products: Floats, squares: Floats, rows: int, columns: int, precision: Floats, nearest: Floats, total: Floats
) -> None:
    """Turn the products of a tile, whose corner is sample (rows, columns), into p(i, j)."""
    n = len(squares)
    for i in range(products.shape[0]):
        a = rows + i
        for j in range(products.shape[1]):
            b = columns + j
            distance = _distance(squares[a] + squares[b], products[i, j])
            of_a = _decay(min(max(precision[a] * (distance - nearest[a]), 0.0), _FARTHEST)) / total[a]
            of_b = _decay(min(max(precision[b] * (distance - nearest[b]), 0.0), _FARTHEST)) / total[b]
            products[i, j] = (of_a + of_b) / (2 * n)
        if rows == columns:
            products[i, i] = 0.0


@kernel(fastmath=True, error_model="numpy", nogil=True)
def _encode(P: Floats, largest: float, codes: NDArray[np.uint16], first: int) -> float:
    """Fill a tile's codes from column i + `first` on; return its ``sum p log p``, of each pair once.

    Two loops: where one reads and writes, the compiler asks at run time whether the two places in memory may overlap,
    and adds in another order if they may. The last digits would depend on where the arrays lie.
    """
    for i in range(P.shape[0]):
        for j in range(max(i + first, 0), P.shape[1]):
            codes[i * TILE + j] = np.uint16(min(np.sqrt(P[i, j] / largest) * _ROOTS + 0.5, _ROOTS))
    entropy = 0.0
    for i in range(P.shape[0]):
        for j in range(max(i + first, 0), P.shape[1]):
            p = P[i, j]
            if p > 0:
                entropy += p * np.log(p)
    return entropy


def _centred(X: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Return the centred samples, which keeps the cancellation in a distance small, and their squares."""
    centred = np.asarray(X, np.float64)
    centred = np.ascontiguousarray(centred - centred.mean(axis=0))
    return centred, np.einsum("ij,ij->i", centred, centred)


def widths(X: NDArray[np.floating], perplexity: float) -> Widths:
    """Find for each sample the Gaussian whose perplexity over the others is `perplexity`.

    Where more neighbours than that coincide, they share the probability.

    Parameters
    ----------
    X
        Samples × features, shape (n, d).
    perplexity
        ``2 ** entropy`` in bits, the effective number of neighbours, in [1, n - 1).
    """
    centred, squares = _centred(X)
    found = Widths(*np.empty((3, len(X))))

    def search(rows: slice) -> None:
        _widths(centred[rows] @ centred.T, squares, rows.start, np.log(perplexity), *found)

    each(search, slices(len(X), TILE))
    return found


def affinities(X: NDArray[np.floating], perplexity: float) -> Affinities:
    """Return the p(i, j) of t-SNE, symmetric and summing to one, without an array of all pairs in float64.

    Parameters are those of `widths`.
    """
    centred, squares = _centred(X)
    n = len(X)
    found = widths(X, perplexity)
    largest = float((1 / found.total).max() / n)  # a conditional probability is at most one over its total
    pairs = tiles(n)
    codes = np.zeros((len(pairs), TILE * TILE), np.uint16)
    entropies = np.zeros(len(pairs))

    def encode(t: int) -> None:
        a, b = (int(block) * TILE for block in pairs[t])
        P = centred[a : a + TILE] @ centred[b : b + TILE].T
        _joint(P, squares, a, b, *found)
        entropies[t] = _encode(P, largest, codes[t], 1 if a == b else -TILE)

    each(encode, range(len(pairs)))
    return Affinities(n, pairs, codes, largest / _ROOTS**2, float(2 * entropies.sum()))


def joint_probabilities(X: NDArray[np.floating], perplexity: float) -> Floats:
    """Return the p(i, j) of t-SNE as one array, shape (n, n), float64, symmetric, summing to one.

    Parameters are those of `widths`.
    """
    centred, squares = _centred(X)
    P = np.empty((len(X), len(X)))
    found = widths(X, perplexity)

    def fill(rows: slice) -> None:
        for columns in slices(len(X), TILE):
            block = centred[rows] @ centred[columns].T
            _joint(block, squares, rows.start, columns.start, *found)
            P[rows, columns] = block

    each(fill, slices(len(X), TILE))
    return P
