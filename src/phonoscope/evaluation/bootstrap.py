"""The bootstrap: panels drawn again, alike for all that is measured on a panel, and intervals from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FEWEST_SPEAKERS = 8
"""Speakers that every phone has to be spoken by for speakers to be drawn: an interval from fewer would be too short."""
_BOOTSTRAP, _SHUFFLES = 1, 2  # parts of the seeds, so that the draws of the one have nothing to do with the other's


def draws_speakers(phones: Sequence[str] | NDArray[Any], speakers: Sequence[str] | NDArray[Any]) -> bool:
    """Tell whether a panel's replicates are drawn by speakers: every phone is spoken by `FEWEST_SPEAKERS` of them."""
    spoken: dict[str, set[str]] = {}
    for phone, speaker in zip(phones, speakers, strict=True):
        spoken.setdefault(phone, set()).add(speaker)
    return bool(spoken) and min(map(len, spoken.values())) >= FEWEST_SPEAKERS


def resampling_weights(
    phones: Sequence[str] | NDArray[Any], speakers: Sequence[str] | NDArray[Any], replicates: int, seed: int
) -> NDArray[np.uint16]:
    """Draw panels anew: how often each sample of the panel is in each replicate.

    A replicate has as many samples of each phone as the panel, as that is balanced by design. Where phones are spoken
    by few speakers (`draws_speakers`), the samples of each phone are drawn with replacement: intervals then hold for
    other samples of these speakers. Otherwise S - 1 of the S speakers are drawn with replacement (with S the spread of
    a mean would come out too small by (S - 1) / S; Rao and Wu 1988), and of each phone the samples of the speakers
    drawn are taken in equal parts, as often as the speaker was drawn: systematically from a random start, as a second
    stage of independent draws would count the spread within speakers twice (Davison and Hinkley 1997, section 3.8).
    Intervals then hold for other speakers too. A phone that none of the drawn speakers has spoken, which hardly ever
    happens, keeps its samples.

    Parameters
    ----------
    phones, speakers
        Of each sample, n.
    replicates
        How many, B.
    seed
        With the phones and the speakers it determines the draws: what is measured on the same panel is drawn alike, so
        that differences can be taken replicate by replicate.

    Returns
    -------
    Weights, whole numbers of shape (B, n); each row sums to n, and so within each phone.
    """
    phone_of, speaker_of = np.asarray(phones), np.asarray(speakers)
    if len(phone_of) == 0 or phone_of.shape != speaker_of.shape:
        msg = f"phones and speakers need one label a sample each, not shapes {phone_of.shape} and {speaker_of.shape}"
        raise ValueError(msg)
    rng = np.random.default_rng([seed, _BOOTSTRAP])
    weights = np.zeros((replicates, len(phone_of)), np.uint16)
    by_phone = [np.flatnonzero(phone_of == phone) for phone in np.unique(phone_of)]
    if not draws_speakers(phone_of, speaker_of):
        for rows in by_phone:
            n = len(rows)
            weights[:, rows] = rng.multinomial(n, np.full(n, 1 / n), size=replicates)
        return weights
    names, index = np.unique(speaker_of, return_inverse=True)
    s = len(names)
    drawn = rng.multinomial(s - 1, np.full(s, 1 / s), size=replicates)
    for rows in by_phone:
        order = rows[np.argsort(index[rows], kind="stable")]
        weights[:, order] = _systematic(drawn[:, index[order]], rng)
    return weights


def _systematic(times: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Share out n draws over n samples in proportion to `times`, shape (B, n), each rounded up or down at random."""
    n = times.shape[1]
    total = times.sum(axis=1, keepdims=True)
    shares = np.where(total > 0, times * (n / np.maximum(total, 1)), 1.0)
    reached = shares.cumsum(axis=1)
    reached[:, -1] = n
    marks = np.floor(reached + rng.random((len(times), 1))).astype(np.int64)
    found = np.diff(marks, axis=1, prepend=0)
    return np.asarray(found, np.int64)


def count_tables(
    phone_index: NDArray[np.integer], clusters: NDArray[np.integer], weights: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Count the samples of each phone in each cluster, for all replicates at once.

    Parameters
    ----------
    phone_index, clusters
        Of each sample, from 0 on, shape (n,).
    weights
        How often each sample is in each replicate, shape (B, n).

    Returns
    -------
    Counts, shape (B, phones, clusters).
    """
    n_phones, n_clusters = int(phone_index.max()) + 1, int(clusters.max()) + 1
    cell = phone_index.astype(np.int64) * n_clusters + clusters
    order = np.argsort(cell, kind="stable")
    there, first = np.unique(cell[order], return_index=True)
    counts = np.zeros((len(weights), n_phones * n_clusters), np.int64)
    counts[:, there] = np.add.reduceat(weights[:, order], first, axis=1, dtype=np.int64)
    return counts.reshape(-1, n_phones, n_clusters)


def shuffled_tables(
    phone_index: NDArray[np.integer], clusters: NDArray[np.integer], shuffles: int, seed: int
) -> NDArray[np.int64]:
    """Count as `count_tables` does, with the phones permuted among the samples: what clusters get by chance.

    The permutations depend on the seed and the number of samples alone. Returns counts of shape
    (shuffles, phones, clusters).
    """
    rng = np.random.default_rng([seed, _SHUFFLES])
    ones = np.ones((1, len(phone_index)), np.int64)
    return np.concatenate(
        [count_tables(phone_index[rng.permutation(len(phone_index))], clusters, ones) for _ in range(shuffles)]
    )


def centred(values: NDArray[np.floating], replicates: NDArray[np.floating]) -> NDArray[np.float64]:
    """Move each seed's replicates so that their mean is the seed's value.

    Measures with a maximum or a logarithm in them come out higher the fewer different samples there are, and a
    replicate has fewer than the panel: uncentred percentiles would often lie above the value itself.

    Parameters
    ----------
    values
        On the panel itself, a seed each, shape (..., s).
    replicates
        On the replicates, shape (..., s, B).
    """
    given = np.asarray(replicates, np.float64)
    moved = given - given.mean(axis=-1, keepdims=True) + np.asarray(values, np.float64)[..., None]
    return np.asarray(moved, np.float64)


def interval(
    values: NDArray[np.floating],
    replicates: NDArray[np.floating],
    *,
    confidence: float = 0.95,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> tuple[float, float]:
    """Return the percentile interval of a measure, over the `centred` replicates of all seeds together.

    It tells within what the measure would lie on other panels of this size: of other samples (and speakers, see
    `resampling_weights`), clustered from another seed. The mean of the values is always within.

    Parameters
    ----------
    values
        On the panel itself, a seed each, shape (s,).
    replicates
        On the replicates, shape (s, B).
    confidence
        Share of the replicates that lies within.
    bounds
        Least and greatest value that the measure can have.
    """
    outside = (1 - confidence) / 2
    ends = np.quantile(centred(values, replicates), [outside, 1 - outside]).clip(*bounds)
    value = float(np.mean(values))
    return min(float(ends[0]), value), max(float(ends[1]), value)
