from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonoscope.phones.inventory import PAUSE, Folding, french, french_folding
from phonoscope.phones.tables import read_table


def test_french_has_the_papers_33_phones() -> None:
    phones = french().phones
    assert len(phones) == len(set(phones)) == 33
    assert phones[:3] == ("p", "t", "k")
    assert phones[-3:] == ("a~", "o~", "e~")
    counts = {name: list(french().classes.values()).count(name) for name in set(french().classes.values())}
    assert counts == {"consonant": 17, "semivowel": 3, "oral vowel": 10, "nasal vowel": 3}


def test_ipa_signs_are_distinct() -> None:
    assert len(set(french().ipa.values())) == 33


@pytest.mark.parametrize("phone", french().phones)
def test_a_phone_and_its_ipa_sign_stand_for_it(phone: str) -> None:
    fold = french_folding()
    assert fold(phone) == phone
    ipa = french().ipa[phone]
    assert fold(ipa) == fold(unicodedata.normalize("NFC", ipa)) == fold(unicodedata.normalize("NFD", ipa)) == phone


SAMPA = {"J": "J", "j": "j", "H": "H", "R": "R", "2": "2", "9": "9", "y": "y", "E": "E", "S": "S", "Z": "Z"}
IPA = {
    "ɲ": "J",
    "ɥ": "H",
    "ʁ": "R",
    "ø": "2",
    "œ": "9",
    "ɛ": "E",
    "ɔ": "O",
    "ʃ": "S",
    "ʒ": "Z",
    "ɡ": "g",
    "g": "g",
}
FOLDED = {
    **dict.fromkeys(["@", "ə", "eu"], "2"),
    **dict.fromkeys(["A", "ɑ", "A/"], "a"),
    **dict.fromkeys(["9~", "U~", "U~/", "œ̃", "E~", "ẽ"], "e~"),
    **dict.fromkeys(["ʀ", "r", "ɾ", "χ", "R\\"], "R"),
    **dict.fromkeys(["N", "ŋ"], "n"),
    **dict.fromkeys(["\N{LATIN SMALL LETTER A WITH TILDE}", "a\N{COMBINING TILDE}"], "a~"),
    **dict.fromkeys(["\N{LATIN SMALL LETTER O WITH TILDE}", "o\N{COMBINING TILDE}", "\\ct\\~^"], "o~"),
    "\\sh": "S",
}
MARKED = {
    "a:": "a",
    "ɛː": "E",
    "ˈa": "a",
    "'a": "a",
    "ɔ̃ː": "o~",
    "ʁ̥": "R",
    "R_0": "R",
    "t̪": "t",
    "mʲ": "m",
    " a ": "a",
}


@pytest.mark.parametrize(("label", "phone"), [*SAMPA.items(), *IPA.items(), *FOLDED.items(), *MARKED.items()])
def test_labels_fold(label: str, phone: str) -> None:
    assert french_folding()(label) == phone


@pytest.mark.parametrize("label", ["", " ", "_", "#", "%", "sil", "sp", "SIL", "<p:>", "pau", "+"])
def test_pauses(label: str) -> None:
    assert french_folding()(label) == PAUSE


@pytest.mark.parametrize(
    "label",
    ["spn", "<usb>", "<nib>", "@@", "laugh", "*", "fp", "O/", "E/", "tʃ", "h", "zzz", ":", '"', "ab", "Y"],
)
def test_what_is_no_phone_is_no_pause_either(label: str) -> None:
    assert french_folding()(label) is None


def test_every_row_of_the_table_says_why() -> None:
    assert all(row["note"] for row in read_table("french-folding.csv"))


def test_marks_are_no_phones() -> None:
    marks = [row["label"] for row in read_table("french-folding.csv") if row["phone"] == "mark"]
    assert marks
    for mark in set(marks) - {"%", "-"}:  # a mark before a phone, a pause when alone
        assert french_folding()(mark) is None


@given(st.text(max_size=6))
def test_any_text_folds_onto_a_phone_a_pause_or_nothing(label: str) -> None:
    fold = french_folding()
    phone = fold(label)
    assert phone is None or phone == PAUSE or phone in french().phones
    assert fold(unicodedata.normalize("NFC", label)) == fold(unicodedata.normalize("NFD", label)) == phone


@pytest.mark.parametrize(
    "rows",
    [
        [{"label": "q", "phone": "Q"}],
        [{"label": "q", "phone": "k"}, {"label": "q", "phone": "g"}],
        [{"label": "a", "phone": "A"}],
        [{"label": "ʁ", "phone": "l"}],
    ],
)
def test_a_table_that_contradicts_the_inventory_is_refused(rows: list[dict[str, str]]) -> None:
    with pytest.raises(ValueError, match="no phone of the inventory, or the label is taken"):
        Folding(french(), rows)
