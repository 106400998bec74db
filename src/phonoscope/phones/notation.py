"""How the labels of a corpus are read: which phones there are, which labels stand for which, and why it is so."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from phonoscope.errors import FormatError, SettingError
from phonoscope.phones.choosing import choose_set, phones_only
from phonoscope.phones.folding_table import TableFold, plain, read_folding_table
from phonoscope.phones.ipa_labels import ipa_of, unknown_sign
from phonoscope.phones.own_labels import best_reading, ipa_fold, ipa_phones, own_fold, own_phones
from phonoscope.phones.sets import TITLES, made_inventory, named_set

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from phonoscope.phones.folding_table import FoldingTable
    from phonoscope.phones.inventory import Inventory
    from phonoscope.settings import CorpusSettings

PHONE_SETS: Final = ("auto", *TITLES, "ipa", "own")
"""What ``corpus.phones`` may be."""

_SHOWN = 8
_REMEMBERED = 100_000  # labels: enough for any corpus, and no more memory for one whose labels are no labels
_POSITIONS = ("_B", "_I", "_E", "_S")
_POSITIONAL = 0.9


@dataclass(frozen=True)
class Notation:
    """The phones of a corpus, and how its labels fold onto them. It can be sent to other processes.

    Attributes
    ----------
    name
        Of the phone set: one of `PHONE_SETS` but "auto", or "table" for the phones of a user's table.
    inventory
        The phones, in the order in which tables and figures show them.
    note
        One sentence: which phone set was taken, why, and which labels are left over.
    """

    name: str
    inventory: Inventory
    note: str
    _fold: Callable[[str], str | None]
    _positional: bool = False
    _asked: dict[str, str | None] = field(default_factory=dict, compare=False, repr=False)

    @property
    def phones(self) -> tuple[str, ...]:
        """The phones, in the inventory's order."""
        return self.inventory.phones

    @property
    def ipa(self) -> Mapping[str, str]:
        """Each phone's IPA sign; "" where it is not known."""
        return self.inventory.ipa

    def fold(self, label: str) -> str | None:
        """Return the phone that a label stands for, `PAUSE`, or None for a label that is not known."""
        if label in self._asked:
            return self._asked[label]
        phone = self._fold(_without_position(label) if self._positional else label)
        if len(self._asked) < _REMEMBERED:
            self._asked[label] = phone
        return phone


def choose_notation(labels: Mapping[str, int], settings: CorpusSettings, format_name: str = "") -> Notation:
    """Choose how the labels of a corpus are read.

    Parameters
    ----------
    labels
        All labels as the files have them, pauses too, and how often each occurs.
    settings
        ``phones`` names the phone set, or "auto": see `choose_set`. ``folding`` names a user's table, which goes before
        what the set says of a label. With "auto" the table's phones are the set, in the order in which they appear, and
        labels without a row are left over; with "own" and "ipa" its phones come before the other labels'.
    format_name
        What ``corpus.format`` calls the corpus's format; "" if that is not known.

    Raises
    ------
    SettingError
        ``phones`` is no phone set.
    FormatError
        The table can not be read, or names a phone that the set does not have.

    Notes
    -----
    If nearly all labels end in one of Kaldi's positions in the word (``_B _I _E _S``), these are left away.
    """
    if settings.phones not in PHONE_SETS:
        close = difflib.get_close_matches(settings.phones.casefold(), PHONE_SETS, n=1, cutoff=0.4)
        hint = f"did you mean {close[0]!r}? It" if close else "it"
        msg = f"corpus.phones = {settings.phones!r}: {hint} has to be one of {', '.join(PHONE_SETS)}"
        raise SettingError(msg)
    table = read_folding_table(Path(settings.folding).expanduser()) if settings.folding else None
    counts: Counter[str] = Counter()
    positional = _is_positional(labels) and not (table and any(map(_has_position, table.known)))
    for label, n in labels.items():
        counts[_without_position(label) if positional else label] += n
    open_labels = {label: n for label, n in phones_only(counts).items() if not (table and plain(label) in table.known)}
    if settings.phones == "auto" and table:
        name, why = "table", "the folding table names them"
    elif settings.phones == "auto":
        name, why = choose_set(open_labels, format_name)
    else:
        name, why = settings.phones, "corpus.phones names it"
    inventory, fold = _made(name, open_labels, table)
    notation = Notation(name, inventory, "", fold, positional)
    return Notation(name, inventory, _note(notation, counts, why, table), fold, positional)


def _made(
    name: str, labels: Mapping[str, int], table: FoldingTable | None
) -> tuple[Inventory, Callable[[str], str | None]]:
    if name in TITLES:
        inventory, fold = named_set(name)
        if table:
            _check_phones(table, inventory)
        return inventory, TableFold(table.known, fold) if table else fold
    if name == "ipa":
        return _made_of_ipa(labels, table)
    ipa = _signs(table) if table else {}
    if name == "own":
        ipa |= {phone: sign for phone, sign in own_phones(labels).items() if phone not in ipa}
    fold = own_fold(ipa)
    return made_inventory(name, ipa), TableFold(table.known, fold) if table else fold


def _made_of_ipa(
    labels: Mapping[str, int], table: FoldingTable | None
) -> tuple[Inventory, Callable[[str], str | None]]:
    if not table:
        ipa = ipa_phones(labels)
        return made_inventory("IPA", ipa), ipa_fold(ipa)
    for phone, line in table.lines.items():
        if not ipa_of(phone):
            problem = f"the phone {phone!r} can not be read as IPA"
            raise FormatError(
                table.path, f"line {line}", problem, "Write it as the IPA chart does, or give --corpus.phones own."
            )
    ipa = {ipa_of(phone): ipa_of(phone) for phone in table.ipa}
    ipa |= {phone: sign for phone, sign in ipa_phones(labels).items() if phone not in ipa}
    known = {label: ipa_of(phone) if phone else phone for label, phone in table.known.items()}
    return made_inventory("IPA", ipa), TableFold(known, ipa_fold(ipa))


def _signs(table: FoldingTable) -> dict[str, str]:
    """Return the sign of each phone of a table: the one that it gives, else what the phone itself says."""
    reading = best_reading(dict.fromkeys(table.ipa, 1))
    return {phone: sign or (reading[1](phone) if reading else "") for phone, sign in table.ipa.items()}


def _check_phones(table: FoldingTable, inventory: Inventory) -> None:
    for phone, line in table.lines.items():
        if phone not in inventory.phones:
            close = difflib.get_close_matches(phone, inventory.phones, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else f"They are {' '.join(inventory.phones)}."
            raise FormatError(table.path, f"line {line}", f"the phone {phone!r} is none of {inventory.name}'s", hint)


def _of_sign(notation: Notation, label: str) -> str:
    """Name the sign that makes a label in IPA unreadable, where it is one of several."""
    sign = unknown_sign(label) if notation.name == "ipa" else ""
    return f"no sign {sign!r}, " if sign and sign != label else ""


def _has_position(label: str) -> bool:
    return label.strip().endswith(_POSITIONS) and len(label.strip()) > len(_POSITIONS[0])


def _without_position(label: str) -> str:
    while _has_position(label):  # folding what is folded changes nothing, so all are taken off
        label = label.strip()[:-2]
    return label


def _is_positional(labels: Mapping[str, int]) -> bool:
    """Tell whether nearly all labels end in a position; those of pauses and noise often do not."""
    counts = phones_only(labels)
    total = sum(counts.values())
    return total > 0 and sum(n for label, n in counts.items() if _has_position(label)) >= _POSITIONAL * total


def _note(notation: Notation, counts: Mapping[str, int], why: str, table: FoldingTable | None) -> str:
    phones = phones_only(counts)
    total = sum(phones.values())
    left = Counter({label: n for label, n in phones.items() if notation._fold(label) is None})  # noqa: SLF001 (no positions here)
    titles = {"ipa": "the phones that the labels name in IPA", "own": "the corpus's own labels", "table": "the phones"}
    title = titles.get(notation.name) or TITLES[notation.name]
    n_phones = f" ({len(notation.phones)})" if notation.name in titles else ""
    parts = [f"the phone set is {title}{n_phones}, as {why}"]
    if total:
        share = f"{total - left.total():,} of the {total:,}" if left else f"all {total:,}"
        parts.append(f"{share} labels that are no pauses fold onto it")
    if left:
        listed = ", ".join(f"{label!r} ({_of_sign(notation, label)}{n:,})" for label, n in left.most_common(_SHOWN))
        more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
        parts.append(f"left over: {listed}{more}")
    if table:
        there = {plain(label) for label in counts}
        unused = [label for label in table.known if label and label not in there]
        if unused:
            parts.append(f"labels of {table.path} that do not occur: {', '.join(map(repr, unused[:_SHOWN]))}")
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}."
