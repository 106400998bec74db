"""Which phone set a corpus is labelled in, by its format and its labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from phonoscope.phones.inventory import french, french_folding
from phonoscope.phones.ipa_labels import ipa_of, ipa_of_xsampa
from phonoscope.phones.no_phones import is_noise, is_pause
from phonoscope.phones.own_labels import CONSISTENT, best_reading, read_share
from phonoscope.phones.sets import TIMIT_MARKS, named_set

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KNOWN: Final = 0.95
"""Share of the labelled phones that a set has to know to be taken."""

FEW: Final = 15
"""Below so many different labels, those that French alone has are not waited for."""

# what French has and few other languages: German has y 2 9 R, Portuguese and Polish nasal vowels, none has both
_NASAL_VOWELS = frozenset(["a~", "o~", "e~"])
_FRENCH_SIGNS = _NASAL_VOWELS | {"y", "H", "2", "9", "R"}
_OTHER_R = frozenset(["r", "ɾ", "ɹ", "ɻ", "r\\", "4"])  # they fold onto R, but are other languages' more often


def phones_only(labels: Mapping[str, int]) -> dict[str, int]:
    """Return the labels that occur and are neither pauses nor noise."""
    return {label: n for label, n in labels.items() if n > 0 and not is_pause(label) and not is_noise(label)}


def choose_set(labels: Mapping[str, int], format_name: str) -> tuple[str, str]:
    """Return the name of the phone set that labels are in, and why it is taken.

    The first of these: TIMIT's 39, of a corpus in TIMIT's format; French; TIMIT's 39 by its closures; ARPAbet; IPA;
    own. Each has to know `KNOWN` of the tokens, or all but one. French has to show two nasal vowels too, and a third
    sound that few other languages have, but where there are fewer than `FEW` different labels.

    Parameters
    ----------
    labels
        How often each label occurs, of `phones_only`.
    format_name
        What ``corpus.format`` calls the format; "" if that is not known.
    """
    if not labels:
        return "french", "there is no label that could be a phone"
    if format_name == "timit" and _fits(labels, named_set("timit39")[1]):
        return "timit39", "the corpus is in TIMIT's format"
    against = ""
    if _fits(labels, french_folding()):
        evidence = sorted(_evidence(labels), key=french().phones.index)
        if len(_NASAL_VOWELS & {*evidence}) > 1 and len(evidence) > 2:  # noqa: PLR2004
            return "french", f"the labels are those of French (/{' '.join(evidence)}/ among them)"
        if len(labels) < FEW:
            return "french", "the few labels there are can all be French (if they are not, name corpus.phones)"
        against = "; not French, of which the nasal vowels are wanting (if it is, give --corpus.phones french)"
    name, why = _not_french(labels)
    return name, why + against


def _not_french(labels: Mapping[str, int]) -> tuple[str, str]:
    if any(label.strip().casefold() in TIMIT_MARKS for label in labels) and _fits(labels, named_set("timit39")[1]):
        return "timit39", "the labels are TIMIT's"
    if _fits(labels, named_set("arpabet")[1]):
        return "arpabet", "the labels are ARPAbet's"
    if _fits(labels, lambda label: ipa_of(label) or None) and read_share(labels, ipa_of) >= read_share(
        labels, ipa_of_xsampa
    ):
        return "ipa", "the labels are IPA"
    reading = best_reading(labels)
    if reading is None:
        return "own", f"no notation known here reads {CONSISTENT:.0%} of the labels, which are taken as they stand"
    return "own", f"the labels are taken as they stand, and {reading[0]} says what sounds they are"


def _fits(labels: Mapping[str, int], fold: Callable[[str], str | None]) -> bool:
    total = sum(labels.values())
    unknown = sum(n for label, n in labels.items() if not _is_known(label, fold))
    return unknown <= max(1, (1 - KNOWN) * total) and unknown < total - unknown


def _is_known(label: str, fold: Callable[[str], str | None]) -> bool:
    return fold(label) is not None


def _evidence(labels: Mapping[str, int]) -> set[str]:
    fold = french_folding()
    return {phone for label in labels if label not in _OTHER_R and (phone := fold(label)) in _FRENCH_SIGNS}
