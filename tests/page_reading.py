"""Takes a written report apart: its elements, data, pickers and figures."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_VOID = {"meta", "link", "br", "img", "input", "hr"}


@dataclass
class Node:
    name: str
    attributes: dict[str, str]
    children: list[Node | str] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child.walk()

    def all(self, name: str | None = None, **attributes: str) -> list[Node]:
        """Elements below, by name and attributes (``class_`` for one of the classes)."""
        wanted = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
        return [
            node
            for node in self.walk()
            if node is not self
            and (name is None or node.name == name)
            and all(v in node.attributes.get(k, "").split() or v == node.attributes.get(k) for k, v in wanted.items())
        ]

    @property
    def text(self) -> str:
        return " ".join(
            "".join(child if isinstance(child, str) else f" {child.text} " for child in self.children).split()
        )


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Node("document", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {key: value or "" for key, value in attrs})
        self.open[-1].children.append(node)
        if tag not in _VOID:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].name == tag, f"</{tag}> in <{self.open[-1].name}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read_page(text: str) -> Node:
    """Parse a page; every element has to be closed where it was opened."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert len(reader.open) == 1, f"<{reader.open[-1].name}> is not closed"
    return reader.open[0]


def data_of(page: Node, name: str) -> Any:  # noqa: ANN401 - what JSON holds
    (block,) = page.all("script", id=name)
    (content,) = block.children
    assert isinstance(content, str)
    return json.loads(content)


def combinations_of(picker: Node) -> list[tuple[str, ...]]:
    """Every combination of a picker's choices."""
    selects = [select for select in picker.all("select") if "data-axis" in select.attributes]
    return list(itertools.product(*([o.attributes["value"] for o in select.all("option")] for select in selects)))


def panes_of(picker: Node, choices: tuple[str, ...]) -> list[Node]:
    """The panes that are shown for a combination."""
    key = "|".join(choices).replace(" ", "_")
    return [one for one in picker.all() if key in one.attributes.get("data-keys", "").split()]


def chosen_at_first(picker: Node) -> tuple[str, ...]:
    selects = [select for select in picker.all("select") if "data-axis" in select.attributes]
    chosen = []
    for select in selects:
        options = select.all("option")
        chosen += [next((o for o in options if "selected" in o.attributes), options[0]).attributes["value"]]
    return tuple(chosen)


def svg_texts(text: str) -> list[str]:
    """Every figure of the page as it is written there."""
    return re.findall(r"<svg xmlns=.*?</svg>", text, re.DOTALL)
