"""A linear probe: how many samples a linear classifier of a layer's activations gets right that has not seen them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, eigh

from phonoscope.evaluation.folds import assign_folds
from phonoscope.evaluation.outcomes import indices
from phonoscope.parallel import each

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.floating]

PENALTIES = (0.01, 0.1, 1.0, 10.0)
N_FOLDS = 5
_INNER_FOLDS = 4
_CONSTANT = 1e-6  # a unit that varies by less of its mean varies by rounding


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
    X: NDArray[np.floating], labels: NDArray[np.int64], groups: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    """Do what `linear_probe_outcomes` does for several labellings at the price of one.

    Parameters
    ----------
    labels
        Labellings × samples, numbers from 0, shape (m, n). Folds and penalties are chosen for the first.
    groups
        Number of each sample's group, shape (n,).

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
        fitted = _Ridge(_standardised(X, train), train)
        inner = assign_folds(labels[0, train], groups[train], seed, _INNER_FOLDS)
        penalty = _best_penalty(fitted, labels[:1], train[inner != 0], train[inner == 0])
        found[:, test] = next(fitted.outcomes(labels, train, test, [penalty]))

    each(work, range(int(folds.max(initial=0)) + 1))
    return found


def _standardised(X: NDArray[np.floating], train: NDArray[np.int64]) -> Floats:
    """Standardise the units by the training samples; leave out those that are constant there."""
    Z = X.astype(np.float32) if X.dtype != np.float64 else X.copy()
    mean = Z[train].mean(axis=0, dtype=np.float64)
    Z -= mean.astype(Z.dtype)
    deviation = np.sqrt(np.einsum("ij,ij->j", Z[train], Z[train]).astype(np.float64) / len(train))
    varies = deviation > _CONSTANT * np.abs(mean)
    if not varies.all():
        Z, deviation = Z[:, varies], deviation[varies]
    Z /= (deviation * np.sqrt(max(len(deviation), 1))).astype(Z.dtype)
    return np.asarray(Z)


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

    def __init__(self, Z: Floats, train: NDArray[np.int64]) -> None:
        self._Z = Z
        self._by_samples = Z.shape[1] > len(train)
        if self._by_samples:
            self._place = np.full(len(Z), -1)
            self._place[train] = np.arange(len(train))
            rows, rest = Z[train], np.setdiff1d(np.arange(len(Z)), train)
            self._products = np.empty((len(Z), len(train)), Z.dtype)
            self._products[train] = rows @ rows.T  # numpy knows that this is symmetric: half the work
            self._products[rest] = Z[rest] @ rows.T

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
            A, B = self._products[np.ix_(train, columns)], Y
            others = self._products[np.ix_(test, columns)]
        else:
            Z = self._Z[train]
            A, B = Z.T @ Z, Z.T @ Y
            others = self._Z[test]
        for penalty in penalties:
            yield np.asarray(others @ _solve(A, B, penalty))


def _solve(A: Floats, B: Floats, penalty: float) -> Floats:
    """Solve ``(A + penalty) W = B`` for an A that is positive semidefinite but for rounding."""
    matrix = A.copy()
    matrix[np.diag_indices_from(matrix)] += penalty
    # the transpose is the same matrix in the order that LAPACK works in, without another copy
    try:
        factor = cho_factor(matrix.T, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:  # very many samples of units that are all alike: A's rounding is greater than the penalty
        values, vectors = eigh(A.astype(np.float64))
        solved = vectors @ ((vectors.T @ B) / (np.maximum(values, 0.0) + penalty)[:, None])
        return np.asarray(solved, A.dtype)
    return np.asarray(cho_solve(factor, B, check_finite=False))
