"""Whether an alignment lies earlier or later than the speech that it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from phonoscope.corpus.checks.hearing import FRAMES
from phonoscope.corpus.checks.loudness import PAUSE_LEVEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

REACH: Final = 50
"""Frames by which an alignment is moved either way."""
_RANGE = 50.0
"""dB below the loudest speech that count: what is quieter differs by the noise of the room only."""
_LOUD = 95
"""Percentile of the levels that stands for the loudest speech; single clicks lie above it."""


class Likeness(NamedTuple):
    """How alike the levels of an utterance and those that its phones should have are, for every shift.

    Attributes
    ----------
    curve
        Correlation coefficients, shape (2 `REACH` + 1,): of the alignment moved from `REACH` frames earlier, to
        `REACH` later. NaN where one of the two has one level only.
    frames
        How many were compared.
    """

    curve: NDArray[np.float64]
    frames: int

    @property
    def shift(self) -> float:
        """By how much the alignment has to be moved to fit best, seconds; positive: the speech is later."""
        return best_shift(self.curve)


def likeness(
    levels: NDArray[np.floating], starts: NDArray[np.float64], ends: NDArray[np.float64], expected: NDArray[np.float64]
) -> Likeness:
    """Compare the levels of an utterance with what its phones should give.

    Parameters
    ----------
    levels
        In dB, `FRAMES` a second, shape (frames,).
    starts, ends
        Of its segments in seconds, shape (segments,).
    expected
        Of each segment, in dB relative to a vowel.
    """
    n = len(levels)
    drawn = np.full(n, PAUSE_LEVEL)
    first, last = (np.round(np.asarray(t) * FRAMES).astype(int).clip(0, n) for t in (starts, ends))
    for a, b, level in zip(first.tolist(), last.tolist(), expected.tolist(), strict=True):
        drawn[a:b] = level
    heard = np.asarray(levels, np.float64)
    heard = np.maximum(heard, np.percentile(heard, _LOUD) - _RANGE) if n else heard
    curve = np.full(2 * REACH + 1, np.nan)
    for i, shift in enumerate(range(-REACH, REACH + 1)):
        x, y = (drawn[: n - shift], heard[shift:]) if shift >= 0 else (drawn[-shift:], heard[:shift])
        if len(x) > REACH:
            curve[i] = _correlation(x, y)
    return Likeness(curve, n)


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    x, y = x - x.mean(), y - y.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size > 0 else np.nan


def best_shift(curve: NDArray[np.float64]) -> float:
    """Return the shift with the greatest likeness in seconds, between frames by a parabola; 0 if there is none."""
    if np.isnan(curve).all():
        return 0.0
    top = int(np.nanargmax(curve))
    offset = 0.0
    if 0 < top < len(curve) - 1:
        a, b, c = curve[top - 1 : top + 2]
        bend = a - 2 * b + c
        if np.isfinite(bend) and bend < 0:
            offset = 0.5 * (a - c) / bend
    return (top - REACH + offset) / FRAMES
