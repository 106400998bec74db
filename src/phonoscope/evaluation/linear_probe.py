"""A linear probe: how many samples a linear classifier of a layer's activations gets right that has not seen them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import LinAlgError, eigh

from phonoscope.evaluation.folds import assign_folds
from phonoscope.evaluation.outcomes import indices
from phonoscope.evaluation.systems import ROWS, fill, in_file, room_for, solve_positive
from phonoscope.parallel import each, slices
from phonoscope.reduction.distances import MEMORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.floating]

PENALTIES = (0.01, 0.1, 1.0, 10.0)
N_FOLDS = 5
_INNER_FOLDS = 4
_CONSTANT = 1e-6  # a unit that varies by less of its mean varies by rounding
_COLUMNS = 256  # units that are standardised at a time
_HELD = 1 << 29  # bytes of training samples that are held; of more, blocks are read again whenever they are needed
_BLOCK, _SMALLEST_BLOCK = 1 << 26, 1 << 19
_ANY = float("inf")


def linear_probe_outcomes(
    X: NDArray[np.floating],
    phones: Sequence[str] | NDArray[Any],
    groups: Sequence[object] | NDArray[Any],
    seed: int,
) -> NDArray[np.float64]:
    """Tell for each sample whether a linear classifier trained on other groups gets its phone right.

    In each of five folds (`phonoscope.evaluation.folds.assign_folds`) the units are standardised by the mean and the
    standard deviation of the training samples, and a ridge regression of one indicator a phone is fitted to these::

        min_W,b  |Y - Z W - b|² + penalty |W|²        phone = argmax_p (z W + b)_p

    Z is scaled so that its rows have a mean square length of 1, which makes a penalty mean the same in layers of any
    width. The penalty is the one of `PENALTIES` that gets most right in a fourth of the training samples (whole groups
    of them where there are several) after training on the others; of equals the largest.

    Parameters
    ----------
    X
        Samples × units, shape (n, d), any scale.
    phones
        The phone of each sample.
    groups
        What must not be on both sides, such as the speaker of each sample. One group only: any other sample may be.
    seed
        Of the folds.

    Returns
    -------
    1 where right, 0 where wrong, NaN where no training sample has the phone; shape (n,).
    """
    return np.asarray(probe_outcomes(X, indices(phones)[None], indices(groups), seed)[0])


def probe_outcomes(
    X: NDArray[np.floating],
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    seed: int,
    memory: float = MEMORY,
) -> NDArray[np.float64]:
    """Do what `linear_probe_outcomes` does for several labellings at the price of one.

    Parameters
    ----------
    labels
        Labellings × samples, numbers from 0, shape (m, n). Folds and penalties are chosen for the first.
    groups
        Number of each sample's group, shape (n,).
    memory
        GB that the folds may take which are fitted at a time, one at least. If one does not fit, its matrices lie in a
        file beside the activations.

    Returns
    -------
    Shape (m, n).
    """
    folds = assign_folds(labels[0], groups, seed, N_FOLDS)
    found = np.full(labels.shape, np.nan)

    def work(fold: int) -> None:
        test = np.flatnonzero(folds == fold)
        train = np.flatnonzero(folds != fold)
        if len(train) == 0:
            return
        fitted = _Ridge(_Standardised(X, train, memory), train)
        inner = assign_folds(labels[0, train], groups[train], seed, _INNER_FOLDS)
        penalty = _best_penalty(fitted, labels[:1], train[inner != 0], train[inner == 0])
        found[:, test] = next(fitted.outcomes(labels, train, test, [penalty]))

    of_a_fold = _bytes_of_a_fold(len(X), X.shape[1], memory)
    each(work, range(int(folds.max(initial=0)) + 1), most=max(int(memory * 1e9 // of_a_fold), 1))
    return found


def _held(memory: float) -> int:
    """Return the bytes of a layer that is held standardised: half a GB, or of little memory a fourth."""
    return min(_HELD, int(memory * 1e9 / 4))


def _bytes_of_a_fold(n: int, d: int, memory: float) -> int:
    """Return about how much memory fitting one fold takes: standardised samples, part of them, matrices to solve."""
    return 4 * (2 * min(n * d, _held(memory) // 4) + 3 * min(n, d) ** 2)


class _Standardised:
    """Units standardised by the training samples, without those that are constant there.

    Where they are many, samples are standardised whenever they are asked for: the same numbers, read again.
    """

    def __init__(self, X: NDArray[np.floating], train: NDArray[np.int64], memory: float) -> None:
        self._X = X
        self._block = min(_BLOCK, max(int(memory * 1e9 / 16), _SMALLEST_BLOCK))
        # where not even one fold fits, its matrices lie in a file
        self._most = _ANY if _bytes_of_a_fold(len(X), X.shape[1], memory) <= memory * 1e9 else memory * 1e9 / 8
        self.dtype: np.dtype[np.floating] = np.dtype(np.float64 if X.dtype == np.float64 else np.float32)
        n, d = X.shape
        mean, deviation = np.empty((2, d))
        for columns in slices(d, max(min(_COLUMNS, self._block // (4 * max(n, 1))), 1)):
            part = X[:, columns][train].astype(self.dtype)
            mean[columns] = part.mean(axis=0, dtype=np.float64)
            part -= mean[columns].astype(self.dtype)
            deviation[columns] = np.sqrt(np.einsum("ij,ij->j", part, part).astype(np.float64) / len(train))
        varies = deviation > _CONSTANT * np.abs(mean)
        self._varies = None if varies.all() else varies
        self._mean = mean[varies].astype(self.dtype)
        self._scale = (deviation[varies] * np.sqrt(float(max(int(np.count_nonzero(varies)), 1)))).astype(self.dtype)
        self.shape = n, len(self._mean)
        self.held = X.size * self.dtype.itemsize <= _held(memory)
        # where they are not held, training samples may be taken at once for their products, if they fit
        fit = self.held or 2 * len(train) * d * self.dtype.itemsize <= memory * 1e9
        self.at_once = fit and self._most == _ANY
        self._all = self._made(slice(None)) if self.held else None

    def _made(self, rows: NDArray[np.int64] | slice) -> Floats:
        some = self._X[rows] if self._varies is None else self._X[rows][:, self._varies]
        found = some.astype(self.dtype, copy=isinstance(rows, slice))  # what is not a copy yet: the activations stay
        found -= self._mean
        found /= self._scale
        return np.asarray(found)

    def __getitem__(self, rows: NDArray[np.int64]) -> Floats:
        """Return some samples, shape (len(rows), units that vary)."""
        return self._made(rows) if self._all is None else np.asarray(self._all[rows])

    def matrix(self, *shape: int) -> Floats:
        """Return room for a matrix of so many rows and columns."""
        return room_for((shape[0], shape[-1]), self.dtype, self._most, self._X)

    def blocks(self, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Cut rows into parts that may be taken at a time: all at once where everything is held."""
        if self.held and self._most == _ANY:
            return [rows]
        size = max(self._block // (self.dtype.itemsize * max(self.shape[1], 1)), 1)
        return [rows[part] for part in slices(len(rows), size)]


def _best_penalty(
    fitted: _Ridge, labels: NDArray[np.int64], train: NDArray[np.int64], test: NDArray[np.int64]
) -> float:
    if len(train) == 0 or len(test) == 0:
        return max(PENALTIES)
    strongest_first = sorted(PENALTIES, reverse=True)
    right = [float(np.nansum(outcomes)) for outcomes in fitted.outcomes(labels, train, test, strongest_first)]
    return strongest_first[right.index(max(right))]


class _Ridge:
    """Ridge regressions on parts of one training set: by units, or by samples where these are fewer."""

    def __init__(self, Z: _Standardised, train: NDArray[np.int64]) -> None:
        self._Z = Z
        self._by_samples = Z.shape[1] > len(train)
        if self._by_samples:
            n = Z.shape[0]
            self._place = np.full(n, -1)
            self._place[train] = np.arange(len(train))
            rest = np.setdiff1d(np.arange(n), train)
            self._products = Z.matrix(n, len(train))
            if Z.at_once:
                rows = Z[train]
                self._products[train] = rows @ rows.T  # numpy knows that this is symmetric: half the work
                self._products[rest] = Z[rest] @ rows.T
            else:
                self._multiply(train, rest)

    def _multiply(self, train: NDArray[np.int64], rest: NDArray[np.int64]) -> None:
        """Fill the products of all samples with the training samples, two blocks of samples at a time."""
        parts = self._Z.blocks(train)
        for i, part in enumerate(parts):
            own = self._Z[part]
            for rows in (*parts[i:], *self._Z.blocks(rest)):
                others = own if rows is part else self._Z[rows]
                block = others @ own.T
                self._products[np.ix_(rows, self._place[part])] = block
                if self._place[rows[0]] >= 0:
                    self._products[np.ix_(part, self._place[rows])] = block.T

    def outcomes(
        self,
        labels: NDArray[np.int64],
        train: NDArray[np.int64],
        test: NDArray[np.int64],
        penalties: Sequence[float],
    ) -> Iterator[NDArray[np.float64]]:
        """Fit the training samples; tell by penalty which of the others come out right, shape (labellings, others)."""
        k = int(labels.max()) + 1
        Y = np.zeros((len(train), len(labels), k), self._Z.dtype)
        for m, label in enumerate(labels):
            Y[np.arange(len(train)), m, label[train]] = 1.0
        means = Y.mean(axis=0)
        trained = np.array([row[label[test]] > 0 for row, label in zip(means, labels, strict=True)])
        for found in self._scores((Y - means).reshape(len(train), -1), train, test, penalties):
            scores = found.reshape(len(test), -1, k) + means
            scores[:, means == 0] = -np.inf  # a phone that is not trained is never the answer
            right = (scores.argmax(axis=2) == labels[:, test].T).T.astype(np.float64)
            yield np.where(trained, right, np.nan)

    def _scores(
        self, Y: Floats, train: NDArray[np.int64], test: NDArray[np.int64], penalties: Sequence[float]
    ) -> Iterator[Floats]:
        if self._by_samples:
            columns = self._place[train]
            for penalty in penalties:
                weights = self._solved(lambda rows: self._products[np.ix_(train[rows], columns)], Y, penalty)
                at_a_time = slices(len(test), ROWS if in_file(self._products) else max(len(test), 1))
                parts = [self._products[np.ix_(test[rows], columns)] @ weights for rows in at_a_time]
                yield np.concatenate(parts)
        else:
            A, B = self._sums(Y, train)
            for penalty in penalties:
                weights = self._solved(A.__getitem__, B, penalty)
                yield np.concatenate([self._Z[rows] @ weights for rows in self._Z.blocks(test)])

    def _sums(self, Y: Floats, train: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Return ``ZᵀZ`` (of one in a file the lower triangle) and ``ZᵀY`` of the training samples, block by block."""
        width = self._Z.shape[1]
        A = self._Z.matrix(width)
        A[:] = 0
        B = np.zeros((width, Y.shape[1]), self._Z.dtype)
        first = 0
        for rows in self._Z.blocks(train):
            Z = self._Z[rows]
            for tile in slices(width, ROWS if in_file(A) else max(width, 1)):
                A[tile, : tile.stop] += Z[:, tile].T @ Z[:, : tile.stop]
            B += Z.T @ Y[first : first + len(rows)]
            first += len(rows)
        return A, B

    def _solved(self, rows_of: Callable[[slice], Floats], B: Floats, penalty: float) -> Floats:
        return _solve(rows_of, B, penalty, self._Z.matrix(len(B)))


def _solve(rows_of: Callable[[slice], Floats], B: Floats, penalty: float, room: Floats) -> Floats:
    """Solve ``(A + penalty) W = B`` for an A that is positive semidefinite but for rounding, given by its rows."""
    fill(room, rows_of)
    room[np.diag_indices_from(room)] += penalty
    try:
        return solve_positive(room, B)
    except LinAlgError:  # very many samples of units that are all alike: A's rounding is greater than the penalty
        values, vectors = eigh(rows_of(slice(None)).astype(np.float64))
        solved = vectors @ ((vectors.T @ B) / (np.maximum(values, 0.0) + penalty)[:, None])
        return np.asarray(solved, B.dtype)
