"""The parts of the page that show how well clusters match phones: curves, heat table, phone by phone, matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from phonoscope.evaluation.separability import contingency
from phonoscope.report.curves import chance_mark, curve_mark, paper_mark, separability_chart
from phonoscope.report.heat import heat_legend, phone_heat
from phonoscope.report.intervals import by_cell
from phonoscope.report.panes import Axis, Picker, figure, on_page, picker
from phonoscope.report.tables import scores_to_latex
from phonoscope.report.words import CLUSTERERS, REDUCTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from phonoscope.report.intervals import Cell, Measured
    from phonoscope.report.material import Material


def score_sections(material: Material) -> dict[str, Any]:
    """Return what the template needs for the result, the cells, the phones and the matrices."""
    scores = material.scores
    clusterers = [name for name in CLUSTERERS if name in scores["clusterer"]]
    reductions = [name for name in REDUCTIONS if name in scores["reduction"]]
    layers = material.layers
    measures = by_cell(material.measures)
    charts = [
        separability_chart(scores, name, material.paper if name == "spectral" else None, measures)
        for name in clusterers
    ]
    legend = [
        {"key": name, "name": REDUCTIONS[name], "mark": on_page(curve_mark(list(REDUCTIONS).index(name)))}
        for name in reductions
    ]
    if measures:
        legend.append({"key": "chance", "name": "chance", "mark": on_page(chance_mark())})
    if "spectral" in clusterers and material.paper:
        legend.append({"key": "paper", "name": "the paper", "mark": on_page(paper_mark())})
    heads, rows = _cells(scores, layers, clusterers, reductions, measures)
    return {
        "f_charts": charts,
        "reduction_legend": legend,
        "cell_heads": heads,
        "cell_rows": rows,
        "k_text": ", ".join(map(str, sorted(set(scores["k"])))),
        "latex": scores_to_latex(scores, material.measures),
        "f_interval": f"{100 * material.confidence:g} %" if measures else "",
        "per_phone": _per_phone(material, clusterers, reductions),
        "shades_f": heat_legend("F of 0", "1"),
        "matrices": _matrices(material, clusterers, reductions),
        "paper": material.paper,
        "paper_size": material.n_phones == 33,  # noqa: PLR2004 - the paper's number of phones
    }


def _cells(
    scores: pl.DataFrame,
    layers: list[str],
    clusterers: list[str],
    reductions: list[str],
    measures: Mapping[Cell, Measured],
) -> tuple[list[str], list[tuple[str, list[tuple[float | None, str, bool, str]]]]]:
    columns = [(c, r) for c in clusterers for r in reductions]
    heads = [CLUSTERERS[c] + ("" if r == "none" else f", {REDUCTIONS[r]}") for c, r in columns]
    means = scores.group_by("layer", "clusterer", "reduction").agg(
        pl.col("f_measure", "precision", "recall", "purity").mean()
    )
    by_cell = {(row["layer"], row["clusterer"], row["reduction"]): row for row in means.iter_rows(named=True)}
    rows = []
    for layer in layers:
        found = [by_cell.get((layer, *column)) for column in columns]
        best = max((cell["f_measure"] for cell in found if cell), default=None)
        row = [
            (
                cell["f_measure"] if cell else None,
                f"{layer}, {head}: precision {cell['precision']:.3f}, recall {cell['recall']:.3f}, "
                f"purity {cell['purity']:.3f}"
                if cell
                else "",
                bool(cell and cell["f_measure"] == best),
                known.bracket if (known := measures.get((layer, r, c, "f_measure"))) else "",
            )
            for cell, head, (c, r) in zip(found, heads, columns, strict=True)
        ]
        rows.append((layer, row))
    return heads, rows


def _clusterings(clusterers: list[str], reductions: list[str]) -> list[tuple[str, str]]:
    return [
        (f"{c}-{r}", CLUSTERERS[c] + (", " + REDUCTIONS[r] if r != "none" else ""))
        for c in clusterers
        for r in reductions
    ]


def _best(scores: pl.DataFrame) -> dict[str, Any]:
    return scores.sort("f_measure", descending=True, maintain_order=True).row(0, named=True)


def _per_phone(material: Material, clusterers: list[str], reductions: list[str]) -> Picker:
    phones, layers = material.phones, material.layers
    best = _best(material.scores)
    table = material.per_phone.group_by("layer", "clusterer", "reduction", "phone").agg(
        pl.col("precision", "recall", "f_measure").mean()
    )
    cells = {(r["layer"], r["clusterer"], r["reduction"], r["phone"]): r for r in table.iter_rows(named=True)}
    contents = {}
    for key, name in _clusterings(clusterers, reductions):
        clusterer, reduction = key.split("-")
        found = [[cells.get((layer, clusterer, reduction, phone)) for phone in phones] for layer in layers]
        values = np.array([[cell["f_measure"] if cell else 0.0 for cell in row] for row in found])

        def describe(i: int, j: int, found: list[list[dict[str, Any] | None]] = found) -> str:
            cell = found[i][j]
            words = f"P {cell['precision']:.2f}, R {cell['recall']:.2f}, F {cell['f_measure']:.2f}" if cell else ""
            return f"/{phones[j]}/ at {layers[i]}: {words}"

        heat = phone_heat(
            f"phones-{key}",
            layers,
            phones,
            values,
            ipa=material.signs,
            title=f"F of each phone: {name}",
            describe=describe,
            row_height=24,
            gaps=material.gaps,
        )
        contents[key] = figure(heat)
    options = _clusterings(clusterers, reductions)
    return picker([Axis("clustering", options, f"{best['clusterer']}-{best['reduction']}")], contents)


def _matrices(material: Material, clusterers: list[str], reductions: list[str]) -> Picker:
    best = _best(material.scores)
    contents = {}
    options = _clusterings(clusterers, reductions)
    for layer in material.layers:
        for key, name in options:
            clusterer, reduction = key.split("-")
            labels = material.labels(layer, reduction, clusterer)
            if labels is not None:
                contents[f"{layer}|{key}"] = figure(_matrix(material, labels, f"{layer}, {name}", f"{layer}-{key}"))
    axes = [
        Axis("layer", [(layer, layer) for layer in material.layers], best["layer"]),
        Axis("clustering", options, f"{best['clusterer']}-{best['reduction']}"),
    ]
    return picker(axes, contents)


def _matrix(material: Material, labels: np.ndarray, title: str, name: str) -> Any:  # noqa: ANN401
    phones = material.phones
    names, clusters, counts = contingency(material.panel["phone"].to_list(), labels)
    counts = counts[[names.tolist().index(phone) for phone in phones]]
    shares = counts / counts.sum(axis=1, keepdims=True)
    owner = counts.argmax(axis=0)
    order = np.lexsort((-shares.max(axis=0), owner))
    rows = [phones[owner[c]] for c in order]
    values = shares[:, order].T

    def describe(i: int, j: int) -> str:
        c = order[i]
        inside = counts[:, c].sum()
        return (
            f"cluster {clusters[c]}, of /{rows[i]}/, {inside} samples: {counts[j, c]} of /{phones[j]}/, "
            f"{shares[j, c]:.0%} of that phone's"
        )

    return phone_heat(
        f"clusters-{name}",
        rows,
        phones,
        values,
        ipa=material.signs,
        title=f"Clusters against phones: {title}",
        describe=describe,
        gaps=material.gaps,
        rows_are_phones=True,
    )
