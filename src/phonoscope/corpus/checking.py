"""From one TextGrid to segments: the tier of the phones, and whether its intervals fit the audio."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Final

from phonoscope.corpus.textgrid import IntervalTier, PointTier, TextGrid
from phonoscope.corpus.types import Segment
from phonoscope.errors import EmptyIntervalError, OutsideAudioError, OverlapError, TierError
from phonoscope.phones.inventory import PAUSE, Folding
from phonoscope.phones.tables import read_table

if TYPE_CHECKING:
    from pathlib import Path

EDGE: Final = 0.02
"""Seconds by which an interval may pass the ends of the audio, and is clipped: aligners count in frames of 10
ms, and one that rounds up both its number of frames and the last time is off by two of them at most."""

ROUNDING: Final = 0.001
"""Seconds by which two intervals may overlap, and the later one is shortened: times may have been written
with three decimals."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """The segments of one utterance, and what became of its labels.

    Attributes
    ----------
    segments
        In the order of time.
    folded
        ``(label, phone) -> tokens`` of the labels that are not the phone's own name.
    left_over
        ``label -> tokens`` of the labels that are neither a phone nor a pause.
    """

    segments: tuple[Segment, ...]
    folded: Counter[tuple[str, str]]
    left_over: Counter[str]


def phones_tier(path: Path, grid: TextGrid, name: str = "") -> IntervalTier:
    """Return the tier that holds the phones: the one called `name`, or by the first usual name that is there.

    Names are compared without regard to case; the usual ones are in the table ``phones/data/tier-names.csv``.

    Raises
    ------
    TierError
        There is no such tier, there are several, or it is a point tier.
    """
    tiers = [tier.name for tier in grid.tiers]
    if name:
        found = [t for t in grid.tiers if t.name == name] or [t for t in grid.tiers if _same(t.name, name)]
        if not found:
            raise TierError(path, f"there is no tier {name!r}", tiers)
    else:
        for usual in _usual_names():
            found = [t for t in grid.tiers if fnmatchcase(t.name.strip().casefold(), usual)]
            if found:
                break
        else:
            raise TierError(path, "no tier has one of the usual names of a tier of phones", tiers)
    if len(found) > 1:
        raise TierError(path, f"{len(found)} tiers could hold the phones", tiers)
    if isinstance(found[0], PointTier):
        problem = f"the tier {found[0].name!r} holds points, but phones are intervals"
        raise TierError(path, problem, tiers)
    return found[0]


def align(path: Path, tier: IntervalTier, duration: float, folding: Folding) -> Aligned:
    """Turn the intervals of a phones tier into segments of an audio file of `duration` seconds.

    Empty labels, and those that fold onto a pause, leave gaps, and may stand outside the audio: silence that
    is missing is missed by nobody. Labels that fold onto nothing leave gaps too, and are counted.

    Raises
    ------
    OutsideAudioError
        A label other than a pause lies outside the audio by more than `EDGE`.
    OverlapError
        An interval starts before the end of the one before it, by more than `ROUNDING`.
    EmptyIntervalError
        A label other than a pause has no duration.
    """
    segments = []
    folded: Counter[tuple[str, str]] = Counter()
    left_over: Counter[str] = Counter()
    before = float("-inf")
    for start, end, label in tier.intervals:
        if start < before - ROUNDING:
            problem = f"starts before the one before it has ended, at {before:.3f} s"
            raise OverlapError(path, tier.name, start, label, problem)
        phone = folding(label)
        if phone != PAUSE:
            if end <= start:
                raise EmptyIntervalError(path, tier.name, start, label, "has no duration")
            if end <= before:
                raise OverlapError(path, tier.name, start, label, "lies within the one before it")
            problem = _outside(max(start, before), end, duration)
            if problem:
                raise OutsideAudioError(path, tier.name, start, label, problem)
            if phone is None:
                left_over[label] += 1
            else:
                segments.append(Segment(phone, max(start, before, 0.0), min(end, duration)))
                folded[label, phone] += 1
        before = max(before, end)
    for own in {phone for label, phone in folded if phone == label}:
        del folded[own, own]
    return Aligned(tuple(segments), folded, left_over)


def _outside(start: float, end: float, duration: float) -> str:
    """Say how an interval lies outside the audio; nothing if it is inside, or can be clipped."""
    if start < -EDGE or end <= 0:
        return "lies before the start of the audio"
    if end > duration + EDGE or start >= duration:
        return f"ends at {end:.3f} s, after the end of the audio at {duration:.3f} s"
    return ""


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


@cache
def _usual_names() -> tuple[str, ...]:
    return tuple(row["name"].casefold() for row in read_table("tier-names.csv"))
