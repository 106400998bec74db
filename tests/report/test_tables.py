"""Tables for the terminal and for LaTeX: that they show the numbers they are given."""

from __future__ import annotations

import io
import re

import polars as pl
import pytest
from rich.console import Console

from phonoscope.report.tables import latex_escape, panel_to_table, scores_to_latex, scores_to_table

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


def text_of(table: object, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_the_table_has_a_row_a_layer_and_marks_its_best() -> None:
    text = text_of(scores_to_table(SCORES))
    rows = [line for line in text.splitlines() if "raw" in line or "D3" in line]
    assert rows[0].split()[1:4] == ["0.210", "0.260", "0.310"]
    assert rows[1].split()[1:4] == ["0.610", "0.660", "0.710"]


def test_intervals_stand_beside_their_values_in_80_characters() -> None:
    scores = SCORES.with_columns(pl.col("layer").replace("raw", "classifier"))
    cells = scores.select("layer", "reduction", "clusterer").unique(maintain_order=True)
    measures = cells.with_columns(
        measure=pl.lit("f_measure"), value=0.5, low=0.45, high=0.53, chance=0.1, chance_high=0.2
    )
    lines = text_of(scores_to_table(scores, measures), width=80).splitlines()
    assert max(map(len, lines)) <= 80
    for layer in ("classifier", "D3"):
        assert sum(line.startswith(f" {layer} ") and line.count("±.05") == 6 for line in lines) == 1


def test_the_panel_table_names_short_phones_and_escapes_markup() -> None:
    counts = pl.DataFrame(
        {
            "phone": ["a", "[red]", "J"],
            "ipa": ["a", "r", "ɲ"],
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


def test_the_latex_table_has_every_mean_and_the_best_of_each_layer_in_bold() -> None:
    lines = scores_to_latex(SCORES.filter(pl.col("clusterer") == "spectral")).splitlines()
    assert lines[3] == r"\begin{tabular}{lrrr}"
    assert lines[5] == r"layer & spectral & spectral, PCA & spectral, t-SNE \\"
    rows = [line for line in lines if line.startswith(("raw", "D3"))]
    assert rows == [
        r"raw & 0.210 & 0.260 & \textbf{0.310} \\",
        r"D3 & 0.610 & 0.660 & \textbf{0.710} \\",
    ]
    assert lines.index(rows[0]) < lines.index(rows[1])
    assert "$k = 33$" in lines[1]


def test_a_cell_that_was_not_run_is_a_dash() -> None:
    missing = ~((pl.col("layer") == "raw") & (pl.col("reduction") == "tsne"))
    rows = [line for line in scores_to_latex(SCORES.filter(missing)).splitlines() if line.startswith("raw")]
    assert rows == [r"raw & 0.210 & \textbf{0.260} & -- & 0.210 & \textbf{0.260} & -- \\"]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("conv_1", r"conv\_1"),
        ("50%", r"50\%"),
        ("a&b", r"a\&b"),
        ("$x$", r"\$x\$"),
        ("#{}", r"\#\{\}"),
        ("a~", r"a\textasciitilde{}"),
        ("^", r"\textasciicircum{}"),
        ("\\", r"\textbackslash{}"),
    ],
)
def test_what_latex_would_read_is_escaped(label: str, expected: str) -> None:
    assert latex_escape(label) == expected
    found = scores_to_latex(SCORES.with_columns(pl.lit(label).alias("layer")))
    row = next(line for line in found.splitlines() if "textbf" in line)
    assert row.startswith(f"{expected} & ")
    assert len(re.findall(r"(?<!\\)&", row)) == 6, "no label adds a column"
