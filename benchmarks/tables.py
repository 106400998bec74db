# ruff: noqa: INP001 - a script's part, not a package
"""From records to Markdown tables, and whether a claim was reached."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from measuring import OURS, Record, Side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Records = Mapping[str, Record]

_THREE_DIGITS = 100
_A_THOUSAND = 1_000
_LEAST = 10_000  # samples: below, what does not grow with them is much of the time


@dataclass(frozen=True)
class Claim:
    """What is claimed of a comparison.

    Attributes
    ----------
    ratio
        How many times as fast this side is at the least.
    words
        The claim as the table says it.
    good
        Whether what is claimed beside the ratio is so, given this side and the other.
    """

    ratio: float
    words: str
    good: Callable[[Side, Side], bool] = lambda _ours, _theirs: True


def number(value: float | None) -> str:
    """Write a figure with three digits that count; nothing where there is none."""
    if value is None or not np.isfinite(value):
        return ""
    if abs(value) >= _A_THOUSAND:
        return f"{value:,.0f}"
    if abs(value) >= _THREE_DIGITS:
        return f"{value:.0f}"
    return f"{value:#.3g}".rstrip(".")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, empty without rows; a bar in a cell is written so that it stays in it."""
    lines = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    if not lines:
        return ""
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *lines)) + "\n"


def qualities(side: Side) -> str:
    """Write a side's quality."""
    return ", ".join(f"{name} {number_of(value)}" for name, value in side.quality.items())


def number_of(value: float) -> str:
    """Write a quality: counts and costs whole, shares with four decimals."""
    if not np.isfinite(value):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= _A_THOUSAND or float(value).is_integer() else f"{value:.4f}"


def verdict(reached: bool | None) -> str:  # noqa: FBT001 - it is what the word says
    """Say whether a claim was reached; nothing where it could not be told."""
    return {None: "", True: "yes", False: "**no**"}[reached]


def reached(claim: Claim, ours: Side, theirs: Side) -> bool | None:
    """Tell whether a claim was reached; None where a side has no time."""
    if ours.seconds is None or theirs.seconds is None:
        return None
    return theirs.seconds / ours.seconds >= claim.ratio and claim.good(ours, theirs)


def comparison(title: str, rows: Iterable[tuple[str, Record]], claims: Mapping[str, Claim | None]) -> str:
    """Return a table of this side against others, a row a record and other side.

    Parameters
    ----------
    title
        Head of the first column.
    rows
        Records, and what each measured.
    claims
        What is claimed against each other side, by its name; the other sides come in this order.
    """
    head = [title, "data", f"{OURS}, s", "instead", "s", "ratio", "claim", "reached"]
    head += [f"quality: {OURS}", "instead", f"peak MiB: {OURS}", "instead"]
    lines = []
    for what, record in rows:
        ours = record.sides.get(OURS, Side())
        for name, claim in claims.items():
            if name not in record.sides:
                continue
            theirs = record.sides[name]
            both = ours.seconds is not None and theirs.seconds is not None
            ratio = number((theirs.seconds or 0.0) / (ours.seconds or 1.0)) if both else ""
            lines.append(
                [
                    what,
                    record.on,
                    number(ours.seconds),
                    name + (f" ({theirs.note})" if theirs.note else ""),
                    number(theirs.seconds),
                    ratio + " ×" if ratio else "",
                    claim.words if claim else "",
                    verdict(reached(claim, ours, theirs)) if claim else "",
                    qualities(ours),
                    qualities(theirs),
                    number(ours.memory),
                    number(theirs.memory),
                ]
            )
    return table(head, lines)


def together(sides: Sequence[Side]) -> Side:
    """Return the sum of the seconds, the largest peak, and the mean of each quality; no seconds if one has none."""
    seconds = [side.seconds for side in sides]
    memory = [side.memory for side in sides if side.memory is not None]
    resident = [side.resident for side in sides if side.resident is not None]
    names = [name for name in sides[0].quality if all(name in side.quality for side in sides)] if sides else []
    return Side(
        None if None in seconds else float(sum(s for s in seconds if s is not None)),
        max(memory, default=None),
        max(resident, default=None),
        {name: float(np.mean([side.quality[name] for side in sides])) for name in names},
        sides[0].note if sides else "",
    )


def with_total(rows: Sequence[tuple[str, Record]], what: str) -> list[tuple[str, Record]]:
    """Add a row for all records together, where there are several: seconds add up, qualities are means."""
    if len(rows) < 2:  # noqa: PLR2004 - several
        return list(rows)
    names = [name for name in rows[0][1].sides if all(name in record.sides for _, record in rows)]
    sides = {name: together([record.sides[name] for _, record in rows]) for name in names}
    return [*rows, (what, Record(f"{len(rows)} together", sides))]


def merged(records: Iterable[Record]) -> Record | None:
    """Return one record with the sides of several that measured the same; None if there are none."""
    listed = list(records)
    if not listed:
        return None
    return replace(listed[0], sides={name: side for record in listed for name, side in record.sides.items()})


def exponent(sizes: Sequence[float], seconds: Sequence[float], least: float = _LEAST) -> float | None:
    """Return the e of ``seconds ~ sizes ** e``: the least squares slope of the logarithms, from `least` samples up.

    None where fewer than two sizes are left.
    """
    pairs = [(n, s) for n, s in zip(sizes, seconds, strict=True) if n >= least]
    if len(pairs) < 2:  # noqa: PLR2004 - a line needs two points
        return None
    logs = np.log(np.array(pairs))
    return float(np.polyfit(logs[:, 0], logs[:, 1], 1)[0])
