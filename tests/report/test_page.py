"""The page in a real browser: selectors, legends, notation, tips, clouds, files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from made_run import Plan, make_run
from phonoscope.phones.inventory import french
from phonoscope.report.write import write_report
from svg_reading import all_of, number, parse, texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Download, Locator, Page

    OpenPage = Callable[..., Page]

pytest_plugins = ["browsing"]

NAUGHTY = "<script>alert(1)</script>"

# what is seen of the panes of a picker: their number, and whether each holds something
PANES = """(picker) => [...picker.querySelectorAll('.pane')].filter((p) => p.checkVisibility())
  .map((p) => p.querySelectorAll('svg.chart').length || p.querySelectorAll('.card, .phone').length)"""
SEEN = """(scope) => Object.fromEntries([...new Set([...scope.querySelectorAll('[data-series]')]
  .map((e) => e.dataset.series))].map((name) => [name, [...scope.querySelectorAll('[data-series]')]
  .filter((e) => e.dataset.series === name).some((e) => getComputedStyle(e).display !== 'none')]))"""


def paper_layers() -> dict[str, tuple[int, ...]]:
    """The layers of the paper's network, of which only those that figures show are as large as there."""
    dense = dict.fromkeys(("mp1", "conv2", "mp2", "D1", "D2", "D3"), (16,))
    return {"raw": (3, 4, 5), "conv1": (32, 9, 36), **dense}


def test_a_page_of_the_paper_s_size_opens_in_three_seconds_and_is_below_15_mb(
    open_page: OpenPage, tmp_path: Path
) -> None:
    plan = Plan(phones=dict(french().ipa), samples=100, layers=paper_layers())
    path = write_report(make_run(tmp_path, plan))
    assert path.stat().st_size < 15e6
    page = open_page(path)
    opened = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert 0 < opened < 3_000
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_a_label_that_looks_like_a_script_stays_text(open_page: OpenPage, written: Path) -> None:
    page = open_page(written)
    assert page.evaluate("document.scripts.length") == 4
    assert page.locator("svg text", has_text=NAUGHTY).first.inner_html() == "&lt;script&gt;alert(1)&lt;/script&gt;"
    assert page.locator("h1").inner_text() == "Which phones each layer has learned: <b>corpus"
    assert page.locator(".warnings li").inner_text() == f"/{NAUGHTY}/ is rare"
    for picker in page.locator(".picker").all():  # those that wait in templates too
        for select in picker.locator("select[data-axis]:visible").all():
            select.select_option(index=0)
    assert page.evaluate("document.scripts.length") == 4
    mark = page.locator("#samples .pane:visible [data-sample]").first
    mark.dispatch_event("pointermove", {"bubbles": True})
    assert NAUGHTY in page.locator("#tip").inner_text()
    assert page.locator("#tip").inner_html().count("<") == 0


# --- selectors ---


def test_every_choice_of_every_selector_shows_one_pane(open_page: OpenPage, written: Path) -> None:
    page = open_page(written)
    pickers = page.locator(".picker").all()
    assert len(pickers) == 9
    for picker in pickers:
        name = picker.get_attribute("id")
        (first,) = picker.evaluate(PANES)
        assert first, name
        selects = picker.locator("select[data-axis]:visible").all()
        for select in selects:
            before = select.input_value()
            values = select.evaluate("(s) => [...s.options].map((o) => o.value)")
            assert before in values
            for value in [*values, before]:
                select.select_option(value)
                (shown,) = picker.evaluate(PANES)
                assert shown or name == "cards", (name, value)
    # and the combinations, of two selectors the last options at once
    for picker in pickers:
        for select in picker.locator("select[data-axis]:visible").all():
            select.select_option(index=0)
        (shown,) = picker.evaluate(PANES)
        assert shown, picker.get_attribute("id")


def test_a_layer_with_a_space_in_its_name_can_be_chosen(open_page: OpenPage, written: Path) -> None:
    page = open_page(written)
    page.locator("#trees select").first.select_option("my layer")
    assert page.locator("#trees .pane:visible svg").get_attribute("aria-label") == "my layer: mean activations"


def test_one_phone_can_be_found_among_the_samples_of_every_layer(open_page: OpenPage, written: Path) -> None:
    page = open_page(written)
    page.locator("#tsne select[data-find]").select_option(NAUGHTY)
    for layer in ("raw", "D1"):
        page.locator("#tsne select[data-axis]").select_option(layer)
        svg = page.locator("#tsne .pane:visible svg.chart")
        opacity = svg.evaluate(
            """(svg) => Object.fromEntries([...svg.querySelectorAll('g[data-of]')]
               .map((g) => [g.dataset.of, Number(getComputedStyle(g).opacity)]))"""
        )
        assert {phone for phone, value in opacity.items() if value == 1} == {NAUGHTY}
    page.locator("#tsne select[data-find]").select_option("")
    assert page.locator("#tsne svg.dim").count() == 0


# --- legends ---


def test_every_legend_button_hides_and_shows_its_series_and_no_other(open_page: OpenPage, written: Path) -> None:
    page = open_page(written)
    scopes = page.locator("[data-scope]").all()
    assert len(scopes) == 5
    for scope in scopes:
        buttons = scope.locator(".legend button").all()
        assert len(buttons) > 2
        for button in buttons:
            series = button.get_attribute("data-toggles")
            assert button.get_attribute("aria-pressed") == "true"
            seen = scope.evaluate(SEEN)
            assert all(seen.values())
            assert series in seen
            button.click()
            assert button.get_attribute("aria-pressed") == "false"
            assert {name for name, shown in scope.evaluate(SEEN).items() if not shown} == {series}
            button.click()
            assert button.get_attribute("aria-pressed") == "true"
            assert scope.evaluate(SEEN) == seen


def test_a_legend_of_one_part_does_not_touch_another(open_page: OpenPage, written: Path) -> None:
    page = open_page(written)
    page.locator("#samples .legend button", has_text="plosive").click()
    assert page.locator("#figure2").evaluate(SEEN)["plosive"]
    assert not page.locator("#samples").evaluate(SEEN)["plosive"]


def test_a_series_that_is_switched_off_stays_off_when_another_layer_is_chosen(
    open_page: OpenPage, written: Path
) -> None:
    page = open_page(written)
    for section, picker in (("#samples", "#tsne"), ("#figure2", "#clouds")):
        button = page.locator(f"{section} .legend button", has_text="fricative")
        button.click()
        for layer in ("raw", "conv1", "D1"):
            page.locator(f"{picker} select[data-axis]").first.select_option(layer)
            seen = page.locator(f"{picker} .pane:visible").evaluate(SEEN)
            assert {name for name, shown in seen.items() if not shown} == {"fricative"}
        button.click()
        assert all(page.locator(f"{picker} .pane:visible").evaluate(SEEN).values())


# --- notation ---


def labels(page: Page) -> list[list[str]]:
    """Of every label what it says, its notation in the corpus, and its IPA."""
    found: list[list[str]] = page.evaluate(
        "[...document.querySelectorAll('[data-ipa]')].map((e) => [e.textContent, e.dataset.phone, e.dataset.ipa])"
    )
    assert len(found) > 100
    return found


def test_the_notation_button_changes_every_label_and_back(open_page: OpenPage, written: Path) -> None:
    page = open_page(written)
    button = page.locator("[data-act=notation]")
    assert button.inner_text() == "SAMPA"
    assert all(text == phone for text, phone, _ in labels(page))
    button.click()
    assert button.inner_text() == "IPA"
    assert all(text == ipa for text, _, ipa in labels(page))
    # panes that were not there yet, of every kind
    for picker in page.locator(".picker").all():
        picker.locator("select[data-axis]:visible").first.select_option(index=1)
    assert all(text == ipa for text, _, ipa in labels(page))
    rows = page.locator("#matrices .pane:visible svg text[text-anchor=end]").all_text_contents()
    assert "ɛ" in rows
    assert "E" not in rows
    button.click()
    assert all(text == phone for text, phone, _ in labels(page))


# --- tips ---


def test_pointing_tells_and_escape_hides(open_page: OpenPage, written: Path) -> None:
    page = open_page(written)
    tip = page.locator("#tip")
    assert not tip.is_visible()
    point = page.locator("#result svg.chart").first.locator("[data-series=tsne] [data-tip]").nth(1)  # on top
    point.hover()
    assert tip.inner_text() == point.get_attribute("data-tip")
    assert re.fullmatch(r"t-SNE, conv1: 0\.\d{3}", tip.inner_text())
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    page.locator("h1").hover()
    point.hover()
    assert tip.is_visible()
    page.locator("h1").hover()
    assert not tip.is_visible()


def test_a_sample_tells_where_in_the_corpus_it_is(open_page: OpenPage, written: Path) -> None:
    page = open_page(written)
    mark = page.locator("#tsne .pane:visible g[data-of='b'] [data-sample]").last
    mark.dispatch_event("pointermove", {"bubbles": True})
    # the last of b's eight samples is the sixteenth of all: speakers take turns, seven samples are an utterance
    assert page.locator("#tip").inner_text() == f"/b/ at 0.4 s of v2/{NAUGHTY}2, v2"


def test_a_finger_tells_too(open_page: OpenPage, written: Path) -> None:
    page = open_page(written, has_touch=True, viewport={"width": 390, "height": 800})
    page.locator("#result svg.chart").first.locator("circle[data-tip]").first.tap()
    assert page.locator("#tip").inner_text().startswith("no reduction, raw: 0.")


def test_the_arrow_keys_go_from_point_to_point(open_page: OpenPage, written: Path) -> None:
    page = open_page(written)
    svg, tip = page.locator("#result svg.chart").first, page.locator("#tip")
    told = [one.get_attribute("data-tip") for one in svg.locator("[data-tip]").all()]
    svg.focus()
    assert not tip.is_visible()
    for key, place in (("ArrowRight", 0), ("ArrowRight", 1), ("ArrowLeft", 0), ("ArrowLeft", -1), ("ArrowDown", 0)):
        page.keyboard.press(key)
        assert tip.inner_text() == told[place]
        assert svg.locator(".current").get_attribute("data-tip") == told[place]
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    assert svg.locator(".current").count() == 0
    # what is switched off is passed over
    page.locator("#result .legend button").first.click()
    svg.focus()
    page.keyboard.press("ArrowRight")
    assert tip.inner_text().startswith("PCA, raw")


def test_the_arrow_keys_go_through_the_cells_and_the_cards(open_page: OpenPage, written: Path) -> None:
    page = open_page(written)
    tip = page.locator("#tip")
    page.locator("#cells [data-points]").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert tip.inner_text().startswith("raw, k-medians, PCA: precision 0.")
    page.locator("#cards .pane:visible [data-points]").focus()
    page.keyboard.press("ArrowRight")
    assert re.fullmatch(r"/.+/: 8 samples, 100\.0% of its own.*", tip.inner_text())
    assert page.locator("#cards .current").count() == 1


# --- clouds ---


def places(cloud: Locator) -> dict[str, list[float]]:
    """Where each phone is drawn, and how large."""
    found: dict[str, list[float]] = cloud.evaluate(
        """(svg) => Object.fromEntries([...svg.querySelectorAll('[data-xyz]')].map((g) =>
           [g.querySelector('text').dataset.phone, g.getAttribute('transform').match(/-?[\\d.]+/g).map(Number)]))"""
    )
    return found


def alike(one: dict[str, list[float]], other: dict[str, list[float]]) -> bool:
    return one.keys() == other.keys() and all(one[phone] == pytest.approx(other[phone], abs=0.11) for phone in one)


def test_a_cloud_turns_by_keys_and_by_dragging_and_keeps_its_legend(open_page: OpenPage, written: Path) -> None:
    page = open_page(written)
    cloud = page.locator("#clouds .pane:visible svg")
    first = places(cloud)
    assert len(first) == 14
    cloud.focus()
    page.keyboard.press("ArrowRight")
    turned = places(cloud)
    assert all(turned[phone] != first[phone] for phone in first)
    page.keyboard.press("ArrowLeft")
    assert alike(places(cloud), first), "the script sees it from where the file does"
    page.keyboard.press("ArrowUp")
    assert not alike(places(cloud), first)
    page.keyboard.press("ArrowDown")
    assert alike(places(cloud), first)
    cloud.scroll_into_view_if_needed()
    box = cloud.bounding_box()
    assert box
    middle = box["x"] + box["width"] / 2, box["y"] + 60
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 80, middle[1] + 10, steps=4)
    page.mouse.up()
    dragged = places(cloud)
    assert all(dragged[phone] != first[phone] for phone in first)
    page.mouse.move(*middle)
    assert places(cloud) == dragged, "what is let go stays"
    button = page.locator("#figure2 .legend button", has_text="plosive")
    button.click()
    hidden = cloud.evaluate(
        """(svg) => [...svg.querySelectorAll('.cloud > g')].filter((g) => getComputedStyle(g).display === 'none')
           .map((g) => g.querySelector('text').dataset.phone).sort()"""
    )
    assert hidden == ["b", "d", "p", "t"]
    cloud.focus()
    page.keyboard.press("ArrowRight")
    assert not page.locator("#clouds .pane:visible").evaluate(SEEN)["plosive"]


# --- files ---


def saved(page: Page, button: Locator) -> tuple[str, bytes]:
    with page.expect_download() as found:
        button.click()
    download: Download = found.value
    return download.suggested_filename, Path(download.path()).read_bytes()


def test_a_figure_is_saved_as_it_is_seen_with_its_key_on_white_paper(open_page: OpenPage, written: Path) -> None:
    page = open_page(written, color_scheme="dark")
    page.locator("[data-act=notation]").click()
    page.locator("#result .legend button", has_text="PCA").click()
    figure = page.locator("#result figure").first
    name, content = saved(page, figure.locator("[data-act=svg]"))
    assert name == "figure1-kmedians.svg"
    text = content.decode("utf-8")
    assert "var(" not in text
    root = parse(text)
    assert {"no reduction", "t-SNE", "F-measure"} <= set(texts(root))
    assert "PCA" not in texts(root), "what is switched off is not saved"
    full = figure.locator("svg").get_attribute("data-full")
    assert root.get("viewBox") == f"0 0 430 {full}"
    assert (root.get("width"), root.get("height")) == ("430", full)
    (paper,) = [one for one in all_of(root, "rect") if one.get("width") == "100%"]
    assert paper.get("fill") == "#ffffff"
    name, content = saved(page, page.locator("#tsne .pane:visible [data-act=svg]"))
    assert name == "tsne-my layer.svg"
    shown = texts(parse(content.decode("utf-8")))
    assert "ɛ" in shown, "labels are in the notation of the page"
    assert "o" in shown


def test_every_kind_of_figure_can_be_saved(open_page: OpenPage, written: Path) -> None:
    page = open_page(written)
    names = set()
    for picker in page.locator(".picker").all():
        buttons = picker.locator(".pane:visible [data-act=svg]")
        if buttons.count():
            name, content = saved(page, buttons.first)
            root = parse(content.decode("utf-8"))
            assert number(root, "width") > 100
            names.add(name)
    assert len(names) == 8


def test_a_figure_is_saved_as_a_picture_of_three_times_its_size(open_page: OpenPage, written: Path) -> None:
    page = open_page(written)
    figure = page.locator("#result figure").first
    name, content = saved(page, figure.locator("[data-act=png]"))
    assert name == "figure1-kmedians.png"
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = (int.from_bytes(content[i : i + 4]) for i in (16, 20))
    assert (width, height) == (3 * 430, 3 * int(figure.locator("svg").get_attribute("data-full") or 0))


def test_tables_are_saved_as_the_run_has_them(open_page: OpenPage, written: Path) -> None:
    names = set()
    n = open_page(written).locator("[data-act=csv]").count()
    for first in range(0, n, 8):  # a browser stops a page that saves more than ten files
        page = open_page(written)
        for button in page.locator("[data-act=csv]").all()[first : first + 8]:
            name, content = saved(page, button)
            assert content == (written.parent / name).read_bytes()
            names.add(name)
    assert names == {f"{name}.csv" for name in (
        "scores", "per_phone", "selection", "classes", "organisation", "filters", "formants", "training", "panel",
        "units", "unit_features", "unit_responses",
    )}  # fmt: skip


def test_texts_are_copied(open_page: OpenPage, written: Path) -> None:
    page = open_page(written, permissions=["clipboard-read", "clipboard-write"])
    page.locator("#cells summary").click()
    for name in ("latex", "methods-text"):
        button = page.locator(f"[data-from={name}]")
        button.click()
        page.wait_for_function("(b) => b.textContent === 'copied'", arg=button.element_handle())
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == page.locator(f"#{name}").evaluate("(e) => e.textContent")
        assert len(copied) > 100
