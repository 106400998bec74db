"""SVG elements whose text is always escaped, and what charts have in common: scales, ticks, axes, signs.

The figures of a run are written as SVG straight away, for the page and as files alike: they follow the page's light or
dark colours, print sharp at any width, work without a script, and are a few kilobytes each.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from phonoscope.report.theme import FIGURE_CSS, LIGHT, resolved

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """Make an element; children and attributes are escaped unless they are elements already.

    Attribute names: a trailing underscore goes (``class_``), other underscores become hyphens. None leaves the
    attribute out. Numbers are rounded to a hundredth of a unit.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{given}>{''.join(map(escape, children))}</{name}>")  # noqa: S704 - its parts are escaped


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value) if isinstance(value, int) else escape(value)


@dataclass(frozen=True)
class Chart:
    """A figure.

    Attributes
    ----------
    name
        Names its file, such as ``figure1-spectral``.
    svg
        The element.
    width, height
        Its natural size in pixels; text is as large as on the page then.
    """

    name: str
    svg: Markup
    width: float
    height: float

    @property
    def inner(self) -> Markup:
        """The element from its ``viewBox`` on, to be put into another."""
        return Markup(str(self.svg).split('xmlns="http://www.w3.org/2000/svg" ', 1)[1])  # noqa: S704 - an element


def chart(
    name: str, width: float, height: float, *content: object, title: str, key: tuple[Markup, float] | None = None
) -> Chart:
    """Put elements together to a figure.

    Parameters
    ----------
    title
        Says in words what it shows, for those who do not see it.
    key
        What `key_rows` gives for below the figure: the page cuts it off, as it has buttons there, files show it.
    """
    drawn, more = key or (Markup(""), 0.0)
    svg = tag(
        "svg",
        *content,
        drawn,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        class_="chart",
        role="img",
        aria_label=title,
        tabindex=0,
        style=f"max-width:{width:g}px",
        data_full=f"{height + more:g}",
    )
    return Chart(name, svg, width, height + more)


def svg_file(figure: Chart) -> str:
    """Return a figure as a file of its own: on white paper, with its style within."""
    start, rest = str(figure.svg).split(">", 1)
    size = f'{figure.width:g}" height="{figure.height:g}"'
    sized = start.replace(f' style="max-width:{figure.width:g}px"', f' width="{size}')
    sized = re.sub('viewBox="0 0 [^"]+"', f'viewBox="0 0 {figure.width:g} {figure.height:g}"', sized)
    paper = '<rect width="100%" height="100%" fill="var(--paper)"/>'
    return resolved(f"{sized}><style>{FIGURE_CSS}</style>{paper}{rest}\n", LIGHT)


def text(x: float, y: float, content: object, *, anchor: str = "start", **attributes: object) -> Markup:
    """Write a text; `anchor` is start, middle or end."""
    return tag("text", content, x=x, y=y, text_anchor=None if anchor == "start" else anchor, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, **attributes: object) -> Markup:
    """Draw a straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def polyline(points: Iterable[tuple[float, float]], **attributes: object) -> Markup:
    """Draw a line through points."""
    return tag("polyline", points=" ".join(f"{x:.2f},{y:.2f}" for x, y in points), **attributes)


def phone_text(x: float, y: float, phone: str, ipa: str, *, anchor: str = "middle", **attributes: object) -> Markup:
    """Write a phone's label; the page can switch it between the corpus's notation and IPA."""
    return text(x, y, phone, anchor=anchor, data_phone=phone, data_ipa=ipa, **attributes)


def sign(shape: str, x: float, y: float, r: float, **attributes: object) -> Markup:
    """Draw a sign centred on a point: circle, square, triangle, diamond, wedge (a triangle on its tip) or hourglass."""
    if shape == "circle":
        return tag("circle", cx=x, cy=y, r=r, **attributes)
    shapes: dict[str, list[tuple[float, float]]] = {
        "square": [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        "triangle": [(0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
        "diamond": [(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)],
        "wedge": [(0, 1.2), (1.1, -0.8), (-1.1, -0.8)],
        "hourglass": [(-1, -1.1), (1, -1.1), (-1, 1.1), (1, 1.1)],
    }
    points = " ".join(f"{x + r * dx:.2f},{y + r * dy:.2f}" for dx, dy in shapes[shape])
    return tag("polygon", points=points, **attributes)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round numbers within low … high, about so many: steps of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


@dataclass(frozen=True)
class Scale:
    """Maps values from `low` … `high` to pixels from `start` … `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the pixel of a value; all values lie in the middle where low and high are one."""
        if self.high == self.low:
            return (self.start + self.end) / 2
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def y_axis(scale: Scale, left: float, right: float, values: Sequence[float], label: str = "") -> Markup:
    """Draw grid lines with their values at the left, and turned by 90 degrees what they are."""
    parts = []
    for value in values:
        y = scale(value)
        parts += [
            line(left, y, right, y, class_="grid"),
            text(left - 6, y + 4, f"{value:g}", anchor="end", class_="soft small"),
        ]
    if label:
        middle = (scale.start + scale.end) / 2
        parts.append(
            text(
                left - 36,
                middle,
                label,
                anchor="middle",
                class_="soft",
                transform=f"rotate(-90 {left - 36:g} {middle:g})",
            )
        )
    return Markup("").join(parts)


def x_axis(bottom: float, positions: Iterable[tuple[float, object]], label: str = "", middle: float = 0) -> Markup:
    """Write what stands below the axis, and below that what it is."""
    parts = [text(x, bottom + 16, content, anchor="middle", class_="soft small") for x, content in positions]
    if label:
        parts.append(text(middle, bottom + 34, label, anchor="middle", class_="soft"))
    return Markup("").join(parts)


def key_rows(entries: Sequence[tuple[str, Markup, str]], left: float, top: float, right: float) -> tuple[Markup, float]:
    """Draw what the signs mean, for figures off the page: on it, buttons say so and switch them.

    Parameters
    ----------
    entries
        What a legend switches, a sign of 22 × 12 pixels, and its name.
    left, top, right
        Where; entries that do not fit go to the next row.

    Returns
    -------
    The element, and the height it takes.
    """
    parts = []
    x, y = left, top
    for series, mark, name in entries:
        width = 42 + 6.4 * len(name)
        if x + width > right and x > left:
            x, y = left, y + 18
        parts.append(
            tag(
                "g",
                mark,
                text(27, 10, name, class_="soft small"),
                transform=f"translate({x:g} {y:g})",
                data_series=series,
            )
        )
        x += width
    return tag("g", *parts, class_="key"), y + 18 - top


def side_by_side(name: str, charts: Sequence[Chart], title: str) -> Chart:
    """Put charts next to each other, as one figure."""
    parts, x, height = [], 0.0, 0.0
    for one in charts:
        size = one.height
        whole = re.sub('viewBox="0 0 [^"]+"', f'viewBox="0 0 {one.width:g} {size:g}"', one.inner, count=1)
        start = Markup('<svg x="{:g}" width="{:g}" height="{:g}" ').format(x, one.width, size)
        parts.append(start + Markup(whole))  # noqa: S704 - an element already
        x, height = x + one.width, max(height, size)
    return chart(name, x, height, *parts, title=title)


def tip(element: Markup, words: str) -> Markup:
    """Give an element words that are shown when it is pointed at."""
    start, rest = str(element).split(">", 1)
    return Markup(start) + Markup(' data-tip="{}">').format(words) + Markup(rest)  # noqa: S704 - an element already
