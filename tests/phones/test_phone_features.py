from __future__ import annotations

import unicodedata
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonoscope.phones.features import (
    LEGEND_GROUPS,
    chart_order,
    feature_table,
    features_of,
    legend_group,
    terms,
)
from phonoscope.phones.inventory import french
from phonoscope.phones.symbols import COLUMNS, satisfies
from phonoscope.phones.tables import read_table

LETTERS = [row["ipa"] for row in read_table("features.csv")]
MARKS = sorted({chr(int(row["mark"].removeprefix("U+"), base=16)) for row in read_table("feature-marks.csv")})

# the vowels and consonants of American English, as a table for another language has them
ENGLISH = "ɑ æ ʌ ɔ aʊ aɪ ɛ ɝ eɪ ɪ i oʊ ɔɪ ʊ u b tʃ d ð f ɡ h dʒ k l m n ŋ p ɹ s ʃ t θ v w j z ʒ"


def of(term: str, phones: str = " ".join(french().phones)) -> set[str]:
    table = feature_table({phone: french().ipa.get(phone, phone) for phone in phones.split()})
    return {phone for phone, held in zip(table.phones, table.holds[:, table.terms.index(term)], strict=True) if held}


@pytest.mark.parametrize(
    ("term", "phones"),
    [
        ("vowel", "i y e E 2 9 a o O u a~ o~ e~"),
        ("consonant", "p t k b d g f s S v z Z m n J R l"),
        ("semivowel", "j w H"),
        ("plosive", "p t k b d g"),
        ("fricative", "f s S v z Z R"),
        ("sibilant", "s S z Z"),
        ("nasal", "m n J a~ o~ e~"),
        ("liquid", "l R"),
        ("lateral", "l"),
        ("approximant", "l j w H"),
        ("voiceless", "p t k f s S"),
        ("labial", "p b f v m w H"),
        ("bilabial", "p b m"),
        ("labiodental", "f v"),
        ("coronal", "t d s z S Z n l"),
        ("postalveolar", "S Z"),
        ("palatal", "J j H"),
        ("velar", "k g w"),
        ("uvular", "R"),
        ("close", "i y u j w H"),
        ("close-mid", "e 2 o"),
        ("open-mid", "E 9 O o~ e~"),
        ("open", "a a~"),
        ("mid", "e 2 o E 9 O o~ e~"),
        ("open-mid to open", "E 9 O a a~ o~ e~"),
        ("front", "i y e E 2 9 a e~ j H"),
        ("back", "o O u a~ o~ w"),
        ("rounded", "y 2 9 o O u o~ w H"),
        ("obstruent", "p t k b d g f s S v z Z R"),
        ("occlusive", "p t k b d g m n J"),
        ("affricate", ""),
        ("central", ""),
    ],
)
def test_french_terms_hold_of_what_textbooks_say(term: str, phones: str) -> None:
    assert of(term) == set(phones.split())


@pytest.mark.parametrize(
    "pair", ["voiced voiceless", "nasal oral", "obstruent sonorant", "occlusive continuant", "syllabic non-syllabic"]
)
def test_opposites_share_the_french_phones_out(pair: str) -> None:
    one, other = pair.split()
    assert of(one) | of(other) == set(french().phones)
    assert not of(one) & of(other)


def test_the_classes_of_the_inventory_agree() -> None:
    for phone, name in french().classes.items():
        features = features_of(french().ipa[phone])
        assert features["kind"] == name.removeprefix("oral ").removeprefix("nasal ")
        if features["kind"] == "vowel":
            assert name == f"{features['nasality']} vowel" == legend_group(french().ipa[phone])


def test_french_phones_are_told_apart() -> None:
    table = feature_table(french().ipa)
    assert table.phones == french().phones
    assert table.unknown == ()
    assert table.known.all()
    assert len(np.unique(table.holds, axis=0)) == 33


def test_other_languages_are_read() -> None:
    table = feature_table({sign: sign for sign in ENGLISH.split()})
    assert table.unknown == ()
    pairs = combinations(table.phones, 2)
    rows = dict(zip(table.phones, table.holds.tolist(), strict=True))
    # diphthongs have only what their vowels share
    assert [pair for pair in pairs if rows[pair[0]] == rows[pair[1]]] == [("aʊ", "ɔɪ"), ("aɪ", "eɪ")]
    assert of("affricate", ENGLISH) == {"tʃ", "dʒ"}
    assert of("rounded", ENGLISH) == {"ɔ", "oʊ", "ʊ", "u", "w"}
    assert of("high", ENGLISH) == {"ɪ", "i", "ʊ", "u", "w", "j"}
    assert of("sonorant", ENGLISH) - of("vowel", ENGLISH) == {"l", "m", "n", "ŋ", "ɹ", "w", "j"}
    assert of("short", "a aː i iː") == {"a", "i"}
    assert of("unaspirated", "p pʰ t tʰ s") == {"p", "t"}
    assert of("palatalised", "m mʲ") == {"mʲ"}


@pytest.mark.parametrize("letter", LETTERS)
def test_every_letter_has_the_columns_of_its_kind(letter: str) -> None:
    features = features_of(letter)
    assert set(features) <= set(COLUMNS)
    consonantal, vocalic = {"place", "manner"}, {"height", "backness", "rounding"}
    needed = {"consonant": consonantal, "semivowel": consonantal | vocalic, "vowel": vocalic}[features["kind"]]
    assert {"voicing", "nasality"} | needed <= set(features)
    assert not (consonantal | vocalic) - needed & set(features)
    assert ("sibilance" in features) == (features.get("manner") in {"fricative", "affricate"})
    assert legend_group(letter) != "other"


def test_letters_have_one_row_each_and_differ_unless_they_are_old_signs() -> None:
    assert len(LETTERS) == len(set(LETTERS))
    rows = read_table("features.csv")
    same = {
        frozenset((a["ipa"], b["ipa"]))
        for a, b in combinations(rows, 2)
        if features_of(a["ipa"]) == features_of(b["ipa"])
    }
    assert same == {frozenset(pair) for pair in ["ɡg", "ɪɩ", "ʊɷ", "ǀʇ", "ǃʗ", "ǁʖ", "rɼ"]}


def test_the_chart_is_there() -> None:
    consonants = (
        "pbtdʈɖcɟkɡqɢʔmɱnɳɲŋɴʙrʀⱱɾɽɸβfvθðszʃʒʂʐçʝxɣχʁħʕhɦɬɮʋɹɻjɰlɭʎʟʘǀǃǂǁɓɗʄɠʛʍwɥʜʢʡɕʑɺɧiyɨʉɯuɪʏʊeøɘɵɤoəɛœɜɞʌɔæɐaɶɑɒ"
    )
    assert len(consonants) == 59 + 10 + 10 + 28
    assert {unicodedata.normalize("NFD", sign) for sign in consonants} <= set(map(nfd, LETTERS))


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


DESCRIBED = {
    "ɔ̃": "vowel voiced open-mid back rounded nasal",
    "ɑ̃": "vowel voiced open back unrounded nasal",
    "ɥ": "semivowel voiced labial-palatal approximant close front rounded oral",
    "ʁ": "consonant voiced uvular fricative oral non-sibilant rhotic",
    "ʁ̞": "consonant voiced uvular approximant oral rhotic",
    "ʁ̥": "consonant voiceless uvular fricative oral non-sibilant rhotic",
    "b̥": "consonant voiceless bilabial plosive oral",
    "s̬": "consonant voiced alveolar fricative oral sibilant",
    "t̪": "consonant voiceless dental plosive oral",
    "p̪": "consonant voiceless labiodental plosive oral",
    "t̠": "consonant voiceless postalveolar plosive oral",
    "t͡ʃ": "consonant voiceless postalveolar affricate oral sibilant",
    "tʃ": "consonant voiceless postalveolar affricate oral sibilant",
    "ʧ": "consonant voiceless postalveolar affricate oral sibilant",
    "t͜ʃ": "consonant voiceless postalveolar affricate oral sibilant",
    "dz": "consonant voiced alveolar affricate oral sibilant",
    "d͡ʒ": "consonant voiced postalveolar affricate oral sibilant",
    "p͡f": "consonant voiceless labiodental affricate oral non-sibilant",
    "t͡ɬ": "consonant voiceless alveolar lateral affricate oral",
    "t̪͡s̪": "consonant voiceless dental affricate oral sibilant",
    "d̥͡ʒ̊": "consonant voiceless postalveolar affricate oral sibilant",
    "k͡p": "consonant voiceless labial-velar plosive oral",
    "ŋ͡m": "consonant voiced labial-velar nasal nasal",
    "pʰ": "consonant voiceless bilabial plosive oral aspirated",
    "tʃʰ": "consonant voiceless postalveolar affricate oral sibilant aspirated",
    "bʱ": "consonant voiced bilabial plosive oral breathy aspirated",
    "kʼ": "consonant voiceless velar plosive oral ejective",
    "kʷ": "consonant voiceless velar plosive oral labialised",
    "tˤ": "consonant voiceless alveolar plosive oral pharyngealised",
    "ɫ": "consonant voiced alveolar lateral approximant oral velarised",
    "n̩": "consonant voiced alveolar nasal nasal syllabic",
    "β̞": "consonant voiced bilabial approximant oral",
    "ɹ̝": "consonant voiced alveolar fricative oral non-sibilant rhotic",
    "r̝": "consonant voiced alveolar trill oral rhotic",
    "ç": "consonant voiceless palatal fricative oral non-sibilant",
    "ɗ": "consonant voiced alveolar implosive oral",
    "ǁ": "consonant voiceless alveolar lateral click oral",
    "aː": "vowel voiced open front unrounded oral long",
    "ˈa": "vowel voiced open front unrounded oral",
    "a˥": "vowel voiced open front unrounded oral",
    "á": "vowel voiced open front unrounded oral",
    "ä": "vowel voiced open central unrounded oral",
    "ë": "vowel voiced close-mid front unrounded oral",
    "e̞": "vowel voiced mid front unrounded oral",
    "ɔ̝": "vowel voiced mid back rounded oral",
    "i̥": "vowel voiceless close front unrounded oral",
    "ɪ": "vowel voiced near-close front unrounded oral",
    "ɚ": "vowel voiced mid central unrounded oral r-coloured",
    "ə˞": "vowel voiced mid central unrounded oral r-coloured",
    "i̯": "semivowel voiced approximant close front unrounded oral",
    "eɪ": "vowel voiced front unrounded oral diphthong",
    "aɪ̯": "vowel voiced front unrounded oral diphthong",
    "a͡ʊ": "vowel voiced oral diphthong",
    "ɔ̃ɪ̃": "vowel voiced nasal diphthong",
}


@pytest.mark.parametrize(("ipa", "words"), DESCRIBED.items())
def test_signs_are_described(ipa: str, words: str) -> None:
    assert " ".join(features_of(ipa).values()) == words
    for form in ("NFC", "NFD"):
        assert features_of(unicodedata.normalize(form, f" {ipa} ")) == features_of(ipa)


@pytest.mark.parametrize(
    ("ipa", "problem"),
    [
        ("", "no letter"),
        ("ː", "know 'ː'"),
        ("ˈ", "no letter"),
        ("☃", "know '☃'"),
        ("a1", "know '1'"),
        ("E", "know 'E'"),
        ("ʲp", "know 'ʲ'"),
        ("ⁿa", "know 'ⁿ'"),
        ("ᵏt", "know 'ᵏ'"),
        ("ⁿm", "know 'ⁿ'"),
        ("ps", "no single phone"),  # not of one place
        ("p͡s", "no single phone"),
        ("tz", "no single phone"),  # not of one voicing
        ("dʃ", "no single phone"),
        ("st", "no single phone"),
        ("pk", "no single phone"),
        ("mk", "no single phone"),
        ("tʃs", "no single phone"),
        ("aa", "no single phone"),
        ("ab", "no single phone"),
        ("jw", "no single phone"),  # no vowel is among them
        ("nk", "no single phone"),
        ("mn", "no single phone"),
        ("ntʃs", "no single phone"),
        ("pǃ", "no single phone"),
    ],
)
def test_what_can_not_be_read_is_refused_and_the_others_go_on(ipa: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        features_of(ipa)
    assert legend_group(ipa) == "other"
    table = feature_table({"one": "p", "strange": ipa, "two": "b"})
    assert table.unknown == ("strange",)
    assert table.known.tolist() == [True, False, True]
    assert table.phones == ("one", "strange", "two")
    assert not table.holds[1].any()
    assert (table.holds[[0, 2]] == feature_table({"one": "p", "two": "b"}).holds).all()


def test_features_can_not_be_changed_by_a_caller() -> None:
    with pytest.raises(TypeError):
        features_of("p")["voicing"] = "voiced"  # type: ignore[index]


@given(st.text(st.sampled_from([*"abcdfgkptszʃʒɛɔiuwjR", *MARKS, "͡", "\N{COMBINING CEDILLA}"]), max_size=5))
def test_any_text_is_described_or_refused(text: str) -> None:
    try:
        features = features_of(text)
    except ValueError:
        assert legend_group(text) == "other"
    else:
        assert features["kind"] in {"vowel", "semivowel", "consonant"}
        assert all(value and column in COLUMNS for column, value in features.items())
        assert legend_group(text) in LEGEND_GROUPS
        chart_order(text)


@given(st.sampled_from(LETTERS), st.sampled_from(MARKS))
def test_every_mark_can_follow_every_letter(letter: str, mark: str) -> None:
    assert {column: features_of(letter + mark).get(column) for column in COLUMNS}["voicing"]


def test_conditions() -> None:
    features = {"kind": "consonant", "manner": "plosive"}
    for condition, expected in [
        ("", True),
        ("kind=vowel|consonant", True),
        ("kind=vowel", False),
        ("kind=consonant & manner=nasal", False),
        ("kind=vowel & manner=plosive; manner=plosive", True),
        ("height=close", False),
        ("height!=close", True),
        ("kind!=vowel|consonant", False),
        ("kind=consonant & height!=close", True),
    ]:
        assert satisfies(features, condition) is expected, condition


def test_terms_are_documented_and_of_known_columns_and_values() -> None:
    page = (files("phonoscope.phones") / "data" / "features.md").read_text(encoding="utf-8")
    documented = {
        term.strip()
        for line in page.split("## Terms")[1].splitlines()
        if line.startswith("| ")
        for term in line.split("|")[1].split(",")
    }
    assert documented - {"term"} == {term.name for term in terms()}
    values: dict[str, set[str]] = {column: set() for column in COLUMNS}
    for row in read_table("features.csv"):
        for column in COLUMNS:
            values[column].add(row.get(column, ""))
    for row in [*read_table("feature-marks.csv"), *read_table("feature-prefixes.csv")]:
        for pair in filter(None, row["sets"].split("&")):
            column, value = pair.split("=")
            values[column.strip()].add(value.strip())
    values["manner"] |= {"affricate", "lateral affricate"}  # of two letters
    values["place"].add("labial-velar")
    values["contour"].add("diphthong")
    for term in terms():
        for part in term.when.replace(";", "&").split("&"):
            column, wanted = part.replace("!", "").split("=")
            assert {value.strip() for value in wanted.split("|")} <= values[column.strip()], term.name


def test_legend_groups_of_french_are_in_the_order_of_the_inventory() -> None:
    groups = {
        group: "".join(p for p in french().phones if legend_group(french().ipa[p]) == group) for group in LEGEND_GROUPS
    }
    assert {group: phones for group, phones in groups.items() if phones} == {
        "plosive": "ptkbdg",
        "fricative": "fsSvzZ",
        "nasal": "mnJ",
        "liquid": "Rl",
        "semivowel": "jwH",
        "oral vowel": "iyeE29aoOu",
        "nasal vowel": "a~o~e~",
    }


@pytest.mark.parametrize(
    ("ipa", "group"),
    [
        ("tʃ", "affricate"),
        ("ɓ", "plosive"),
        ("kʼ", "plosive"),
        ("ǃ", "click"),
        ("ʋ", "approximant"),
        ("ɬ", "fricative"),
        ("ɾ", "liquid"),
        ("ʀ", "liquid"),
        ("ɚ", "oral vowel"),
        ("aɪ", "oral vowel"),
        ("ʔ", "plosive"),
        ("h", "fricative"),
        ("ʙ", "liquid"),
    ],
)
def test_legend_groups(ipa: str, group: str) -> None:
    assert legend_group(ipa) == group


def test_phones_sort_as_the_chart_has_them() -> None:
    order = sorted(french().phones, key=lambda phone: chart_order(french().ipa[phone]))
    assert " ".join(order) == "p t k b d g f s S v z Z m n J l R j H w i e E a y 2 9 u o O e~ a~ o~"
    assert sorted(["☃", "aɪ", "a", "p"], key=chart_order) == ["p", "a", "aɪ", "☃"]
