"""Folds of a cross-validation that no speaker or utterance is divided by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from phonoscope.evaluation.outcomes import indices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def assign_folds(
    phones: NDArray[np.int64], groups: Sequence[object] | NDArray[np.generic], seed: int, n_folds: int = 5
) -> NDArray[np.int64]:
    """Deal groups of samples out to folds so that each phone is spread over the folds as evenly as may be.

    The largest group goes first (of equally large ones, in an order drawn by the seed), each to the fold that has the
    fewest samples of the group's phones so far, and of equal folds to the smallest.

    Parameters
    ----------
    phones
        Number of each sample's phone, from 0, shape (n,).
    groups
        What must not be divided, such as the speaker of each sample, shape (n,). Where all samples are in one group,
        each is dealt out by itself.
    seed
        Of the order.
    n_folds
        As many folds, or one a group if there are fewer groups.

    Returns
    -------
    Number of each sample's fold, from 0, shape (n,).
    """
    group = indices(groups)
    if group.max(initial=0) == 0:
        group = np.arange(len(phones))
    counts = np.zeros((group.max(initial=0) + 1, phones.max(initial=0) + 1), np.int64)
    np.add.at(counts, (group, phones), 1)
    sizes = counts.sum(axis=1)
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled = np.zeros((min(n_folds, len(counts)), counts.shape[1]), np.int64)
    fold = np.zeros(len(counts), np.int64)
    for g in order:
        alike = filled @ counts[g]
        fold[g] = np.lexsort((filled.sum(axis=1), alike))[0]
        filled[fold[g]] += counts[g]
    return fold[group]
