"""The entries of a Lhotse manifest, one at a time."""

from __future__ import annotations

import gzip
import re
import zlib
from typing import TYPE_CHECKING, Any, Final

from phonoscope.corpus.formats.shared import parsed_json, shown
from phonoscope.errors import FormatError

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator
    from pathlib import Path

REMEDY: Final = "write the manifest again with Lhotse"

LONGEST: Final = 1 << 26
"""Bytes of one entry, or of a whole manifest that is one JSON list: 64 MB. An hour of phones is 2 MB."""
_SNIFFED: Final = 1 << 14


def entries(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield where an entry stands, for messages, and the entry.

    Raises
    ------
    FormatError
        The file can not be read, is YAML, or has a line that is no JSON object.
    """
    names = [suffix.lower() for suffix in path.suffixes[-2:]]
    if {".yaml", ".yml"} & set(names):
        todo = "make it JSONL, by `lhotse copy MANIFEST.yaml MANIFEST.jsonl.gz`"
        raise FormatError(path, "", "manifests in YAML are not read", todo)
    try:
        with _opened(path) as file:
            yield from _listed(path, file) if ".json" in names else _lines(path, file)
    except (OSError, EOFError, zlib.error) as error:  # gzip raises all three
        problem = f"the file can not be read ({getattr(error, 'strerror', None) or error})"
        raise FormatError(path, "", problem, REMEDY) from None


def kind(path: Path) -> str:
    """Tell what a file holds by its start: "cuts", "supervisions", "recordings", or "" for none of them."""
    try:
        with _opened(path) as file:
            start = file.read(_SNIFFED).decode("utf-8", "replace")
    except (OSError, EOFError, zlib.error):
        return ""
    if not re.match(r"\s*[\[{]", start):
        return ""
    marks = {"supervisions": "cuts", "tracks": "cuts", "recording_id": "supervisions", "sources": "recordings"}
    found = [(start.find(f'"{mark}"'), name) for mark, name in marks.items() if f'"{mark}"' in start]
    return min(found)[1] if found else ""


def _opened(path: Path) -> io.BufferedReader | gzip.GzipFile:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")


def _lines(path: Path, file: io.BufferedReader | gzip.GzipFile) -> Iterator[tuple[str, dict[str, Any]]]:
    count = 0
    while line := file.readline(LONGEST):
        count += 1
        where = f"line {count}"
        if len(line) == LONGEST:
            raise FormatError(path, where, f"the line is longer than {LONGEST >> 20} MB", REMEDY)
        if line.strip():
            yield where, _entry(path, where, parsed_json(path, where, line, REMEDY))


def _listed(path: Path, file: io.BufferedReader | gzip.GzipFile) -> Iterator[tuple[str, dict[str, Any]]]:
    content = file.read(LONGEST + 1)
    if len(content) > LONGEST:
        todo = "make it JSONL, by `lhotse copy MANIFEST.json MANIFEST.jsonl.gz`"
        raise FormatError(path, "", f"a manifest in JSON is read as a whole, and this is over {LONGEST >> 20} MB", todo)
    listed = parsed_json(path, "", content, REMEDY)
    if not isinstance(listed, list):
        raise FormatError(path, "", "this is no manifest: it is not a list", REMEDY)
    for count, entry in enumerate(listed, 1):
        where = f"entry {count}"
        yield where, _entry(path, where, entry)


def _entry(path: Path, where: str, entry: object) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise FormatError(path, where, f"{shown(entry)} stands where an entry of a manifest should be", REMEDY)
    return entry
