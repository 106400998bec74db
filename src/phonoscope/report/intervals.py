"""Measures with their intervals, as text and by where they belong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

    Cell = tuple[str, str, str, str]  # layer, reduction, clusterer, measure


@dataclass(frozen=True)
class Measured:
    """A value, its interval, and the level of chance with what 95 % of shuffles stay below (None: not measured)."""

    value: float
    low: float
    high: float
    chance: float | None
    chance_high: float | None

    @property
    def bracket(self) -> str:
        """The interval as in ``[.602, .641]``."""
        return bracket(self.low, self.high)

    @property
    def margin(self) -> str:
        """The larger half of the interval as in ``±.02``."""
        return f"±{short(max(self.value - self.low, self.high - self.value), 2)}"


def by_cell(measures: pl.DataFrame | None) -> Mapping[Cell, Measured]:
    """Return what is in a table of `measures.csv` by layer, reduction, clusterer and measure; nothing for None."""
    if measures is None:
        return {}
    columns = ("layer", "reduction", "clusterer", "measure", "value", "low", "high", "chance", "chance_high")
    known = measures.filter(pl.col("value").is_not_null()).select(columns)
    return {(row[0], row[1], row[2], row[3]): Measured(*row[4:]) for row in known.iter_rows()}


def short(value: float, digits: int = 3) -> str:
    """Write a number without the zero before its point: ``.623``, ``-.01``, ``1.000``."""
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("0.", ".", 1) if abs(value) < 1 and not text.lstrip("-").startswith("1") else text


def signed(value: float) -> str:
    """Write a difference: ``+.123``, ``-.004``."""
    text = short(value)
    return text if text.startswith("-") else f"+{text}"


def bracket(low: float, high: float, digits: int = 3) -> str:
    """Write an interval: ``[.602, .641]``."""
    return f"[{short(low, digits)}, {short(high, digits)}]"
