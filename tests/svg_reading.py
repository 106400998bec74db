"""Reads figures back: what an SVG file says, with the values that its axes give to its points."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from phonoscope.report.svg import svg_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from phonoscope.report.svg import Chart

SVG = "{http://www.w3.org/2000/svg}"


def read(figure: Chart) -> ET.Element:
    """Parse the figure's file; raises where it is not well-formed."""
    return parse(svg_file(figure))


def parse(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - we have just written it


def all_of(root: ET.Element, name: str, **attributes: str) -> list[ET.Element]:
    """Elements of a name with these attributes (``data_of="p"`` for ``data-of``, ``class_="grid"`` for one of them)."""
    wanted = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
    return [
        one
        for one in root.iter(f"{SVG}{name}")
        if all(value in one.get(key, "").split() or value == one.get(key) for key, value in wanted.items())
    ]


def texts(root: ET.Element, **attributes: str) -> list[str]:
    return ["".join(one.itertext()) for one in all_of(root, "text", **attributes)]


def tips(root: ET.Element) -> list[str]:
    return [one.get("data-tip", "") for one in root.iter() if one.get("data-tip")]


def number(element: ET.Element, name: str) -> float:
    return float(element.get(name, "nan"))


def corners(element: ET.Element) -> list[tuple[float, float]]:
    """The points of a polyline or polygon."""
    pairs = (pair.split(",") for pair in element.get("points", "").split())
    return [(float(x), float(y)) for x, y in pairs]


def centre(mark: ET.Element) -> tuple[float, float]:
    """Where a sign lies: a circle's centre, or the middle of a square's corners."""
    if mark.tag == f"{SVG}circle":
        return number(mark, "cx"), number(mark, "cy")
    xs, ys = zip(*corners(mark), strict=True)
    return sum(xs) / len(xs), sum(ys) / len(ys)


def values_of_y(root: ET.Element) -> Callable[[float], float]:
    """Make the function from pixel to value out of the grid lines and the numbers beside them."""
    heights = [number(one, "y1") for one in all_of(root, "line", class_="grid")]
    marks = [float(one) for one in texts(root, class_="soft small", text_anchor="end")]
    (y0, v0), (y1, v1) = (heights[0], marks[0]), (heights[-1], marks[-1])
    assert len(heights) == len(marks) > 1
    return lambda y: v0 + (y - y0) / (y1 - y0) * (v1 - v0)
