"""The phones of a language, and how labels of SAMPA, X-SAMPA and IPA fold onto those of French."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from phonoscope.phones.no_phones import is_pause
from phonoscope.phones.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Mapping

PAUSE: Final = ""
"""What `Folding` gives for a label that says that nobody speaks; the empty label is one."""

# what the column `phone` of a folding table may hold besides a phone
_IS_PAUSE = "pause"
_IS_UNKNOWN = "unknown"
_IS_MARK = "mark"


@dataclass(frozen=True)
class Inventory:
    """The phones that an experiment tells apart.

    Attributes
    ----------
    name
        What the inventory is called in tables and reports.
    phones
        In the order in which tables and figures show them.
    ipa
        Each phone's sign in the International Phonetic Alphabet; "" where none is known.
    classes
        Each phone's broad class, such as "consonant" or "nasal vowel"; "other" where no sign is known.
    """

    name: str
    phones: tuple[str, ...]
    ipa: Mapping[str, str]
    classes: Mapping[str, str]


class Folding:
    """Maps the labels of other notations to the phones of an inventory.

    A label stands for what its row in the table says: a phone, a pause, or nothing that is known. A label
    without a row that is a usual one of pauses is a pause. A label without a row, and without one as it stands when
    the table's marks (stress, length, narrow diacritics) are taken off it, is unknown too. Labels are compared after
    canonical decomposition (Unicode NFD), so a nasal vowel may be one character or two; white space around a label
    does not count.

    Parameters
    ----------
    inventory
        The phones to fold onto; each, and its IPA sign, stands for itself.
    rows
        The table: mappings with the keys ``label`` and ``phone``; ``phone`` is a phone of the inventory,
        "pause", "unknown", or "mark" for a sign to be taken off labels.

    Raises
    ------
    ValueError
        A label is in the table twice, or stands for a phone that the inventory does not have.
    """

    def __init__(self, inventory: Inventory, rows: list[dict[str, str]]) -> None:
        self._known: dict[str, str | None] = {PAUSE: PAUSE}
        self._known |= {phone: phone for phone in inventory.phones}
        self._known |= {_plain(ipa): phone for phone, ipa in inventory.ipa.items()}
        marks = []
        for row in rows:
            label, phone = _plain(row["label"]), row["phone"]
            if phone == _IS_MARK:
                marks.append(label)
                continue
            if label in self._known or phone not in {*inventory.phones, _IS_PAUSE, _IS_UNKNOWN}:
                msg = f"row {label!r}: {phone!r} is no phone of the inventory, or the label is taken already"
                raise ValueError(msg)
            self._known[label] = {_IS_PAUSE: PAUSE, _IS_UNKNOWN: None}.get(phone, phone)
        self._marks = sorted(marks, key=len, reverse=True)  # "_h" before "h", should both be marks
        self._asked: dict[str, str | None] = {}

    def __call__(self, label: str) -> str | None:
        """Return the phone that a label stands for, `PAUSE`, or None for a label that is not known."""
        if label not in self._asked:
            self._asked[label] = self._folded(_plain(label))
        return self._asked[label]

    def _folded(self, label: str) -> str | None:
        if label in self._known:
            return self._known[label]
        if is_pause(label):
            return PAUSE
        bare = label
        for mark in self._marks:
            bare = bare.replace(mark, "")
        return self._known.get(bare) if bare else None  # a lone mark is no pause


def _plain(label: str) -> str:
    return unicodedata.normalize("NFD", label.strip())


@cache
def french() -> Inventory:
    """Return the 33 phones of French that the paper tells apart, in SAMPA (its ``U~`` is ``e~`` here)."""
    rows = read_table("french.csv")
    return Inventory(
        name="French",
        phones=tuple(row["phone"] for row in rows),
        ipa={row["phone"]: unicodedata.normalize("NFD", row["ipa"]) for row in rows},
        classes={row["phone"]: row["class"] for row in rows},
    )


@cache
def french_folding() -> Folding:
    """Return the folding onto `french`; the table ``data/french-folding.csv`` gives the reasons."""
    return Folding(french(), read_table("french-folding.csv"))
