"""What is wrong with a built site: links, anchors and pictures that lead nowhere, and what it asks of other hosts.

Reads the HTML with the standard library's parser, and knows nothing of what built it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# attributes whose address a browser fetches by itself when it shows the page
_LOADED = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "input": ("src",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
# links of <head> that only say where something is
_NAMED_ONLY = {"canonical", "next", "prev", "alternate", "author", "license"}
_IN_STYLE = re.compile(r"""url\(\s*(?:"([^"]*)"|'([^']*)'|([^'")]+))|@import\s+["']([^"']+)""")


@dataclass
class Page(HTMLParser):
    """One page: what it can be linked by, what it links to, what it loads."""

    path: Path
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    _style: bool = False

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._style = tag == "style"
        self.anchors |= {values[name] for name in ("id", "name") if name in values and (name == "id" or tag == "a")}
        if tag in ("a", "area") and "href" in values:
            self.links.append(values["href"])
        if tag == "link" and "href" in values:
            kinds = set(values.get("rel", "").lower().split())
            (self.links if kinds & _NAMED_ONLY else self.loaded).append(values["href"])
        for name in _LOADED.get(tag, ()):
            if name in values:
                several = values[name].split(",") if name == "srcset" else [values[name]]
                self.loaded += [one.split()[0] for one in several if one.strip()]
        self.loaded += _addresses(values.get("style", ""))

    def handle_data(self, data: str) -> None:
        if self._style:
            self.loaded += _addresses(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "style":
            self._style = False


def _addresses(style: str) -> list[str]:
    return ["".join(found) for found in _IN_STYLE.findall(style)]


def _elsewhere(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in ("", "data", "blob")


def complaints(site: Path) -> Iterator[str]:
    """Yield a sentence for each thing that is wrong with the site in a folder."""
    pages = {path: Page(path) for path in sorted(site.resolve().rglob("*.html"))}
    for path, page in pages.items():
        where = path.relative_to(site.resolve()).as_posix()
        yield from (f"{where}: loads {wrong}" for wrong in _not_loaded(path, page.loaded))
        yield from (f"{where}: links to {wrong}" for wrong in _not_linked(path, pages))
    for path in sorted(site.resolve().rglob("*.css")):
        where = path.relative_to(site.resolve()).as_posix()
        found = _addresses(path.read_text(encoding="utf-8"))
        yield from (f"{where}: loads {wrong}" for wrong in _not_loaded(path, found))


def _not_loaded(path: Path, addresses: list[str]) -> Iterator[str]:
    """Yield what a page or style sheet loads from elsewhere, or in vain."""
    for address in addresses:
        if _elsewhere(address):
            yield address
        elif not address.startswith(("data:", "#")) and not _target(path, address).is_file():
            yield f"{address}, which does not exist"


def _not_linked(path: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """Yield the links of a page to files or anchors that are not there."""
    for address in pages[path].links:
        if _elsewhere(address):
            continue
        parts = urlsplit(address)
        target = _target(path, address) if parts.path else path
        if not target.is_file():
            yield f"{address}, which does not exist"
        elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
            yield f"{address}, and {target.name} has no such anchor"


def _target(page: Path, address: str) -> Path:
    """Return the file that an address means.

    One from the root of a host leads nowhere in a folder; but 404.html is for servers only, which show it anywhere.
    """
    path = unquote(urlsplit(address).path)
    return (page.parent / (path.lstrip("/") if page.name == "404.html" else path)).resolve()
