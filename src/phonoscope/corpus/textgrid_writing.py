"""Writes TextGrids, in Praat's long text format."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from phonoscope.corpus.phone_times import Interval


def text_grid(tiers: dict[str, Sequence[Interval]], rate: int) -> str:
    """Return the text of a TextGrid.

    praatio writes one too, in 5 ms; here thousands are written, and their times are exact: whole samples.

    Parameters
    ----------
    tiers
        For each name the intervals, contiguous from sample 0 to the same last sample.
    rate
        Samples a second.
    """
    (end,) = {tier[-1].end for tier in tiers.values()}
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0"]
    lines += [f"xmax = {_seconds(end, rate)}", "tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, tier) in enumerate(tiers.items(), 1):
        lines += [
            f"    item [{number}]:",
            '        class = "IntervalTier"',
            f"        name = {_quoted(name)}",
            "        xmin = 0",
            f"        xmax = {_seconds(end, rate)}",
            f"        intervals: size = {len(tier)}",
        ]
        for index, interval in enumerate(tier, 1):
            lines += [
                f"        intervals [{index}]:",
                f"            xmin = {_seconds(interval.start, rate)}",
                f"            xmax = {_seconds(interval.end, rate)}",
                f"            text = {_quoted(interval.phone)}",
            ]
    return "\n".join(lines) + "\n"


def _seconds(sample: int, rate: int) -> str:
    """Write a time; 1/16000 s has seven decimals, so that the common rates come out exactly."""
    return f"{sample / rate:.7f}".rstrip("0").rstrip(".")


def _quoted(label: str) -> str:
    return '"' + label.replace('"', '""') + '"'
