from __future__ import annotations

import pickle
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonoscope.phones.features import feature_table
from phonoscope.phones.inventory import PAUSE, french_folding
from phonoscope.phones.no_phones import is_noise, is_pause
from phonoscope.phones.sets import TITLES, named_set
from phonoscope.phones.tables import read_table

# Lee and Hon 1989, as most papers after it print it: what is not named stays itself
FOLDED_TO_39 = {
    "aa": "aa ao",
    "ah": "ah ax ax-h",
    "er": "er axr",
    "hh": "hh hv",
    "ih": "ih ix",
    "l": "l el",
    "m": "m em",
    "n": "n en nx",
    "ng": "ng eng",
    "sh": "sh zh",
    "uw": "uw ux",
    PAUSE: "pcl tcl kcl bcl dcl gcl h# pau epi",
}
FOLDED_TO_48 = {
    "ax": "ax ax-h",
    "er": "er axr",
    "hh": "hh hv",
    "m": "m em",
    "n": "n nx",
    "ng": "ng eng",
    "uw": "uw ux",
    "cl": "pcl tcl kcl",
    "vcl": "bcl dcl gcl",
    PAUSE: "h# pau epi",
}
FRENCH_MFA = "a b c d dʒ e f i j k l m mʲ n o p s t ts tʃ u v w y z ø ŋ œ ɑ ɑ̃ ɔ ɔ̃ ə ɛ ɛ̃ ɟ ɡ ɥ ɲ ʁ ʃ ʎ ʒ"
# what espeak-ng 1.51 gave for some hundred sentences of French
FRENCH_ESPEAK = (
    "ʁ l d s ə- a n t ˈi y k b ʒ v j p f z m ˈa ɡ ˈɛ w a- i e ʃ ˈɔ̃ ɑ̃ o ˈu u ˈɔ ˈœ ˈɑ̃ œ̃ ˈe ˈɛ̃ ˈø y- ə ɛ ˈo ɲ ɔ̃ e- "
    "ˈy ɔ ˌɛ ø ˈœ̃ ɛ̃ œ ˈaː ˈøː ŋ ˈyː ˈoː ˈɑː ˈiː"
)
FRENCH_SAMPA = "p b t d k g f v s z S Z j m n J N l R w H i e E a A O o u y 2 9 @ e~ a~ o~ 9~"


@pytest.mark.parametrize("name", TITLES)
def test_a_phone_folds_onto_itself_and_pauses_onto_none(name: str) -> None:
    inventory, fold = named_set(name)
    assert len(set(inventory.phones)) == len(inventory.phones)
    assert [fold(phone) for phone in inventory.phones] == list(inventory.phones)
    assert {fold(label) for label in ("", " ", "sil", "SIL", "sp", "h#", "pau", "<p:>", "#", "_")} == {PAUSE}
    assert {fold(label) for label in ("spn", "<unk>", "noise", "NSN", "zzz", "☃")} == {None}
    assert set(inventory.classes) == set(inventory.ipa) == set(inventory.phones)
    assert pickle.loads(pickle.dumps(fold))("sil") == PAUSE  # noqa: S301 (our own)


@pytest.mark.parametrize("name", TITLES)
@given(st.one_of(st.text(max_size=5), st.sampled_from([row["timit61"] for row in read_table("timit.csv")])))
def test_folding_what_is_folded_changes_nothing(name: str, label: str) -> None:
    inventory, fold = named_set(name)
    phone = fold(label)
    assert phone is None or phone == PAUSE or phone in inventory.phones
    assert phone is None or fold(phone) == phone
    for form in ("NFC", "NFD"):
        assert fold(unicodedata.normalize(form, label)) == phone


def test_timit_has_61_phones_and_folds_as_lee_and_hon_fold_it() -> None:
    labels = [row["timit61"] for row in read_table("timit.csv")]
    assert len(set(labels)) == 61
    for name, folded, n in [
        ("timit61", {PAUSE: "h# pau epi"}, 58),
        ("timit48", FOLDED_TO_48, 46),
        ("timit39", FOLDED_TO_39, 38),
    ]:
        inventory, fold = named_set(name)
        onto = {label: phone for phone, group in folded.items() for label in group.split()}
        for label in set(labels) - {"q"}:
            assert fold(label) == fold(label.upper()) == onto.get(label, label)
        assert fold("q") == ("q" if name == "timit61" else None)
        assert len(inventory.phones) == n
    assert feature_table(named_set("timit48")[0].ipa).unknown == ("cl", "vcl")
    assert feature_table(named_set("timit39")[0].ipa).unknown == ()
    assert feature_table(named_set("timit61")[0].ipa).unknown == ()


def test_a_corpus_folded_before_is_read_too() -> None:
    smaller, fold = named_set("timit48")
    to_39 = named_set("timit39")[1]
    for row in read_table("timit.csv"):
        phone = fold(row["timit61"])
        if phone is not None:
            assert to_39(phone) == to_39(row["timit61"])
    assert to_39("cl") == to_39("sil") == PAUSE
    assert named_set("timit61")[1]("cl") is None
    assert "cl" in smaller.phones


@pytest.mark.parametrize(
    ("label", "phone"),
    [
        *[("AA0", "AA"), ("AA1", "AA"), ("aa2", "AA"), ("AA", "AA"), ("er0", "ER"), ("hh", "HH"), ("zh", "ZH")],
        *[("AX", "AH"), ("ax0", "AH"), ("axr", "ER"), ("ix", "IH"), ("EN", "N"), ("T1", None), ("AA3", None)],
        *[("dx", None), ("a", None), ("ɑ", None), ("sil", PAUSE), ("sp", PAUSE), ("spn", None), ("ssil", PAUSE)],
    ],
)
def test_arpabet_is_folded(label: str, phone: str | None) -> None:
    assert named_set("arpabet")[1](label) == phone


def test_arpabet_is_english() -> None:
    inventory, _ = named_set("arpabet")
    assert len(inventory.phones) == 39
    assert list(inventory.classes.values()).count("oral vowel") == 15
    assert inventory.ipa["JH"] == "dʒ"
    assert feature_table(inventory.ipa).unknown == ()


@pytest.mark.parametrize("labels", [FRENCH_MFA, FRENCH_ESPEAK, FRENCH_SAMPA])
def test_french_reads_sampa_espeak_and_mfa(labels: str) -> None:
    fold = french_folding()
    left_over = {label for label in labels.split() if fold(label) is None}
    assert left_over == ({"dʒ", "ts", "tʃ"} if labels == FRENCH_MFA else set())
    found = {fold(label) for label in labels.split()} - {None}
    assert len(found) == (33 if labels != FRENCH_ESPEAK else 32)  # espeak-ng writes H as y
    assert [fold(label) for label in ("mʲ", "c", "ɟ", "ʎ", "ə-", "y-", "œ̃")] == ["m", "k", "g", "l", "2", "y", "e~"]


def test_pauses_and_noises_are_no_matter_of_case_and_apart() -> None:
    rows = read_table("no-phones.csv")
    assert len({row["label"] for row in rows}) == len(rows)
    for row in rows:
        assert row["label"] == row["label"].casefold()
        assert row["note"]
        assert is_pause(row["label"].upper()) is (row["phone"] == "pause")
        assert is_noise(row["label"].upper()) is (row["phone"] == "unknown")
    assert not is_noise("a")
    assert not is_pause("a")
