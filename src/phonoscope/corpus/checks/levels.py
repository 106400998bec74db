"""Silence where an alignment claims speech, and speech where it claims none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from phonoscope.corpus.checks.hearing import FRAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

LOUD: Final = 95
"""Percentile of the levels under the labels that stands for the speech of an utterance."""
SILENT: Final = 40.0
"""dB below this that only silence is: the weakest fricatives and closures are shorter or louder."""
LONGEST_CLOSURE: Final = 0.15
"""Seconds of silence up to which it is a closure, or the devoiced end of a phrase."""
SPEAKING: Final = 12.0
"""dB below the speech that noise and breath seldom reach."""
LONG_SPEECH: Final = 0.3
"""Seconds of that level without a label that are told."""


class Run(NamedTuple):
    """A stretch of frames, in seconds from the start of the utterance."""

    start: float
    end: float


def silences(levels: NDArray[np.floating], claimed: NDArray[np.bool_]) -> Iterator[Run]:
    """Find stretches longer than `LONGEST_CLOSURE` that are labelled as phones and hold silence.

    Parameters
    ----------
    levels
        Of an utterance in dB, `FRAMES` a second, shape (frames,).
    claimed
        Which frames are labelled as phones, shape (frames,).
    """
    if claimed.any():
        quiet = levels < np.percentile(levels[claimed], LOUD) - SILENT
        yield from _runs(claimed & quiet, LONGEST_CLOSURE)


def unlabelled_speech(
    levels: NDArray[np.floating], claimed: NDArray[np.bool_], labelled: NDArray[np.bool_]
) -> Iterator[Run]:
    """Find stretches longer than `LONG_SPEECH` as loud as speech, frame by frame, and labelled as nothing or a pause.

    Parameters
    ----------
    levels, claimed
        As for `silences`.
    labelled
        Which frames have a label that is no pause, shape (frames,).
    """
    if claimed.any():
        loud = levels > np.percentile(levels[claimed], LOUD) - SPEAKING
        yield from _runs(loud & ~labelled, LONG_SPEECH)


def marked(starts: NDArray[np.float64], ends: NDArray[np.float64], frames: int) -> NDArray[np.bool_]:
    """Tell which frames have their middle within an interval: shape (frames,)."""
    mark = np.zeros(frames + 1, np.int64)
    first, last = (np.ceil(times * FRAMES - 0.5).astype(int).clip(0, frames) for times in (starts, ends))
    inside = last > first
    np.add.at(mark, first[inside], 1)
    np.add.at(mark, last[inside], -1)
    return np.asarray(mark.cumsum()[:-1] > 0)


def _runs(mask: NDArray[np.bool_], longer: float) -> Iterator[Run]:
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    for first, last in edges[edges[:, 1] - edges[:, 0] > longer * FRAMES].tolist():
        yield Run(first / FRAMES, last / FRAMES)
