"""Charts about the number of classes and the order of the phones."""

from __future__ import annotations

import math

import polars as pl
from markupsafe import Markup

from phonoscope.report.curves import SHAPES, Series, line_chart, point_mark, scales
from phonoscope.report.svg import Chart, Scale, chart, key_rows, line, sign, text, ticks, tip, x_axis
from phonoscope.report.words import CLUSTERERS, CRITERIA


def criterion_chart(layer: str, clusterer: str, criterion: str, table: pl.DataFrame) -> Chart:
    """Draw one criterion's curve over k, with the k that it chooses.

    Parameters
    ----------
    table
        The rows of `selection.csv` of this layer, clusterer and criterion.
    """
    rows = table.sort("k")
    ks = rows["k"].to_list()
    values = [v if v is not None and math.isfinite(v) else None for v in rows["value"].to_list()]
    size = (300.0, 190.0)
    series = [Series("curve", CRITERIA[criterion], values, 0)]
    _, x = scales(series, len(ks), size, None)
    chosen = rows.filter("chosen")
    behind, x_label = Markup(""), "k"
    if chosen.height:
        k = int(chosen["k"][0])
        at = x(ks.index(k))
        x_label = f"k ({k} chosen" + (", at the edge of the range)" if chosen["at_edge"][0] else ")")
        behind = line(at, 30, at, size[1] - 46, stroke="var(--c1)", stroke_width=6, stroke_opacity=0.35)
    return line_chart(
        f"selection-{layer}-{clusterer}-{criterion}",
        [f"{k}" for k in ks],
        series,
        title=CRITERIA[criterion],
        size=size,
        behind=behind,
        x_label=x_label,
        every=max(1, len(ks) // 8),
    )


def chosen_chart(selection: pl.DataFrame, clusterer: str) -> Chart:
    """Draw the k that every criterion chooses at every layer: where signs meet, criteria agree."""
    chosen = selection.filter((pl.col("clusterer") == clusterer) & pl.col("chosen"))
    layers = selection["layer"].unique(maintain_order=True).to_list()
    # numbered as the page's legend has them, which lists those of all clusterers
    looks = {name: j for j, name in enumerate(name for name in CRITERIA if name in selection["criterion"])}
    criteria = [name for name in looks if name in chosen["criterion"]]
    low, high = int(selection["k"].to_numpy().min()), int(selection["k"].to_numpy().max())
    width, row = 430.0, 30.0
    height = 40 + row * len(layers) + 38
    x = Scale(low, high, 70, width - 20)
    parts: list[object] = [text(70, 16, CLUSTERERS[clusterer], class_="title")]
    for i, layer in enumerate(layers):
        y = 44 + row * i
        parts += [line(64, y, width - 14, y, class_="grid"), text(56, y + 4, layer, anchor="end", class_="soft small")]
        for place, criterion in enumerate(criteria):
            j = looks[criterion]
            for k, at_edge in chosen.filter(layer=layer, criterion=criterion).select("k", "at_edge").iter_rows():
                shift = (place - (len(criteria) - 1) / 2) * 3.4
                mark = sign(
                    SHAPES[j % len(SHAPES)],
                    x(k),
                    y + shift,
                    4.2,
                    fill="none" if at_edge else f"var(--c{j})",
                    stroke=f"var(--c{j})",
                    stroke_width=1.4,
                    data_series=criterion,
                )
                edge = ", at the edge of the range" if at_edge else ""
                parts.append(tip(mark, f"{layer}, {CRITERIA[criterion]}: k = {k}{edge}"))
    below = x_axis(
        height - 42,
        [(x(k), f"{k:g}") for k in ticks(low, high, 8)],
        "k (open signs: at the edge of the range)",
        width / 2,
    )
    entries = [(name, point_mark(looks[name]), CRITERIA[name]) for name in criteria]
    return chart(
        f"chosen-{clusterer}",
        width,
        height,
        *parts,
        below,
        title=f"k by criterion, {CLUSTERERS[clusterer]}",
        key=key_rows(entries, 70, height + 4, width),
    )


def organisation_chart(table: pl.DataFrame) -> Chart:
    """Draw how far each phonological feature orders the phones, by layer (chance is a half).

    Parameters
    ----------
    table
        The table of `organisation.csv`.
    """
    layers = table["layer"].unique(maintain_order=True).to_list()
    series = []
    for look, feature in enumerate(table["attribute"].unique(maintain_order=True)):
        of_feature = dict(table.filter(attribute=feature).select("layer", "score").iter_rows())
        series.append(Series(feature, feature, [of_feature.get(layer) for layer in layers], look))
    size = (640.0, 330.0)
    # few phones give few triplets, and scores far below chance
    lowest = min([0.3, *(value for one in series for value in one.values if value is not None)])
    y, _ = scales(series, len(layers), size, (lowest, 1))
    return line_chart(
        "organisation",
        layers,
        series,
        title="Which features order the phones",
        size=size,
        y_range=(lowest, 1),
        y_label="triplet score",
        behind=line(52, y(0.5), size[0] - 12, y(0.5), stroke="var(--soft)", stroke_dasharray="4 4"),
    )
