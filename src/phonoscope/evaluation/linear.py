"""What a linear map tells apart: discriminant analysis of held-out samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from phonoscope.evaluation.discriminants import Fold, discriminants
from phonoscope.evaluation.resampling import interval
from phonoscope.reduction.distances import MEMORY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RECALLED = 0.9
"""Share of its held-out samples from which a phone counts as told apart from all others."""
PAIR_APART = 0.95
"""Share of held-out samples on the right side, mean of the two phones, from which a pair counts as told apart."""


def told_apart(
    X: NDArray[np.floating],
    index: NDArray[np.int64],
    folds: NDArray[np.int64],
    rows: NDArray[np.int64] | None = None,
    memory: float = MEMORY,
) -> NDArray[np.bool_]:
    """Tell of each held-out sample from which phones its own is told apart by linear discriminant analysis.

    The discriminant of phone k, all phones equally probable, is ``x · S⁻¹ m_k - m_k · S⁻¹ m_k / 2`` with the means m_k
    and the pooled covariance S of the samples within the phones, shrunken towards a multiple of the identity by Ledoit
    and Wolf's (2004) share, all of the training part. It is computed from whichever is smaller, S or the products of
    the samples; both give the same.

    Parameters
    ----------
    X
        Samples × units; may be mapped from a file.
    index
        The phone of each sample, 0 … P - 1, shape (n,).
    folds
        The fold of each sample, shape (n,); whichever is held out, each phone has samples left.
    rows
        Those of X that these samples are, rising; all if None.
    memory
        GB that the products of the samples may take: of more samples, or of less memory, they are computed again for
        each fold, the same to the last digit.

    Returns
    -------
    Shape (n, P): whether the own phone's discriminant is above that of the other; true for the own phone itself. A
    sample is recognised where its whole row is true.
    """
    n, n_phones = len(index), int(index.max()) + 1
    found = discriminants(X, np.arange(n) if rows is None else rows, memory)
    scores = np.zeros((n, n_phones))
    if found.varies:  # where all samples are the same nothing is told apart
        for held_out in np.unique(folds):
            fold = Fold.of(index, n_phones, folds == held_out)
            try:
                scores[fold.test] = found.scores(fold)
            except np.linalg.LinAlgError:  # no variance within the phones: the nearest mean decides
                scores[fold.test] = found.nearest(fold)
    own = scores[np.arange(n), index]
    beats = scores < own[:, None]
    beats[np.arange(n), index] = True
    return np.asarray(beats)


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
