"""Phonological features of phones by their IPA sign, and the terms that natural classes are put together from.

The tables are data: ``features.csv`` describes the letters of the chart, ``feature-marks.csv`` what diacritics change,
``feature-terms.csv`` when a term holds. ``features.md`` beside them gives the sources and the decisions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from phonoscope.phones.symbols import read_symbol, satisfies
from phonoscope.phones.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

LEGEND_GROUPS: Final = (
    "plosive",
    "click",
    "affricate",
    "fricative",
    "nasal",
    "liquid",
    "approximant",
    "semivowel",
    "oral vowel",
    "nasal vowel",
    "other",
)
"""The groups of `legend_group`, in the order in which legends and matrices show them."""

# the first that holds; liquids come before fricatives, so that ʁ is one of them
_GROUP_CONDITIONS = {
    "nasal vowel": "kind=vowel & nasality=nasal",
    "oral vowel": "kind=vowel",
    "semivowel": "kind=semivowel",
    "nasal": "manner=nasal",
    "liquid": "rhoticity=rhotic; manner=lateral approximant|trill|tap",
    "click": "manner=click|lateral click|percussive",
    "plosive": "manner=plosive|implosive",
    "affricate": "manner=affricate|lateral affricate",
    "fricative": "manner=fricative|lateral fricative",
    "approximant": "manner=approximant",
}

# how the chart orders the values: from the lips to the glottis, from close to open
_ORDERS = {
    "voicing": ("voiceless", "voiced"),
    "place": (
        "bilabial",
        "labiodental",
        "dentolabial",
        "linguolabial",
        "labial-palatal",
        "labial-velar",
        "bidental",
        "dental",
        "alveolar",
        "postalveolar",
        "postalveolar-velar",
        "retroflex",
        "alveolo-palatal",
        "palatal",
        "velar",
        "uvular",
        "velopharyngeal",
        "pharyngeal",
        "epiglottal",
        "glottal",
    ),
    "backness": ("front", "central", "back"),
    "rounding": ("unrounded", "rounded"),
    "height": ("close", "near-close", "close-mid", "mid", "open-mid", "near-open", "open"),
}


@dataclass(frozen=True)
class Term:
    """A predicate of one phone, in the words of phonetics.

    Attributes
    ----------
    name
        Such as "voiced" or "plosive".
    position
        Where the word stands in a name, the smallest first.
    noun
        Its plural where it is a noun, otherwise empty.
    when
        Of which features it holds; see `phonoscope.phones.symbols.satisfies`.
    """

    name: str
    position: int
    noun: str
    when: str


@dataclass(frozen=True)
class FeatureTable:
    """Which terms hold of which phones.

    Attributes
    ----------
    phones
        Labels, in the order given.
    terms
        Names of all terms, in the order of preference: of two names for one class the earlier terms are taken.
    holds
        Shape (phones, terms); no term holds of an unknown phone.
    unknown
        The phones whose sign the table can not read.
    """

    phones: tuple[str, ...]
    terms: tuple[str, ...]
    holds: NDArray[np.bool_]
    unknown: tuple[str, ...]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which phones the table can read, shape (phones,)."""
        return np.array([phone not in self.unknown for phone in self.phones], np.bool_)


@cache
def features_of(ipa: str) -> Mapping[str, str]:
    """Describe a phone in the terms of the IPA chart.

    Diacritics change what their letter says (nasalised, voiceless, dental, long …); two letters, with a tie bar or
    without, make an affricate (plosive and fricative of one place and voicing), a labial-velar (k͡p) or a diphthong,
    which has what its vowels share. Composed and decomposed Unicode read the same. Stress and tone are passed over.

    Parameters
    ----------
    ipa
        One phone, such as ``"ɔ̃"`` or ``"t͡ʃ"``.

    Returns
    -------
    From column to value, read-only, only the columns that apply: kind (vowel, consonant, semivowel), voicing, place,
    manner, height, backness, rounding, nasality, sibilance, rhoticity, and further ones that only diacritics set.
    Semivowels have the place and manner of a consonant and the height, backness and rounding of their vowel.

    Raises
    ------
    ValueError
        The sign can not be read; the message says at which character. `feature_table` goes on with the other phones.

    Examples
    --------
    >>> dict(features_of("b"))
    {'kind': 'consonant', 'voicing': 'voiced', 'place': 'bilabial', 'manner': 'plosive', 'nasality': 'oral'}
    """
    return MappingProxyType(read_symbol(ipa))


@cache
def terms() -> tuple[Term, ...]:
    """Return all terms, in the order of preference."""
    return tuple(
        Term(row["term"], int(row["position"]), row["noun"], row["when"]) for row in read_table("feature-terms.csv")
    )


def feature_table(ipa: Mapping[str, str]) -> FeatureTable:
    """Tell which terms hold of each phone of an inventory.

    Parameters
    ----------
    ipa
        From phone label to IPA sign, such as ``french().ipa``.
    """
    holds = np.zeros((len(ipa), len(terms())), np.bool_)
    unknown = []
    for row, (phone, sign) in zip(holds, ipa.items(), strict=True):
        try:
            features = features_of(sign)
        except ValueError:
            unknown.append(phone)
        else:
            row[:] = [satisfies(features, term.when) for term in terms()]
    return FeatureTable(tuple(ipa), tuple(term.name for term in terms()), holds, tuple(unknown))


def legend_group(ipa: str) -> str:
    """Return the one of `LEGEND_GROUPS` that a figure colours a phone by; "other" for a sign that can not be read.

    Manner for consonants, whatever their voicing; rhotics are liquids whatever their manner, and so are other trills
    and taps; implosives and ejectives go with the plosives and fricatives that they are otherwise.
    """
    try:
        features = features_of(ipa)
    except ValueError:
        return "other"
    return next((group for group, when in _GROUP_CONDITIONS.items() if satisfies(features, when)), "other")


def chart_order(ipa: str) -> tuple[int, ...]:
    """Return a key that sorts phones for tables and matrices.

    By `legend_group`; consonants then voiceless before voiced, from the lips to the glottis; vowels and semivowels from
    front to back, unrounded before rounded, from close to open. Signs that can not be read come last.
    """
    group = legend_group(ipa)
    if group == "other":
        return (LEGEND_GROUPS.index(group),)
    features = features_of(ipa)
    consonant = features["kind"] == "consonant"
    columns = ("voicing", "place") if consonant else ("backness", "rounding", "height")
    # diphthongs may have no height: after the others
    ranks = [_ORDERS[c].index(features[c]) if c in features else len(_ORDERS[c]) for c in columns]
    return (LEGEND_GROUPS.index(group), *ranks)
