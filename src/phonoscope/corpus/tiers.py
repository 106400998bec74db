"""Which tiers of a TextGrid hold the phones, and of whom."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

from phonoscope.corpus.textgrid import IntervalTier, PointTier, TextGrid
from phonoscope.errors import TierError
from phonoscope.phones.tables import read_table

if TYPE_CHECKING:
    from pathlib import Path

_BETWEEN = " - "
"""What the Montreal Forced Aligner puts between the speaker and the name of the tier."""


def phones_tiers(path: Path, grid: TextGrid, name: str = "") -> list[tuple[str, IntervalTier]]:
    """Return the tiers that hold the phones, each with its speaker.

    One tier, of the speaker "", if `phones_tier` finds one that is called as the phones' tiers are; else all that are
    called so after a speaker's name, as in "anna - phones".

    Raises
    ------
    TierError
        There is no such tier, there are several of one speaker, or one is a point tier.
    """
    names = (name,) if name else _usual_names()
    if not any(_same(tier.name, usual) for usual in names for tier in grid.tiers):
        for usual in names:
            found = [tier for tier in grid.tiers if _same(tier.name.rpartition(_BETWEEN)[2], usual)]
            speakers = [tier.name.rpartition(_BETWEEN)[0].strip() for tier in found]
            if found and len(set(speakers)) == len(found):
                return [(speaker, _intervals(path, tier, grid)) for speaker, tier in zip(speakers, found, strict=True)]
    return [("", phones_tier(path, grid, name))]


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
    return _intervals(path, found[0], grid)


def _intervals(path: Path, tier: IntervalTier | PointTier, grid: TextGrid) -> IntervalTier:
    if isinstance(tier, PointTier):
        problem = f"the tier {tier.name!r} holds points, but phones are intervals"
        raise TierError(path, problem, [other.name for other in grid.tiers])
    return tier


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


@cache
def _usual_names() -> tuple[str, ...]:
    return tuple(row["name"].casefold() for row in read_table("tier-names.csv"))
