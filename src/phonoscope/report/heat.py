"""Charts of cells: shades of one colour, from the paper's own to full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from phonoscope.report.svg import Chart, chart, phone_text, tag, text, tip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

_CELL = 18.0


def phone_heat(
    name: str,
    rows: Sequence[str],
    phones: Sequence[str],
    values: NDArray[np.floating],
    *,
    ipa: Mapping[str, str],
    title: str,
    describe: Callable[[int, int], str],
    row_height: float = _CELL,
    gaps: Sequence[int] = (),
    rows_are_phones: bool = False,
) -> Chart:
    """Draw a table of phones: one column a phone, a cell the darker the nearer its value to 1.

    Parameters
    ----------
    rows
        What stands at the left of each row.
    phones
        The columns.
    values
        Shape (rows, phones), from 0 to 1; cells of 0 are left out.
    ipa
        Each phone's IPA sign.
    describe
        Says in words what the cell (row, column) holds.
    gaps
        Columns before which a little room is left: where a group of phones begins.
    rows_are_phones
        Whether the rows are labelled by phones, whose notation the page switches.
    """
    left, top = 66.0, 46.0
    shift = np.zeros(len(phones))
    for gap in gaps:
        shift[gap:] += 7
    x = left + np.arange(len(phones)) * _CELL + shift
    width = float(x[-1]) + _CELL + 10
    height = top + len(rows) * row_height + 12
    parts: list[object] = [text(left, 16, title, class_="title")]
    for j, phone in enumerate(phones):
        size = "small" if len(phone) > 1 else None  # two letters would touch their neighbours
        parts.append(phone_text(float(x[j]) + _CELL / 2, top - 8, phone, ipa.get(phone, phone), class_=size))
    for i, label in enumerate(rows):
        y = top + i * row_height
        cells = [
            tip(
                tag(
                    "rect",
                    x=float(x[j]),
                    y=y,
                    width=_CELL - 1,
                    height=row_height - 1,
                    class_="heat",
                    fill_opacity=round(float(values[i, j]), 2),
                ),
                describe(i, int(j)),
            )
            for j in np.flatnonzero(values[i] > 0.004)  # noqa: PLR2004 - below that a cell is not seen
        ]
        ground = tag("rect", x=left, y=y, width=width - left - 10, height=row_height - 1, fill="var(--panel)")
        at = left - 8, y + row_height / 2 + 4
        if rows_are_phones:
            said = phone_text(*at, label, ipa.get(label, label), anchor="end", class_="soft small")
        else:
            said = text(*at, label, anchor="end", class_="soft small")
        parts += [ground, said, *cells]
    return chart(name, width, height, *parts, title=title)


def heat_legend(low: str, high: str) -> Markup:
    """Draw what the shades mean, for below a figure."""
    steps = [
        tag("rect", x=i * 16.0, y=0, width=15, height=12, class_="heat", fill_opacity=(i + 1) / 8) for i in range(8)
    ]
    return tag("svg", *steps, viewBox="0 0 128 12", width=128, height=12, class_="chart shades", aria_hidden="true") + (
        Markup(' <span class="soft">{} to {}</span>').format(low, high)
    )


def map_paths(values: NDArray[np.floating], peak: float, x: float, y: float, cell: tuple[float, float]) -> Markup:
    """Draw an activation map as vector cells: frequency upwards, time to the right.

    Cells of the same shade are one path, so that a map of 9 × 36 takes a few kilobytes.

    Parameters
    ----------
    values
        Time × frequency, not below 0.
    peak
        The value that gets the full shade.
    x, y
        Top left corner.
    cell
        Width and height of a cell.
    """
    levels = 12
    w, h = cell
    n_time, n_frequency = values.shape
    shade = np.clip(np.ceil(values / peak * levels), 0, levels).astype(int) if peak > 0 else np.zeros(values.shape, int)
    ground = tag("rect", x=x, y=y, width=w * n_time, height=h * n_frequency, fill="var(--panel)")
    # runs of one shade within a moment, from low to high frequency, moment after moment
    new = np.ones(shade.shape, bool)
    new[:, 1:] = shade[:, 1:] != shade[:, :-1]
    first = np.flatnonzero(new)
    height = np.diff(first, append=shade.size)
    level_of = shade.ravel()[first]
    parts = [ground]
    for level in range(1, levels + 1):
        steps = []
        for start, n in zip(first[level_of == level].tolist(), height[level_of == level].tolist(), strict=True):
            t, lowest = divmod(start, n_frequency)
            top = y + (n_frequency - lowest - n) * h
            steps.append(f"M{x + t * w:.4g} {top:.5g}h{w:g}v{n * h:.4g}h{-w:g}z")
        if steps:
            parts.append(tag("path", d="".join(steps), fill="var(--heat)", fill_opacity=level / levels))
    return Markup("").join(parts)
