"""The classes that conjunctions of phonological terms pick out of a set of phones, and what they are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from phonoscope.phones.features import terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from phonoscope.phones.features import FeatureTable

# what a class is called that no term in its conjunction is a noun for, by the kinds of its phones
_NOUNS = {
    (True, False, False): "vowels",
    (False, True, False): "semivowels",
    (False, False, True): "consonants",
    (True, True, False): "vowels and semivowels",
    (False, True, True): "consonants and semivowels",
    (True, False, True): "vowels and consonants",
}


@dataclass(frozen=True)
class Conjunctions:
    """Classes of phones, each with the shortest conjunction of terms that picks it out.

    Attributes
    ----------
    terms
        The conjunctions, shortest first, and in the table's order of preference where they are equally long; empty
        for a phone that no conjunction picks out alone, which comes last.
    members
        Shape (classes, phones).
    """

    terms: tuple[tuple[str, ...], ...]
    members: NDArray[np.bool_]


def conjunctions(table: FeatureTable, present: NDArray[np.bool_] | None = None) -> Conjunctions:
    """Find all classes that conjunctions of terms pick out, and each phone alone.

    Classes are built level by level: those of n + 1 terms from those of n terms that no shorter conjunction gives.
    The first conjunction to reach a class is the shortest, and the first in the table's order of those; it is reached,
    as leaving the last term out of it gives the first conjunction of another class. So only distinct classes are
    extended, never all of the 2^terms conjunctions.

    The class of all known phones is left out: its name would say nothing. Each phone alone is a class whether a
    conjunction picks it out or not, unknown phones too, so that a cluster of one phone is found to be that.

    Parameters
    ----------
    table
        The terms of the phones.
    present
        Which of the table's phones there are, shape (phones,); all by default. Absent ones are in no class.
    """
    present = np.ones(len(table.phones), np.bool_) if present is None else present
    # sets of phones as bits of one integer: intersections are then single operations
    there = present & table.known
    everything = _bits(there)
    by_extension: dict[int, str] = {}
    for name, column in zip(table.terms, table.holds.T, strict=True):
        extension = _bits(column & there)
        if extension and extension != everything:
            by_extension.setdefault(extension, name)
    extensions, names = list(by_extension), list(by_extension.values())
    found: dict[int, tuple[int, ...]] = {}
    level: dict[int, tuple[int, ...]] = {extension: (i,) for i, extension in enumerate(extensions)}
    while level:
        found |= level
        following: dict[int, tuple[int, ...]] = {}
        for extension, conjunction in level.items():
            for i in range(conjunction[-1] + 1, len(extensions)):
                smaller = extension & extensions[i]
                if smaller and smaller not in found:
                    following.setdefault(smaller, (*conjunction, i))
        level = following
    for i in np.flatnonzero(present).tolist():
        found.setdefault(1 << i, ())
    members = [[bool(extension >> i & 1) for i in range(len(table.phones))] for extension in found]
    return Conjunctions(
        tuple(tuple(names[i] for i in conjunction) for conjunction in found.values()),
        np.array(members, np.bool_).reshape(len(found), len(table.phones)),
    )


def _bits(which: NDArray[np.bool_]) -> int:
    return sum(1 << i for i in np.flatnonzero(which).tolist())


def in_order(conjunction: Sequence[str]) -> tuple[str, ...]:
    """Put terms in the order in which a name has them: "voiceless" before "plosive"."""
    positions = {term.name: term.position for term in terms()}
    return tuple(sorted(conjunction, key=lambda name: (positions[name], name)))


def class_name(conjunction: Sequence[str], table: FeatureTable, members: NDArray[np.bool_]) -> str:
    """Name a class in readable English.

    Adjectives in the order of the IPA's descriptions (voicing, height, backness, rounding, place, nasality, manner),
    then a noun: the last term of the conjunction that is one ("voiceless plosives"), or else what kinds of phones the
    class holds ("close front vowels and semivowels", "oral sounds"). A single phone is named by its label: "/s/ alone".

    Parameters
    ----------
    conjunction
        Terms of the table.
    table
        The terms of the phones.
    members
        The phones of the class, shape (phones,).
    """
    phones = np.flatnonzero(members)
    if len(phones) == 1:
        return f"/{table.phones[phones[0]]}/ alone"
    nouns = {term.name: term.noun for term in terms() if term.noun}
    words = list(in_order(conjunction))
    noun = next((word for word in reversed(words) if word in nouns), None)
    if noun is not None:
        words.remove(noun)
        return " ".join([*words, nouns[noun]])
    kinds = [bool(table.holds[phones, table.terms.index(kind)].any()) for kind in ("vowel", "semivowel", "consonant")]
    return " ".join([*words, _NOUNS.get((kinds[0], kinds[1], kinds[2]), "sounds")])
