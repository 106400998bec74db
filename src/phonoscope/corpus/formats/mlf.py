"""HTK's Master Label Files: the label files of a whole corpus in one."""

from __future__ import annotations

import itertools
import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from phonoscope.corpus.formats.text import unreadable, utf8_or_latin1
from phonoscope.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

HEAD = "#!MLF!#"
_NAME = re.compile(r"""(["'])(.+)\1""")
_ELSEWHERE = re.compile(r"""(["'])(.+)\1\s*[-=]>.*""")
_SUFFIX = re.compile(r"\.(?:lab|rec|phn|mono|full|ali|txt|wav|mfc|plp|fbk|cmp)", re.IGNORECASE)
_ROOTED = re.compile(r"[A-Za-z]:/|/")


class Entry(NamedTuple):
    """A label file within a Master Label File: the line of its name, the name as it stands, its lines with numbers."""

    number: int
    name: str
    lines: list[tuple[int, str]]


def entries(path: Path) -> Iterator[Entry]:
    """Read one entry after the other.

    Raises
    ------
    FormatError
        The file can not be read, does not start as a Master Label File, does not have a name where one has to be,
        refers to label files elsewhere, or ends within an entry.
    """
    try:
        with path.open("rb") as file:
            yield from _entries(path, (utf8_or_latin1(line).strip() for line in file))
    except OSError as error:
        raise unreadable(path, error) from None


def _entries(path: Path, lines: Iterator[str]) -> Iterator[Entry]:
    if next(lines, "").removeprefix("\ufeff") != HEAD:
        raise FormatError(path, "line 1", f"a Master Label File starts with {HEAD}")
    entry: Entry | None = None
    for number, line in enumerate(lines, 2):
        if entry is None:
            if line:
                entry = Entry(number, _named(path, number, line), [])
        elif line == ".":
            yield entry
            entry = None
        else:
            entry.lines.append((number, line))
    if entry is not None:
        problem = f"the file ends within the labels of {entry.name[:60]!r}, which a line with a full stop should end"
        raise FormatError(path, f"line {entry.number}", problem)


def _named(path: Path, number: int, line: str) -> str:
    if _ELSEWHERE.fullmatch(line):
        problem = f"{line[:60]!r} refers to label files elsewhere"
        raise FormatError(path, f"line {number}", problem, "Name the folder that holds them, instead of this file.")
    match = _NAME.fullmatch(line)
    if match is None:
        problem = f"{line[:60]!r} stands where the name of a label file between quotes should be"
        raise FormatError(path, f"line {number}", problem)
    return match[2]


def short_names(names: Sequence[str]) -> list[str]:
    """Return the names of entries as paths without suffixes, less the folder that stands for any or holds all."""
    paths = [_path(name) for name in names]
    folders = [path.split("/")[:-1] for path in paths if _ROOTED.match(path)]
    above = "/".join(_common(folders)) + "/"
    return [path.removeprefix(above).lstrip("/") if _ROOTED.match(path) else path for path in paths]


def _common(folders: Sequence[list[str]]) -> list[str]:
    """Return what all lists begin with."""
    levels = zip(*folders, strict=False)
    return [names[0] for names in itertools.takewhile(lambda names: len({*names}) == 1, levels)]


def _path(name: str) -> str:
    path = unicodedata.normalize("NFC", name.replace("\\", "/")).removeprefix("*/")
    stem, dot, suffix = path.rpartition(".")
    return stem if dot and _SUFFIX.fullmatch(dot + suffix) and stem.rpartition("/")[2] else path
