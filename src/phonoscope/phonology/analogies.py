"""The analogies that a feature table gives: p is to b as t is to d."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from phonoscope.phones.features import features_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

ALL = "all"
_LABIAL = ("bilabial", "labiodental")


@dataclass(frozen=True)
class Analogies:
    """Analogies a : b :: c : d, each to be solved as ``b - a + c``.

    Attributes
    ----------
    phones
        The phones that the numbers are of.
    quads
        Numbers of a, b, c and d, shape (analogies, 4).
    features
        The feature in which a and b, and c and d, differ; one an analogy.
    changes
        Its values of a and of b.
    """

    phones: tuple[str, ...]
    quads: NDArray[np.int64]
    features: tuple[str, ...]
    changes: tuple[tuple[str, str], ...]

    @property
    def feature_names(self) -> list[str]:
        """The features, in the order in which they come first."""
        return list(dict.fromkeys(self.features))

    def shares(self) -> tuple[list[str], NDArray[np.int64], NDArray[np.float64]]:
        """Return what averages over all analogies, and over each feature's.

        ``b - a + c`` is the same sum whether b : a or c : a is the feature's change, so an analogy may be one of two
        features; among all it counts once.

        Returns
        -------
        Names, ``all`` first; the number of analogies of each; and weights that add up to 1, shape (names, analogies).
        """
        names = [ALL, *self.feature_names]
        weights = np.zeros((len(names), len(self.quads)))
        numbers = np.zeros(len(names), np.int64)
        sums = [(a, min(b, c), max(b, c)) for a, b, c, _ in self.quads.tolist()]
        times = Counter(sums)
        if sums:
            weights[0] = [1 / times[key] for key in sums]
            weights[0] /= len(times)
            numbers[0] = len(times)
        of = np.array(self.features)
        for i, name in enumerate(names[1:], 1):
            numbers[i] = int((of == name).sum())
            weights[i] = (of == name) / numbers[i]
        return names, numbers, weights


def bundles(ipa: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the features of each phone in which analogies are sought; phones that can not be read are left out.

    The features of the IPA chart (`phonoscope.phones.features.features_of`), so that one difference of phonology is one
    difference of the table: nasal consonants are nasal stops (the manner of plosives, nasality nasal: b : m as d : n);
    semivowels are non-syllabic vowels (i : j as u : w); sibilance is left out, as place and manner give it; bilabial
    and labiodental are one place (p : f as t : s), unless the phones have a contrast of the two.
    """
    found: dict[str, dict[str, str]] = {}
    for phone, sign in ipa.items():
        try:
            features = dict(features_of(sign))
        except ValueError:
            continue
        features.pop("sibilance", None)
        if features["kind"] in ("vowel", "semivowel"):
            if features["kind"] == "semivowel":
                for name in ("place", "manner"):
                    features.pop(name, None)
            features["syllabicity"] = "non-syllabic" if features["kind"] == "semivowel" else "syllabic"
            features["kind"] = "vocoid"
        elif features.get("manner") == "nasal":
            features["manner"] = "plosive"
        found[phone] = features
    folded = {
        phone: {**features, "place": "labial"} if features.get("place") in _LABIAL else features
        for phone, features in found.items()
    }
    contrast = len({tuple(sorted(one.items())) for one in folded.values()}) < len(
        {tuple(sorted(one.items())) for one in found.values()}
    )
    return found if contrast else folded


def find_analogies(ipa: Mapping[str, str]) -> Analogies:
    """Return every analogy of an inventory.

    a : b :: c : d is one if a and b differ in a single feature of `bundles`, and c and d in the same feature by the
    same values, the four being different phones. Each such square of phones is solved for each of its corners. Phones
    that the features do not tell apart are in no analogy.

    Parameters
    ----------
    ipa
        From phone label to IPA sign; their order is that of `Analogies.phones`.
    """
    features = bundles(ipa)
    keys = {phone: tuple(sorted(one.items())) for phone, one in features.items()}
    several = list(keys.values())
    phones = [phone for phone, key in keys.items() if several.count(key) == 1]
    pairs: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for one, other in combinations(phones, 2):
        names = features[one].keys() | features[other].keys()
        differ = [name for name in names if features[one].get(name, "") != features[other].get(name, "")]
        if len(differ) == 1:
            (name,) = differ
            first, second = sorted((one, other), key=lambda phone: features[phone].get(name, ""))
            key = name, features[first].get(name, ""), features[second].get(name, "")
            pairs.setdefault(key, []).append((first, second))
    place = {phone: i for i, phone in enumerate(ipa)}
    quads: list[list[int]] = []
    names_of: list[str] = []
    changes: list[tuple[str, str]] = []
    for name, low, high in sorted(pairs):
        for (a, b), (c, d) in combinations(pairs[name, low, high], 2):
            square = ((a, b, c, d), (c, d, a, b)), ((b, a, d, c), (d, c, b, a))
            for way, change in zip(square, ((low, high), (high, low)), strict=True):
                for quad in way:
                    quads.append([place[phone] for phone in quad])
                    names_of.append(name)
                    changes.append(change)
    array = np.array(quads, np.int64).reshape(-1, 4)
    return Analogies(tuple(ipa), array, tuple(names_of), tuple(changes))
