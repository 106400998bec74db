"""Which phones the labels of a corpus stand for: the one place where a notation is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from phonoscope.phones.inventory import french, french_folding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from phonoscope.settings import CorpusSettings


class Notation(Protocol):
    """How labels are read.

    Attributes
    ----------
    name
        What it is called in tables and reports.
    phones
        The inventory.
    ipa
        Each phone's sign in the International Phonetic Alphabet, as far as known.
    note
        A sentence on what was chosen and why; "" where there is nothing to say.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def phones(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def ipa(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def note(self) -> str: ...  # noqa: D102

    def fold(self, label: str) -> str | None:
        """Return the phone that a label stands for, `PAUSE`, or None for a label that is not known."""


def notation_of(label_counts: Mapping[str, int], settings: CorpusSettings, format_name: str) -> Notation:  # noqa: ARG001
    """Choose the notation of a corpus, given how often each label occurs."""
    inventory = french()
    return _Fixed(inventory.name, inventory.phones, inventory.ipa)


@dataclass(frozen=True)
class _Fixed:
    name: str
    phones: tuple[str, ...]
    ipa: Mapping[str, str]
    note: str = ""

    def fold(self, label: str) -> str | None:
        return french_folding()(label)
