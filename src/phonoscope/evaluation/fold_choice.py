"""Which samples are held out together in cross-validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


def grouped_folds(groups: NDArray[Any], n_folds: int, seed: int) -> NDArray[np.int64]:
    """Put whole groups into folds of about the same size: the largest first, each into the smallest fold so far.

    Parameters
    ----------
    groups
        The group of each sample, shape (n,).
    n_folds
        Number of folds, no more than there are groups.
    seed
        Decides among groups of one size.

    Returns
    -------
    The fold of each sample, shape (n,).
    """
    _, index, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    fold_of = np.empty(len(sizes), np.int64)
    filled = np.zeros(n_folds, np.int64)
    for group in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        fold_of[group] = filled.argmin()
        filled[fold_of[group]] += sizes[group]
    return fold_of[index]


def sample_folds(index: NDArray[np.int64], n_folds: int, seed: int) -> NDArray[np.int64]:
    """Deal each phone's samples to the folds in turn, in random order.

    Parameters
    ----------
    index
        The phone of each sample, shape (n,).
    """
    random = np.random.default_rng(seed)
    folds = np.empty(len(index), np.int64)
    start = 0
    for phone in np.unique(index):
        rows = random.permutation(np.flatnonzero(index == phone))
        folds[rows] = (start + np.arange(len(rows))) % n_folds
        start += len(rows)
    return folds


def choose_folds(
    index: NDArray[np.int64], groupings: Mapping[str, Sequence[Any] | NDArray[Any]], n_folds: int, seed: int
) -> tuple[str, NDArray[np.int64]]:
    """Choose folds by the first grouping after which every phone can be learned whichever fold is held out.

    Parameters
    ----------
    index
        The phone of each sample, shape (n,), each with at least two samples.
    groupings
        By name the group of each sample, such as its speaker, the most severe first.
    n_folds
        Number of folds; no more than a phone's samples are made by sample.

    Returns
    -------
    The grouping's name, or ``sample`` where none serves; the fold of each sample, shape (n,).
    """
    for name, groups in groupings.items():
        array = np.asarray(groups)
        if len(np.unique(array)) >= n_folds:
            folds = grouped_folds(array, n_folds, seed)
            if all(len(np.unique(folds[index == phone])) > 1 for phone in np.unique(index)):
                return name, folds
    fewest = int(np.bincount(index)[np.unique(index)].min())
    return "sample", sample_folds(index, max(min(n_folds, fewest), 2), seed)
