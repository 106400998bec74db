"""What phonological attributes say of phones and of samples, for the hierarchy and for filters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from phonoscope.phones.features import feature_table, features_of, legend_group

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_OBSTRUENTS = ("plosive", "affricate", "fricative")
_MAJOR_PLACES = ("labial", "coronal", "dorsal")


def phone_attributes(ipa: Mapping[str, str], phones: Sequence[str]) -> dict[str, dict[str, str | None]]:
    """Return for each phonological attribute the value of each phone, None where it says nothing of the phone.

    Major class is of consonants and vowels (semivowels are between them); manner and place (labial, coronal, dorsal)
    are of consonants, voicing of obstruents; height, backness, rounding and nasality of vowels.
    """
    table = feature_table({phone: ipa[phone] for phone in phones})
    holds = {
        phone: {t for t, h in zip(table.terms, row, strict=True) if h}
        for phone, row in zip(phones, table.holds, strict=True)
    }
    attributes: dict[str, dict[str, str | None]] = {
        name: dict.fromkeys(phones)
        for name in ("major class", "manner", "place", "voicing", "height", "backness", "rounding", "nasality")
    }
    for phone in phones:
        if phone in table.unknown:
            continue
        features = features_of(ipa[phone])
        kind = features["kind"]
        if kind != "semivowel":
            attributes["major class"][phone] = kind
        if kind == "consonant":
            attributes["manner"][phone] = legend_group(ipa[phone])
            attributes["place"][phone] = next((place for place in _MAJOR_PLACES if place in holds[phone]), None)
            if legend_group(ipa[phone]) in _OBSTRUENTS:
                attributes["voicing"][phone] = features.get("voicing")
        elif kind == "vowel":
            for name in ("height", "backness", "rounding", "nasality"):
                attributes[name][phone] = features.get(name)
    return attributes


def filter_targets(
    phones: Sequence[str], ipa: Mapping[str, str], formants: pl.DataFrame | None
) -> dict[str, NDArray[np.float64]]:
    """Return for each sample what filters may follow: F1 and F2 of vowels, voicing of obstruents, nasality of vowels.

    Voicing is told of the obstruents that have a counterpart of the same place and manner and the other voicing.

    Parameters
    ----------
    formants
        Columns sample, f1, f2 (Hz); None where nothing was measured.

    Returns
    -------
    Values of each sample, NaN where there is none; for the two last 0 and 1.
    """
    targets = {name: np.full(len(phones), np.nan) for name in ("f1", "f2", "voicing", "nasality")}
    if formants is not None:
        for name in ("f1", "f2"):
            targets[name][formants["sample"].to_numpy()] = formants[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    pairs: dict[tuple[str | None, str], set[str | None]] = {}
    read = {}
    for phone in dict.fromkeys(phones):
        try:
            read[phone] = features_of(ipa[phone])
        except ValueError:
            continue
        if legend_group(ipa[phone]) in _OBSTRUENTS:
            pairs.setdefault((read[phone].get("place"), legend_group(ipa[phone])), set()).add(
                read[phone].get("voicing")
            )
    for i, phone in enumerate(phones):
        features = read.get(phone, {})
        group = legend_group(ipa[phone])
        if len(pairs.get((features.get("place"), group), ())) > 1 and features.get("kind") == "consonant":
            targets["voicing"][i] = features.get("voicing") == "voiced"
        if features.get("kind") == "vowel":
            targets["nasality"][i] = features.get("nasality") == "nasal"
    return targets
