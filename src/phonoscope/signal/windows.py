"""Windows of features, made of the static coefficients when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REACH = 2  # of the deltas: `phonoscope.signal.features.deltas`
_ONE, _TWO, _TEN = np.float32(1), np.float32(2), np.float32(10)


@njit(cache=True, nogil=True)
def gather(
    static: NDArray[np.float32],
    start: NDArray[np.int64],
    count: NDArray[np.int64],
    means: NDArray[np.float32],
    mean_of: NDArray[np.int32],
    rows: NDArray[np.int64],
    context: int,
) -> NDArray[np.float32]:
    """Return the windows around some rows: static coefficients, deltas and delta-deltas, less their means.

    To the last bit what `phonoscope.signal.features.with_deltas` makes of the whole utterance. Beyond the ends of an
    utterance its first or last frame, with all three coefficients, repeats.

    Parameters
    ----------
    static
        Coefficients of all utterances, shape (all frames, n_mels).
    start, count
        First row and number of frames of each utterance, ascending; of utterances that start in one row the one that
        has frames comes last. Shape (utterances,).
    means
        To be taken off, shape (groups, n_mels, 3).
    mean_of
        Which of `means`, shape (utterances,).
    rows
        The rows in the middles of the windows, shape (n,).
    context
        Frames on each side.

    Returns
    -------
    Shape (n, 2 * context + 1, n_mels, 3).
    """
    n_mels = static.shape[1]
    length = 2 * context + 1
    found = np.empty((len(rows), length, n_mels, 3), np.float32)
    slopes, second = np.empty((length + 2 * _REACH, n_mels), np.float32), np.empty(n_mels, np.float32)
    for i in range(len(rows)):
        utterance = np.searchsorted(start, rows[i], side="right") - 1
        mean = means[mean_of[utterance]]
        low = start[utterance]
        high = low + count[utterance] - 1
        base = rows[i] - context - _REACH  # the row of the first slope
        for j in range(len(slopes)):
            _slope(static, min(max(base + j, low), high), low, high, slopes[j])
        for j in range(length):
            row = min(max(rows[i] - context + j, low), high)
            _slope(slopes, row - base, low - base, high - base, second)
            out = found[i, j]
            for m in range(n_mels):
                out[m, 0] = static[row, m] - mean[m, 0]
                out[m, 1] = slopes[row - base, m] - mean[m, 1]
                out[m, 2] = second[m] - mean[m, 2]
    return found


@njit(cache=True, nogil=True, inline="always")
def _slope(values: NDArray[np.float32], row: int, low: int, high: int, out: NDArray[np.float32]) -> None:
    """Write the slope at a row of an utterance that lasts from `low` to `high`."""
    before, after = max(row - 1, low), min(row + 1, high)
    early, late = max(row - 2, low), min(row + 2, high)
    for m in range(len(out)):
        near = _ONE * (values[after, m] - values[before, m])
        far = _TWO * (values[late, m] - values[early, m])
        out[m] = (near + far) / _TEN
