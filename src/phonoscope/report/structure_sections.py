"""The parts of the page that show linear structure, speakers, and what more samples would change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import polars as pl
from markupsafe import Markup

from phonoscope.report.curves import Series, curve_mark, line_chart, point_mark
from phonoscope.report.panes import Axis, Picker, figures, on_page, picker
from phonoscope.report.structure_charts import dot_map, share_bars
from phonoscope.report.svg import tag
from phonoscope.report.words import CLUSTERERS
from phonoscope.structuring import FILES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from phonoscope.report.material import Material
    from phonoscope.report.svg import Chart

STRUCTURE = {"arithmetic": "Arithmetic", "linear": "Linear maps", "speakers": "Speakers", "sizes": "Panel size"}
"""The sections and their names in the page's navigation."""
_SIZE = (640.0, 330.0)
_SPEAKERS = 6
_POINTS = 360  # of each map of a layer: the page has sixteen of them
_LISTED = 24
_SOURCES = {"phone": "phone", "speaker": "speaker", "interaction": "phone × speaker", "residual": "residual"}


def structure_sections(material: Material) -> dict[str, Any]:
    """Return what the template needs, by section; a section that the run has nothing for is not there."""
    if not all((material.run.path / name).exists() for name in FILES):
        return {"structure": {}}
    found = {
        "arithmetic": _arithmetic(material),
        "linear": _linear(material),
        "speakers": _speakers(material),
        "sizes": _sizes(material),
    }
    return {"structure": {name: one for name, one in found.items() if one is not None}}


def _legend(series: Sequence[Series], *, curves: bool = True) -> list[dict[str, Any]]:
    mark = curve_mark if curves else point_mark
    return [{"key": one.key, "name": one.name, "mark": on_page(mark(one.look))} for one in series]


def _column(table: pl.DataFrame, name: str) -> list[float | None]:
    return table[name].cast(pl.Float64).to_list()


def _arithmetic(material: Material) -> dict[str, Any] | None:
    table = material.run.analogies
    if table.is_empty():
        return None
    whole = table.filter(feature="all")
    layers = whole["layer"].to_list()
    series = [
        Series(
            "sum", "b - a + c lands on d", _column(whole, "share"), 0, _column(whole, "low"), _column(whole, "high")
        ),
        Series("nearest", "d is the phone nearest to c", _column(whole, "nearest"), 1),
        Series(
            "chance",
            "chance (mean; 95 %)",
            _column(whole, "chance"),
            6,
            _column(whole, "chance"),
            _column(whole, "chance_high"),
        ),
    ]
    features = table["feature"].unique(maintain_order=True).to_list()
    cells = {(row["feature"], row["layer"]): row for row in table.iter_rows(named=True)}
    rows = []
    for feature in features:
        row = [cells[feature, layer] for layer in layers]
        rows.append((feature, row[0]["n"], [_cell(one) for one in row]))
    listed = material.run.analogy_list
    contents = {layer: _list_of(material, listed.filter(layer=layer)) for layer in layers}
    return {
        "chart": line_chart(
            "analogies",
            layers,
            series,
            title="Analogies that hold",
            size=_SIZE,
            y_range=(0, 1),
            y_label="share of the analogies",
        ),
        "legend": _legend(series),
        "layers": layers,
        "rows": rows,
        "list": picker([Axis("layer", [(layer, layer) for layer in layers], layers[-1])], contents),
        "n": int(whole["n"][0]),
    }


def _cell(one: Mapping[str, Any]) -> tuple[float, str, bool]:
    words = (
        f"{one['feature']}, {one['layer']}: {one['share']:.3f} (95 % from {one['low']:.3f} to {one['high']:.3f}); "
        f"chance {one['chance']:.3f}, p = {one['p_value']:.3g}; the phone nearest to c: {one['nearest']:.3f}"
    )
    return one["share"], words, one["p_value"] < 0.05  # noqa: PLR2004


def _list_of(material: Material, rows: pl.DataFrame) -> Markup:
    """List some analogies of a layer, evenly taken from all."""
    some = np.unique(np.linspace(0, rows.height - 1, min(_LISTED, rows.height)).round().astype(int))
    items = []
    for row in rows[some.tolist()].iter_rows(named=True):
        a, b, c, d, answer = (_phone(material, row[name]) for name in ("a", "b", "c", "d", "answer"))
        end = Markup("") if row["hit"] else Markup(" (sought: {}, rank {})").format(d, row["rank"])
        sign = "✓" if row["hit"] else "✗"
        items.append(tag("li", Markup("{} − {} + {} → {} {}{}").format(b, a, c, answer, sign, end)))  # noqa: RUF001
    return tag("ul", *items, class_="analogies small")


def _phone(material: Material, phone: str) -> Markup:
    return tag("span", phone, class_="phone", data_phone=phone, data_ipa=material.signs[phone])


def _linear(material: Material) -> dict[str, Any]:
    table, phones = material.run.linear_layers, material.run.linear
    layers = table["layer"].to_list()
    series = [
        Series(name, words, _column(table, name), look, _column(table, f"{name}_low"), _column(table, f"{name}_high"))
        for look, (name, words) in enumerate(
            {
                "accuracy": "samples recognised",
                "phones_apart": "phones told apart from all others",
                "pairs_apart": "pairs of phones told apart",
            }.items()
        )
    ]
    cells = {(row["phone"], row["layer"]): row for row in phones.iter_rows(named=True)}
    rows = []
    for phone in material.phones:
        values = []
        for layer in layers:
            one = cells[phone, layer]
            words = (
                f"/{phone}/ at {layer}: {one['recall']:.2f} (95 % from {one['low']:.2f} to {one['high']:.2f}); hardest "
                f"to tell from /{one['hardest']}/, {one['hardest_right']:.0%} right"
            )
            values.append((one["recall"], words))
        rows.append((_phone(material, phone), values))
    first = table.row(0, named=True)
    return {
        "chart": line_chart(
            "linear", layers, series, title="What a linear map tells apart", size=_SIZE, y_range=(0, 1), y_label="share"
        ),
        "legend": _legend(series),
        "layers": layers,
        "rows": rows,
        "by": first["folds_by"],
        "folds": first["folds"],
        "n": first["n_samples"],
        "chance": first["chance"],
    }


def _speakers(material: Material) -> dict[str, Any]:
    table = material.run.speaker_shares
    number = int(table["n_speakers"][0])
    if table["share"].null_count() == table.height:
        return {"number": number, "known": False}
    layers = table["layer"].unique(maintain_order=True).to_list()
    series = []
    for look, (source, name) in enumerate(_SOURCES.items()):
        own = table.filter(source=source)
        series.append(Series(source, name, _column(own, "share"), look, _column(own, "low"), _column(own, "high")))
    maps, legend = _maps(material)
    cells = []
    for i, layer in enumerate(layers):
        cells.append((layer, [_said(one, i) for one in series]))
    return {
        "number": number,
        "known": True,
        "chart": share_bars("speakers", layers, series, "Phone and speaker in the variance"),
        "legend": _legend(series, curves=False),
        "heads": list(_SOURCES.values()),
        "rows": cells,
        "maps": maps,
        "maps_legend": legend,
    }


def _said(one: Series, i: int) -> str:
    value, low, high = one.values[i], one.low[i], one.high[i]
    if value is None:
        return "–"  # noqa: RUF001
    value, low, high = (None if one is None else round(one, 3) + 0.0 for one in (value, low, high))  # no -0.000
    return f"{value:.3f}" + (f" ({low:.3f} … {high:.3f})" if low is not None and high is not None else "")


def _maps(material: Material) -> tuple[Picker, list[dict[str, Any]]]:
    """Draw the samples of some speakers on each layer's t-SNE map twice: by manner, and by speaker."""
    panel = material.panel.with_row_index("row")
    counted = panel["speaker"].value_counts(sort=False).sort("count", "speaker", descending=[True, False])
    names = sorted(counted["speaker"].head(_SPEAKERS).to_list())
    rows: list[int] = []
    for name in names:
        own = panel.filter(speaker=name)["row"].to_numpy()
        keep = np.linspace(0, len(own) - 1, min(len(own), _POINTS // len(names))).round().astype(int)
        rows += own[keep].tolist()
    speakers = [f"speaker {name}" for name in panel["speaker"].gather(rows)]
    groups = [material.looks[phone].group for phone in panel["phone"].gather(rows)]
    by_group = {group: look for group, look in material.groups.items() if group in groups}
    by_speaker = {f"speaker {name}": i for i, name in enumerate(names)}
    contents = {}
    for layer in material.layers:
        points = material.embedding(layer)[rows]
        charts = [
            dot_map(f"by-manner-{layer}", points, groups, by_group, title=f"{layer}, by manner", names=_same(by_group)),
            dot_map(
                f"by-speaker-{layer}",
                points,
                speakers,
                by_speaker,
                title=f"{layer}, by speaker",
                names=_same(by_speaker),
            ),
        ]
        contents[layer] = figures(charts)
    legend = [
        {"key": key, "name": key, "mark": on_page(point_mark(look))} for key, look in {**by_group, **by_speaker}.items()
    ]
    axes = [Axis("layer", [(layer, layer) for layer in material.layers], material.layers[-1])]
    return picker(axes, contents), legend


def _same(names: dict[str, int]) -> dict[str, str]:
    return {name: name for name in names}


def _sizes(material: Material) -> dict[str, Any] | None:
    table = material.run.panel_sizes
    ns = table["n_per_phone"].unique().sort().to_list()
    if len(ns) < 2:  # noqa: PLR2004
        return None
    charts: list[Chart] = []
    series: list[Series] = []
    for clusterer, name in CLUSTERERS.items():
        series = []
        for look, layer in enumerate(table["layer"].unique(maintain_order=True)):
            own = {
                row["n_per_phone"]: row for row in table.filter(layer=layer, clusterer=clusterer).iter_rows(named=True)
            }
            columns = [[own[n][c] if n in own else None for n in ns] for c in ("f_measure", "low", "high")]
            series.append(Series(layer, layer, columns[0], look % 8, columns[1], columns[2]))
        chance = table.filter(clusterer=clusterer).group_by("n_per_phone").agg(pl.col("chance").mean())
        by_n = cast("dict[int, float | None]", dict(chance.iter_rows()))
        series.append(Series("chance", "phones dealt at random", [by_n.get(n) for n in ns], 6))
        charts.append(
            line_chart(
                f"panel-size-{clusterer}",
                [str(n) for n in ns],
                series,
                title=f"{name}, after PCA",
                y_range=(0, 1),
                x_label="samples of each phone",
                y_label="F-measure",
            )
        )
    return {"charts": charts, "legend": _legend(series), "draws": int(table["draws"].max() or 0)}  # type: ignore[arg-type]
