"""What the filters of a convolution layer follow: formants, voicing, nasality, or whatever else a sample has."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from scipy.stats import rankdata

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

SCALARS = ("mean", "centroid")
"""What a filter's map is reduced to; see `filter_scalars`."""

_CHUNK_BYTES = 1 << 24
"""Of activations that are in memory at a time: the files may be larger than it."""
_FEWEST = 3  # of two samples the ranks always agree or always disagree


class BestFilter(NamedTuple):
    """The filter and scalar that follow a target best, and how well on the samples that did not choose them."""

    filter: int
    scalar: str
    target: str
    n: int
    rho_choosing: float
    rho: float | None


def mean_maps(
    activations: NDArray[np.floating], phones: Sequence[str], shape: tuple[int, ...]
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Average the activations of each phone's samples, in one pass.

    Parameters
    ----------
    activations
        Samples × units; may be memory-mapped.
    phones
        The phone of each sample.
    shape
        What the units of a sample are: maps × time × frequency, or just their number.

    Returns
    -------
    The phones in the order in which they occur first; their means, shape (phones, *shape), summed in float64.

    Raises
    ------
    ValueError
        The numbers of samples, or of units and of the shape's cells, differ.
    """
    _check(activations, phones, shape)
    names = tuple(dict.fromkeys(phones))
    place = {name: i for i, name in enumerate(names)}
    index = np.array([place[phone] for phone in phones], dtype=np.int64)
    sums = np.zeros((len(names), activations.shape[1]))
    for rows, chunk in _chunks(activations):
        for phone in np.unique(index[rows]):
            sums[phone] += chunk[index[rows] == phone].sum(axis=0, dtype=np.float64)
    counts = np.bincount(index, minlength=len(names))
    return names, (sums / counts[:, None]).reshape(len(names), *shape)


def filter_scalars(
    activations: NDArray[np.floating], shape: tuple[int, int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reduce the map of every filter for every sample to two numbers, in one pass.

    The mean activation, and the centroid: the centre of gravity over frequency of the map averaged over time,
    ``Σ_f f m_f / Σ_f m_f``, in units of the map's bins from 0. What is below zero has no weight; after a ReLU there is
    no such thing.

    Parameters
    ----------
    activations
        Samples × units, flattened as maps × time × frequency; may be memory-mapped.
    shape
        Maps, time, frequency.

    Returns
    -------
    Means and centroids, each of shape (samples, maps); a centroid is NaN where the map has nothing above zero.

    Raises
    ------
    ValueError
        The number of units is not that of the shape's cells.
    """
    _check(activations, range(len(activations)), shape)
    maps, times, bins = shape
    mean = np.empty((len(activations), maps))
    centroid = np.empty((len(activations), maps))
    for rows, chunk in _chunks(activations):
        profile = chunk.reshape(-1, maps, times, bins).sum(axis=2, dtype=np.float64)
        mean[rows] = profile.sum(axis=2) / (times * bins)
        weight = np.maximum(profile, 0.0)
        with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is meant
            centroid[rows] = weight @ np.arange(bins) / weight.sum(axis=2)
    return mean, centroid


def halves(phones: Sequence[str], seed: int = 0) -> NDArray[np.bool_]:
    """Part the samples in two so that each phone's are parted evenly; of an odd number the first half has one more.

    Returns
    -------
    Shape (samples,): True for those of the first half.
    """
    names = np.asarray(phones, dtype=str)
    first = np.zeros(len(names), dtype=np.bool_)
    random = np.random.default_rng(seed)
    for phone in dict.fromkeys(phones):
        drawn = random.permutation(np.flatnonzero(names == phone))
        first[drawn[: (len(drawn) + 1) // 2]] = True
    return first


def filter_correlations(
    activations: NDArray[np.floating],
    shape: tuple[int, int, int],
    phones: Sequence[str],
    targets: Mapping[str, NDArray[np.floating]],
    *,
    seed: int = 0,
) -> pl.DataFrame:
    """Correlate two scalars of every filter with every target, on two halves of the samples.

    Spearman's rho (equal values share their mean rank): a target may be a measure, such as F1, or binary, such as
    voicing. A filter is chosen on the one half and its rho told from the other (`best_filter`), because the largest of
    many correlations is large by chance. The halves share speakers: this says nothing about other speakers.

    Parameters
    ----------
    activations
        Samples × units, flattened as maps × time × frequency; may be memory-mapped.
    shape
        Maps, time, frequency.
    phones
        The phone of each sample; the halves are balanced by it.
    targets
        Name and values, shape (samples,), NaN for a sample that has no value.
    seed
        Of the parting of the samples.

    Returns
    -------
    A row a filter, scalar and target: filter (from 0), scalar (``mean`` or ``centroid``, see `filter_scalars`),
    target, n (samples with both), rho_choosing, rho (on the half that is held out); null where fewer than 3 samples
    of a half have both, or one of the two does not vary there.

    Raises
    ------
    ValueError
        The numbers of samples, or of units and of the shape's cells, differ.
    """
    _check(activations, phones, shape)
    for values in targets.values():
        _check(activations, values, shape)
    choosing = halves(phones, seed)
    rows = []
    for scalar, columns in zip(SCALARS, filter_scalars(activations, shape), strict=True):
        for target, values in targets.items():
            for i, column in enumerate(columns.T):
                both = np.isfinite(column) & np.isfinite(values)
                chosen, held_out = both & choosing, both & ~choosing
                rho = spearman(column[held_out], values[held_out])
                rows.append((i, scalar, target, int(both.sum()), spearman(column[chosen], values[chosen]), rho))
    schema = {
        "filter": pl.Int64,
        "scalar": pl.String,
        "target": pl.String,
        "n": pl.Int64,
        "rho_choosing": pl.Float64,
        "rho": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def best_filter(correlations: pl.DataFrame, target: str) -> BestFilter | None:
    """Return the filter and scalar with the largest |rho| on the choosing half; of equal ones the first.

    A map that is silent for more than half of the target's samples, so that its centroid is known of the others only,
    is not chosen: the few where it is active may be in any order.

    Parameters
    ----------
    correlations
        What `filter_correlations` returns.
    target
        Name of the target.

    Returns
    -------
    The row, whose `rho` the choice does not flatter; None where no filter has a rho, or the target is not there.
    """
    of_target = correlations.filter(pl.col("target") == target)
    # every sample has a mean, so the largest n is the number of the target's samples
    found = of_target.filter(pl.col("rho_choosing").is_not_null(), 2 * pl.col("n") >= pl.col("n").max())
    if found.is_empty():
        return None
    return BestFilter(**found.row(int(found["rho_choosing"].abs().to_numpy().argmax()), named=True))


def spearman(x: NDArray[np.floating], y: NDArray[np.floating]) -> float | None:
    """Return Spearman's rho, Pearson's r of the ranks; None for fewer than 3 pairs or where one side is constant."""
    if len(x) < _FEWEST:
        return None
    a, b = rankdata(x), rankdata(y)
    a -= a.mean()
    b -= b.mean()
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 0 else None


def _check(
    activations: NDArray[np.floating], values: Sequence[object] | NDArray[np.floating], shape: tuple[int, ...]
) -> None:
    if activations.ndim != 2 or activations.shape != (len(values), np.prod(shape)):  # noqa: PLR2004 (samples and units)
        msg = f"{len(values)} samples of shape {shape} do not make activations of shape {activations.shape}"
        raise ValueError(msg)


def _chunks(activations: NDArray[np.floating]) -> Iterator[tuple[slice, NDArray[np.floating]]]:
    size = max(1, _CHUNK_BYTES // max(1, activations[:1].nbytes))
    for start in range(0, len(activations), size):
        rows = slice(start, start + size)
        yield rows, activations[rows]
