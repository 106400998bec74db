"""How loud phones are beside each other, roughly: enough to see whether an alignment lies where the speech is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from phonoscope.phones.features import features_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

PAUSE_LEVEL: Final = -40.0
"""dB relative to a vowel."""
_CONSONANT = -12.0
_MANNERS = (
    # the first that applies; dB relative to a vowel, of voiced ones and voiceless ones
    ("plosive", -22.0, -27.0),
    ("affricate", -18.0, -20.0),
    ("fricative", -13.0, -16.0),
    ("nasal", -7.0, -16.0),
    ("trill", -8.0, -16.0),
    ("tap", -8.0, -16.0),
    ("lateral", -6.0, -16.0),
    ("approximant", -5.0, -14.0),
)


def expected_levels(phones: Sequence[str], ipa: Mapping[str, str]) -> NDArray[np.float64]:
    """Return how loud each phone is, in dB relative to a vowel; one whose sign says nothing is taken for a vowel.

    The order is the sonority hierarchy's; the steps are rounded from measured levels of sounds of English (Lehiste and
    Peterson 1959; Parker 2008), and need not be right to a few dB: only their course in time is compared.
    """
    return np.array([_level(ipa.get(phone, "")) for phone in phones])


def _level(sign: str) -> float:
    if not sign:
        return 0.0
    try:
        features = features_of(sign)
    except ValueError:
        return 0.0
    if features.get("kind") == "vowel":
        return 0.0
    voiceless = features.get("voicing") == "voiceless"
    manner = features.get("manner", "")
    for name, voiced_level, voiceless_level in _MANNERS:
        if name in manner:
            return voiceless_level if voiceless else voiced_level
    return _CONSONANT
