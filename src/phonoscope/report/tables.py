"""Tables for the terminal."""

from __future__ import annotations

import polars as pl
from rich import box
from rich.markup import escape
from rich.table import Table

from phonoscope.report.intervals import by_cell, short

_HEADS = {
    ("kmedians", "none"): "k-medians",
    ("kmedians", "pca"): "k-medians\nPCA",
    ("kmedians", "tsne"): "k-medians\nt-SNE",
    ("spectral", "none"): "spectral",
    ("spectral", "pca"): "spectral\nPCA",
    ("spectral", "tsne"): "spectral\nt-SNE",
}


def scores_to_table(scores: pl.DataFrame, measures: pl.DataFrame | None = None) -> Table:
    """Make a table of F, a row a layer, a column a clusterer and reduction, the best of each column in bold.

    Parameters
    ----------
    scores
        The table of `scores.csv`.
    measures
        That of `measures.csv`: what it has of the intervals is told as ``±``, the larger half.
    """
    margins = {key[:3]: one.margin for key, one in by_cell(measures).items() if key[3] == "f_measure"}
    k = sorted(set(scores["k"]))
    title = f"F-measure by layer, k = {', '.join(map(str, k))}"
    # no lines between the columns: so all six have their intervals beside them in 80 characters
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("layer", overflow="fold")
    means = scores.group_by("layer", "clusterer", "reduction", maintain_order=True).agg(pl.col("f_measure").mean())
    cells = {(row[0], row[1], row[2]): row[3] for row in means.iter_rows()}
    columns = [head for head in _HEADS if any(key[1:] == head for key in cells)]
    for column in columns:
        table.add_column(_HEADS[column], justify="right", no_wrap=True)
    for layer in scores["layer"].unique(maintain_order=True):
        best = max(cells[layer, *column] for column in columns)
        shown = []
        for clusterer, reduction in columns:
            margin = margins.get((layer, reduction, clusterer), "")
            shown.append(_figure(cells[layer, clusterer, reduction], best, margin))
        table.add_row(escape(layer), *shown)
    return table


def _figure(value: float, best: float, margin: str) -> str:
    text = f"{short(value)} {margin}" if margin else f"{value:.3f}"
    return f"[bold]{text}[/bold]" if value == best else text


def panel_to_table(counts: pl.DataFrame) -> Table | None:
    """Make a table of the phones with fewer samples than the others, or that are left out; None if there is none."""
    most = int(counts["used"].to_numpy().max())
    uneven = counts.filter(pl.col("used") < most)
    if uneven.is_empty():
        return None
    table = Table(title="Phones with fewer samples in the panel than the others", title_justify="left")
    table.add_column("phone")
    for head in ("validation\nsegments", "classified\ncorrectly", "samples\nused"):
        table.add_column(head, justify="right")
    table.add_column("")
    columns = ("phone", "segments", "correct", "used", "in_panel")
    for phone, segments, correct, used, in_panel in uneven.select(columns).iter_rows():
        table.add_row(
            escape(phone),
            str(segments),
            "" if correct is None else str(correct),
            str(used),
            "" if in_panel else "left out",
        )
    return table


def scores_to_latex(scores: pl.DataFrame, measures: pl.DataFrame | None = None) -> str:
    """Make a LaTeX table (booktabs) of F, a row a layer, the best of each layer in bold.

    Parameters
    ----------
    scores
        The table of `scores.csv`.
    measures
        That of `measures.csv`: its intervals stand in a smaller row below each.
    """
    known = by_cell(measures)
    means = scores.group_by("layer", "clusterer", "reduction", maintain_order=True).agg(pl.col("f_measure").mean())
    cells = {(row[0], row[1], row[2]): row[3] for row in means.iter_rows()}
    columns = [head for head in _HEADS if any(key[1:] == head for key in cells)]
    k = ", ".join(map(str, sorted(set(scores["k"]))))
    names = [_HEADS[column].replace("\n", ", ") for column in columns]
    lines = [
        r"\begin{table}",
        rf"\caption{{F-measure of phones against clusters by layer, $k = {k}$.}}",
        r"\centering",
        rf"\begin{{tabular}}{{l{'r' * len(columns)}}}",
        r"\toprule",
        " & ".join(["layer", *names]) + r" \\",
        r"\midrule",
    ]
    for layer in scores["layer"].unique(maintain_order=True):
        found = [cells.get((layer, *column)) for column in columns]
        best = max(value for value in found if value is not None)
        shown = [
            "--" if value is None else rf"\textbf{{{value:.3f}}}" if value == best else f"{value:.3f}"
            for value in found
        ]
        lines.append(" & ".join([latex_escape(layer), *shown]) + r" \\")
        brackets = [known.get((layer, reduction, clusterer, "f_measure")) for clusterer, reduction in columns]
        if any(brackets):
            small = [rf"{{\scriptsize {one.bracket}}}" if one else "" for one in brackets]
            lines.append(" & ".join(["", *small]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"])


def latex_escape(text: str) -> str:
    """Return text with LaTeX's own characters escaped."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(special.get(c, f"\\{c}" if c in "&%$#_{}" else c) for c in text)
