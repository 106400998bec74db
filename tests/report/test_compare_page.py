"""The page of runs side by side, in a real browser and read as text."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import polars as pl
import pytest

import phonoscope
from made_measures import plant_measures
from made_run import TWELVE, Plan, make_run
from page_reading import chosen_at_first, combinations_of, data_of, panes_of, read_page, svg_texts
from phonoscope.rundir import record
from svg_reading import all_of, centre, parse, tips, values_of_y

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from page_reading import Node
    from phonoscope import Comparison

    OpenPage = Callable[..., Page]

pytest_plugins = ["browsing"]

NAUGHTY = "<script>alert(1)<b>"  # no slash: it names a folder


@pytest.fixture(scope="module")
def page_of_three(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Comparison]:
    """Two runs with the same samples, the second better, and one of other phones called like an element."""
    folder = tmp_path_factory.mktemp("compare")
    one = make_run(folder / "first", Plan(corpus="corpora/one"))
    shutil.copytree(one.path, folder / "second")
    plant_measures(one, own=1)
    plant_measures(phonoscope.Run(folder / "second"), own=2, shifts={"f_measure": 0.05})
    plan = Plan(phones={**TWELVE, NAUGHTY: "o"}, layers={"raw": (9,), "a b": (9,), "D1": (9,), "D2": (9,)})
    other = make_run(folder / NAUGHTY, plan)
    plant_measures(other, own=3)
    page = folder / "page.html"
    return page, phonoscope.compare([one.path, folder / "second", other.path], page)


@pytest.fixture(scope="module")
def parsed(page_of_three: tuple[Path, Comparison]) -> Node:
    return read_page(page_of_three[0].read_text(encoding="utf-8"))


def test_every_choice_shows_one_pane(parsed: Node) -> None:
    pickers = parsed.all("div", class_="picker")
    assert [one.attributes["id"] for one in pickers] == ["curve-picker", "difference-picker", "class-picker"]
    for picker in pickers:
        for choices in combinations_of(picker):
            (pane,) = panes_of(picker, choices)
            assert pane.text, choices
        assert "template" not in {pane.name for pane in panes_of(picker, chosen_at_first(picker))}


def test_curves_are_drawn_where_the_values_are(page_of_three: tuple[Path, Comparison]) -> None:
    path, found = page_of_three
    charts = {root.get("aria-label"): root for root in map(parse, svg_texts(path.read_text(encoding="utf-8")))}
    root = charts["F: k-medians after PCA"]
    value = values_of_y(root)
    curves = found.curves.filter(measure="f_measure", reduction="pca", clusterer="kmedians")
    for i, run in enumerate(found.runs):
        group, _key = all_of(root, "g", data_series=f"run{i}")
        rows = curves.filter(run=run.name)
        marks = [one for one in group.iter() if one.get("data-tip")]
        assert [value(centre(one)[1]) for one in marks] == pytest.approx(rows["value"].to_list(), abs=0.005)
        places = [centre(one)[0] for one in marks]
        assert [(x - places[0]) / (places[-1] - places[0]) for x in places] == pytest.approx(rows["depth"].to_list())
        (band,) = all_of(group, "polygon", class_="band")
        heights = [value(float(point.split(",")[1])) for point in band.get("points", "").split()]
        assert heights == pytest.approx([*rows["high"], *rows["low"].reverse()], abs=0.002)
    assert f"{NAUGHTY}, a b: 0.400 (" in " ".join(tips(root))
    # a measure of the activations is the same whatever clustering is chosen
    assert len([name for name in charts if name and name.startswith("linear probe")]) == 1


def test_the_table_is_that_of_the_numbers_and_marks_what_holds(
    page_of_three: tuple[Path, Comparison], parsed: Node
) -> None:
    _, found = page_of_three
    (picker,) = parsed.all("div", id="difference-picker")
    for i, (a, b) in enumerate(found.pairs.select("run_a", "run_b").rows()):
        rows = found.differences.filter(run_a=a, run_b=b, measure="f_measure")
        (pane,) = panes_of(picker, (str(i), "f_measure"))
        (body,) = pane.all("tbody")
        listed = body.all("tr")
        assert [one.attributes.get("class") == "holds" for one in listed] == rows["holds"].to_list()
        for one, row in zip(listed, rows.iter_rows(named=True), strict=True):
            assert f"{row['difference']:+.3f}".replace("-", "\u2212") in one.text
            assert (row["ahead"] or "") in one.text
            assert ("(other phones)" in one.text) == (NAUGHTY in (a, b))
    (pane,) = panes_of(picker, ("0", "holding"))
    holding = found.differences.filter(pl.col("holds"), run_a="first", run_b="second")
    assert holding.height > 0
    assert len(pane.all("tr", class_="holds")) == holding.height


def test_classes_of_both_runs_stand_side_by_side(page_of_three: tuple[Path, Comparison], parsed: Node) -> None:
    _, found = page_of_three
    (picker,) = parsed.all("div", id="class-picker")
    (pane,) = panes_of(picker, ("0", "spectral", "last"))
    assert "Adjusted Rand index 1.00" in pane.text
    cards = pane.all("div", class_="card")
    phones = [sorted(one.text.replace(" in both", "") for one in card.all("li")) for card in cards]
    assert phones[0] == phones[1]
    row = found.classes.filter(run_a="first", run_b="second", clusterer="spectral", layer_a="D1").row(0, named=True)
    assert {*phones[0]} == {one for one in row["identical"].split(", ") if " " in one}
    assert len(pane.all("li", class_="same")) == 2 * len(phones[0])


def test_words_tables_and_warnings(page_of_three: tuple[Path, Comparison], parsed: Node) -> None:
    _, found = page_of_three
    (finding,) = parsed.all("ul", class_="finding")
    assert "second 0.650 (D1), first 0.600 (D1)" in finding.text
    assert "ahead second" in finding.text
    (warnings,) = parsed.all("ul", class_="warnings")
    assert f"{NAUGHTY} 13, of which 12 are the same" in warnings.text
    assert "paired for 1 of 3 pairs" in parsed.all(id="methods-text")[0].text
    tables = data_of(parsed, "data-tables")
    buttons = [one.attributes["data-table"] for one in parsed.all("button") if "data-table" in one.attributes]
    assert sorted(buttons) == sorted(tables) == sorted(found.tables)
    assert tables["differences"] == found.differences.write_csv()


def test_models_are_named_as_they_are_known_and_their_paths_in_tooltips(
    page_of_three: tuple[Path, Comparison], tmp_path: Path
) -> None:
    models = ("/home/anna/runs/real", "/data/old/runs/real", "/home/anna/hubert<b>", "facebook/wav2vec2-base", "")
    paths = []
    for i, model in enumerate(models):
        paths.append(tmp_path / f"run{i}")
        shutil.copytree(page_of_three[1].runs[0].run.path, paths[-1])
        about = {"model": model} if model else None
        record(paths[-1], page_of_three[1].runs[0].settings, "made", 1, about)
    phonoscope.compare(paths, tmp_path / "page.html")
    table = read_page((tmp_path / "page.html").read_text(encoding="utf-8")).all("table")[0]
    cells = [row.all("td", class_="text")[0] for row in table.all("tbody")[0].all("tr")]
    assert [cell.text for cell in cells] == [
        "anna/runs/real",
        "old/runs/real",
        "hubert<b>",
        "facebook/wav2vec2-base",
        "",
    ]
    assert [cell.attributes.get("title") for cell in cells] == [*models[:3], None, None]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser(open_page: OpenPage, page_of_three: tuple[Path, Comparison], scheme: str) -> None:
    page = open_page(page_of_three[0], color_scheme=scheme)
    assert page.locator("h1").inner_text() == f"first, second and {NAUGHTY} side by side"
    assert page.evaluate("document.scripts.length") == 4
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    for picker in page.locator(".picker").all() if scheme == "light" else ():
        for select in picker.locator("select:visible").all():
            for value in select.evaluate("(s) => [...s.options].map((o) => o.value)"):
                select.select_option(value)
                assert picker.locator(".pane:visible").count() == 1
    for i, button in enumerate(page.locator("#curves .legend button").all()):
        button.click()
        seen = page.locator("#curves .pane:visible [data-series]:visible").evaluate_all(
            "(all) => [...new Set(all.map((e) => e.dataset.series))]"
        )
        assert f"run{i}" not in seen
        assert len(seen) == 2
        button.click()
    page.locator("#curves .pane:visible [data-tip]").last.hover()
    assert "D2: 0." in page.locator("#tip").inner_text()
    with page.expect_download() as download:
        page.locator("#differences button[data-act=csv]").click()
    assert download.value.path().read_text(encoding="utf-8") == page_of_three[1].differences.write_csv()
    page.locator("button[data-act=theme]").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != (
        "rgb(20, 23, 28)" if dark else "rgb(255, 255, 255)"
    )


def test_on_a_narrow_screen_nothing_sticks_out(open_page: OpenPage, page_of_three: tuple[Path, Comparison]) -> None:
    page = open_page(page_of_three[0], viewport={"width": 420, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
