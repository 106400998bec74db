"""How much of the variance of activations is phone, and how much speaker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import stdtrit

from phonoscope.evaluation.resampling import columns_at_a_time
from phonoscope.parallel import slices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SOURCES: Final = ("phone", "speaker", "interaction", "residual")
_GROUPS = 50  # of speakers that the jackknife leaves out, at the most
_FEWEST = 2


@dataclass(frozen=True)
class VarianceShares:
    """Shares of the variance, in the order of `SOURCES`; NaN where the panel can not tell.

    Attributes
    ----------
    share
        They add up to 1; one that is nothing scatters around 0, and may be below it. Shape (4,).
    low, high
        95 % interval of the jackknife over speakers; NaN with fewer than three.
    total
        The variance that they are shares of, summed over the units.
    """

    share: Floats
    low: Floats
    high: Floats
    total: float


@dataclass(frozen=True)
class _Cells:
    """Sums over pairs of cells of a phone and a speaker; p a phone, s and t speakers.

    `number` (P, S): samples of each cell. `square` (P, S): mean squared length in each. `within` (P, S): variance
    within each. `same_phone` (P, S, S): products of p's means of s and of t. `with_all` (P, S, S): products of p's mean
    of s with the sum of all means of t.
    """

    number: NDArray[np.int64]
    square: Floats
    within: Floats
    same_phone: Floats
    with_all: Floats


def speaker_variance(
    X: NDArray[np.floating],
    phones: NDArray[np.int64],
    speakers: NDArray[np.int64],
    rows: NDArray[np.int64] | None = None,
) -> VarianceShares:
    """Part the variance, summed over the units, into phone, speaker, their interaction, and what is left.

    Samples are taken as ``x = μ + phone + speaker + interaction + residual``, effects independent of each other. Half
    the mean squared distance of two samples is then, whatever the numbers of samples, and with cells missing::

        of one phone and one speaker     E   = residual
        of one phone, two speakers       D_p = speaker + interaction + residual
        of two phones, one speaker       D_s = phone + interaction + residual
        of two phones, two speakers      D   = phone + speaker + interaction + residual

    which gives each component without bias: ``phone = D - D_p``, ``speaker = D - D_s``,
    ``interaction = D_p + D_s - D - E`` and ``residual = E``; D is the total. In a balanced panel these are the
    estimators of the two-way analysis of variance with random effects. Cells of a phone and a speaker count alike
    whatever their samples, and so do phones; E is pooled over the cells with two samples or more.

    Parameters
    ----------
    X
        Samples × units, shape (n, d), read a block of columns at a time; may be mapped from a file.
    phones, speakers
        Phone and speaker of each sample, 0 … P - 1 and 0 … S - 1, shape (n,).
    rows
        Those of X that these samples are; all if None.

    Returns
    -------
    The shares; all NaN with one speaker or one phone, or where nothing varies.
    """
    n_phones, n_speakers = int(phones.max()) + 1, int(speakers.max()) + 1
    nothing = np.full(4, np.nan)
    if min(n_phones, n_speakers) < _FEWEST:
        return VarianceShares(nothing, nothing, nothing, float("nan"))
    cells = _cells(X, rows, phones * n_speakers + speakers, (n_phones, n_speakers))
    groups = np.arange(n_speakers) % min(n_speakers, _GROUPS)
    kept = np.concatenate([np.ones((1, n_speakers)), groups[None, :] != np.unique(groups)[:, None]])
    components = _components(cells, kept)
    totals = components.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(totals[:, None] > 0, components / totals[:, None], np.nan)
    left_out = shares[1:]
    number = len(left_out)
    if number > _FEWEST:
        error = np.sqrt((number - 1) / number * np.square(left_out - left_out.mean(axis=0)).sum(axis=0))
        reach = float(stdtrit(number - 1, 0.975)) * error
    else:
        reach = nothing
    return VarianceShares(shares[0], shares[0] - reach, shares[0] + reach, float(totals[0]))


def _cells(
    X: NDArray[np.floating], rows: NDArray[np.int64] | None, cell: NDArray[np.int64], shape: tuple[int, int]
) -> _Cells:
    n_phones, n_speakers = shape
    number = np.bincount(cell, minlength=n_phones * n_speakers)
    order = np.argsort(cell, kind="stable")
    there = np.flatnonzero(number)
    starts = (np.cumsum(number) - number)[there]
    square = np.zeros(len(number))
    of_mean = np.zeros(len(number))
    same_phone = np.zeros((n_phones, n_speakers, n_speakers))
    with_all = np.zeros((n_phones, n_speakers, n_speakers))
    for columns in slices(X.shape[1], columns_at_a_time(len(cell))):
        block = (X[:, columns] if rows is None else X[:, columns][rows]).astype(np.float64)
        block -= block.mean(axis=0)
        block = block[order]
        means = np.zeros((len(number), block.shape[1]))
        means[there] = np.add.reduceat(block, starts, axis=0) / number[there, None]
        square[there] += np.add.reduceat(np.square(block).sum(axis=1), starts) / number[there]
        of_mean += np.square(means).sum(axis=1)
        grid = means.reshape(n_phones, n_speakers, -1)
        same_phone += grid @ grid.transpose(0, 2, 1)
        with_all += (means @ grid.sum(axis=0).T).reshape(with_all.shape)
    within = np.where(number > 1, (square - of_mean) * number / np.maximum(number - 1, 1), 0.0)
    return _Cells(number.reshape(shape), square.reshape(shape), within.reshape(shape), same_phone, with_all)


def _components(cells: _Cells, kept: Floats) -> Floats:
    """Return the four components for each choice of speakers, shape (choices, 4); `kept` is of 0 and 1."""
    there = (cells.number > 0).astype(np.float64)
    of_speaker = there.sum(axis=0)
    squares_of_speaker = (cells.square * there).sum(axis=0)
    off = 1.0 - np.eye(there.shape[1])
    both = there[:, :, None] * there[:, None, :] * off
    one_phone = both * ((cells.square[:, :, None] + cells.square[:, None, :]) / 2 - cells.same_phone)
    others = of_speaker - there  # cells of t that are of other phones
    pairs = there[:, :, None] * others[:, None, :]
    halves = cells.square[:, :, None] * others[:, None, :] + (squares_of_speaker - cells.square * there)[:, None, :]
    apart = there[:, :, None] * halves / 2 - (cells.with_all - cells.same_phone) * there[:, :, None]
    one_speaker = np.einsum("pss->ps", apart)
    freedom = np.maximum(cells.number - 1, 0)
    D_p = _per_phone(kept, one_phone, both)
    D = _per_phone(kept, apart * off, pairs * off)
    with np.errstate(invalid="ignore", divide="ignore"):
        D_s = _mean_of_known((kept @ one_speaker.T) / (kept @ np.einsum("pss->ps", pairs).T))
        E = _mean_of_known((kept @ (cells.within * freedom).T) / (kept @ freedom.T))
    return np.stack([D - D_p, D - D_s, D_p + D_s - D - E, E], axis=1)


def _per_phone(kept: Floats, sums: Floats, pairs: Floats) -> Floats:
    """Return the mean over pairs of speakers that are kept, phone by phone, then over the phones that have any."""
    total = np.stack([((kept @ one) * kept).sum(axis=1) for one in sums], axis=1)
    number = np.stack([((kept @ one) * kept).sum(axis=1) for one in pairs], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return _mean_of_known(total / number)


def _mean_of_known(values: Floats) -> Floats:
    """Return the mean over the last axis of what is a number; NaN where nothing is."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=-1) / known.sum(axis=-1))
