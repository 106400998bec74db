"""Reads signs of the International Phonetic Alphabet into columns of features; the tables in `data` say which."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from phonoscope.phones.inventory import read_table

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS: Final = (
    "kind",
    "voicing",
    "place",
    "manner",
    "height",
    "backness",
    "rounding",
    "nasality",
    "sibilance",
    "rhoticity",
    "secondary",
    "phonation",
    "airstream",
    "release",
    "tongue",
    "length",
    "syllabicity",
    "contour",
)
"""The columns that a phone's features may have, in the order in which they are given."""

_TIES = str.maketrans("", "", "\N{COMBINING DOUBLE INVERTED BREVE}\N{COMBINING DOUBLE BREVE BELOW}")
# places at which a closure may be released into friction: within one of these sets, or at one and the same place
_NEIGHBOURS = (
    {"bilabial", "labiodental"},
    {"dental", "alveolar", "postalveolar", "retroflex", "alveolo-palatal"},
    {"alveolo-palatal", "palatal"},
)
_FRICATED = {"fricative": "affricate", "lateral fricative": "lateral affricate"}

Row = dict[str, str]


@dataclass(frozen=True)
class _Mark:
    """What a mark sets, where its condition holds."""

    when: str
    sets: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Letter:
    """A letter's row of the table, and the marks that follow it."""

    row: Row
    marks: list[str]


def satisfies(features: Mapping[str, str], condition: str) -> bool:
    """Tell whether features meet a condition of the tables.

    A condition is ``column=value|value`` or ``column!=value|value``; several joined by ``&`` must all hold, and of
    groups joined by ``;`` one. A column that the phone does not have equals no value. The empty condition holds.
    """
    return any(all(_equals(features, part) for part in group.split("&")) for group in condition.split(";"))


def _equals(features: Mapping[str, str], part: str) -> bool:
    if not part.strip():
        return True
    column, values = part.split("=")
    found = features.get(column.strip("! "))
    return (found in [value.strip() for value in values.split("|")]) != ("!" in column)


@cache
def _letters() -> dict[str, Row]:
    rows = read_table("features.csv")
    return {unicodedata.normalize("NFD", row["ipa"]): {c: row[c] for c in COLUMNS if row.get(c)} for row in rows}


@cache
def _marks() -> dict[str, list[_Mark]]:
    marks: dict[str, list[_Mark]] = {}
    for row in read_table("feature-marks.csv"):
        sign = chr(int(row["mark"].removeprefix("U+"), 16))
        pairs = [part.split("=") for part in row["sets"].split("&")] if row["sets"] else []
        sets = tuple((column.strip(), value.strip()) for column, value in pairs)
        marks.setdefault(sign, []).append(_Mark(row["when"], sets))
    return marks


def read_symbol(ipa: str) -> Row:
    """Read one phone: a letter, or letters that make an affricate, a double articulation or a diphthong, and marks.

    Raises
    ------
    ValueError
        A sign is not in the tables, or the letters do not make one phone.
    """
    parts = _split(ipa)
    marks = [mark for part in parts for mark in part.marks]
    row = dict(parts[0].row) if len(parts) == 1 else _joined(ipa, [part.row for part in parts])
    for mark in marks:
        applying = next((m for m in _marks()[mark] if satisfies(row, m.when)), None)
        row.update(applying.sets if applying else ())
    return {column: row[column] for column in COLUMNS if row.get(column)}


def _split(ipa: str) -> list[_Letter]:
    """Part a phone into its letters, each with its marks."""
    text = unicodedata.normalize("NFD", ipa.strip()).translate(_TIES)
    letters, marks = _letters(), _marks()
    longest = max(map(len, letters))
    parts: list[_Letter] = []
    at = 0
    while at < len(text):
        # ç is two characters when it is decomposed, and the first of them a letter too
        letter = next((text[at : at + n] for n in range(longest, 0, -1) if text[at : at + n] in letters), None)
        if letter is not None:
            parts.append(_Letter(letters[letter], []))
            at += len(letter)
        elif text[at] in marks and (parts or not any(m.sets for m in marks[text[at]])):  # stress stands before
            if parts:
                parts[-1].marks.append(text[at])
            at += 1
        else:
            msg = f"{ipa!r}: the feature table does not know {text[at]!r} there; write the phone as the IPA chart does"
            raise ValueError(msg)
    if not parts:
        msg = f"{ipa!r} has no letter; write the phone as the IPA chart does"
        raise ValueError(msg)
    return parts


def _joined(ipa: str, rows: list[Row]) -> Row:
    """Make one phone of several letters: a diphthong, an affricate or a double articulation."""
    if all(row["kind"] == "vowel" for row in rows) and any(row != rows[0] for row in rows):
        shared = {column: value for column, value in rows[0].items() if all(r.get(column) == value for r in rows)}
        return {**shared, "contour": "diphthong"}
    if len(rows) == 2 and rows[0].get("manner") in {"plosive", "nasal"}:  # noqa: PLR2004
        first, second = rows
        places = (first["place"], second.get("place", ""))
        alike = first["voicing"] == second["voicing"]
        near = len({*places}) == 1 or any(neighbours.issuperset(places) for neighbours in _NEIGHBOURS)
        if alike and near and first["manner"] == "plosive" and second.get("manner") in _FRICATED:
            return {**second, "manner": _FRICATED[second["manner"]]}
        if alike and places == ("velar", "bilabial") and first["manner"] == second["manner"]:
            return {**first, "place": "labial-velar"}
    msg = f"{ipa!r}: these letters make no single phone that the feature table knows; give one phone a label"
    raise ValueError(msg)
