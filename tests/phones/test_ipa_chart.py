"""The chart of the International Phonetic Alphabet (revised to 2020), field by field, as it is printed."""

from __future__ import annotations

import unicodedata

import pytest

from phonoscope.phones.features import LEGEND_GROUPS, chart_order, features_of, legend_group

PLACES = ["bilabial", "labiodental", "dental", "alveolar", "postalveolar", "retroflex"]
PLACES += ["palatal", "velar", "uvular", "pharyngeal", "glottal"]
# a field a place; of two letters the first is voiceless; "." is an empty or a shaded field
PULMONIC = {
    "plosive": "pb . . td . ʈɖ cɟ kɡ qɢ . ʔ.",
    "nasal": ".m .ɱ . .n . .ɳ .ɲ .ŋ .ɴ . .",
    "trill": ".ʙ . . .r . . . . .ʀ . .",
    "tap": ". .ⱱ . .ɾ . .ɽ . . . . .",
    "fricative": "ɸβ fv θð sz ʃʒ ʂʐ çʝ xɣ χʁ ħʕ hɦ",
    "lateral fricative": ". . . ɬɮ . . . . . . .",
    "approximant": ". .ʋ . .ɹ . .ɻ .j .ɰ . . .",
    "lateral approximant": ". . . .l . .ɭ .ʎ .ʟ . . .",
}
CONSONANTS = [
    (letter, voicing, place, manner)
    for manner, fields in PULMONIC.items()
    for place, field in zip(PLACES, fields.split(), strict=True)
    if field != "."
    for letter, voicing in zip(field.ljust(2, "."), ("voiceless", "voiced"), strict=True)
    if letter != "."
]
CLICKS = {"ʘ": "bilabial", "ǀ": "dental", "ǃ": "postalveolar", "ǂ": "palatal", "ǁ": "alveolar"}
IMPLOSIVES = {"ɓ": "bilabial", "ɗ": "alveolar", "ʄ": "palatal", "ɠ": "velar", "ʛ": "uvular"}
EJECTIVES = "pʼ tʼ kʼ sʼ"
OTHER_SYMBOLS = {
    "ʍ": "voiceless labial-velar fricative",
    "w": "voiced labial-velar approximant",
    "ɥ": "voiced labial-palatal approximant",
    "ʜ": "voiceless epiglottal fricative",
    "ʢ": "voiced epiglottal fricative",
    "ʡ": "voiceless epiglottal plosive",
    "ɕ": "voiceless alveolo-palatal fricative",
    "ʑ": "voiced alveolo-palatal fricative",
    "ɺ": "voiced alveolar lateral tap",
    "ɧ": "voiceless postalveolar-velar fricative",
    "t͡s": "voiceless alveolar affricate",
    "k͡p": "voiceless labial-velar plosive",
}
VOWELS = {
    "close": "iy ɨʉ ɯu",
    "near-close": "ɪʏ . .ʊ",
    "close-mid": "eø ɘɵ ɤo",
    "mid": ". ə .",
    "open-mid": "ɛœ ɜɞ ʌɔ",
    "near-open": "æ ɐ .",
    "open": "aɶ . ɑɒ",
}
# each diacritic with the letters that the chart shows it on, and what it says of them
DIACRITICS = {
    "n̥ d̥ ŋ̊": "voicing=voiceless",
    "s̬ t̬": "voicing=voiced",
    "tʰ dʰ": "release=aspirated",
    "ɔ̹ ɔ̜ u̟ e̠ ẽ̞ ë e̽ e̘ e̙": "height",  # relative: the letter's height, or between two
    "n̩": "syllabicity=syllabic",
    "e̯": "kind=semivowel",
    "ə˞ a˞": "rhoticity=r-coloured",
    "b̤ a̤": "phonation=breathy",
    "b̰ a̰": "phonation=creaky",
    "t̼ d̼": "place=linguolabial",
    "tʷ dʷ": "secondary=labialised",
    "tʲ dʲ": "secondary=palatalised",
    "tˠ dˠ ɫ l̴": "secondary=velarised",
    "tˤ dˤ": "secondary=pharyngealised",
    "e̝": "height=close-mid",
    "ɹ̝": "manner=fricative",
    "e̞": "height=mid",
    "β̞": "manner=approximant",
    "t̪ d̪": "place=dental",
    "t̺ d̺": "tongue=apical",
    "t̻ d̻": "tongue=laminal",
    "ẽ": "nasality=nasal",
    "dⁿ": "release=nasal",
    "dˡ": "release=lateral",
    "d̚": "release=unreleased",
    "eː": "length=long",
    "eˑ": "length=half-long",
    "ĕ": "length=extra-short",
    "tᶿ tˣ": "release=fricated",
}
PASSED_OVER = "ˈe ˌe e. e‿ e̋ é ē è ȅ e˥ e˦ e˧ e˨ e˩ ě ê e᷄ e᷅ e᷈ ꜜe ꜛe ↗e ↘e e˩˥ e⁵¹"


def test_the_chart_is_whole() -> None:
    assert len(CONSONANTS) == 59
    assert sum(len(field.replace(".", "")) for fields in VOWELS.values() for field in fields.split()) == 28


@pytest.mark.parametrize(("letter", "voicing", "place", "manner"), CONSONANTS)
def test_pulmonic_consonants_stand_where_the_chart_has_them(letter: str, voicing: str, place: str, manner: str) -> None:
    features = features_of(letter)
    assert (features["voicing"], features["place"], features["manner"]) == (voicing, place, manner)
    assert features["nasality"] == ("nasal" if manner == "nasal" else "oral")


@pytest.mark.parametrize("height", VOWELS)
def test_vowels_stand_where_the_chart_has_them(height: str) -> None:
    for backness, field in zip(("front", "central", "back"), VOWELS[height].split(), strict=True):
        for letter, rounding in zip(field.ljust(2, "."), ("unrounded", "rounded"), strict=True):
            if letter != ".":
                expected = {"height": height, "backness": backness, "rounding": rounding, "kind": "vowel"}
                assert expected.items() <= features_of(letter).items(), letter


def test_non_pulmonic_consonants_and_other_symbols() -> None:
    for letters, manner in [(CLICKS, "click"), (IMPLOSIVES, "implosive")]:
        for letter, place in letters.items():
            assert features_of(letter)["place"] == place
            assert features_of(letter)["manner"].removeprefix("lateral ") == manner
    for sign in EJECTIVES.split():
        assert features_of(sign)["airstream"] == "ejective"
    for sign, words in OTHER_SYMBOLS.items():
        features = features_of(sign)
        assert f"{features['voicing']} {features['place']} {features['manner']}" == words


@pytest.mark.parametrize("signs", DIACRITICS)
def test_diacritics_say_what_the_chart_says(signs: str) -> None:
    column, _, value = DIACRITICS[signs].partition("=")
    for sign in signs.split():
        for form in ("NFC", "NFD"):
            found = features_of(unicodedata.normalize(form, sign)).get(column)
            assert found == value if value else found, sign


def test_suprasegmentals_are_passed_over() -> None:
    for sign in PASSED_OVER.split():
        assert features_of(sign) == features_of("e"), sign


DESCRIBED = {
    "ⁿd": "consonant voiced alveolar plosive oral prenasalised",
    "nd": "consonant voiced alveolar plosive oral prenasalised",
    "ᵐb": "consonant voiced bilabial plosive oral prenasalised",
    "ᵑɡ͡b": "consonant voiced labial-velar plosive oral prenasalised",
    "ŋɡb": "consonant voiced labial-velar plosive oral prenasalised",
    "n͡d͡ʒ": "consonant voiced postalveolar affricate oral sibilant prenasalised",
    "ɱv": "consonant voiced labiodental fricative oral non-sibilant prenasalised",
    "ʰp": "consonant voiceless bilabial plosive oral preaspirated",
    "ˀm": "consonant voiced bilabial nasal nasal preglottalised",
    "ɡ͡ǃ": "consonant voiced postalveolar click oral",
    "ᵑǁ": "consonant voiced alveolar lateral click nasal",
    "ŋǀʰ": "consonant voiced dental click nasal aspirated",
    "kǂʼ": "consonant voiceless palatal click oral ejective",
    "tsʰ": "consonant voiceless alveolar affricate oral sibilant aspirated",
    "t͡ɬʼ": "consonant voiceless alveolar lateral affricate oral ejective",
    "p͈": "consonant voiceless bilabial plosive oral fortis",
    "ɠ͡ɓ": "consonant voiced labial-velar implosive oral",
    "ᶑ": "consonant voiced retroflex implosive oral",
    "kʷʰː": "consonant voiceless velar plosive oral labialised aspirated long",
    "aj": "vowel voiced front unrounded oral diphthong",
    "ow": "vowel voiced back rounded oral diphthong",
    "iə": "vowel voiced unrounded oral diphthong",
    "jɛ": "vowel voiced front unrounded oral diphthong",
    "aʊə": "vowel voiced oral diphthong",
    "t\N{ZERO WIDTH JOINER}ʃ": "consonant voiceless postalveolar affricate oral sibilant",
    "ʪ": "consonant voiceless alveolar fricative oral sibilant lateralised",
}


@pytest.mark.parametrize(("ipa", "words"), DESCRIBED.items())
def test_combinations_are_described(ipa: str, words: str) -> None:
    assert " ".join(features_of(ipa).values()) == words
    assert legend_group(ipa) in LEGEND_GROUPS[:-1]
    assert chart_order(ipa)[0] < len(LEGEND_GROUPS) - 1
