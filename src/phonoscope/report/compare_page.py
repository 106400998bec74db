"""The page of `phonoscope compare`: runs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
from markupsafe import Markup

from phonoscope import __version__
from phonoscope.errors import OutputFolderError
from phonoscope.files import write_text
from phonoscope.formulas import guarded
from phonoscope.printing import printable
from phonoscope.report.compare_charts import DepthCurve, DepthPoint, depth_chart
from phonoscope.report.compare_classes import class_picker, pair_axis
from phonoscope.report.compare_words import (
    PLACES,
    clustering_name,
    compare_methods,
    compared_sentence,
    findings,
    measure_name,
    p_cell,
)
from phonoscope.report.curves import curve_mark
from phonoscope.report.head import head
from phonoscope.report.model_words import short_models
from phonoscope.report.panes import Axis, Picker, environment, figure, on_page, picker
from phonoscope.report.scatter import data_block
from phonoscope.report.theme import FIGURE_CSS, LIGHT
from phonoscope.report.words import short_corpus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from phonoscope.compared import Comparison

    Row = Mapping[str, Any]

_SECTIONS = {
    "result": "Result",
    "curves": "Curves",
    "differences": "Differences",
    "classes": "Classes",
    "samples": "Samples",
    "warnings": "Warnings",
    "methods": "Methods",
}
_MOST = 300  # differences that are listed at once; all are in the CSV
_HOLDING = "holding"


def write_compare_page(found: Comparison, path: Path) -> None:
    """Write the page.

    Raises
    ------
    OutputFolderError
        It can not be written.
    """
    page = environment().get_template("compare.html").render(**_content(found))
    try:
        write_text(path, printable(page))
    except OSError as error:
        raise OutputFolderError(path, f"can not be written ({error.strerror})") from None


def _content(found: Comparison) -> dict[str, Any]:
    names = [one.name for one in found.runs]
    tables = {name: guarded(table).write_csv() for name, table in found.tables.items() if table.height}
    shown = {
        "classes": found.classes.height,
        "samples": found.samples.height,
        "differences": found.differences.height,
        "warnings": len(found.warnings),
    }
    data = [
        data_block("data-look", {"light": LIGHT, "css": FIGURE_CSS, "notation": ""}),
        data_block("data-samples", {"utterances": [], "speakers": [], "rows": []}),
        data_block("data-tables", tables),
    ]
    return {
        "title": f"{', '.join(names[:-1])} and {names[-1]} side by side",
        **head(script=True),
        "sections": [(id_, name) for id_, name in _SECTIONS.items() if shown.get(id_, 1)],
        "data": Markup("").join(data),
        "tables": set(tables),
        "finding": findings(found),
        "runs": _runs(found),
        "with_model": any(one.about.get("model") for one in found.runs),
        "pairs": found.pairs.to_dicts(),
        "paired_words": compared_sentence(found),
        "legend_entries": [
            {"key": f"run{i}", "name": name, "mark": on_page(curve_mark(i))} for i, name in enumerate(names)
        ],
        "curve_picker": _curve_picker(found),
        "difference_picker": _difference_picker(found) if found.differences.height else None,
        "class_rows": [_class_row(row) for row in found.classes.iter_rows(named=True)],
        "class_picker": class_picker(found) if found.classes.height else None,
        "sample_rows": [
            (f"{row['run_a']} / {row['run_b']}", clustering_name(row["reduction"], row["clusterer"]), _at(row),
             f"{row['ami']:.3f}")
            for row in found.samples.iter_rows(named=True)
        ],
        "warnings": found.warnings,
        "methods": compare_methods(found, __version__),
        "version": __version__,
    }  # fmt: skip


def _runs(found: Comparison) -> list[dict[str, Any]]:
    models = short_models([str(one.about.get("model") or "") for one in found.runs])
    return [
        {
            "mark": on_page(curve_mark(i)),
            "name": one.name,
            "model": model,
            "model_place": "" if model == one.about.get("model") else one.about.get("model") or "",
            "corpus": short_corpus(one.about.get("corpus", "")),
            "phones": len(one.phones),
            "samples": one.panel.height,
            "speakers": one.panel["speaker"].n_unique(),
            "layers": len(one.layers),
            "ends": f"{one.layers[0]} … {one.layers[-1]}" if len(one.layers) > 1 else one.layers[0],
        }
        for i, (one, model) in enumerate(zip(found.runs, models, strict=True))
    ]


def _curve_picker(found: Comparison) -> Picker:
    """Lay out a chart for every measure and clustering; measures of the activations have one."""
    index = {one.name: i for i, one in enumerate(found.runs)}
    table = found.curves.filter(pl.col("value").is_finite())
    measures = table["measure"].unique(maintain_order=True).to_list()
    whats = list(dict.fromkeys(table.select("reduction", "clusterer").iter_rows()))
    clustered = [what for what in whats if what[1]] or whats
    parts = table.partition_by("measure", "reduction", "clusterer", as_dict=True)
    contents = {}
    for measure in measures:
        own = [what for what in whats if (measure, *what) in parts]
        for what in clustered:
            # a measure of the activations is the same whatever clustering is chosen
            chosen = what if what in own else next((other for other in own if not other[1]), None)
            key = f"{measure}|{what[0]}-{what[1]}"
            if chosen is None:
                contents[key] = Markup('<p class="soft">This was not measured.</p>')
                continue
            rows = parts[(measure, *chosen)]
            curves = [
                DepthCurve(f"run{index[str(name)]}", str(name), index[str(name)], _points(of_run))
                for (name,), of_run in rows.group_by("run", maintain_order=True)
            ]
            name = measure_name(measure)
            chart = depth_chart(
                "-".join(["curve", measure, *filter(None, chosen)]),
                curves,
                title=f"{name}: {clustering_name(*chosen)}",
                y_label=name,
            )
            contents[key] = figure(chart)
    best = _best_clustering(found, clustered)
    return picker(
        [
            Axis("measure", [(name, measure_name(name)) for name in measures],
                 "f_measure" if "f_measure" in measures else measures[0]),
            Axis("clustering", [(f"{r}-{c}", clustering_name(r, c)) for r, c in clustered], f"{best[0]}-{best[1]}"),
        ],
        contents,
    )  # fmt: skip


def _best_clustering(found: Comparison, among: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Return the clustering in which the runs' last layers have the highest F."""
    last = found.curves.filter((pl.col("measure") == "f_measure") & (pl.col("depth") == 1))
    means = last.group_by("reduction", "clusterer", maintain_order=True).agg(pl.col("value").mean())
    order = means.sort("value", descending=True, maintain_order=True).select("reduction", "clusterer").rows()
    return next((what for what in order if what in among), among[0])


def _points(rows: pl.DataFrame) -> list[DepthPoint]:
    columns = ("layer", "depth", "value", "low", "high", "chance")
    return [DepthPoint(*row) for row in rows.sort("depth", maintain_order=True).select(columns).iter_rows()]


def _difference_picker(found: Comparison) -> Picker:
    pairs = found.pairs.select("run_a", "run_b").rows()
    measures = found.differences["measure"].unique(maintain_order=True).to_list()
    contents = {}
    template = environment().get_template("compare_tables.html")
    for i, (a, b) in enumerate(pairs):
        rows = found.differences.filter(run_a=a, run_b=b)
        holding = rows.filter("holds").with_columns((pl.col("difference") / pl.col("se")).abs().alias("z"))
        lists = {_HOLDING: holding.sort("z", descending=True, nulls_last=True, maintain_order=True)}
        lists |= {measure: rows.filter(measure=measure) for measure in measures}
        for key, listed in lists.items():
            text = template.render(
                a=a,
                b=b,
                rows=[_difference_row(row) for row in listed.head(_MOST).iter_rows(named=True)],
                more=max(0, listed.height - _MOST),
                with_measure=key == _HOLDING,
            )
            contents[f"{i}|{key}"] = Markup(text)  # noqa: S704 - an escaping template's
    first = "f_measure" if "f_measure" in measures else measures[0]
    options = [(_HOLDING, "those that hold, of all measures"), *((name, measure_name(name)) for name in measures)]
    return picker([pair_axis(pairs), Axis("measure", options, first)], contents)


def _at(row: Row) -> str:
    """Say at which layers, and why there."""
    layers = row["layer_a"] if row["layer_a"] == row["layer_b"] else f"{row['layer_a']} / {row['layer_b']}"
    words = [PLACES[place] for place in row["place"].split(", ") if place != "layer"]
    return f"{layers} ({', '.join(words)})" if words else layers


def _difference_row(row: Row) -> dict[str, Any]:
    def number(name: str) -> str:
        return "-" if row[name] is None else f"{row[name]:.3f}"

    def signed(name: str) -> str:
        return f"{row[name]:+.3f}".replace("-", "−")  # noqa: RUF001 - the sign for a minus

    return {
        "measure": measure_name(row["measure"]),
        "what": clustering_name(row["reduction"], row["clusterer"]),
        "at": _at(row),
        "a": number("value_a"),
        "b": number("value_b"),
        "chance": " / ".join(dict.fromkeys(number(f"chance_{side}") for side in ("a", "b"))),
        "difference": signed("difference"),
        "interval": f"[{signed('low')}, {signed('high')}]",
        "p": p_cell(row["p_holm"]),
        "ahead": row["ahead"] or ("" if row["same_phones"] else "(other phones)"),
        "holds": row["holds"],
    }


def _class_row(row: Row) -> tuple[str, str, str, str, str, str, bool]:
    return (
        f"{row['run_a']} / {row['run_b']}",
        clustering_name("none", row["clusterer"]),
        _at(row),
        f"{row['k_a']} / {row['k_b']}",
        f"{row['ari']:.2f}",
        p_cell(row["p_holm"]),
        row["holds"],
    )
