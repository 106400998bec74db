"""The phone sets that have a name: French, TIMIT's and ARPAbet; and how labels fold onto them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from phonoscope.phones.features import features_of
from phonoscope.phones.inventory import PAUSE, Inventory, french, french_folding
from phonoscope.phones.ipa_labels import canonical
from phonoscope.phones.no_phones import is_pause
from phonoscope.phones.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

TITLES: Final = {
    "french": "the 33 phones of French",
    "timit39": "TIMIT's phones folded to 39 classes (38 and silence)",
    "timit48": "TIMIT's phones folded to 48 classes (46 and two of silence)",
    "timit61": "TIMIT's 61 phones (58 and three of silence)",
    "arpabet": "the 39 phones of ARPAbet, stress left away",
}
"""What the sets are called in a sentence."""

TIMIT_MARKS: Final = frozenset(["bcl", "dcl", "gcl", "pcl", "tcl", "kcl", "cl", "vcl", "ax-h", "axr", "h#"])
"""Labels that TIMIT has and ARPAbet, as it is used elsewhere, has not."""

_STRESS = "012"


def made_inventory(name: str, ipa: Mapping[str, str]) -> Inventory:
    """Make an inventory of phones and their IPA signs ("" where none is known), with the class that each sign has."""
    return Inventory(name, tuple(ipa), dict(ipa), {phone: _class_of(sign) for phone, sign in ipa.items()})


def _class_of(sign: str) -> str:
    try:
        features = features_of(sign)
    except ValueError:
        return "other"
    vowel = features["kind"] == "vowel"
    return f"{features.get('nasality', 'oral')} vowel" if vowel else features["kind"]


@dataclass(frozen=True)
class TimitFold:
    """Folds TIMIT's labels, in whatever case, onto one of its sets.

    Attributes
    ----------
    known
        From label to phone, `PAUSE`, or None for a label that the set leaves out.
    """

    known: Mapping[str, str | None]

    def __call__(self, label: str) -> str | None:
        """Return the phone that a label stands for, `PAUSE`, or None."""
        key = label.strip().casefold()
        if key in self.known:
            return self.known[key]
        return PAUSE if is_pause(label) else None


@dataclass(frozen=True)
class ArpabetFold:
    """Folds ARPAbet's labels, in whatever case and with stress or without, onto its 39 phones."""

    known: Mapping[str, str | None]

    def __call__(self, label: str) -> str | None:
        """Return the phone that a label stands for, `PAUSE`, or None."""
        key = label.strip().upper()
        bare = key[:-1] if key[-1:] in _STRESS else key
        phone = self.known.get(key)
        if phone is None and self.known.get(bare) is not None and _is_vowel(self.known[bare]):
            phone = self.known[bare]  # consonants bear no stress: T1 is a slip
        return PAUSE if phone is None and is_pause(label) else phone


@cache
def _arpabet_vowels() -> frozenset[str]:
    return frozenset(row["phone"] for row in read_table("arpabet.csv") if features_of(row["ipa"])["kind"] == "vowel")


def _is_vowel(phone: str | None) -> bool:
    return phone in _arpabet_vowels()


@cache
def named_set(name: str) -> tuple[Inventory, Callable[[str], str | None]]:
    """Return the inventory of a set of `TITLES`, and what folds labels onto it.

    TIMIT's silences (h#, pau, epi; of 39 the closures too, as Lee and Hon 1989 fold them) are pauses. The tables
    ``data/timit.csv`` and ``data/arpabet-folding.csv`` say what folds onto what, ``docs/phone-sets.md`` why.
    """
    if name == "french":
        return french(), french_folding()
    if name == "arpabet":
        return _arpabet()
    return _timit(name)


def _arpabet() -> tuple[Inventory, ArpabetFold]:
    ipa = {row["phone"]: canonical(row["ipa"]) for row in read_table("arpabet.csv")}
    known: dict[str, str | None] = {phone: phone for phone in ipa}
    known |= {
        row["label"]: None if row["phone"] == "unknown" else row["phone"] for row in read_table("arpabet-folding.csv")
    }
    return made_inventory("ARPAbet", ipa), ArpabetFold(known)


_SILENCES = frozenset(["h#", "pau", "epi", "sil"])


def _timit(name: str) -> tuple[Inventory, TimitFold]:
    rows = read_table("timit.csv")
    signs = {row["timit61"]: canonical(row["ipa"]) for row in rows}
    phones = dict.fromkeys(row[name] for row in rows if row[name] and row[name] not in _SILENCES)
    known: dict[str, str | None] = {}
    for row in rows:
        phone = row[name]
        value = (PAUSE if phone in _SILENCES else phone) or (None if not phone else PAUSE)
        # a corpus may have been folded before: labels of the smaller sets stand for what they fold onto
        for label in _as_labels(row, name):
            known.setdefault(label, value)
    return made_inventory(f"TIMIT {name.removeprefix('timit')}", {p: signs.get(p, "") for p in phones}), TimitFold(
        known
    )


def _as_labels(row: Mapping[str, str], name: str) -> Iterable[str]:
    sets = {"timit61": ("timit61",), "timit48": ("timit61", "timit48"), "timit39": ("timit61", "timit48", "timit39")}
    return (row[column] for column in sets[name] if row[column])
