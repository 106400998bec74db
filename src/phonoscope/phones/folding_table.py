"""A user's own table of what labels stand for: a CSV file of the columns label and phone."""

from __future__ import annotations

import csv
import io
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from phonoscope.errors import FormatError
from phonoscope.phones.inventory import PAUSE
from phonoscope.phones.ipa_labels import ipa_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_PAUSE_WORD, _UNKNOWN_WORDS = "pause", ("unknown", "")
_DELIMITERS = ",;\t"
_LONGEST: Final = 10_000_000  # bytes; ten times any table of labels


@dataclass(frozen=True)
class FoldingTable:
    """What a user's table says.

    Attributes
    ----------
    path
        The file.
    known
        From label, as `plain` writes it, to phone, `PAUSE`, or None for what is to be left out.
    ipa
        From phone, in the order in which they appear, to the IPA sign of the optional column ``ipa``; "" without.
    lines
        The line in which each phone is first named.
    """

    path: Path
    known: Mapping[str, str | None]
    ipa: Mapping[str, str]
    lines: Mapping[str, int]


@dataclass(frozen=True)
class TableFold:
    """Folds the labels of a table, and others by another fold."""

    known: Mapping[str, str | None]
    others: Callable[[str], str | None]

    def __call__(self, label: str) -> str | None:
        """Return the phone that a label stands for, `PAUSE`, or None."""
        key = plain(label)
        return self.known[key] if key in self.known else self.others(label)


def plain(label: str) -> str:
    """Return a label without white space about it, its characters composed (NFC)."""
    return unicodedata.normalize("NFC", label.strip())


def read_folding_table(path: Path) -> FoldingTable:
    """Read a table: UTF-8, a line of the columns' names, then a label a line; commas, semicolons or tabs between.

    The column ``phone`` holds a phone, "pause", or "unknown" or nothing for a label that is no phone. A column ``ipa``
    may give the phone's sign, once is enough.

    Raises
    ------
    FormatError
        The file can not be read, or is not such a table; the message names the line.
    """
    known: dict[str, str | None] = {}
    seen: dict[str, int] = {}
    ipa: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, label, phone, sign in _rows(path):
        if label in known:
            other = known[label] if known[label] is not None else _UNKNOWN_WORDS[0]
            problem = f"the label {label!r} is in line {seen[label]} already, as {other or _PAUSE_WORD!r}"
            raise FormatError(path, f"line {line}", problem, "Keep one of the two lines.")
        seen[label] = line
        known[label] = PAUSE if phone == _PAUSE_WORD else None if phone in _UNKNOWN_WORDS else phone
        if not label and phone not in {*_UNKNOWN_WORDS, _PAUSE_WORD}:
            todo = "Name the label, or remove the line: an empty label is a pause."
            raise FormatError(path, f"line {line}", f"the label of {phone!r} is empty", todo)
        if known[label]:
            lines.setdefault(phone, line)
            _note_sign(path, line, phone, sign, ipa)
    if not ipa:
        raise FormatError(path, "", "no line names a phone", "Give each label the phone that it stands for.")
    return FoldingTable(path, known, ipa, lines)


def _note_sign(path: Path, line: int, phone: str, sign: str, ipa: dict[str, str]) -> None:
    if sign and not ipa_of(sign):
        problem = f"the sign {sign!r} of the column ipa can not be read"
        raise FormatError(path, f"line {line}", problem, "Write the phone as the IPA chart does, or leave it empty.")
    if sign and ipa.get(phone) and ipa[phone] != ipa_of(sign):
        problem = f"the phone {phone!r} has the sign {ipa[phone]!r} in another line, and {sign!r} here"
        raise FormatError(path, f"line {line}", problem, "Give a phone one sign.")
    ipa[phone] = ipa_of(sign) or ipa.get(phone, "")


def _rows(path: Path) -> Iterator[tuple[int, str, str, str]]:
    """Give each row's line, label, phone and IPA sign."""
    text = _text(path)
    first = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header: dict[str, int] | None = None
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = _header(path, reader.line_num, cells)
                continue
            if len(cells) <= max(header["label"], header["phone"]):
                problem = f"there are {len(cells)} cells, too few for label and phone"
                raise FormatError(path, f"line {reader.line_num}", problem, "Complete the line, or remove it.")
            at = header.get("ipa", len(cells))
            sign = cells[at].strip() if at < len(cells) else ""
            yield reader.line_num, plain(cells[header["label"]]), plain(cells[header["phone"]]), sign
    except csv.Error as error:
        problem = f"this is not CSV: {error}"
        raise FormatError(path, f"line {reader.line_num}", problem, "Correct the quotes there.") from None
    if header is None:
        raise FormatError(path, "", "the table is empty", _COLUMNS)


_COLUMNS: Final = "The first line has to name the columns label and phone."


def _header(path: Path, line: int, cells: list[str]) -> dict[str, int]:
    names = [cell.strip().casefold() for cell in cells]
    if names.count("label") != 1 or names.count("phone") != 1:
        there = ", ".join(repr(cell.strip()[:40]) for cell in cells[:8])
        raise FormatError(
            path, f"line {line}", f"the columns label and phone are not there once each, but {there}", _COLUMNS
        )
    return {name: names.index(name) for name in ("label", "phone", "ipa") if name in names}


def _text(path: Path) -> str:
    todo = "Name a CSV file of the columns label and phone by --corpus.folding FILE."
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise FormatError(path, "", getattr(error, "strerror", None) or str(error), todo) from None
    if len(content) > _LONGEST:
        raise FormatError(path, "", f"the file is larger than {_LONGEST // 1_000_000} MB", todo)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FormatError(path, f"line {line}", "this is not UTF-8", "Save the table as UTF-8.") from None
