"""Charts of speakers: the variance's parts by layer, and samples coloured by manner and by speaker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from phonoscope.report.curves import point_mark
from phonoscope.report.svg import Chart, Scale, chart, key_rows, tag, text, tip, x_axis, y_axis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup
    from numpy.typing import NDArray

    from phonoscope.report.curves import Series

# a sign drawn from its corner, as in `phonoscope.report.curves.SHAPES`: thousands of elements would be a slow page
_GLYPHS = (
    "m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0",
    "m-2-2h4v4h-4z",
    "m0-3l3 5h-6z",
    "m0-3l3 3-3 3-3-3z",
    "m0 3l3-5h-6z",
    "m-2-3h4l-4 6h4z",
)


def share_bars(name: str, layers: Sequence[str], parts: Sequence[Series], title: str) -> Chart:
    """Draw for each layer a bar of shares on top of each other; what is below 0 is not drawn.

    Parameters
    ----------
    parts
        From the bottom up; their values, and the bounds of their intervals, are told to the pointer.
    """
    width, height = 640.0, 330.0
    y = Scale(0, 1, height - 46, 30)
    x = Scale(0, max(len(layers), 1), 60, width - 12)
    wide = min((x(1) - x(0)) * 0.62, 70)
    tops = np.zeros(len(layers))
    groups = []
    for part in parts:
        bars = []
        for i, value in enumerate(part.values):
            if value is None:
                continue
            top = min(tops[i] + max(value, 0.0), 1.0)
            low, high = (part.low[i], part.high[i]) if part.low else (None, None)
            words = f"{part.name}, {layers[i]}: {value:.3f}"
            if low is not None and high is not None:
                words += f" (95 % from {low:.3f} to {high:.3f})"
            bar = tag(
                "rect",
                x=x(i + 0.5) - wide / 2,
                y=y(top),
                width=wide,
                height=max(y(float(tops[i])) - y(top), 0.6),
                fill=f"var(--c{part.look})",
                stroke="var(--paper)",
            )
            bars.append(tip(bar, words))
            tops[i] = top
        groups.append(tag("g", *bars, data_series=part.key))
    return chart(
        name,
        width,
        height,
        y_axis(y, 52, width - 12, [0, 0.2, 0.4, 0.6, 0.8, 1], "share of the variance"),
        x_axis(height - 46, [(x(i + 0.5), layer) for i, layer in enumerate(layers)]),
        *groups,
        text(52, 16, title, class_="title"),
        title=title,
        key=key_rows([(one.key, point_mark(one.look), one.name) for one in parts], 52, height + 2, width),
    )


def dot_map(
    name: str,
    points: NDArray[np.floating],
    labels: Sequence[str],
    looks: Mapping[str, int],
    *,
    title: str,
    names: Mapping[str, str],
) -> Chart:
    """Draw samples as small signs, one path for all of a label.

    Parameters
    ----------
    points
        Shape (n, 2).
    labels
        What each sample is coloured by.
    looks
        The number of each label's colour and sign.
    names
        What each label is called.
    """
    size, height = 420.0, 440.0
    low, high = points.min(axis=0), points.max(axis=0)
    reach = float((high - low).max()) or 1.0
    middle = (low + high) / 2
    x = Scale(float(middle[0]) - reach / 2, float(middle[0]) + reach / 2, 10, size - 10)
    y = Scale(float(middle[1]) - reach / 2, float(middle[1]) + reach / 2, height - 10, 30)
    array = np.asarray(labels)
    groups: list[Markup] = []
    for label, look in looks.items():
        rows = np.flatnonzero(array == label)
        glyph = _GLYPHS[look % len(_GLYPHS)]
        path = "".join(f"M{x(points[i, 0]):.0f} {y(points[i, 1]):.0f}{glyph}" for i in rows)
        drawn = tag("path", d=path, fill=f"var(--c{look})", fill_opacity=0.8)
        groups.append(tag("g", tip(drawn, names[label]), data_series=label))
    key = [(label, point_mark(look), names[label]) for label, look in looks.items()]
    head = text(10, 16, title, class_="title")
    return chart(name, size, height, head, *groups, title=title, key=key_rows(key, 10, height + 2, size))
