"""Elements of figures: that text stays text, files are whole, ticks are round and scales straight."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonoscope.report.svg import (
    Scale,
    chart,
    key_rows,
    phone_text,
    polyline,
    side_by_side,
    sign,
    svg_file,
    tag,
    text,
    ticks,
    tip,
)
from phonoscope.report.theme import DARK, LIGHT
from svg_reading import SVG, all_of, parse, read, texts, tips

if TYPE_CHECKING:
    from markupsafe import Markup

# what XML can not hold, escaped or not
LABELS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
NAUGHTY = ("<script>alert(1)</script>", "\"&'", "=1+1", "]]>", "</svg>", "&lt;", "var(--ink)", "{% raw %}", "a>b")


def with_key(label: str = "a", name: str = "curve") -> Markup:
    return key_rows([("one", sign("circle", 11, 6, 4), label), ("two", sign("square", 11, 6, 4), name)], 10, 52, 400)[0]


@pytest.mark.parametrize("label", NAUGHTY)
def test_text_and_attributes_come_back_as_they_were(label: str) -> None:
    element = tip(phone_text(1, 2, label, label + "!", data_series=label), f"about {label}")
    root = parse(str(tag("svg", element, xmlns=SVG[1:-1])))
    (found,) = list(root)
    assert found.text == label
    assert found.get("data-ipa") == label + "!"
    assert found.get("data-series") == label
    assert found.get("data-tip") == f"about {label}"
    assert len(list(root.iter())) == 2


@given(LABELS, LABELS)
def test_any_text_survives_a_file(content: str, title: str) -> None:
    root = read(chart("x", 100, 50, text(1, 2, content), title=title))
    expected = content  # in a file a label that reads like a colour's name becomes the colour
    for name, value in LIGHT.items():
        expected = expected.replace(f"var(--{name})", value)
    assert texts(root) == [expected]


def test_markup_is_not_escaped_twice_and_attributes_are_named_as_svg_names_them() -> None:
    inner = tag("b", "<")
    found = tag("g", inner, class_="x", stroke_width=1.5, x=0.126, y=3, z=None, data_of="a")
    assert found == '<g class="x" stroke-width="1.5" x="0.13" y="3" data-of="a"><b>&lt;</b></g>'


def test_a_file_has_its_size_its_style_its_paper_and_its_key() -> None:
    drawn, height = key_rows([("k", sign("circle", 11, 6, 4, fill="var(--c3)"), "the key")], 10, 52, 400)
    figure = chart("x", 400, 50, text(1, 2, "a"), title="what <it> shows", key=(drawn, height))
    written = svg_file(figure)
    root = parse(written)
    assert "var(" not in written
    assert LIGHT["c3"] in written
    assert DARK["ink"] not in written
    assert (root.get("width"), root.get("height")) == ("400", f"{50 + height:g}")
    assert root.get("viewBox") == f"0 0 400 {50 + height:g}"
    assert root.get("aria-label") == "what <it> shows"
    assert "the key" in texts(root)
    children = list(root)
    assert children[0].tag == f"{SVG}style"
    assert children[1].get("fill") == LIGHT["paper"], "the paper lies under everything"
    on_page = parse(str(figure.svg))
    assert on_page.get("viewBox") == "0 0 400 50", "on the page the key is cut off, as buttons are there"
    assert on_page.get("data-full") == f"{50 + height:g}"


def test_charts_side_by_side_keep_their_sizes_and_keys() -> None:
    one = chart("a", 100, 50, text(1, 2, "left"), title="left", key=(with_key("key of left"), 18))
    two = chart("b", 120, 40, text(1, 2, "right"), title="right")
    both = side_by_side("c", [one, two], "both")
    root = read(both)
    assert (both.width, both.height) == (220, 68)
    inner = all_of(root, "svg")[1:]
    boxes = [tuple(one.get(name) for name in ("x", "width", "height", "viewBox")) for one in inner]
    assert boxes == [("0", "100", "68", "0 0 100 68"), ("100", "120", "40", "0 0 120 40")]
    assert {"left", "right", "key of left"} <= set(texts(root))


def test_entries_of_a_key_do_not_cover_each_other_and_go_to_the_next_row() -> None:
    names = ["no reduction", "PCA", "first minimum of the ratio", "m" * 20]
    drawn, height = key_rows([(n, sign("circle", 11, 6, 4), n) for n in names], 10, 100, 300)
    root = parse(str(tag("svg", drawn, xmlns=SVG[1:-1])))
    places = []
    for group in all_of(root, "g")[1:]:
        at = group.get("transform", "").removeprefix("translate(").rstrip(")").split()
        places.append((float(at[0]), float(at[1]), group.get("data-series")))
    assert [name for *_, name in places] == names
    assert max(y for _, y, _ in places) + 18 == 100 + height
    for (x, y, name), (right, lower, _) in pairwise(places):
        assert lower > y or right >= x + 27 + 5.5 * len(name or ""), "the text ends before the next sign"
    assert height > 18


@given(st.floats(-100, 100), st.floats(1e-3, 1e6), st.integers(2, 12))
def test_ticks_are_round_evenly_spaced_and_within(spans_off: float, span: float, about: int) -> None:
    low = spans_off * span
    high = low + span
    found = ticks(low, high, about)
    steps = [b - a for a, b in pairwise(found)]
    assert all(low - 1e-6 * span <= value <= high + 1e-6 * span for value in found)
    assert len(found) <= about + 1
    if len(found) > 1:
        assert steps == pytest.approx([steps[0]] * len(steps), rel=1e-6)
        leading = steps[0] / 10 ** math.floor(math.log10(steps[0]) + 1e-9)
        assert leading == pytest.approx(round(leading), rel=1e-6)
        assert round(leading) in (1, 2, 5)
        # nothing at the ends is left without a tick
        assert found[0] - low < steps[0] * (1 + 1e-9)
        assert high - found[-1] < steps[0] * (1 + 1e-9)


def test_ticks_by_hand() -> None:
    assert ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert ticks(2, 33, 8) == [5, 10, 15, 20, 25, 30]
    assert ticks(-0.35, 0.35, 4) == [-0.2, 0, 0.2]
    assert ticks(3, 3) == [3]


@given(*[st.floats(-1e3, 1e3)] * 5)
def test_a_scale_is_linear(low: float, high: float, start: float, end: float, share: float) -> None:
    scale = Scale(low, high, start, end)
    if low == high:
        assert scale(share) == (start + end) / 2
        return
    assert scale(low) == pytest.approx(start)
    assert scale(high) == pytest.approx(end)
    middle = (low + high) / 2
    if abs(high - low) > 1e-6:
        assert scale(middle) == pytest.approx((start + end) / 2, abs=1e-6)


@pytest.mark.parametrize("shape", ["circle", "square", "triangle", "diamond", "wedge", "hourglass"])
def test_a_sign_lies_around_its_point(shape: str) -> None:
    root = parse(str(tag("svg", sign(shape, 50, 60, 4), xmlns=SVG[1:-1])))
    (found,) = list(root)
    if shape == "circle":
        assert (found.get("cx"), found.get("cy"), found.get("r")) == ("50", "60", "4")
        return
    pairs = [tuple(map(float, pair.split(","))) for pair in found.get("points", "").split()]
    assert all(abs(x - 50) <= 1.3 * 4 + 1e-9 and abs(y - 60) <= 1.3 * 4 + 1e-9 for x, y in pairs)
    assert min(x for x, _ in pairs) < 50 < max(x for x, _ in pairs)
    assert min(y for _, y in pairs) < 60 < max(y for _, y in pairs)


def test_a_tip_is_given_to_the_outer_element_only() -> None:
    element = tip(tag("g", tag("circle", r=1)), 'F of "a" > 0')
    root = parse(str(tag("svg", element, xmlns=SVG[1:-1])))
    assert tips(root) == ['F of "a" > 0']
    assert next(iter(root)).get("data-tip") == 'F of "a" > 0'


def test_a_line_goes_through_its_points() -> None:
    assert 'points="0.00,1.00 2.50,3.33"' in polyline([(0, 1), (2.5, 10 / 3)])
