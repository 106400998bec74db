"""What a linear map tells apart: discriminant analysis of held-out samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from phonoscope.evaluation.resampling import interval
from phonoscope.reduction.distances import centred_products

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RECALLED = 0.9
"""Share of its held-out samples from which a phone counts as told apart from all others."""
PAIR_APART = 0.95
"""Share of held-out samples on the right side, mean of the two phones, from which a pair counts as told apart."""
_LEAST_SHRINKAGE = 1e-9


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
class _Fold:
    """What one fold's training part is: which rows, the phone of each, and weights that average over each phone."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    labels: NDArray[np.int64]
    averaging: Floats  # (train, phones)


def _fold(index: NDArray[np.int64], n_phones: int, held_out: NDArray[np.bool_]) -> _Fold:
    train, test = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    labels = index[train]
    averaging = np.eye(n_phones)[labels]
    return _Fold(train, test, labels, averaging / np.maximum(averaging.sum(axis=0), 1))


def _narrow(X: Floats, fold: _Fold, scatter: Floats) -> Floats:
    """Return the discriminants of the held-out samples, shape (test, phones), from the d × d covariance."""
    train, n, d = X[fold.train], len(fold.train), X.shape[1]
    means = fold.averaging.T @ train
    counts = np.bincount(fold.labels, minlength=len(means))
    scatter = scatter - X[fold.test].T @ X[fold.test] - (means.T * counts) @ means
    lengths = np.square(train - means[fold.labels]).sum(axis=1)
    trace = float(lengths.sum())
    share = max(shrinkage(float(lengths @ lengths), float(np.square(scatter).sum()), trace, n, d), _LEAST_SHRINKAGE)
    covariance = (1 - share) * scatter
    covariance[np.diag_indices(d)] += share * trace / d
    maps = cho_solve(cho_factor(covariance, lower=True, overwrite_a=True), means.T)
    return np.asarray(X[fold.test] @ maps - 0.5 * (means.T * maps).sum(axis=0))


def _wide(products: Floats, fold: _Fold, d: int) -> Floats:
    """Return the same (up to a factor) from the n × n products of the samples, by Woodbury's identity.

    With residuals R and ``S = a RᵀR + b I``: ``b S⁻¹ = I - Rᵀ (R Rᵀ + b/a I)⁻¹ R``.
    """
    n = len(fold.train)
    inner = products[np.ix_(fold.train, fold.train)]
    with_means = inner @ fold.averaging  # x_i · m_k
    means = fold.averaging.T @ with_means  # m_k · m_l
    of_own = with_means[:, fold.labels]
    residuals = inner - of_own - of_own.T + means[np.ix_(fold.labels, fold.labels)]
    lengths = residuals.diagonal().copy()
    trace = float(lengths.sum())
    share = max(shrinkage(float(lengths @ lengths), float(np.square(residuals).sum()), trace, n, d), _LEAST_SHRINKAGE)
    outer = products[np.ix_(fold.test, fold.train)]
    to_means = outer @ fold.averaging
    if share >= 1:
        return np.asarray(to_means - 0.5 * means.diagonal())
    residuals[np.diag_indices(n)] += share * trace / d / (1 - share)
    of_means = with_means - means[fold.labels]  # R m_k
    solved = cho_solve(cho_factor(residuals, lower=True, overwrite_a=True), of_means)
    maps = to_means - (outer - to_means[:, fold.labels]) @ solved
    return np.asarray(maps - 0.5 * (means.diagonal() - (of_means * solved).sum(axis=0)))


def told_apart(X: NDArray[np.floating], index: NDArray[np.int64], folds: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell of each held-out sample from which phones its own is told apart by linear discriminant analysis.

    The discriminant of phone k, all phones equally probable, is ``x · S⁻¹ m_k - m_k · S⁻¹ m_k / 2`` with the means m_k
    and the pooled covariance S of the samples within the phones, shrunken towards a multiple of the identity by Ledoit
    and Wolf's (2004) share, all of the training part. It is computed from whichever is smaller, S or the products of
    the samples; both give the same.

    Parameters
    ----------
    X
        Samples × units, shape (n, d).
    index
        The phone of each sample, 0 … P - 1, shape (n,).
    folds
        The fold of each sample, shape (n,); whichever is held out, each phone has samples left.

    Returns
    -------
    Shape (n, P): whether the own phone's discriminant is above that of the other; true for the own phone itself. A
    sample is recognised where its whole row is true.
    """
    n, d = X.shape
    n_phones = int(index.max()) + 1
    wide = d > n
    if wide:
        data = centred_products(X)
    else:
        data = X.astype(np.float64)
        data -= data.mean(axis=0)
    whole = None if wide else data.T @ data
    scores = np.zeros((n, n_phones))
    # where all samples are the same nothing is told apart
    if (data.diagonal().sum() if wide else np.square(data).sum()) > 0:
        for held_out in np.unique(folds):
            fold = _fold(index, n_phones, folds == held_out)
            try:
                scores[fold.test] = _narrow(data, fold, whole) if whole is not None else _wide(data, fold, d)
            except np.linalg.LinAlgError:  # no variance within the phones: the nearest mean decides
                scores[fold.test] = _nearest(data, fold, wide=wide)
    own = scores[np.arange(n), index]
    beats = scores < own[:, None]
    beats[np.arange(n), index] = True
    return np.asarray(beats)


def _nearest(data: Floats, fold: _Fold, *, wide: bool) -> Floats:
    if wide:
        means = fold.averaging.T @ data[np.ix_(fold.train, fold.train)] @ fold.averaging
        return np.asarray(data[np.ix_(fold.test, fold.train)] @ fold.averaging - 0.5 * means.diagonal())
    centres = fold.averaging.T @ data[fold.train]
    return np.asarray(data[fold.test] @ centres.T - 0.5 * np.square(centres).sum(axis=1))


@dataclass(frozen=True)
class LinearScores:
    """What is told apart.

    Attributes
    ----------
    recall
        Share of each phone's held-out samples that are recognised among all phones, shape (P,).
    low, high
        Its 95 % interval by Wilson (1927).
    pairs
        Share of held-out samples on the right side between each two phones, mean of both; shape (P, P), 1 with itself.
    accuracy, phones_apart, pairs_apart
        Mean recall; share of the phones of recall `RECALLED` or more; share of the pairs of `PAIR_APART` or more. Each
        with the 95 % interval of a bootstrap over the held-out samples: estimate, low, high.
    """

    recall: Floats
    low: Floats
    high: Floats
    pairs: Floats
    accuracy: tuple[float, float, float]
    phones_apart: tuple[float, float, float]
    pairs_apart: tuple[float, float, float]


def linear_scores(
    beats: NDArray[np.bool_], rows: Sequence[NDArray[np.int64]], counts: Sequence[NDArray[np.uint16]]
) -> LinearScores:
    """Measure what is told apart.

    Parameters
    ----------
    beats
        What `told_apart` gives, shape (n, P).
    rows
        The rows of each phone's samples.
    counts
        The bootstrap's draws of them, see `phonoscope.evaluation.resampling.draw_counts`.
    """
    drawn = 1 + len(counts[0])
    right = np.concatenate([beats, beats.all(axis=1, keepdims=True)], axis=1).astype(np.float64)
    shares = np.empty((drawn, len(rows), right.shape[1]))
    for i, (own, number) in enumerate(zip(rows, counts, strict=True)):
        shares[0, i] = right[own].mean(axis=0)
        shares[1:, i] = number / float(len(own)) @ right[own]
    recalls, pairs = shares[:, :, -1], shares[:, :, :-1]
    pairs = (pairs + pairs.transpose(0, 2, 1)) / 2
    upper = np.triu_indices(len(rows), 1)
    sizes = np.array([len(own) for own in rows])
    low, high = wilson(recalls[0], sizes)
    figures = (
        recalls.mean(axis=1),
        (recalls >= RECALLED - 1e-12).mean(axis=1),
        (pairs[:, upper[0], upper[1]] >= PAIR_APART - 1e-12).mean(axis=1),
    )
    accuracy, phones_apart, pairs_apart = ((float(one[0]), *interval(one[1:], float(one[0]))) for one in figures)
    return LinearScores(recalls[0], low, high, pairs[0], accuracy, phones_apart, pairs_apart)


def wilson(share: Floats, n: NDArray[np.int64], z: float = 1.959964) -> tuple[Floats, Floats]:
    """Return the interval of Wilson (1927) for a share of n independent samples."""
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.maximum(middle - reach, 0.0), np.minimum(middle + reach, 1.0)
