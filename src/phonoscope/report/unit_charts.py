"""The picture of a layer's units: for which phones each is selective."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from phonoscope.report.cells import cell_paths
from phonoscope.report.svg import Chart, chart, line, phone_text, tag, text, tip

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

_ROW = 13.0


class UnitGroup(NamedTuple):
    """Neighbouring columns of one cluster: its number, how many columns, and what it is in words."""

    cluster: int
    columns: int
    words: str


def selectivity_chart(
    name: str,
    phones: Sequence[str],
    values: NDArray[np.floating],
    groups: Sequence[UnitGroup],
    *,
    ipa: Mapping[str, str],
    title: str,
) -> Chart:
    """Draw the selectivity of units, a row a phone and a column a unit.

    Parameters
    ----------
    phones
        The rows.
    values
        Shape (phones, units), from 0 to 1.
    groups
        The clusters that the columns make up, from left to right.
    """
    left, top, width = 40.0, 46.0, 640.0
    column = (width - left - 12) / max(values.shape[1], 1)
    height = len(phones) * _ROW
    parts: list[object] = [
        text(left, 16, title, class_="title"),
        tag("rect", x=left, y=top, width=width - left - 12, height=height, fill="var(--panel)"),
        cell_paths(values, (left, top), (column, _ROW)),
    ]
    for i, phone in enumerate(phones):
        y = top + (i + 0.5) * _ROW + 4
        parts.append(phone_text(left - 8, y, phone, ipa.get(phone, phone), anchor="end", class_="soft small"))
    x = left
    for group in groups:
        end = x + group.columns * column
        if group is not groups[0]:
            parts.append(line(x, top - 14, x, top + height, stroke="var(--ink)"))
        if end - x >= 7:  # noqa: PLR2004 - room for a figure
            parts.append(text((x + end) / 2, top - 5, group.cluster, anchor="middle", class_="soft small"))
        whole = tag("rect", x=x, y=top, width=end - x, height=height, fill="transparent")
        parts.append(tip(whole, group.words))
        x = end
    return chart(name, width, top + height + 10, *parts, title=title)
