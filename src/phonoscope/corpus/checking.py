"""From labelled intervals to segments: whether they fit each other and the audio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from phonoscope.corpus.segments import Segments
from phonoscope.errors import EmptyIntervalError, OutsideAudioError, OverlapError
from phonoscope.phones.inventory import PAUSE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

EDGE: Final = 0.02
"""Seconds by which an interval may pass the ends of the audio, and is clipped: aligners count in frames of 10
ms, and one that rounds up both its number of frames and the last time is off by two of them at most."""

ROUNDING: Final = 0.001
"""Seconds by which two intervals may overlap, and the later one is shortened: times may have been written
with three decimals."""

_PAUSE, _LEFT_OVER = -1, -2


@dataclass(frozen=True)
class Folded:
    """What each label of a corpus stands for.

    Attributes
    ----------
    labels
        All labels, by their numbers.
    phones
        The inventory.
    codes
        Of each label the index of its phone; below 0 for pauses, and for labels that fold onto nothing.
    """

    labels: Sequence[str]
    phones: tuple[str, ...]
    codes: NDArray[np.int64]


def fold_all(labels: Sequence[str], phones: tuple[str, ...], fold: Callable[[str], str | None]) -> Folded:
    """Ask once for each label which phone it stands for; `fold` gives a phone, `PAUSE` or None."""
    index: dict[str | None, int] = {PAUSE: _PAUSE, None: _LEFT_OVER}
    index.update({phone: i for i, phone in enumerate(phones)})
    return Folded(labels, phones, np.array([index[fold(label)] for label in labels], np.int64))


def tally(folded: Folded, tokens: Iterable[int]) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    """Tell what became of the labels, given how often each occurs.

    Returns
    -------
    ``(label, phone) -> tokens`` of the labels that are not the phone's own name, and ``label -> tokens`` of those that
    are neither a phone nor a pause; both sorted.
    """
    others: dict[tuple[str, str], int] = {}
    left_over: dict[str, int] = {}
    for label, code, n in zip(folded.labels, folded.codes.tolist(), tokens, strict=True):
        if n and code == _LEFT_OVER:
            left_over[label] = n
        elif n and code >= 0 and folded.phones[code] != label:
            others[label, folded.phones[code]] = n
    return dict(sorted(others.items())), dict(sorted(left_over.items()))


def align(path: Path, where: str, rows: NDArray[np.void], duration: float, folded: Folded) -> Segments:
    """Turn the intervals of an utterance of `duration` seconds into its segments.

    Empty labels, and those that fold onto a pause, leave gaps, and may stand outside the audio: silence that
    is missing is missed by nobody. Labels that fold onto nothing leave gaps too.

    Parameters
    ----------
    path, where
        The file, and what in it the intervals are from, for messages.
    rows
        Intervals, an array of `phonoscope.corpus.gathering.ROW`, shape (intervals,).

    Raises
    ------
    OutsideAudioError
        A label other than a pause lies outside the audio by more than `EDGE`.
    OverlapError
        An interval starts before the end of the one before it, by more than `ROUNDING`.
    EmptyIntervalError
        A label other than a pause has no duration.
    """
    starts, ends, codes = rows["start"], rows["end"], folded.codes[rows["label"]]
    spoken = codes != _PAUSE
    first, last = starts[spoken], ends[spoken]
    if (
        (ends >= starts).all()
        and (starts[1:] >= ends[:-1]).all()
        and ((last > first) & (first >= -EDGE) & (last > 0) & (first < duration) & (last <= duration + EDGE)).all()
    ):
        starts, ends = np.maximum(starts, 0.0), np.minimum(ends, duration)
    else:
        starts, ends = _mended(path, where, rows, duration, folded)
    phones = codes >= 0
    return Segments(folded.phones, codes[phones], starts[phones], ends[phones])


def _mended(
    path: Path, where: str, rows: NDArray[np.void], duration: float, folded: Folded
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Clip what rounding gives; raise for anything else. Returns starts and ends, right where a label is no pause."""
    starts, ends = rows["start"].copy(), rows["end"].copy()
    before = float("-inf")
    for i, (start, end, number) in enumerate(rows.tolist()):
        label = folded.labels[number]
        if start < before - ROUNDING:
            problem = f"starts before the one before it has ended, at {before:.3f} s"
            raise OverlapError(path, where, start, label, problem)
        if folded.codes[number] != _PAUSE:
            if end <= start:
                raise EmptyIntervalError(path, where, start, label, "has no duration")
            if end <= before:
                raise OverlapError(path, where, start, label, "lies within the one before it")
            outside = _outside(max(start, before), end, duration)
            if outside:
                raise OutsideAudioError(path, where, start, label, outside)
            starts[i], ends[i] = max(start, before, 0.0), min(end, duration)
        before = max(before, end)
    return starts, ends


def _outside(start: float, end: float, duration: float) -> str:
    """Say how an interval lies outside the audio; nothing if it is inside, or can be clipped."""
    if start < -EDGE or end <= 0:
        return "lies before the start of the audio"
    if end > duration + EDGE or start >= duration:
        return f"ends at {end:.3f} s, after the end of the audio at {duration:.3f} s"
    return ""
