"""Linear discriminants of held-out samples, in as little memory as the numbers allow.

Covariances and products are changed where they stand, whatever the memory: the numbers are always the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from phonoscope.evaluation.systems import in_file, room_for, solve_positive
from phonoscope.parallel import slices
from phonoscope.reduction.distances import Centred

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_LEAST_SHRINKAGE = 1e-9
_ROWS = 512  # that are changed at a time
_SQUARED = 1 << 20  # numbers that are squared at a time
_NARROW = 1_024  # units whose covariances fit in any case
_CENTRED = 300_000_000  # bytes of centred samples that are held, see `phonoscope.reduction.distances`


def shrinkage(fourth: float, squared_norm: float, trace: float, n: int, d: int) -> float:
    """Return the share of the identity in a covariance by Ledoit and Wolf (2004), from 0 to 1.

    Parameters
    ----------
    fourth
        ``Σ |x_i|⁴`` of the centred samples.
    squared_norm
        ``|XᵀX|²``, the sum of the squares of the entries of the scatter (or of ``X Xᵀ``, which is the same).
    trace
        ``Σ |x_i|²``.
    n, d
        Samples and dimensions.
    """
    of_covariance = squared_norm / n**2
    away = of_covariance - (trace / n) ** 2 / d
    noise = min((fourth / n - of_covariance) / n, away)
    return noise / away if away > 0 and noise > 0 else 0.0


@dataclass(frozen=True)
class Fold:
    """What one fold's training part is: which rows, the phone of each, and weights that average over each phone."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    labels: NDArray[np.int64]
    averaging: Floats  # (train, phones)

    @classmethod
    def of(cls, index: NDArray[np.int64], n_phones: int, held_out: NDArray[np.bool_]) -> Fold:
        """Return the fold in which some samples are held out."""
        train, test = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        labels = index[train]
        averaging = np.eye(n_phones)[labels]
        return cls(train, test, labels, averaging / np.maximum(averaging.sum(axis=0), 1))


class Discriminants(Protocol):
    """The discriminants of a panel's samples, fold by fold."""

    varies: bool
    """Whether any two samples differ."""

    def scores(self, fold: Fold) -> Floats:
        """Return the discriminants of the held-out samples, shape (test, phones), all phones equally probable.

        Raises
        ------
        LinAlgError
            There is no variance within the phones.
        """

    def nearest(self, fold: Fold) -> Floats:
        """Return discriminants that tell which phone's mean is the nearest, shape (test, phones)."""


def discriminants(X: NDArray[np.floating], rows: NDArray[np.int64], memory: float) -> Discriminants:
    """Prepare the discriminants of some samples of X, from whichever are fewer, units or samples.

    Also from the samples where the units' covariances do not fit: matrices of samples may lie in a file.

    Parameters
    ----------
    X
        Samples × units; may be mapped from a file.
    rows
        Those that are the samples.
    memory
        GB that may be taken, if it is enough for what is taken at least.
    """
    n, d = len(rows), X.shape[1]
    by_samples = d > n or (d > _NARROW and bytes_taken(n, d) > memory * 1e9)
    return _BySamples(X, rows, memory * 1e9) if by_samples else _ByUnits(X, rows)


def bytes_taken(n: int, d: int) -> int:
    """Return about how much memory the discriminants of n samples × d units take, if there is as much."""
    if d > n:
        return 8 * n * n + max(min(8 * n * d, _CENTRED), 8 * n * n)
    return 8 * n * d + 16 * d * d


class _ByUnits:
    """From the covariance of the units, d × d. Samples are read whenever they are needed."""

    def __init__(self, X: NDArray[np.floating], rows: NDArray[np.int64]) -> None:
        self._X, self._rows = X, rows
        data = X[rows].astype(np.float64)
        self._mean = data.mean(axis=0)
        data -= self._mean
        self.varies = any(bool(np.square(data[part]).sum() > 0) for part in slices(len(data), _ROWS))
        self._scatter = data.T @ data

    def _taken(self, samples: NDArray[np.int64]) -> Floats:
        return np.asarray(self._X[self._rows[samples]] - self._mean, np.float64)

    def _means(self, fold: Fold) -> Floats:
        return fold.averaging.T @ self._taken(fold.train)

    def scores(self, fold: Fold) -> Floats:
        """See `Discriminants`."""
        n, d = len(fold.train), self._X.shape[1]
        means = self._means(fold)
        counts = np.bincount(fold.labels, minlength=len(means))
        lengths = np.concatenate(
            [
                np.square(self._taken(fold.train[part]) - means[fold.labels[part]]).sum(axis=1)
                for part in slices(n, _ROWS)
            ]
        )
        test = self._taken(fold.test)
        scatter = test.T @ test.copy()  # of one array NumPy computes a half, with other last digits
        np.subtract(self._scatter, scatter, out=scatter)
        scatter -= (means.T * counts) @ means
        trace = float(lengths.sum())
        share = shrinkage(float(lengths @ lengths), sum_of_squares(scatter), trace, n, d)
        share = max(share, _LEAST_SHRINKAGE)
        scatter *= 1 - share
        scatter[np.diag_indices(d)] += share * trace / d
        maps = _solved(scatter, means.T)
        return np.asarray(test @ maps - 0.5 * (means.T * maps).sum(axis=0))

    def nearest(self, fold: Fold) -> Floats:
        """See `Discriminants`."""
        centres = self._means(fold)
        return np.asarray(self._taken(fold.test) @ centres.T - 0.5 * np.square(centres).sum(axis=1))


class _BySamples:
    """From the products of the samples, n × n, which are kept if they fit or else computed again for each fold."""

    def __init__(self, X: NDArray[np.floating], rows: NDArray[np.int64], most: float) -> None:
        n, self._d = len(rows), X.shape[1]
        kept = 16 * n * n <= most
        centred = Centred(X, rows, most - 8 * n * n)
        self.varies = bool(centred.squares().sum() > 0)
        self._products = np.empty((n, n)) if kept else None
        self._centred = None if kept else centred
        self._X, self._most = X, most / 8
        if self._products is not None:
            centred.each_product(_into(self._products, np.arange(n), np.arange(n)))

    def _parts(self, fold: Fold) -> tuple[Floats, Floats]:
        """Return the products of the training samples with each other, and those of the held-out samples with them."""
        if self._products is not None:
            return self._products[np.ix_(fold.train, fold.train)], self._products[np.ix_(fold.test, fold.train)]
        assert self._centred is not None  # noqa: S101 - it is one or the other
        inner, outer = (
            room_for((len(rows), len(fold.train)), np.dtype(np.float64), self._most, self._X)
            for rows in (fold.train, fold.test)
        )
        into_inner, into_outer = _into(inner, fold.train, fold.train), _into(outer, fold.test, fold.train)

        def put(rows: slice, columns: slice, block: Floats) -> None:
            into_inner(rows, columns, block)
            into_outer(rows, columns, block)

        self._centred.each_product(put)
        return inner, outer

    def scores(self, fold: Fold) -> Floats:
        """See `Discriminants`; what it gives is the same up to a factor, by Woodbury's identity.

        With residuals R and ``S = a RᵀR + b I``: ``b S⁻¹ = I - Rᵀ (R Rᵀ + b/a I)⁻¹ R``.
        """
        n = len(fold.train)
        inner, outer = self._parts(fold)
        with_means = inner @ fold.averaging  # x_i · m_k
        means = fold.averaging.T @ with_means  # m_k · m_l
        for part in slices(n, _ROWS):
            own = fold.labels[part]
            inner[part] -= with_means[part][:, fold.labels]
            inner[part] -= with_means[:, own].T
            inner[part] += means[np.ix_(own, fold.labels)]
        lengths = inner.diagonal().copy()  # now of the residuals
        trace = float(lengths.sum())
        share = shrinkage(float(lengths @ lengths), sum_of_squares(inner), trace, n, self._d)
        share = max(share, _LEAST_SHRINKAGE)
        to_means = outer @ fold.averaging
        if share >= 1:
            return np.asarray(to_means - 0.5 * means.diagonal())
        inner[np.diag_indices(n)] += share * trace / self._d / (1 - share)
        of_means = with_means - means[fold.labels]  # R m_k
        solved = _solved(inner, of_means)
        outer -= to_means[:, fold.labels]
        maps = to_means - outer @ solved
        return np.asarray(maps - 0.5 * (means.diagonal() - (of_means * solved).sum(axis=0)))

    def nearest(self, fold: Fold) -> Floats:
        """See `Discriminants`."""
        inner, outer = self._parts(fold)
        means = fold.averaging.T @ inner @ fold.averaging
        return np.asarray(outer @ fold.averaging - 0.5 * means.diagonal())


class _into:  # noqa: N801 - a function with a memory
    """Puts blocks of all samples' products to where some rows and columns of these stand, both rising."""

    def __init__(self, found: Floats, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> None:
        self._found, self._rows, self._columns = found, rows, columns

    def __call__(self, rows: slice, columns: slice, block: Floats) -> None:
        to_rows = slice(*np.searchsorted(self._rows, (rows.start, rows.stop)))
        to_columns = slice(*np.searchsorted(self._columns, (columns.start, columns.stop)))
        own = self._rows[to_rows] - rows.start, self._columns[to_columns] - columns.start
        self._found[to_rows, to_columns] = block[np.ix_(*own)]


def sum_of_squares(A: Floats) -> float:
    """Return ``np.square(A).sum()`` of an array in one piece without all squares at a time.

    Halves are added up as NumPy's pairwise summation adds them up: the same to the last digit.
    """
    flat = A.reshape(-1)
    if len(flat) <= _SQUARED:
        return float(np.square(flat).sum())
    half = len(flat) // 2
    half -= half % 8
    return sum_of_squares(flat[:half]) + sum_of_squares(flat[half:])


def _solved(A: Floats, B: Floats) -> Floats:
    """Solve ``A X = B`` for a positive definite A, of which the lower triangle is read; A is overwritten."""
    parts = slices(len(A), _ROWS)
    if not (np.isfinite(B).all() and all(np.isfinite(A[rows]).all() for rows in parts)):
        msg = "discriminants need finite values; the samples hold NaN or infinity, or numbers too large to be squared"
        raise ValueError(msg)
    if in_file(A):
        return solve_positive(A, B)
    for i, rows in enumerate(parts):  # the order that LAPACK works in, which it would else make a copy for
        A[rows, rows] = A[rows, rows].T.copy()
        for columns in parts[:i]:
            above = A[columns, rows].copy()
            A[columns, rows] = A[rows, columns].T
            A[rows, columns] = above.T
    return solve_positive(A, B)
