"""Reads signs of the International Phonetic Alphabet into columns of features; the tables in `data` say which."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from phonoscope.phones.tables import read_table

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
    "onset",
    "articulation",
)
"""The columns that a phone's features may have, in the order in which they are given."""

# joiners and variation selectors are what programs put between letters for the look of it: espeak-ng does
TIES: Final = (
    "\N{COMBINING DOUBLE INVERTED BREVE}\N{COMBINING DOUBLE BREVE BELOW}\N{COMBINING GRAPHEME JOINER}"
    "\N{ZERO WIDTH SPACE}\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}\N{WORD JOINER}\N{ZERO WIDTH NO-BREAK SPACE}"
    "\N{VARIATION SELECTOR-15}\N{VARIATION SELECTOR-16}"
)
"""Signs that say no more than that letters make one phone, which one label says already."""

_TIED = str.maketrans("", "", TIES)
# places at which a closure may be released into friction: within one of these sets, or at one and the same place
_NEIGHBOURS = (
    {"bilabial", "labiodental"},
    {"dental", "alveolar", "postalveolar", "retroflex", "alveolo-palatal"},
    {"alveolo-palatal", "palatal"},
)
_FRICATED = {"fricative": "affricate", "lateral fricative": "lateral affricate"}
_OBSTRUENTS = {"plosive", "implosive", *_FRICATED, *_FRICATED.values()}
_VOCOIDS = {"vowel", "semivowel"}
_OF_VOWELS = ("voicing", "height", "backness", "rounding", "nasality", "rhoticity", "syllabicity")

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
def _marks(table: str = "feature-marks.csv") -> dict[str, list[_Mark]]:
    marks: dict[str, list[_Mark]] = {}
    for row in read_table(table):
        sign = chr(int(row["mark"].removeprefix("U+"), 16))
        pairs = [part.split("=") for part in row["sets"].split("&")] if row["sets"] else []
        sets = tuple((column.strip(), value.strip()) for column, value in pairs)
        marks.setdefault(sign, []).append(_Mark(row["when"], sets))
    return marks


def letters() -> frozenset[str]:
    """Return the letters of the table, decomposed."""
    return frozenset(_letters())


def marks() -> frozenset[str]:
    """Return the signs that may follow a letter."""
    return frozenset(_marks())


def prefixes() -> frozenset[str]:
    """Return the signs that may stand before the first letter and say something of the phone."""
    return frozenset(_prefixes())


def read_symbol(ipa: str) -> Row:
    """Read one phone: a letter or letters that make one phone, with marks after them and perhaps one before.

    Letters make one phone as an affricate, a double articulation, a diphthong, a prenasalised obstruent or a click
    with its back release.

    Raises
    ------
    ValueError
        A sign is not in the tables, or the letters do not make one phone.
    """
    before, parts = _split(ipa)
    row = dict(parts[0].row) if len(parts) == 1 else _joined(ipa, [part.row for part in parts])
    for mark in (mark for part in parts for mark in part.marks):
        applying = next((m for m in _marks()[mark] if satisfies(row, m.when)), None)
        row.update(applying.sets if applying else ())
    for mark in before:
        applying = next((m for m in _prefixes()[mark] if satisfies(row, m.when)), None)
        if applying is None:
            raise ValueError(_unknown(ipa, mark))
        row.update(applying.sets)
    return {column: row[column] for column in COLUMNS if row.get(column)}


def _prefixes() -> dict[str, list[_Mark]]:
    return _marks("feature-prefixes.csv")


def _unknown(ipa: str, sign: str) -> str:
    return f"{ipa!r}: the feature table does not know {sign!r} there; write the phone as the IPA chart does"


def _split(ipa: str) -> tuple[list[str], list[_Letter]]:
    """Part a phone into the marks before its first letter and its letters, each with its marks."""
    text = unicodedata.normalize("NFD", ipa.strip()).translate(_TIED)
    known, after = _letters(), _marks()
    longest = max(map(len, known))
    before: list[str] = []
    parts: list[_Letter] = []
    at = 0
    while at < len(text):
        # ç is two characters when it is decomposed, and the first of them a letter too
        letter = next((text[at : at + n] for n in range(longest, 0, -1) if text[at : at + n] in known), None)
        if letter is not None:
            parts.append(_Letter(known[letter], []))
            at += len(letter)
            continue
        if not parts and text[at] in _prefixes():
            before.append(text[at])
        elif parts and text[at] in after:
            parts[-1].marks.append(text[at])
        elif text[at] not in after or any(m.sets for m in after[text[at]]):  # stress stands before, and sets nothing
            raise ValueError(_unknown(ipa, text[at]))
        at += 1
    if not parts:
        msg = f"{ipa!r} has no letter; write the phone as the IPA chart does"
        raise ValueError(msg)
    return before, parts


def _joined(ipa: str, rows: list[Row]) -> Row:
    """Make one phone of several letters."""
    first, *rest = rows
    if all(row["kind"] in _VOCOIDS for row in rows):
        found = _diphthong(rows)
    elif len(rows) == 2 and rest[0].get("manner") in {"click", "lateral click"}:  # noqa: PLR2004
        found = _click(first, rest[0])
    elif first.get("manner") == "nasal" and (last := rest[0] if len(rest) == 1 else _pair(rest)):
        found = _prenasalised(first, last)
    else:
        found = _pair(rows)
    if found is None:
        msg = f"{ipa!r}: these letters make no single phone that the feature table knows; give one phone a label"
        raise ValueError(msg)
    return found


def _diphthong(rows: list[Row]) -> Row | None:
    """Return what different vowels, at least one of them syllabic, share; None for others."""
    if all(row == rows[0] for row in rows) or not any(row["kind"] == "vowel" for row in rows):
        return None
    shared = {c: v for c in _OF_VOWELS if (v := rows[0].get(c)) and all(row.get(c) == v for row in rows)}
    return {"kind": "vowel", **shared, "contour": "diphthong"}


def _click(first: Row, click: Row) -> Row | None:
    """Give a click the voicing and the nasality of the velar or uvular before it."""
    if first.get("place") not in {"velar", "uvular"} or first.get("manner") not in {"plosive", "nasal"}:
        return None
    return {**click, "voicing": first["voicing"], "nasality": first["nasality"]}


def _prenasalised(nasal: Row, last: Row) -> Row | None:
    """Give an obstruent the nasal of its place that is before it; of a nasal it is the labial-velar ŋm."""
    if last.get("manner") in _OBSTRUENTS and _near(nasal, last):
        return {**last, "onset": "prenasalised"}
    return _pair([nasal, last])


def _near(one: Row, other: Row) -> bool:
    places = {one["place"], other.get("place", "")}
    velars = places == {"velar", "labial-velar"}  # ŋk͡p
    return len(places) == 1 or velars or any(neighbours.issuperset(places) for neighbours in _NEIGHBOURS)


def _pair(rows: list[Row]) -> Row | None:
    """Make an affricate or a labial-velar of two letters; None where they make neither."""
    if len(rows) != 2:  # noqa: PLR2004
        return None
    first, second = rows
    if first["voicing"] != second["voicing"]:
        return None
    if first.get("manner") == "plosive" and second.get("manner") in _FRICATED and _near(first, second):
        return {**second, "manner": _FRICATED[second["manner"]]}
    places = (first.get("place"), second.get("place"))
    same = first.get("manner") == second.get("manner") and first.get("manner") in {"plosive", "nasal", "implosive"}
    return {**first, "place": "labial-velar"} if same and places == ("velar", "bilabial") else None
