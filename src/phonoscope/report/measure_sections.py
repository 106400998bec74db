"""The part of the page that shows every measure with its interval, and which differences between layers hold."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from phonoscope.report.curves import Series, chance_mark, chance_series, curve_mark, line_chart
from phonoscope.report.intervals import Measured, bracket, by_cell, short, signed
from phonoscope.report.methods import drawn
from phonoscope.report.panes import Axis, Picker, environment, figures, on_page, picker
from phonoscope.report.words import CLUSTERERS, REDUCTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

    from phonoscope.report.intervals import Cell
    from phonoscope.report.material import Material
    from phonoscope.report.svg import Chart

# homogeneity is the same figure as PNMI
OF_CLUSTERS: Final = {
    "f_measure": "F",
    "precision": "precision",
    "recall": "recall",
    "phone_purity": "phone purity",
    "cluster_purity": "cluster purity",
    "pnmi": "PNMI",
    "completeness": "completeness",
    "v_measure": "V-measure",
    "ari": "ARI",
    "ami": "AMI",
    "accuracy": "accuracy",
}
OF_ACTIVATIONS: Final = {
    "linear_probe": "linear probe",
    "knn": "nearest neighbours",
    "abx_within": "ABX error within speakers",
    "abx_across": "ABX error across speakers",
    "silhouette": "silhouette of the phones",
}
_DRAWN = ("f_measure", "phone_purity", "cluster_purity", "pnmi", "v_measure", "ari", "ami", "accuracy")
_MATRIX = 12  # layers whose pairs all have a place in a table; of more, those that follow each other have


def measure_sections(material: Material) -> dict[str, Any]:
    """Return what the template needs for the measures; nothing is shown of a run that has not measured them."""
    if material.measures is None:
        return {"measures": None}
    found = by_cell(material.measures)
    clusterings = list(dict.fromkeys((c, r) for _, r, c, _ in found if c))
    names = [(f"{c}-{r}", CLUSTERERS[c] + ("" if r == "none" else f", {REDUCTIONS[r]}")) for c, r in clusterings]
    chosen = _best(found, clusterings)
    reductions = [r for r in REDUCTIONS if any(r == reduction for _, reduction in clusterings)]
    tables = {f"{c}-{r}": _table(found, material.layers, OF_CLUSTERS, r, c) for c, r in clusterings}
    own = {name: said for name, said in OF_ACTIVATIONS.items() if any(key[3] == name for key in found)}
    percent = f"{100 * material.confidence:g} %"
    return {
        "measures": picker([Axis("clustering", names, chosen)], tables),
        "activation_measures": _table(found, material.layers, own, "none", "") if own else None,
        "measure_curves": _curves(found, material.layers, reductions, own),
        "measure_legend": [
            {"key": r, "name": REDUCTIONS[r], "mark": on_page(curve_mark(list(REDUCTIONS).index(r)))}
            for r in reductions
        ]
        + [{"key": "chance", "name": "chance", "mark": on_page(chance_mark())}],
        "differences": _differences(material, names, chosen, own),
        "percent": percent,
        "panel_drawn": f" ({drawn(material.panel)}), and from other seeds",
    }


def _best(found: Mapping[Cell, Measured], clusterings: Sequence[tuple[str, str]]) -> str:
    """Return the clustering with the highest F."""

    def most(clustering: tuple[str, str]) -> float:
        c, r = clustering
        return max(one.value for key, one in found.items() if key[1:] == (r, c, "f_measure"))

    best = max(clusterings, key=most)
    return f"{best[0]}-{best[1]}"


def _table(
    found: Mapping[Cell, Measured], layers: Sequence[str], columns: Mapping[str, str], reduction: str, clusterer: str
) -> Markup:
    """Make a table of values with their intervals, a row a layer, and below them the level of chance."""
    rows = [(layer, [found.get((layer, reduction, clusterer, name)) for name in columns]) for layer in layers]
    chance = []
    for i in range(len(columns)):
        known = [row[i] for _, row in rows]
        levels = [(one.chance, one.chance_high) for one in known if one and one.chance is not None]
        mean = sum(level for level, _ in levels) / len(levels) if levels else None
        most = max((high for _, high in levels if high is not None), default=None)
        chance.append(None if mean is None or most is None else (short(mean), short(most)))
    shown = [(layer, [one and (short(one.value), one.bracket) for one in row]) for layer, row in rows]
    return _macro("table", columns.values(), shown, chance)


def _macro(name: str, *given: object) -> Markup:
    return Markup(getattr(environment().get_template("measure_tables.html").module, name)(*given))  # noqa: S704 - escaped


def _curves(
    found: Mapping[Cell, Measured], layers: Sequence[str], reductions: Sequence[str], own: Mapping[str, str]
) -> Picker:
    contents = {}
    for measure in _DRAWN:
        charts = [
            _chart(found, layers, measure, clusterer, reductions)
            for clusterer in CLUSTERERS
            if any(key[2] == clusterer for key in found)
        ]
        contents[measure] = figures(charts)
    for measure in own:
        contents[measure] = figures([_chart(found, layers, measure, "", ["none"])])
    options = [(name, OF_CLUSTERS.get(name) or own[name]) for name in contents]
    return picker([Axis("measure", options, "pnmi")], contents)


def _chart(
    found: Mapping[Cell, Measured], layers: Sequence[str], measure: str, clusterer: str, reductions: Sequence[str]
) -> Chart:
    series = []
    for reduction in reductions:
        of = [found.get((layer, reduction, clusterer, measure)) for layer in layers]
        values, low, high = (
            [None if one is None else float(getattr(one, end)) for one in of] for end in ("value", "low", "high")
        )
        look = list(REDUCTIONS).index(reduction)
        name = REDUCTIONS[reduction] if clusterer else OF_ACTIVATIONS[measure]
        series.append(Series(reduction, name, values, look, low, high, band=True))
    known = [one for key, one in found.items() if key[2:] == (clusterer, measure)]
    least = min([0.0, *(one.low for one in known), *(one.chance or 0.0 for one in known)])
    y_range = (least if least == 0 else least - 0.05, 1.0)
    words = OF_CLUSTERS.get(measure) or OF_ACTIVATIONS[measure]
    by = f"{clusterer}-" if clusterer else ""
    return line_chart(
        f"measure-{by}{measure}",
        layers,
        [*series, *chance_series(found, layers, clusterer, measure)],
        title=f"{words}: {CLUSTERERS[clusterer]}" if clusterer else words,
        y_range=y_range,
        key=[(one.key, curve_mark(one.look), one.name) for one in series] + [("chance", chance_mark(), "chance")],
    )


def _differences(
    material: Material, names: list[tuple[str, str]], chosen: str, own: Mapping[str, str]
) -> Picker | None:
    tests = material.layer_tests
    if tests is None or tests.is_empty():
        return None
    families: dict[tuple[str, str, str], pl.DataFrame] = {
        (str(measure), str(reduction), str(clusterer)): rows
        for (measure, reduction, clusterer), rows in tests.partition_by(
            ["measure", "reduction", "clusterer"], as_dict=True, maintain_order=True
        ).items()
    }
    measures = [name for name in (*OF_CLUSTERS, *own) if any(key[0] == name for key in families)]
    contents = {}
    for measure in measures:
        for key, _ in names:
            clusterer, reduction = key.split("-")
            family = (measure, "none", "") if measure in own else (measure, reduction, clusterer)
            contents[f"{measure}|{key}"] = _pairs(families[family], material.layers)
    options = [(name, OF_CLUSTERS.get(name) or own[name]) for name in measures]
    return picker([Axis("measure", options, measures[0]), Axis("clustering", names, chosen)], contents)


def _pairs(rows: pl.DataFrame, layers: Sequence[str]) -> Markup:
    """Make a table of the differences of all pairs of layers, or of many layers of those that follow each other."""
    cells = {
        (row["layer_a"], row["layer_b"]): (
            signed(row["difference"]),
            bracket(row["low"], row["high"]),
            bool(row["holds"]),
        )
        for row in rows.iter_rows(named=True)
    }
    there = [layer for layer in layers if any(layer in pair for pair in cells)]
    if len(there) > _MATRIX:
        return _macro("steps", [(a, b, cells[a, b]) for a, b in pairwise(there)])
    return _macro("pairs", there[1:], [(a, [cells.get((a, b)) for b in there[1:]]) for a in there[:-1]])
