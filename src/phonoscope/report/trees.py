"""Dendrograms of the phones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phonoscope.report.svg import Chart, Scale, chart, phone_text, polyline, sign, tag, text, ticks, tip, x_axis

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from phonoscope.report.scatter import Look

_ROW = 17.0


def dendrogram(
    name: str,
    title: str,
    phones: Sequence[str],
    linkage: NDArray[np.floating],
    order: Sequence[int],
    *,
    looks: Mapping[str, Look],
    describe: Callable[[tuple[str, ...]], str],
    label: str,
) -> Chart:
    """Draw a tree with its root at the right and one phone a row.

    Parameters
    ----------
    phones
        In the order of the linkage's leaves.
    linkage
        SciPy's, shape (n - 1, 4).
    order
        The leaves from top to bottom.
    describe
        Says in words what the phones below a branching are.
    label
        What the heights are.
    """
    n = len(phones)
    width, left, top = 460.0, 64.0, 32.0
    bottom = top + n * _ROW
    highest = float(linkage[-1, 2]) if n > 1 else 1.0
    x = Scale(0, highest or 1.0, left, width - 22)
    rows = {leaf: top + (i + 0.5) * _ROW for i, leaf in enumerate(order)}
    at = {leaf: (left, rows[leaf]) for leaf in range(n)}
    members: dict[int, tuple[str, ...]] = {leaf: (phones[leaf],) for leaf in range(n)}
    parts: list[object] = [text(left, 16, title, class_="title")]
    for i, (a, b, height, _) in enumerate(linkage):
        one, other = at[int(a)], at[int(b)]
        node = n + i
        members[node] = members[int(a)] + members[int(b)]
        edge = x(float(height))
        path = polyline(
            [one, (edge, one[1]), (edge, other[1]), other],
            class_="curve",
            stroke="var(--soft)",
            style="stroke-width:1.5px",
        )
        parts.append(tip(path, describe(members[node])))
        at[node] = (edge, (one[1] + other[1]) / 2)
    for leaf, y in rows.items():
        look = looks[phones[leaf]]
        phone = phone_text(
            left - 20, y + 4, phones[leaf], look.ipa, anchor="end", style="font-weight:600;font-size:14px"
        )
        mark = sign(look.shape, left - 10, y, 4, fill=f"var(--c{look.colour})")
        parts.append(tip(tag("g", phone, mark), look.words))
    marks = [(x(value), f"{value:g}") for value in ticks(0, highest, 4)]
    below = x_axis(bottom, marks, label, (left + width) / 2)
    return chart(name, width, bottom + 40, *parts, below, title=title)
