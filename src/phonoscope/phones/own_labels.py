"""Phone sets that a corpus's labels make up themselves: any in IPA, or the labels as they stand."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from phonoscope.phones.features import chart_order
from phonoscope.phones.folding_table import plain
from phonoscope.phones.inventory import PAUSE
from phonoscope.phones.ipa_labels import canonical, ipa_of, ipa_of_xsampa
from phonoscope.phones.no_phones import is_noise, is_pause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

CONSISTENT: Final = 0.9
"""Share of the labels that a notation has to read before single labels are taken to be in it."""


@dataclass(frozen=True)
class OwnFold:
    """Folds a label onto itself, in one spelling, if it is one of a set.

    Attributes
    ----------
    phones
        The set.
    spelling
        `plain`, or `canonical` for IPA.
    """

    phones: frozenset[str]
    spelling: Callable[[str], str]

    def __call__(self, label: str) -> str | None:
        """Return the phone that a label stands for, `PAUSE`, or None."""
        if is_pause(label):
            return PAUSE
        phone = self.spelling(label)
        return phone if phone in self.phones and not is_noise(label) else None


def ipa_phones(labels: Iterable[str]) -> dict[str, str]:
    """Return the phones among labels in IPA, each its own sign, in the order of the chart."""
    signs = {ipa_of(label) for label in labels if not is_pause(label) and not is_noise(label)} - {""}
    # noise by another spelling is noise all the same
    return {sign: sign for sign in sorted(signs, key=_by_chart) if not is_pause(sign) and not is_noise(sign)}


def own_phones(labels: Mapping[str, int]) -> dict[str, str]:
    """Return the labels that are neither pauses nor noise, and their IPA signs, in the order of the chart.

    The signs are those of IPA or X-SAMPA, whichever reads more of the labels, and only if it reads nearly all: the "q"
    of a corpus in Pinyin is not the IPA's. "" where there is none.
    """
    counts: Counter[str] = Counter()
    for label, n in labels.items():
        if not is_pause(label) and not is_noise(label):
            counts[plain(label)] += n
    reading = best_reading(counts)
    signs = {label: reading[1](label) if reading else "" for label in counts}
    return dict(sorted(signs.items(), key=lambda item: (*_by_chart(item[1]), item[0])))


def best_reading(counts: Mapping[str, int]) -> tuple[str, Callable[[str], str]] | None:
    """Return the name and the reader of the notation, IPA or X-SAMPA, that reads most labels; None if most of none."""
    total = sum(counts.values())
    shares = {name: read_share(counts, read) for name, read in _READERS.items()}
    name = max(shares, key=lambda name: shares[name])  # of equals the first, IPA
    return (name, _READERS[name]) if total and shares[name] >= CONSISTENT else None


def read_share(counts: Mapping[str, int], read: Callable[[str], str]) -> float:
    """Return the share of the tokens that a reader finds a sign for; 0 if there are none."""
    total = sum(counts.values())
    return sum(n for label, n in counts.items() if read(label)) / total if total else 0.0


_READERS: Final = {"IPA": ipa_of, "X-SAMPA": ipa_of_xsampa}


def _by_chart(sign: str) -> tuple[tuple[int, ...], str]:
    return chart_order(sign), sign


def ipa_fold(phones: Iterable[str]) -> OwnFold:
    """Return what folds labels in IPA onto phones of one spelling."""
    return OwnFold(frozenset(phones), canonical)


def own_fold(phones: Iterable[str]) -> OwnFold:
    """Return what folds labels onto themselves."""
    return OwnFold(frozenset(phones), plain)
