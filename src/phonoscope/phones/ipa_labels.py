"""One spelling for the labels of an alignment in the International Phonetic Alphabet, and in X-SAMPA.

What is the same phone by the chart becomes the same text, so that labels can be compared: ``t͡ʃ``, ``ʧ`` and ``tʃ``,
the two letters g, composed and decomposed accents, marks in whatever order. What the chart tells apart stays apart.
"""

from __future__ import annotations

import unicodedata
from functools import cache

from phonoscope.phones.features import features_of
from phonoscope.phones.symbols import TIES, letters, marks, prefixes
from phonoscope.phones.tables import read_table

_LENGTH = "ːˑ"
_APOSTROPHES = "'\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}\u02bb\u02bc"
# a letter with a mark that has a letter of its own too
_OWN_LETTERS = {"ə˞": "ɚ", "ɜ˞": "ɝ", "l\N{COMBINING TILDE OVERLAY}": "ɫ"}


def canonical(label: str) -> str:
    """Return the one spelling of a label in IPA, decomposed (NFD).

    Left away are tie bars, joiners and white space, stress, tone, syllable breaks, and the hyphen that espeak-ng puts
    after reduced vowels. Ligatures, keyboard letters and look-alikes of other alphabets become the chart's letters
    (``data/ipa-spellings.csv``). Length, nasality and all other diacritics stay; they come in a fixed order. The
    result need not be a phone: see `ipa_of`.
    """
    before, text = "", label
    while text != before:  # what is taken off may bare what is to be taken off too
        before, text = text, _once(text)
    return text


def _once(label: str) -> str:
    text = unicodedata.normalize("NFD", label)
    text = "".join(sign for sign in text if not sign.isspace() and sign not in _dropped())
    text = text.rstrip("-").lstrip(_APOSTROPHES)
    text = "".join(_spellings().get(sign, sign) for sign in text)
    text = "".join(_ordered(cluster) for cluster in _clusters(text))
    for marked, letter in _OWN_LETTERS.items():
        text = text.replace(marked, letter)
    return unicodedata.normalize("NFD", text)


@cache
def _dropped() -> frozenset[str]:
    rows = read_table("feature-marks.csv")
    return frozenset(TIES) | {chr(int(row["mark"].removeprefix("U+"), 16)) for row in rows if row["prosody"]}


@cache
def _spellings() -> dict[str, str]:
    return {row["sign"]: row["ipa"] for row in read_table("ipa-spellings.csv")}


def _clusters(text: str) -> list[str]:
    """Part a text into letters, each with the marks that follow it; marks before the first letter are a part each."""
    clusters: list[str] = []
    lettered = False
    for sign in text:
        is_letter = sign in letters() or not (sign in marks() or unicodedata.combining(sign))
        if clusters and lettered and not is_letter:
            clusters[-1] += sign
        else:
            clusters.append(sign)
        lettered = lettered or is_letter
    return clusters


def _ordered(cluster: str) -> str:
    def rank(mark: str) -> tuple[bool, bool, int, str]:
        return mark in _LENGTH, not unicodedata.combining(mark), unicodedata.combining(mark), mark

    return cluster[0] + "".join(sorted(cluster[1:], key=rank))


def ipa_of(label: str) -> str:
    """Return `canonical` of a label if it is a phone that `features_of` can read, else ""."""
    text = canonical(label)
    try:
        features_of(text)
    except ValueError:
        return ""
    return text


def unknown_sign(label: str) -> str:
    """Return the first sign of a label that no table has, "" if there is none."""
    return next((sign for sign in canonical(label) if sign not in _signs()), "")


@cache
def _signs() -> frozenset[str]:
    return frozenset("".join(letters())) | marks() | prefixes()


@cache
def _xsampa() -> dict[str, str]:
    return {row["sign"]: row["ipa"] for row in read_table("xsampa.csv")}


def ipa_of_xsampa(label: str) -> str:
    """Return the IPA sign of a label in X-SAMPA (and so in most of SAMPA), canonical; "" if it is no phone."""
    text, signs = label.strip(), _xsampa()
    longest = max(map(len, signs))
    found, at = [], 0
    while at < len(text):
        sign = next((text[at : at + n] for n in range(longest, 0, -1) if text[at : at + n] in signs), None)
        if sign is None:
            return ""
        found.append(signs[sign])
        at += len(sign)
    return ipa_of("".join(found))
