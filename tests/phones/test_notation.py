from __future__ import annotations

import pickle
import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonoscope.errors import FormatError, SettingError
from phonoscope.phones.features import feature_table
from phonoscope.phones.inventory import PAUSE, french
from phonoscope.phones.notation import PHONE_SETS, choose_notation
from phonoscope.phonology.natural import natural_class
from phonoscope.settings import CorpusSettings

if TYPE_CHECKING:
    from pathlib import Path

    from phonoscope.phones.notation import Notation

# labels and how often, of the phones of several languages as aligners write them
SPANISH_SAMPA = (
    "a 1300 e 1300 i 600 o 960 u 250 p 260 t 470 k 400 b 250 d 500 g 100 f 70 T 170 s 800 x 60 tS 30 m 300 n 700 J 30 "
    "l 500 L 50 r 500 rr 70 j 200 w 100"
)
LABELS = {
    "french": {
        "SAMPA": "R 1967 a 1705 e 1346 l 1338 t 1280 s 1190 i 1075 E 1067 p 998 d 967 y 940 n 928 k 752 a~ 696 o 629 "
        "@ 629 m 618 j 607 v 530 u 526 z 437 9~ 403 o~ 333 Z 317 O 274 f 261 b 241 e~ 231 w 174 g 163 S 143 9 138 "
        "2 124 J 12",
        "MFA": "a 9 b 9 c 9 d 9 dʒ 1 e 9 f 9 i 9 j 9 k 9 l 9 m 9 mʲ 9 n 9 o 9 p 9 s 9 t 9 ts 1 tʃ 1 u 9 v 9 w 9 y 9 "
        "z 9 ø 9 ŋ 9 œ 9 ɑ 9 ɑ̃ 9 ɔ 9 ɔ̃ 9 ə 9 ɛ 9 ɛ̃ 9 ɟ 9 ɡ 9 ɥ 9 ɲ 9 ʁ 9 ʃ 9 ʎ 9 ʒ 9",
        "a few": "a 3 t 2 i 1",
        "a few, one strange": "a 6 zzz 1",
        "noise": "a 3 spn 9 <usb> 20",
        "none": "sil 3",
    },
    "timit39": {"labels": "h# 2 sh 1 iy 1 hv 1 ae 1 dcl 1 d 1 y 1 er 1 tcl 1 t 1 aa 1 r 1 kcl 1 k 1 s 1 uw 1 dx 1"},
    "arpabet": {
        "CMUdict": "SH 1 IY1 2 HH 1 AE1 1 D 3 Y 1 AO1 1 R 1 D 2 AA1 1 K 1 S 1 UW0 1 T 1 sil 4 spn 1",
        "lower case": "sh 1 iy 2 hh 1 ae 1 d 3 y 1 ao 1 r 1 pau 4",
        "two": "AA1 1 IY0 1",
        "Kaldi": "SH_B 1 IY1_E 2 HH_B 1 AE1_I 1 D_E 3 SIL 4 Y_S 1",
    },
    "ipa": {
        "Spanish": "a 9 e 9 i 9 o 9 u 9 p 9 t 9 k 9 b 9 d 9 ɡ 9 f 9 θ 9 s 9 x 9 tʃ 9 m 9 n 9 ɲ 9 l 9 ʎ 9 ɾ 9 r 9 j 9",
        "English MFA": "p 9 tʰ 9 kʰ 9 tʃ 9 θ 9 ð 9 h 9 ŋ 9 ɹ 9 iː 9 ɪ 9 ɛ 9 æ 9 ɑː 9 aj 9 aw 9 ej 9 əw 9 ɔj 9 n̩ 9",
        "German": "a 9 aɪ 9 aʊ 9 ç 9 x 9 pf 9 ts 9 ʔ 9 ʁ 9 y 9 yː 9 øː 9 œ 9 ə 9 ɐ 9 ʃ 9 ɔʏ 9 h 9",
    },
    "own": {
        "German SAMPA": "a 9 aI 9 aU 9 C 9 x 9 pf 9 ts 9 ? 9 R 9 y: 9 Y 9 2: 9 9 9 @ 9 6 9 S 9 OY 9 h 9 E 9 e~ 1 a~ 1",
        "Spanish SAMPA": SPANISH_SAMPA,
        "Japanese, all of it possible in French": "a 9 i 9 u 9 e 9 o 9 k 9 s 9 t 9 n 9 m 9 r 9 j 9 w 9 N 9 z 9 d 9 S 9",
        "Pinyin": "b 9 p 9 zh 9 ch 9 sh 9 ang 9 eng 9 ong 9 ing 9 q 9 x 9 a 9 o 9 ve 9 vn 9 an 9 in 9",
    },
}


def counted(text: str) -> dict[str, int]:
    words = text.split()
    return {label: int(n) for label, n in zip(words[::2], words[1::2], strict=True)}


def chosen(labels: str, format_name: str = "", **corpus: str) -> Notation:
    return choose_notation(counted(labels), CorpusSettings(**corpus), format_name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        pytest.param(name, labels, id=f"{name} {which}")
        for name, cases in LABELS.items()
        for which, labels in cases.items()
    ],
)
def test_auto_finds_the_phone_set(name: str, labels: str) -> None:
    notation = chosen(labels)
    assert notation.name == name
    assert notation.note.endswith(".")
    assert "\n" not in notation.note


def test_the_format_speaks_for_timit_unless_the_labels_do_not_fit() -> None:
    assert chosen("t 5 s 5 d 5 b 5", "timit").name == "timit39"
    assert chosen("t 5 s 5 d 5 b 5", "textgrid").name == "french"
    assert chosen("ʁ 5 a 9 ɛ̃ 1", "timit").name == "french"


def test_the_note_says_what_and_why() -> None:
    assert chosen(LABELS["french"]["MFA"] + " x 2").note == (
        "The phone set is the 33 phones of French, as the labels are those of French (/R H y 2 9 a~ o~ e~/ among "
        "them); 360 of the 365 labels that are no pauses fold onto it; left over: 'x' (2), 'dʒ' (1), 'ts' (1), "
        "'tʃ' (1)."
    )
    assert "not French, of which the nasal vowels are wanting (if it is, give --corpus.phones french)" in (
        chosen(LABELS["own"]["Spanish SAMPA"]).note
    )
    assert "left over: 'a☃' (no sign '☃', 2), '☃' (1)" in chosen("a 3 a☃ 2 ☃ 1", phones="ipa").note


@pytest.mark.parametrize("phones", PHONE_SETS)
@given(
    st.dictionaries(
        st.one_of(
            st.text(max_size=4), st.sampled_from(["a", "ã", "a_B", "t͡ʃ", "sil", "AA1", "tcl", "R", "'", "SIL_S"])
        ),
        st.integers(1, 9),
        max_size=5,
    )
)
def test_any_labels_fold(phones: str, labels: dict[str, int]) -> None:
    notation = choose_notation(labels, CorpusSettings(phones=phones))
    assert len(set(notation.phones)) == len(notation.phones)
    assert PAUSE not in notation.phones
    assert [notation.fold(phone) for phone in notation.phones] == list(notation.phones)
    for label in [*labels, "", "zz"]:
        phone = notation.fold(label)
        assert phone is None or phone == PAUSE or phone in notation.phones
        assert phone is None or notation.fold(phone) == phone
    other: dict[str, int] = {}
    for label, n in labels.items():
        for form in ("NFC", "NFD"):
            written = unicodedata.normalize(form, label)
            assert notation.fold(written) == notation.fold(label)
        decomposed = unicodedata.normalize("NFD", label)
        other[decomposed] = other.get(decomposed, 0) + n
    again = choose_notation(other, CorpusSettings(phones=phones))
    assert (again.name, again.phones) == (notation.name, notation.phones)


def test_a_notation_can_be_sent_to_other_processes() -> None:
    for cases in LABELS.values():
        for labels in cases.values():
            notation = chosen(labels)
            copy = pickle.loads(pickle.dumps(notation))  # noqa: S301 (our own)
            assert [copy.fold(label) for label in counted(labels)] == [
                notation.fold(label) for label in counted(labels)
            ]
            assert copy.ipa == notation.ipa


def test_ipa_keeps_what_the_chart_tells_apart() -> None:
    notation = chosen("t͡ʃ 1 ʧ 1 tʃ 1 g 1 ɡ 1 ã 1 a 1 aː 1 ˈa 1 á 1 spn 1 sil 1 ⁿd 1 a☃ 1", phones="ipa")
    assert notation.phones == ("ⁿd", "ɡ", "tʃ", "a", "aː", unicodedata.normalize("NFD", "ã"))
    assert [notation.fold(label) for label in ("ʧ", "g", "ˈá", "spn", "sil", "a☃", "u")] == [
        *("tʃ", "ɡ", "a", None, PAUSE, None, None)
    ]
    assert notation.ipa == {phone: phone for phone in notation.phones}


def test_own_labels_stand_as_they_are() -> None:
    notation = chosen("tS 5 é 5 sil 2 SPN 1 <p:> 1 E: 5 aI 5 6 5", phones="own")
    assert set(notation.phones) == {"tS", "é", "E:", "aI", "6"}
    assert notation.fold(unicodedata.normalize("NFD", "é")) == "é"
    assert (notation.fold("sil"), notation.fold("<p:>"), notation.fold("SPN")) == (PAUSE, PAUSE, None)
    assert set(notation.ipa.values()) == {""}  # é is no X-SAMPA, E no IPA: neither reads nearly all
    notation = chosen("tS 5 E: 5 aI 5 6 5 p 5", phones="own")
    assert notation.ipa == {"p": "p", "tS": "tʃ", "E:": "ɛː", "6": "ɐ", "aI": "aɪ"}
    assert set(chosen(LABELS["own"]["Pinyin"]).ipa.values()) == {""}  # q and x are not the IPA's


def test_kaldis_positions_are_left_away() -> None:
    notation = chosen(LABELS["arpabet"]["Kaldi"])
    assert [notation.fold(label) for label in ("AE1_I", "AE0_B", "D_E", "D", "SIL_S", "SIL", "x_B")] == [
        *("AE", "AE", "D", "D", PAUSE, PAUSE, None)
    ]
    assert chosen("a_B 1 b 9 c 9", phones="own").fold("a_B") == "a_B"


@pytest.mark.parametrize(
    ("wrong", "hint"), [("frnch", "did you mean 'french'?"), ("TIMIT", "did you mean"), ("☃", "it has to")]
)
def test_a_phone_set_that_there_is_not(wrong: str, hint: str) -> None:
    with pytest.raises(
        SettingError, match="one of auto, french, timit39, timit48, timit61, arpabet, ipa, own"
    ) as caught:
        chosen("a 1", phones=wrong)
    assert hint in str(caught.value)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "folding.csv"
    path.write_text("label,phone\nooh,u\nsil,pause\nuh,unknown\naah,a\na,a\nnever,a\n", encoding="utf-8")
    return path


def test_a_table_alone_makes_the_set(table: Path) -> None:
    notation = chosen("ooh 3 aah 2 a 1 u 1 hm 1 sil 1 sp 1 uh 1", folding=str(table))
    assert (notation.name, notation.phones) == ("table", ("u", "a"))
    assert notation.ipa == {"u": "u", "a": "a"}
    assert [notation.fold(label) for label in ("ooh", "aah", "u", "hm", "sil", "sp", "uh")] == [
        *("u", "a", "u", None, PAUSE, PAUSE, None)
    ]
    assert "left over: 'hm' (1), 'uh' (1)" in notation.note
    assert f"labels of {table} that do not occur: 'never'" in notation.note


def test_a_table_goes_before_a_set(table: Path) -> None:
    notation = chosen("ooh 3 ʁ 2 @ 1 uh 1", phones="french", folding=str(table))
    assert notation.phones == french().phones
    assert [notation.fold(label) for label in ("ooh", "ʁ", "@", "uh")] == ["u", "R", "2", None]
    with pytest.raises(FormatError, match="line 2: the phone 'u' is none of ARPAbet's"):
        chosen("AA1 3", phones="arpabet", folding=str(table))
    table.write_text("label,phone\nx,zh\nschwa,aax\n", encoding="utf-8")
    with pytest.raises(FormatError, match=r"line 2: the phone 'zh' is none of TIMIT 39's. did you mean"):
        chosen("aa 3", phones="timit39", folding=str(table))


@pytest.mark.parametrize("phones", ["own", "ipa"])
def test_a_table_goes_before_own_labels(table: Path, phones: str) -> None:
    notation = chosen("ooh 3 e 2 b 1 uh 1 aah 1", phones=phones, folding=str(table))
    assert notation.phones == ("u", "a", "b", "e")
    assert [notation.fold(label) for label in ("ooh", "e", "uh", "a")] == ["u", "e", None, "a"]


def test_a_table_for_ipa_is_in_ipa(table: Path) -> None:
    table.write_text("label,phone\nch,t͡ʃ\nsch,ʧ\n", encoding="utf-8")
    assert chosen("ch 1 sch 1 g 1", phones="ipa", folding=str(table)).phones == ("tʃ", "ɡ")
    table.write_text("label,phone\nch,tS\n", encoding="utf-8")
    with pytest.raises(FormatError, match="line 2: the phone 'tS' can not be read as IPA"):
        chosen("ch 1", phones="ipa", folding=str(table))


NATURAL = [
    ("timit39", "p t k", "voiceless plosives"),
    ("timit39", "m n ng", "nasal consonants"),
    ("timit39", "s sh z ch jh", "sibilants"),
    ("arpabet", "P T K", "voiceless plosives"),
    ("arpabet", "IY UW", "close vowels"),
    ("arpabet", "CH JH", "affricates"),
    ("arpabet", "AY AW OY EY OW", "diphthongs"),
    ("ipa", "ⁿd ᵐb", "prenasalised consonants"),
    ("ipa", "ǃ ǀ", "clicks"),
    ("ipa", "tʼ kʼ", "ejective consonants"),
    ("ipa", "aː iː", "long vowels"),
]


@pytest.mark.parametrize(("phones", "members", "name"), NATURAL)
def test_natural_classes_of_any_inventory(phones: str, members: str, name: str) -> None:
    made_up = " ".join(f"{phone} 1" for phone in "p t k b d ⁿd ᵐb tʼ kʼ ǃ ǀ m n s z l a aː i iː u".split())  # noqa: SIM905
    notation = chosen(made_up, phones=phones)
    found = natural_class(set(members.split()), notation.inventory, n_permutations=99)
    assert (found.phones, found.f_measure) == (tuple(p for p in notation.phones if p in members.split()), 1.0)
    assert found.name == name
    assert feature_table(notation.ipa).unknown == ()
