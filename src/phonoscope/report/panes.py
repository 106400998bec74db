"""Pickers: choices whose every combination shows another part of the page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast

import jinja2
from markupsafe import Markup

from phonoscope.report.svg import tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from phonoscope.report.svg import Chart


@cache
def environment() -> jinja2.Environment:
    """Return the templates; everything that is put into them is escaped unless it is markup already."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("phonoscope.report", "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@dataclass(frozen=True)
class Axis:
    """One choice: its label, its options as (value, name), and the one chosen at first."""

    label: str
    options: Sequence[tuple[str, str]]
    chosen: str


@dataclass(frozen=True)
class Pane:
    """What a picker shows for some of its combinations (`keys`, parted by spaces)."""

    keys: str
    content: Markup
    shown: bool


@dataclass(frozen=True)
class Picker:
    """Choices and their panes."""

    axes: Sequence[Axis]
    panes: Sequence[Pane]


def picker(axes: Sequence[Axis], contents: Mapping[str, Markup]) -> Picker:
    """Put choices and panes together.

    Parameters
    ----------
    contents
        What is shown, by the chosen values joined by ``|``; combinations with the same content share a pane.
    """
    first = "|".join(axis.chosen for axis in axes).replace(" ", "_")
    keys: dict[Markup, list[str]] = {}
    for key, content in contents.items():
        keys.setdefault(content, []).append(key.replace(" ", "_"))
    return Picker(axes, [Pane(" ".join(of), content, first in of) for content, of in keys.items()])


def figure(chart: Chart, caption: str = "") -> Markup:
    """Return a chart with its caption and the buttons that save it."""
    return cast("Markup", environment().get_template("macros.html").module.fig(chart, caption))  # type: ignore[attr-defined]


def figures(charts: Sequence[Chart], kind: str = "row") -> Markup:
    """Return charts side by side, or below each other where there is no room."""
    return Markup('<div class="{}">{}</div>').format(kind, Markup("").join(map(figure, charts)))


def on_page(mark: Markup) -> Markup:
    """Make a legend's sign of 22 × 12 pixels an element that stands in text."""
    return tag("svg", mark, viewBox="0 0 22 12", aria_hidden="true")
