"""Figures and tables: that they show the numbers they are given."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import polars as pl
from rich.console import Console

from phonoscope.report.figures import save_figure, separability_figure
from phonoscope.report.tables import panel_to_table, scores_to_table

if TYPE_CHECKING:
    from pathlib import Path

SCORES = pl.DataFrame(
    [
        {"layer": layer, "reduction": reduction, "clusterer": clusterer, "k": 33, "seed": seed, "f_measure": f}
        for seed in (0, 1)
        for layer, base in (("raw", 0.2), ("D3", 0.6))
        for reduction, more in (("none", 0.0), ("pca", 0.05), ("tsne", 0.1))
        for clusterer in ("kmedians", "spectral")
        for f in (base + more + seed * 0.02,)
    ]
)


def text_of(table: object) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_figure_1_draws_the_mean_of_the_seeds_for_each_layer() -> None:
    figure = separability_figure(SCORES)
    left, right = figure.axes
    assert left.get_title() == "k-medians, k = 33"
    assert right.get_title() == "spectral clustering, k = 33"
    assert [tick.get_text() for tick in left.get_xticklabels()] == ["raw", "D3"]
    labels = right.get_legend_handles_labels()[1]
    assert labels == ["no reduction", "PCA", "t-SNE"]
    curves = [container[0].get_ydata().tolist() for container in left.containers]
    assert [[round(float(y), 6) for y in curve] for curve in curves] == [[0.21, 0.61], [0.26, 0.66], [0.31, 0.71]]


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in save_figure(separability_figure(SCORES), tmp_path / "a", "figure1")]
    second = [path.read_bytes() for path in save_figure(separability_figure(SCORES), tmp_path / "b", "figure1")]
    assert first == second
    assert b"<svg" in first[0]
    assert b"F-measure</text>" in first[0], "text stays text"
    assert first[1].startswith(b"\x89PNG")


def test_the_table_has_a_row_a_layer_and_marks_its_best() -> None:
    text = text_of(scores_to_table(SCORES))
    rows = [line for line in text.splitlines() if "raw" in line or "D3" in line]
    assert [cell.strip() for cell in rows[0].split("│")[2:5]] == ["0.210", "0.260", "0.310"]
    assert [cell.strip() for cell in rows[1].split("│")[2:5]] == ["0.610", "0.660", "0.710"]


def test_the_panel_table_names_short_phones_and_escapes_markup() -> None:
    counts = pl.DataFrame(
        {
            "phone": ["a", "[red]", "J"],
            "segments": [500, 80, 3],
            "correct": [400, 60, 1],
            "used": [100, 60, 0],
            "in_panel": [True, True, False],
        }
    )
    text = text_of(panel_to_table(counts))
    assert "[red]" in text
    assert "left out" in next(line for line in text.splitlines() if " J " in line)
    assert "500" not in text
    assert panel_to_table(counts.filter(phone="a")) is None
