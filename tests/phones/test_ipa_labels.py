from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from phonoscope.phones.inventory import french
from phonoscope.phones.ipa_labels import canonical, ipa_of, ipa_of_xsampa, unknown_sign
from phonoscope.phones.symbols import letters, marks, prefixes
from phonoscope.phones.tables import read_table

SIGNS = sorted({*letters(), *marks(), *prefixes(), *(row["sign"] for row in read_table("ipa-spellings.csv"))})
LABELS = st.lists(st.sampled_from([*SIGNS, *"'-_ ☃", "͡", "\N{ZERO WIDTH JOINER}"]), max_size=6).map("".join)
APART = "a ã aː aˑ ă ä ḁ a̰ t tʰ tʲ tʷ t̪ tʼ tʃ ts tsː e ɛ ɡ ɠ n n̩ ⁿd d"


@given(st.one_of(LABELS, st.text(max_size=6)))
@example("-'")
@example("a-ˈ")
@example("''a''")
def test_a_canonical_label_stays_as_it_is_and_the_unicode_form_does_not_count(label: str) -> None:
    found = canonical(label)
    assert canonical(found) == found == unicodedata.normalize("NFD", found)
    for form in ("NFC", "NFD"):
        assert canonical(unicodedata.normalize(form, label)) == found
        assert ipa_of(unicodedata.normalize(form, label)) == ipa_of(label)
    assert ipa_of(label) in ("", found)


@pytest.mark.parametrize(
    "alike",
    [
        "t͡ʃ t͜ʃ tʃ ʧ t\N{ZERO WIDTH JOINER}ʃ ˈtʃ t͡ʃ.",
        "ɡ g",
        "aː a: ˈaː 'a: á: āː aː˥˩ aː⁵¹",
        "ã ã a~ ã́",
        "kʰʷ kʷʰ k͡ʷʰ",
        "ä̃ ã̈",
        "ãː aː̃",
        "ə ə- ǝ ә",
        "ɚ ə˞",
        "kʼ k’ k' kʼ",
        "n̩ n̍",
        "ŋ̊ ŋ̥",
        "ε ɛ ˌɛ",
    ],
)
def test_spellings_of_one_phone_are_alike(alike: str) -> None:
    found = {canonical(label) for label in alike.split()}
    assert len(found) == 1
    assert {ipa_of(label) for label in alike.split()} == found


def test_what_the_chart_tells_apart_stays_apart() -> None:
    labels = APART.split()
    assert len({canonical(label) for label in labels}) == len(labels)
    assert all(map(ipa_of, labels))


def test_unknown_signs_are_named() -> None:
    assert [unknown_sign(label) for label in ("a☃", "tʃ", "E", "ps")] == ["☃", "", "E", ""]
    assert [ipa_of(label) for label in ("a☃", "E", "ps", "", "ː")] == [""] * 5


# German as the SAMPA pages of University College London have it, and Wells's X-SAMPA chart
XSAMPA = {
    "pf": "pf",
    "tS": "tʃ",
    "aI": "aɪ",
    "OY": "ɔʏ",
    "2:": "øː",
    "6": "ɐ",
    "E~": "ɛ̃",
    "C": "ç",
    "N": "ŋ",
    "?": "ʔ",
    "t`": "ʈ",
    "r\\`": "ɻ",
    "J\\_<": "ʄ",
    "n=": "n̩",
    "d_j": "dʲ",
    "t_>": "tʼ",
    "p_h": "pʰ",
    "|\\|\\": "ǁ",
    '"a': "a",
    "{": "æ",
}


@pytest.mark.parametrize(("label", "ipa"), XSAMPA.items())
def test_xsampa_is_read(label: str, ipa: str) -> None:
    assert ipa_of_xsampa(label) == canonical(ipa) != ""


def test_the_xsampa_of_french_is_its_ipa() -> None:
    own = {"a~": "ã", "e~": "ẽ", "o~": "õ"}  # SAMPA for French takes the plain letters
    for phone in french().phones:
        assert ipa_of_xsampa(phone) == canonical(own.get(phone, french().ipa[phone]))


def test_every_sign_of_xsampa_is_one_of_the_chart() -> None:
    rows = read_table("xsampa.csv")
    assert len({row["sign"] for row in rows}) == len(rows)
    for row in rows:
        assert ipa_of(row["ipa"]) or ipa_of("a" + row["ipa"]), row
    assert ipa_of_xsampa("rr") == ipa_of_xsampa("") == ipa_of_xsampa("ä") == ipa_of_xsampa(":") == ""
