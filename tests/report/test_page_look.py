"""The page as people with other eyes, hands, screens and printers meet it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from playwright.sync_api import Page

    OpenPage = Callable[..., Page]

pytest_plugins = ["browsing"]

# of elements their words, their colour, how opaque they are, and every colour that may lie behind them; 0 to 255
COLOURS = """(selector) => {
  const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1});
  const pixel = canvas.getContext('2d', {willReadFrequently: true});
  const rgb = (colour) => {
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = colour;
    pixel.fillRect(0, 0, 1, 1);
    return [...pixel.getImageData(0, 0, 1, 1).data];
  };
  const above = (element) => element ? [element, ...above(element.parentElement)] : [];
  const behind = (element) => {
    for (const style of above(element).map((one) => getComputedStyle(one))) {
      const shades = style.backgroundImage.match(/(?:color|rgba?)\\([^()]*\\)/g);
      if (shades) return shades.map(rgb);
      const own = rgb(style.backgroundColor);
      if (own[3] === 255) return [own];
    }
    return [rgb('white')];
  };
  const opaque = (element) => above(element).reduce((share, one) => share * Number(getComputedStyle(one).opacity), 1);
  const seen = [...document.querySelectorAll(selector)].filter((e) => e.checkVisibility() && e.textContent.trim());
  return seen.map((e) => {
    const style = getComputedStyle(e), svg = e.closest('svg');
    const colour = rgb(svg ? style.fill : style.color);
    return [e.textContent.trim().slice(0, 30), colour, opaque(e), behind(svg ? svg.parentElement : e)];
  });
}"""
NAMES = """() => [...document.querySelectorAll('a, button, select, summary, [tabindex], [role=group], nav')]
  .filter((e) => !e.hidden)
  .map((e) => [e.outerHTML.slice(0, 120), e.ariaLabel || (e.labels && e.labels[0] || e).textContent])"""
WIDE = """(width) => [...document.querySelectorAll('main *')].filter((e) => e.checkVisibility() &&
  !e.closest('.scroll, .tables, pre') && e.getBoundingClientRect().right > width + 1).map((e) => e.outerHTML)"""
STOPS = """() => [...document.querySelectorAll('a[href], button, select, summary, [tabindex="0"]')]
  .filter((e) => e.checkVisibility()).map((e, i) => (e.dataset.stop = i))"""


def luminance(colour: Sequence[float]) -> float:
    """Relative luminance, as the Web Content Accessibility Guidelines define it."""
    parts = [c / 255 for c in colour[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Sequence[float], other: Sequence[float]) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_contrast_of_black_on_white_and_of_greys_is_that_of_the_guidelines() -> None:
    assert contrast([0, 0, 0], [255, 255, 255]) == pytest.approx(21)
    assert contrast([0x76] * 3, [255] * 3) == pytest.approx(4.54, abs=0.01)


def background(page: Page) -> str:
    found: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return found


LIGHT_PAPER, DARK_PAPER = "rgb(255, 255, 255)", "rgb(20, 23, 28)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(open_page: OpenPage, written: Path, scheme: str) -> None:
    page = open_page(written, color_scheme=scheme)
    assert background(page) == {"light": LIGHT_PAPER, "dark": DARK_PAPER}[scheme]
    for details in page.locator("details > summary").all():
        details.click()
    page.locator("#samples .legend button").first.click()  # a button that is switched off
    page.locator("#result svg.chart").first.focus()
    page.keyboard.press("ArrowRight")
    kinds = {
        "p, li, h1, h2, h3, h4, dd": 20,
        ".soft, caption, figcaption, dt, th, footer": 20,
        "button, select, label, summary": 30,
        "nav a": 10,
        "td.cell": 24,
        "td": 30,
        ".shares li, .singles .phone": 4,
        ".text-out": 2,
        "svg.chart text": 200,
        "#tip": 1,
    }
    for selector, least in kinds.items():
        found = page.evaluate(COLOURS, selector)
        assert len(found) >= least, selector
        for words, colour, opacity, behind in found:
            for ground in behind:
                seen = [opacity * c + (1 - opacity) * g for c, g in zip(colour, ground, strict=True)]
                assert contrast(seen, ground) >= 4.5, (selector, words, seen, ground)


def test_the_button_changes_between_light_and_dark(open_page: OpenPage, written: Path) -> None:
    for scheme, papers in (("light", (LIGHT_PAPER, DARK_PAPER)), ("dark", (DARK_PAPER, LIGHT_PAPER))):
        page = open_page(written, color_scheme=scheme)
        assert background(page) == papers[0]
        page.locator("[data-act=theme]").click()
        assert background(page) == papers[1]
        other = "dark" if scheme == "light" else "light"
        assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == other
        page.locator("[data-act=theme]").click()
        assert background(page) == papers[0]


def test_curves_are_told_apart_without_colour(open_page: OpenPage, written: Path) -> None:
    page = open_page(written)
    looks = page.locator("#result svg.chart").first.evaluate(
        """(svg) => ['none', 'pca', 'tsne'].map((name) => {
             const g = svg.querySelector(`g[data-series=${name}]:has(polyline)`), mark = g.querySelector('[data-tip]');
             return [g.querySelector('polyline').getAttribute('stroke-dasharray'), mark.tagName,
                     (mark.getAttribute('points') || '').split(' ').length];
           })"""
    )
    assert len({dashes for dashes, *_ in looks}) == 3
    assert len({tuple(shape) for _, *shape in looks}) == 3


# --- narrow screens ---


@pytest.mark.parametrize("width", [360, 390])
def test_a_phone_s_screen_does_not_scroll_sideways(open_page: OpenPage, written: Path, width: int) -> None:
    page = open_page(written, viewport={"width": width, "height": 740})
    for details in page.locator("details > summary").all():
        details.click()
    for picker in page.locator(".picker").all():
        for select in picker.locator("select[data-axis]:visible").all():
            select.select_option(index=0)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    wide = page.evaluate(WIDE, width)
    assert wide == []


def test_what_the_keys_reach_is_scrolled_into_view(open_page: OpenPage, written: Path) -> None:
    page = open_page(written, viewport={"width": 390, "height": 740})
    table = page.locator("#cells [data-points]")
    table.focus()
    page.keyboard.press("ArrowLeft")
    cell = page.locator("td.current").bounding_box()
    assert cell
    assert cell["x"] >= 0
    assert cell["x"] + cell["width"] <= 390
    assert page.evaluate("document.querySelector('#cells [data-points]').scrollLeft") > 0


# --- paper ---


def test_it_is_printed_on_white_with_keys_and_without_buttons(open_page: OpenPage, written: Path) -> None:
    page = open_page(written, color_scheme="dark")
    heights = (
        "[...document.querySelectorAll('svg.chart[data-full]')].map((s) => [s.viewBox.baseVal.height, s.dataset.full])"
    )
    before = page.evaluate(heights)
    assert any(height != float(full) for height, full in before), "on the screen keys are cut off"
    page.evaluate(f"addEventListener('beforeprint', () => {{ window.onPaper = {heights}; }})")
    printed = page.pdf()
    assert printed.startswith(b"%PDF-")
    assert len(printed) > 50_000
    on_paper = page.evaluate("window.onPaper")
    assert len(on_paper) == len(before)
    assert all(height == float(full) for height, full in on_paper), "a key is cut off on paper"
    assert page.evaluate(heights) == before, "and the screen is as it was"
    page.emulate_media(media="print")
    assert background(page) == LIGHT_PAPER
    for gone in (".bar", ".tools", ".controls", ".legend"):
        assert all(not one.is_visible() for one in page.locator(gone).all()), gone


def test_no_table_is_wider_than_paper(open_page: OpenPage, written: Path) -> None:
    page = open_page(written, viewport={"width": 720, "height": 1000})
    page.emulate_media(media="print")
    widths = page.evaluate("[...document.querySelectorAll('table')].map((t) => t.getBoundingClientRect().right)")
    assert max(widths) <= 720


# --- keyboard and screen readers ---


def test_the_tab_key_reaches_everything_that_can_be_used(open_page: OpenPage, written: Path) -> None:
    page = open_page(written)
    stops = page.evaluate(STOPS)
    assert len(stops) > 80
    kinds = set()
    reached: list[int] = []
    for _ in range(len(stops) + 30):  # a browser makes what scrolls a stop as well
        page.keyboard.press("Tab")
        kind, stop = page.evaluate(
            "[document.activeElement.tagName.toLowerCase(), document.activeElement.dataset.stop]"
        )
        if stop is not None:
            reached.append(int(stop))
            kinds.add(kind)
        if len(reached) == len(stops):
            break
    assert reached == stops, "each in the order of the page"
    assert kinds >= {"a", "button", "select", "svg", "summary", "div"}


def test_the_keys_alone_choose_switch_and_open(open_page: OpenPage, written: Path) -> None:
    page = open_page(written)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "to the result"
    page.keyboard.press("Enter")
    assert page.url.endswith("#result")
    button = page.locator("#result .legend button").first
    button.focus()
    page.keyboard.press("Space")
    assert button.get_attribute("aria-pressed") == "false"
    select = page.locator("#trees select").first
    select.focus()
    before = select.input_value()
    page.keyboard.press("ArrowUp")
    assert select.input_value() != before
    assert select.input_value() in (page.locator("#trees .pane:visible svg").get_attribute("aria-label") or "")


def test_what_has_the_focus_is_outlined(open_page: OpenPage, written: Path) -> None:
    page = open_page(written)
    for _ in range(4):
        page.keyboard.press("Tab")
    style: dict[str, Any] = page.evaluate(
        "(({outlineStyle, outlineWidth}) => ({outlineStyle, outlineWidth}))(getComputedStyle(document.activeElement))"
    )
    assert style == {"outlineStyle": "solid", "outlineWidth": "2px"}


def test_everything_has_a_name_and_no_two_elements_an_id(open_page: OpenPage, written: Path) -> None:
    page = open_page(written)
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.title() == "Which phones each layer has learned: <b>corpus"
    for picker in page.locator(".picker").all():  # every pane that there is
        for select in picker.locator("select[data-axis]:visible").all():
            for i in range(select.locator("option").count()):
                select.select_option(index=i)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids)) > 20
    named = page.evaluate(NAMES)
    assert len(named) > 100
    for element, name in named:
        assert any(c.isalpha() for c in name), element
    saves = page.locator("[data-act=csv], [data-act=svg], [data-act=png]").all()
    spoken = [one.get_attribute("aria-label") for one in saves]
    assert len(spoken) == len(set(spoken)), "each says what it saves"
    pictures = page.evaluate(
        "[...document.querySelectorAll('svg')].map((s) => s.getAttribute('aria-label') || s.ariaHidden)"
    )
    assert all(pictures)
    headings = page.evaluate("[...document.querySelectorAll('h1, h2')].map((h) => h.tagName)")
    assert headings == ["H1", *["H2"] * 13]
