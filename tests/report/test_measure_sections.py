"""Measures on the page: that every figure has its interval, and that both are those of the files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from made_run import SMALL, Plan, make_run
from page_reading import panes_of, read_page
from phonoscope.report.intervals import Measured, bracket, short, signed
from phonoscope.report.material import Material
from phonoscope.report.measure_sections import OF_ACTIVATIONS, OF_CLUSTERS, measure_sections
from phonoscope.report.tables import scores_to_latex
from phonoscope.report.write import write_report

if TYPE_CHECKING:
    from phonoscope.results import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    plan = Plan(phones={p: p for p in "ptai"}, seeds=(0, 1), settings=SMALL.changed({"evaluation.confidence": 0.9}))
    return make_run(tmp_path_factory.mktemp("run"), plan)


@pytest.mark.parametrize(
    ("value", "said"), [(0.6234, ".623"), (-0.0123, "-.012"), (1.0, "1.000"), (0.9996, "1.000"), (-0.0001, ".000")]
)
def test_numbers_below_one_have_no_zero_before_their_point(value: float, said: str) -> None:
    assert short(value) == said
    assert signed(value) == (said if said.startswith("-") else f"+{said}")
    assert bracket(value, 0.7) == f"[{said}, .700]"
    assert Measured(0.6, 0.57, 0.61, None, None).margin == "±.03"


def test_every_figure_stands_over_its_interval(run: Run) -> None:
    page = read_page(write_report(run).read_text(encoding="utf-8"))
    measures = run.measures
    assert measures is not None
    section = page.all("section", id="measures")[0]
    assert "90 % interval" in section.text
    (picker,) = [one for one in section.all(class_="picker") if one.attributes["id"] == "measure-table"]
    for clusterer, reduction in (("kmedians", "tsne"), ("spectral", "none")):
        (pane,) = panes_of(picker, (f"{clusterer}-{reduction}",))
        rows = pane.all("tbody")[0].all("tr")
        assert [row.all("th")[0].text for row in rows] == ["raw", "conv1", "D1", "chance"]
        for row in rows[:-1]:
            of = measures.filter(layer=row.all("th")[0].text, clusterer=clusterer, reduction=reduction)
            expected = [
                f"{short(one['value'])} {bracket(one['low'], one['high'])}"
                for name in OF_CLUSTERS
                for one in of.filter(measure=name).iter_rows(named=True)
            ]
            assert [cell.text for cell in row.all("td")] == expected
    assert len(measure_sections(Material(run))["measure_curves"].panes) == 8 + len(OF_ACTIVATIONS)


def test_differences_that_hold_are_bold(run: Run) -> None:
    tests = run.layer_tests
    assert tests is not None
    page = read_page(write_report(run).read_text(encoding="utf-8"))
    (picker,) = [one for one in page.all(class_="picker") if one.attributes["id"] == "differences"]
    (pane,) = panes_of(picker, ("pnmi", "kmedians-pca"))
    cells = [cell for cell in pane.all("td") if cell.text]
    of = tests.filter(measure="pnmi", clusterer="kmedians", reduction="pca")
    assert [cell.text for cell in cells] == [
        f"{signed(d)} {bracket(low, high)}" for d, low, high in of.select("difference", "low", "high").iter_rows()
    ]
    assert ["agree" in cell.attributes["class"] for cell in cells] == of["holds"].to_list()


def test_the_latex_table_has_each_interval_below_its_value(run: Run) -> None:
    lines = scores_to_latex(run.scores, run.measures).splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("raw & "))
    measures = run.measures
    assert measures is not None
    f = measures.filter(layer="raw", measure="f_measure", clusterer="kmedians", reduction="none").row(0, named=True)
    assert lines[at + 1].startswith(rf" & {{\scriptsize {bracket(f['low'], f['high'])}}} & ")
    assert lines[at].count("&") == lines[at + 1].count("&") == 6


def test_a_run_without_measures_has_no_such_section(run: Run) -> None:
    (run.path / "measures.csv").rename(run.path / "kept")
    try:
        page = read_page(write_report(run).read_text(encoding="utf-8"))
    finally:
        (run.path / "kept").rename(run.path / "measures.csv")
    assert not page.all("section", id="measures")
    assert not [a for a in page.all("a") if a.attributes["href"] == "#measures"]


def test_of_many_layers_those_that_follow_each_other_are_compared() -> None:
    layers = [f"l{i}" for i in range(14)]
    pairs = [(a, b) for i, a in enumerate(layers) for b in layers[i + 1 :]]
    tests = pl.DataFrame(
        [
            {"measure": "f_measure", "reduction": "pca", "clusterer": "kmedians", "layer_a": a, "layer_b": b}
            | {"difference": 0.1, "low": 0.0, "high": 0.2, "p_value": 0.5, "p_corrected": 0.5, "holds": False}
            for a, b in pairs
        ]
    )
    from phonoscope.report.measure_sections import _pairs  # noqa: PLC0415 - a part of the section

    assert str(_pairs(tests, layers)).count("<tr>") == 14
    assert str(_pairs(tests, layers[:12])).count("<td") == 11 * 11
