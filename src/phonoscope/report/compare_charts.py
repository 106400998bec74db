"""Curves of several runs over relative depth, with bands for their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from phonoscope.report.curves import SHAPES, curve_mark, dashes
from phonoscope.report.svg import Chart, Scale, chart, key_rows, polyline, sign, tag, text, ticks, tip, x_axis, y_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

_SIZE = (560.0, 340.0)


@dataclass(frozen=True)
class DepthPoint:
    """A value at a layer, with its interval and what chance gives; None where these are not known."""

    layer: str
    depth: float
    value: float
    low: float | None
    high: float | None
    chance: float | None


@dataclass(frozen=True)
class DepthCurve:
    """A run's points, from the input on."""

    key: str
    name: str
    look: int
    points: Sequence[DepthPoint]


def depth_chart(name: str, curves: Sequence[DepthCurve], *, title: str, y_label: str) -> Chart:
    """Draw curves over relative depth: bands are intervals, dotted lines chance."""
    width, height = _SIZE
    values = [
        value
        for curve in curves
        for point in curve.points
        for value in (point.value, point.low, point.high, point.chance)
        if value is not None
    ]
    low, high = min([0.0, *values]), max(values, default=1.0)
    # a little room above, and never an axis that makes small differences large: it has 0 on it
    high = 1.0 if 0.6 < high <= 1 else high + 0.08 * ((high - low) or 1.0)  # noqa: PLR2004
    y, x = Scale(low, high, height - 46, 30), Scale(0, 1, 62, width - 18)
    places = [(x(i / 4), f"{i / 4:g}") for i in range(5)]
    return chart(
        name,
        width,
        height,
        y_axis(y, 52, width - 12, ticks(low, high), y_label),
        x_axis(height - 46, places, "relative depth (0: first layer, 1: last)", (52 + width - 12) / 2),
        *(_curve(curve, x, y) for curve in curves),
        text(52, 16, title, class_="title"),
        title=title,
        key=key_rows([(one.key, curve_mark(one.look), one.name) for one in curves], 52, height + 2, width),
    )


def _curve(curve: DepthCurve, x: Scale, y: Scale) -> Markup:
    colour = f"var(--c{curve.look})"
    parts: list[Markup] = []
    banded = [(x(p.depth), y(p.low), y(p.high)) for p in curve.points if p.low is not None and p.high is not None]
    if banded:
        outline = [(at, high) for at, _, high in banded] + [(at, low) for at, low, _ in reversed(banded)]
        corners = " ".join(f"{at:.2f},{height:.2f}" for at, height in outline)
        parts.append(tag("polygon", points=corners, fill=colour, fill_opacity=0.16, class_="band"))
    chance = [(x(p.depth), y(p.chance)) for p in curve.points if p.chance is not None]
    if chance:
        parts.append(polyline(chance, fill="none", stroke=colour, stroke_width=1, stroke_dasharray="1 4"))
    line = [(x(p.depth), y(p.value)) for p in curve.points]
    if len(line) > 1:
        parts.append(polyline(line, class_="curve", stroke=colour, stroke_dasharray=dashes(curve.look)))
    shape = SHAPES[curve.look % len(SHAPES)]
    for point, (at, height) in zip(curve.points, line, strict=True):
        said = f"{curve.name}, {point.layer}: {point.value:.3f}"
        if point.low is not None and point.high is not None:
            said += f" ({point.low:.3f} to {point.high:.3f})"
        if point.chance is not None:
            said += f", chance {point.chance:.3f}"
        parts.append(tip(sign(shape, at, height, 4.2, fill=colour), said))
    return tag("g", *parts, data_series=curve.key)
