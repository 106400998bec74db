"""Charts of curves: F by layer, the criteria for k, the features by layer, the learning curve."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from phonoscope.report.svg import (
    Chart,
    Scale,
    chart,
    key_rows,
    line,
    polyline,
    sign,
    tag,
    text,
    ticks,
    tip,
    x_axis,
    y_axis,
)
from phonoscope.report.words import CLUSTERERS, REDUCTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from phonoscope.report.intervals import Cell, Measured

_DASHES = {1: "7 3", 2: "2 3", 3: "9 3 2 3", 5: "7 3", 6: "2 3", 7: "9 3 2 3"}
SHAPES = ("circle", "square", "triangle", "diamond", "wedge", "hourglass")


def point_mark(look: int | None) -> Markup:
    """Draw a curve's sign, 22 × 12 pixels, for a legend; the level of chance has none."""
    if look is None:
        return chance_mark()
    return sign(SHAPES[look % len(SHAPES)], 11, 6, 4.2, fill=f"var(--c{look})")


def curve_mark(look: int | None) -> Markup:
    """Draw a piece of a curve with its sign, 22 × 12 pixels, for a legend."""
    if look is None:
        return chance_mark()
    colour = f"var(--c{look})"
    return line(0, 6, 22, 6, stroke=colour, stroke_width=2, stroke_dasharray=_DASHES.get(look)) + point_mark(look)


def chance_mark() -> Markup:
    """Draw a piece of the line that stands for chance, for a legend."""
    return line(0, 6, 22, 6, stroke="var(--soft)", stroke_width=1.5, stroke_dasharray="1.5 3")


def paper_mark() -> Markup:
    """Draw the sign of what the paper states, for a legend."""
    return sign("diamond", 11, 6, 4, fill="none", stroke="var(--ink)")


@dataclass(frozen=True)
class Series:
    """One curve: its key (what a legend switches), its name, a value or None at each place, and its look.

    From `low` to `high` it has bars, or a band. A look of None is the level of chance.
    """

    key: str
    name: str
    values: Sequence[float | None]
    look: int | None = 0
    low: Sequence[float | None] = field(default_factory=tuple)
    high: Sequence[float | None] = field(default_factory=tuple)
    band: bool = False


def line_chart(
    name: str,
    places: Sequence[str],
    series: Sequence[Series],
    *,
    title: str,
    size: tuple[float, float] = (430, 290),
    y_range: tuple[float, float] | None = None,
    x_label: str = "",
    y_label: str = "",
    behind: Markup | None = None,
    every: int = 1,
    key: Sequence[tuple[str, Markup, str]] | None = None,
) -> Chart:
    """Draw curves over named places, each point with its value for the pointer.

    Parameters
    ----------
    places
        What stands below the axis, from left to right.
    series
        The curves; a None leaves a gap.
    y_range
        The least and the greatest value of the axis; that of the values if None.
    behind
        Elements to be drawn before the curves.
    every
        Label every so many places.
    key
        What the signs mean; that of the curves if None and there are several.
    """
    width, height = size
    scale, x = scales(series, len(places), size, y_range)
    marks = y_axis(scale, 52, width - 12, ticks(scale.low, scale.high), y_label)
    below = x_axis(
        height - 46,
        [(x(i), place) for i, place in enumerate(places) if i % every == 0],
        x_label,
        (52 + width - 12) / 2,
    )
    curves = [_curve(one, places, x, scale) for one in series]
    head = text(52, 16, title, class_="title")
    if key is None:
        key = [(one.key, curve_mark(one.look), one.name) for one in series] if len(series) > 1 else []
    drawn = key_rows(key, 52, height + 2, width) if key else None
    return chart(name, width, height, marks, below, behind or "", *curves, head, title=title, key=drawn)


def scales(
    series: Sequence[Series], n: int, size: tuple[float, float], y_range: tuple[float, float] | None
) -> tuple[Scale, Scale]:
    """Return the scales of `line_chart`: of the values, and of the n places' numbers."""
    width, height = size
    if y_range is None:
        values = [v for one in series for v in one.values if v is not None and math.isfinite(v)]
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        margin = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
        y_range = low - margin, high + margin
    return Scale(*y_range, height - 46, 30), Scale(0, max(n - 1, 1), 68, width - 26)


def _band(one: Series, x: Scale, y: Scale, colour: str) -> list[Markup]:
    """Draw a band from low to high, where the curve has values."""
    parts = []
    stretch: list[tuple[float, float, float]] = []
    for i, ends in [*enumerate(zip(one.low, one.high, strict=True)), (-1, (None, None))]:
        low, high = ends
        if low is not None and high is not None:
            stretch.append((x(i), y(low), y(high)))
            continue
        if len(stretch) > 1:
            around = [(at, top) for at, _, top in stretch] + [(at, bottom) for at, bottom, _ in reversed(stretch)]
            points = " ".join(f"{at:.1f},{height:.1f}" for at, height in around)
            parts.append(tag("polygon", points=points, fill=colour, fill_opacity=0.16))
        stretch = []
    return parts


def _chance(one: Series, x: Scale, y: Scale) -> Markup:
    """Draw the level of chance as a dotted line without signs."""
    points = [(x(i), y(value)) for i, value in enumerate(one.values) if value is not None]
    if len(points) == 1:  # of a single layer, a short stretch
        points = [(points[0][0] + shift, points[0][1]) for shift in (-12, 12)]
    least, most = (f"{end(v for v in one.values if v is not None):.3f}" for end in (min, max))
    said = f"{one.name}: {least}" + ("" if least == most else f" to {most}")
    drawn = tip(polyline(points, class_="chance", fill="none", stroke="var(--soft)", stroke_dasharray="1.5 3"), said)
    return tag("g", drawn, data_series=one.key)


def _curve(one: Series, places: Sequence[str], x: Scale, y: Scale) -> Markup:
    if one.look is None:
        return _chance(one, x, y)
    colour = f"var(--c{one.look})"
    shape = SHAPES[one.look % len(SHAPES)]
    parts: list[Markup] = _band(one, x, y, colour) if one.band else []
    stretch: list[tuple[float, float]] = []
    for i, value in [*enumerate(one.values), (-1, None)]:
        if value is not None and math.isfinite(value):
            stretch.append((x(i), y(value)))
            continue
        if len(stretch) > 1:
            dashes = _DASHES.get(one.look)
            parts.append(polyline(stretch, class_="curve", stroke=colour, stroke_dasharray=dashes))
        stretch = []
    for i, value in enumerate(one.values):
        if value is None or not math.isfinite(value):
            continue
        low, high = (one.low[i], one.high[i]) if one.low and one.high else (None, None)
        said = f"{one.name}, {places[i]}: {value:.3f}"
        if low is not None and high is not None and high > low:
            if not one.band:
                at = x(i) + 2.5 * (one.look % 3 - 1)  # side by side, but each still through its sign
                parts.append(line(at, y(low), at, y(high), stroke=colour, stroke_width=1.5))
            said += f" (from {low:.3f} to {high:.3f})"
        parts.append(tip(sign(shape, x(i), y(value), 4.2, fill=colour), said))
    return tag("g", *parts, data_series=one.key)


def chance_series(
    measures: Mapping[Cell, Measured], layers: Sequence[str], clusterer: str, measure: str
) -> list[Series]:
    """Return the level of chance by layer, a mean over reductions; nothing where it was not measured."""
    of = {layer: [one.chance for key, one in measures.items() if key[0] == layer and key[2:] == (clusterer, measure)]
          for layer in layers}  # fmt: skip
    known = {layer: [level for level in levels if level is not None] for layer, levels in of.items()}
    values = [sum(known[layer]) / len(known[layer]) if known[layer] else None for layer in layers]
    return [Series("chance", "chance", values, None)] if any(known.values()) else []


def separability_chart(
    scores: pl.DataFrame,
    clusterer: str,
    paper: Mapping[str, float] | None = None,
    measures: Mapping[Cell, Measured] | None = None,
) -> Chart:
    """Draw the paper's Figure 1 for one clusterer: F by layer, a curve a reduction.

    Parameters
    ----------
    scores
        The table of `scores.csv`; of several seeds the mean is drawn, with bars from the least to the greatest.
    clusterer
        ``kmedians`` or ``spectral``.
    paper
        Values that the paper states, by layer: drawn as open diamonds.
    measures
        What `phonoscope.report.intervals.by_cell` gives: the bars are its intervals then, and the level of chance is
        drawn.
    """
    layers = scores["layer"].unique(maintain_order=True).to_list()
    series = []
    for look, (reduction, label) in enumerate(REDUCTIONS.items()):
        chosen = scores.filter((pl.col("clusterer") == clusterer) & (pl.col("reduction") == reduction))
        if chosen.is_empty():
            continue
        by_layer = {
            layer: (mean, least, most)
            for layer, mean, least, most in chosen.group_by("layer")
            .agg(
                pl.col("f_measure").mean().alias("mean"),
                pl.col("f_measure").min().alias("least"),
                pl.col("f_measure").max().alias("most"),
            )
            .iter_rows()
        }
        found = [by_layer.get(layer, (None, None, None)) for layer in layers]
        if measures:
            known = [measures.get((layer, reduction, clusterer, "f_measure")) for layer in layers]
            found = [(one.value, one.low, one.high) if one else (None, None, None) for one in known]
        mean, low, high = ([row[i] for row in found] for i in range(3))
        series.append(Series(reduction, label, mean, look, low, high))
    ks = scores.filter(pl.col("clusterer") == clusterer)["k"].unique().sort().to_list()
    size = (430.0, 290.0)
    y, x = scales(series, len(layers), size, (0, 1))
    marks = []
    for layer, value in (paper or {}).items():
        if layer in layers:
            mark = sign("diamond", x(layers.index(layer)), y(value), 5, fill="none", stroke="var(--ink)")
            marks.append(tip(mark, f"the paper, {layer}: {value:.2f}"))
    chance = chance_series(measures or {}, layers, clusterer, "f_measure")
    return line_chart(
        f"figure1-{clusterer}",
        layers,
        [*series, *chance],
        title=f"{CLUSTERERS[clusterer]}, k = {', '.join(map(str, ks))}",
        size=size,
        y_range=(0, 1),
        y_label="F-measure",
        behind=tag("g", *marks, data_series="paper"),
        key=[(one.key, curve_mark(one.look), one.name) for one in series]
        + ([("chance", chance_mark(), "chance")] if chance else [])
        + ([("paper", paper_mark(), "the paper")] if marks else []),
    )


def learning_charts(training: pl.DataFrame) -> list[Chart]:
    """Draw the loss, and the frame accuracy with the phone error rate, by epoch."""
    epochs = [str(epoch) for epoch in training["epoch"]]
    every = max(1, len(epochs) // 10)

    def values(column: str) -> list[float | None]:
        return training[column].cast(pl.Float64).to_list() if column in training.columns else []

    losses = [
        Series("training", "training loss", values("training_loss"), 0),
        Series("validation", "validation loss", values("validation_loss"), 1),
    ]
    rates = [
        Series("accuracy", "frame accuracy", values("frame_accuracy"), 2),
        Series("error", "phone error rate", values("phone_error_rate"), 3),
    ]
    # insertions may make more errors than there are phones
    most = max([1.0, *(rate for one in rates for rate in one.values if rate is not None)])
    return [
        line_chart("learning-loss", epochs, losses, title="Loss", x_label="epoch", every=every),
        line_chart(
            "learning-rates",
            epochs,
            rates,
            title="Frame accuracy, phone error rate",
            y_range=(0, most),
            x_label="epoch",
            every=every,
        ),
    ]


def dashes(look: int) -> str | None:
    """Return the dashes of a curve; None where its line is whole."""
    return _DASHES.get(look)
