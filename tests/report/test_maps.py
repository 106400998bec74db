"""Cells and maps: the shades are the values, the vowels lie where phoneticians put them, nothing covers anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from phonoscope.phones.reference_formants import reference_formants
from phonoscope.report.heat import heat_legend, map_paths, phone_heat
from phonoscope.report.maps import plosive_maps, vowel_maps
from phonoscope.report.svg import tag
from svg_reading import SVG, all_of, number, parse, read, texts, tips

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from xml.etree import ElementTree as ET

    from markupsafe import Markup
    from numpy.typing import NDArray

    from phonoscope.report.svg import Chart

FRENCH = {phone: (f1, f2) for phone, f1, f2 in reference_formants().iter_rows()}
NAUGHTY = "<script>alert(1)</script>"


# --- cells ---


def test_a_heat_table_has_a_cell_for_every_value_that_is_seen() -> None:
    values = np.array([[1.0, 0.0, 0.5], [0.003, 0.25, 0.0]])
    figure = phone_heat(
        "x",
        ["raw", "D3"],
        ["p", NAUGHTY, "a~"],
        values,
        ipa={"p": "p", "a~": "ɑ̃"},
        title="t",
        describe=lambda i, j: f"{i} {j}",
        gaps=[2],
    )
    root = read(figure)
    cells = {one.get("data-tip"): one for one in all_of(root, "rect", class_="heat")}
    shades = {words: number(one, "fill-opacity") for words, one in cells.items()}
    assert shades == {"0 0": 1, "0 2": 0.5, "1 1": 0.25}
    heads = {one.text: one for one in all_of(root, "text") if one.get("data-ipa")}
    assert {text: one.get("data-ipa") for text, one in heads.items()} == {"p": "p", NAUGHTY: NAUGHTY, "a~": "ɑ̃"}
    for words, phone in (("0 0", "p"), ("0 2", "a~"), ("1 1", NAUGHTY)):
        left, width = number(cells[words], "x"), number(cells[words], "width")
        assert left < number(heads[phone], "x") < left + width, "a cell lies under its phone"
    steps = np.diff([number(heads[phone], "x") for phone in ("p", NAUGHTY, "a~")])
    assert steps[1] > steps[0], "a group begins after a gap"
    assert number(cells["0 0"], "y") < number(cells["1 1"], "y")
    assert number(cells["0 2"], "x") + number(cells["0 2"], "width") < figure.width


def test_rows_that_are_phones_change_their_notation_and_layers_do_not() -> None:
    def rows(*, phones: bool) -> list[ET.Element]:
        figure = phone_heat(
            "x",
            ["S"],
            ["p"],
            np.ones((1, 1)),
            ipa={"S": "ʃ", "p": "p"},
            title="t",
            describe=lambda _i, _j: "",
            rows_are_phones=phones,
        )
        return [one for one in all_of(read(figure), "text") if one.text == "S"]

    assert [one.get("data-ipa") for one in rows(phones=True)] == ["ʃ"]
    assert [one.get("data-ipa") for one in rows(phones=False)] == [None]


def test_the_legend_goes_from_pale_to_full_and_escapes() -> None:
    found = str(heat_legend("<0", "1"))
    assert "&lt;0 to 1" in found
    shades = [float(v) for v in re.findall(r'fill-opacity="([\d.]+)"', found)]
    assert shades == sorted(shades)
    assert shades[-1] == 1


# --- maps ---


def shades_of(drawn: Markup, shape: tuple[int, int], cell: tuple[float, float]) -> NDArray[np.float64]:
    """Fill a grid of time × frequency, with the cells that the paths cover."""
    root = parse(str(tag("svg", drawn, xmlns=SVG[1:-1])))
    found = np.zeros(shape)
    for path in all_of(root, "path"):
        for x, y, width, height in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)h-[\d.]+z", path.get("d", "")):
            assert float(width) == pytest.approx(cell[0], rel=1e-3)
            t = round(float(x) / cell[0])
            first = shape[1] - round((float(y) + float(height)) / cell[1])  # frequency upwards
            last = shape[1] - round(float(y) / cell[1])
            assert not found[t, first:last].any(), "no cell twice"
            found[t, first:last] = number(path, "fill-opacity")
    return found


@settings(max_examples=40, deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 12)), elements=st.floats(0, 5)))
def test_a_map_s_paths_are_its_values_in_twelve_shades(values: NDArray[np.float64]) -> None:
    peak = float(values.max())
    found = shades_of(map_paths(values, peak, 0, 0, (4.0, 2.0)), (values.shape[0], values.shape[1]), (4.0, 2.0))
    if peak == 0:
        assert not found.any()
        return
    assert (found[values == 0] == 0).all()
    assert (np.abs(found - values / peak) <= 1 / 12 + 0.01).all()
    assert (found[values > 1e-9 * peak] > 0).all()


def boxes_of(figure: Chart) -> dict[str, tuple[float, float, float, float]]:
    """Frame of each map: left, top, right, bottom."""
    found = {}
    for group in all_of(read(figure), "g"):
        frames = all_of(group, "rect", class_="frame")
        labels = [one for one in all_of(group, "text") if one.get("data-phone")]
        if len(frames) == len(labels) == 1:
            x, y, w, h = (number(frames[0], name) for name in ("x", "y", "width", "height"))
            found[labels[0].get("data-phone", "")] = (x, y, x + w, y + h)
    return found


def vowels(
    phones: Sequence[str], shape: tuple[int, int] = (9, 36), formants: Mapping[str, tuple[float, float]] = FRENCH
) -> Chart:
    maps = {phone: np.random.default_rng(i).random(shape) for i, phone in enumerate(phones)}
    ipa = {phone: phone for phone in phones}
    return vowel_maps("x", maps, formants, ipa=ipa, peak=1.0, title="Vowels")


def middle(box: tuple[float, float, float, float]) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def test_f1_grows_downwards_and_f2_to_the_left() -> None:
    boxes = {phone: middle(box) for phone, box in boxes_of(vowels(list(FRENCH))).items()}
    assert boxes.keys() == FRENCH.keys()
    assert boxes["i"][0] < boxes["y"][0] < boxes["u"][0], "front vowels are at the left"
    assert boxes["i"][1] < boxes["e"][1] < boxes["E"][1] < boxes["a"][1], "open vowels are at the bottom"
    assert boxes["u"][1] < boxes["o"][1] < boxes["O"][1] < boxes["a"][1]


def test_the_points_lie_where_the_axes_say() -> None:
    root = read(vowels(list(FRENCH)))
    f2 = [
        (float(one.text or ""), number(one, "x")) for one in all_of(root, "text", class_="small", text_anchor="middle")
    ]
    f1 = [
        (float(one.text or ""), number(one, "y") + 3) for one in all_of(root, "text", class_="small", text_anchor="end")
    ]
    across, down = (
        np.polyfit([x for _, x in f2], [v for v, _ in f2], 1),
        np.polyfit([y for _, y in f1], [v for v, _ in f1], 1),
    )
    points = sorted((number(one, "cx"), number(one, "cy")) for one in all_of(root, "circle"))
    expected = sorted(FRENCH.values(), key=lambda pair: -pair[1])
    assert np.polyval(across, [x for x, _ in points]) == pytest.approx([f2 for _, f2 in expected], abs=2)
    assert np.polyval(down, [y for _, y in points]) == pytest.approx([f1 for f1, _ in expected], abs=1)
    assert {"F1 (Hz)", "F2 (Hz)"} <= set(texts(root))
    assert "/i/ [i]: F1 308 Hz, F2 2064 Hz" in tips(root)


def cover(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return min(a[2], b[2]) - max(a[0], b[0]) > 0.5 and min(a[3], b[3]) - max(a[1], b[1]) > 0.5


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(250, 800), st.floats(700, 2300)), min_size=1, max_size=10))
def test_no_map_covers_another_or_leaves_the_figure(places: list[tuple[float, float]]) -> None:
    names = [f"v{i}" for i in range(len(places))]
    figure = vowels(names, formants=dict(zip(names, places, strict=True)))
    boxes = list(boxes_of(figure).values())
    assert len(boxes) == len(names)
    assert not any(cover(a, b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert all(a[0] >= 0 and a[1] >= 0 and a[2] <= figure.width and a[3] <= figure.height for a in boxes)


@pytest.mark.parametrize("shape", [(99, 252), (9, 254), (49, 36), (1, 1)])
def test_maps_of_long_windows_and_many_filters_fit_too(shape: tuple[int, int]) -> None:
    figure = vowels(list(FRENCH), shape)
    boxes = list(boxes_of(figure).values())
    assert len(boxes) == 10
    assert not any(cover(a, b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert all(a[2] <= figure.width and a[3] <= figure.height for a in boxes)
    grid: dict[str, list[str | None]] = {"voiceless": ["p", "t", "k"], "voiced": [None, "d", "g"]}
    maps = {phone: np.ones(shape) for phone in "ptkdg"}
    ipa = {phone: phone for phone in "ptkdg"}
    plosives = plosive_maps("x", maps, grid, ["labial", "coronal", "dorsal"], ipa=ipa, peak=1, title="t")
    assert plosives.width < 600
    assert plosives.height < 600


def test_vowels_without_formants_are_left_out_and_without_any_it_is_said() -> None:
    assert boxes_of(vowels(["i", "a~"])).keys() == {"i"}
    assert "no vowel in the panel has formants" in texts(read(vowels(["a~"])))
    assert "no vowel in the panel has formants" in texts(read(vowels([])))


def test_plosives_stand_in_rows_of_voicing_and_columns_of_place() -> None:
    grid: dict[str, list[str | None]] = {"voiceless": ["p", None, NAUGHTY], "voiced": ["b", "d", "not in the maps"]}
    maps = {"p": np.full((9, 36), 0.5), NAUGHTY: np.eye(9, 36), "b": np.zeros((9, 36)), "d": np.ones((9, 36))}
    ipa = {"p": "p", NAUGHTY: "k", "b": "b", "d": "d"}
    places = ["labial", "coronal", "dorsal"]
    figure = plosive_maps("x", maps, grid, places, ipa=ipa, peak=1.0, title="Plosives")
    boxes = boxes_of(figure)
    assert boxes.keys() == {"p", NAUGHTY, "b", "d"}
    assert boxes["p"][0] == boxes["b"][0] < boxes["d"][0] < boxes[NAUGHTY][0]
    assert boxes["p"][1] == boxes[NAUGHTY][1] < boxes["b"][1] == boxes["d"][1]
    root = read(figure)
    assert {*places, "voiceless", "voiced"} <= set(texts(root))
    assert "/p/ [p]: voiceless, labial; mean activation 0.500" in tips(root)
    assert f"/{NAUGHTY}/ [k]: voiceless, dorsal; mean activation 0.028" in tips(root)
    assert not any(cover(a, b) for i, a in enumerate(boxes.values()) for b in list(boxes.values())[:i])


def test_no_plosives_at_all_are_a_figure_too() -> None:
    grid: dict[str, list[str | None]] = {"voiceless": [None] * 3, "voiced": [None] * 3}
    figure = plosive_maps("x", {}, grid, ["labial", "coronal", "dorsal"], ipa={}, peak=0, title="Plosives")
    assert "labial" in texts(read(figure))
