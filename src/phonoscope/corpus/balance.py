"""Which sentences are spoken, and how often, so that no phone is rare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EAGERNESS = 10.0  # a phone's weight is its share to the power of minus this
_EVENNESS = 2.5  # a sentence may be spoken this many times as often as the average one, and once


def dealt(counts: NDArray[np.int64], one_in: int, seed: int) -> tuple[list[int], list[int]]:
    """Part sentences so that both parts have their share of every phone, of the rare ones above all.

    The sentences of the rarest phone are dealt out first, at random, every `one_in`-th to the second part;
    then what is left of those of the next phone, and so on.

    Parameters
    ----------
    counts
        (sentences, phones) how often each phone occurs in each sentence.
    one_in
        The second part gets one sentence in so many.
    seed
        Seed of the order.

    Returns
    -------
    tuple[list[int], list[int]]
        The sentences' numbers, in ascending order.
    """
    rng = np.random.default_rng([seed, 1])
    parts: tuple[list[int], list[int]] = ([], [])
    left = np.ones(len(counts), dtype=bool)
    place = 0
    for phone in np.argsort(counts.sum(axis=0), kind="stable"):
        for sentence in rng.permutation(np.flatnonzero(left & (counts[:, phone] > 0))):
            place += 1
            parts[place % one_in == 0].append(int(sentence))
            left[sentence] = False
    return sorted(parts[0]), sorted(parts[1])


def balanced(counts: NDArray[np.int64], lengths: NDArray[np.float64], total: float) -> list[int]:
    """Choose sentences, again and again, until they are `total` long, so that the phones' shares are even.

    Multiplicative weights: each step takes the sentence that has the most, by its number of phones, of those
    phones that are rare so far. No sentence is taken much more often than others.

    Parameters
    ----------
    counts
        (sentences, phones) how often each phone occurs in each sentence; every sentence has phones.
    lengths
        (sentences,) length of each sentence, in the unit of `total`.
    total
        Length of all that is to be chosen.

    Returns
    -------
    list[int]
        The sentences' numbers, in the order of the choice; at least one.
    """
    shares = counts / counts.sum(axis=1, keepdims=True)
    so_far = np.ones(counts.shape[1])
    uses = np.zeros(len(counts), dtype=int)
    chosen: list[int] = []
    length = 0.0
    while length < total or not chosen:
        weights = (so_far / so_far.mean()) ** -_EAGERNESS
        allowed = uses <= _EVENNESS * len(chosen) / len(counts)
        sentence = int(np.argmax(np.where(allowed, shares @ weights, -1.0)))
        chosen.append(sentence)
        uses[sentence] += 1
        so_far += counts[sentence]
        length += float(lengths[sentence])
    return chosen


def in_rounds(chosen: list[int], seed: int) -> list[int]:
    """Order sentences so that likes stand far apart: all at random, then all that are left, and so on."""
    rng = np.random.default_rng([seed, 4])
    ordered: list[int] = []
    left = np.bincount(chosen)
    while left.any():
        ordered += [int(i) for i in rng.permutation(np.flatnonzero(left))]
        left = np.maximum(left - 1, 0)
    return ordered
