from __future__ import annotations

import pickle
import random
import time
import tracemalloc
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.formats.reading_all import fuzzed, put, read_all, refusal
from phonoscope.corpus.formats.lab import FORMAT
from phonoscope.corpus.reading import read_corpus
from phonoscope.corpus.source import Interval, Spoken
from phonoscope.corpus.tree import Tree
from phonoscope.errors import CorpusError, FormatError
from phonoscope.settings import CorpusSettings

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import WriteAudio, WriteGrid
    from phonoscope.corpus.source import Format, Listing

MONO = "0 1000000 pau\n1000000 2350000 a\n2350000 4000000 s\n"
PHONES = (Interval("pau", 0.0, 0.1), Interval("a", 0.1, 0.235), Interval("s", 0.235, 0.4))
XLABEL = "signal utt1\ntype 0\ncolor 121\nseparator ;\nnfields 1\n#\n0.1000 121 pau\n0.2350 121 a ; 0.9\n0.4000 121 s\n"


def listed(root: Path, audio: str = "") -> Listing:
    form: Format = FORMAT
    tree = Tree(root, audio)
    assert form.recognises(tree)
    return form.listing(tree, CorpusSettings())


def told(root: Path) -> list[Spoken | Exception]:
    return [one for unit in listed(root).units for one in pickle.loads(pickle.dumps(unit)).read()]  # noqa: S301 (sent on)


def labels(root: Path, text: str) -> list[tuple[str, float, float]]:
    put(root / "x.lab", text)
    (one,) = read_all(FORMAT, root)
    return [(i.label, i.start, i.end) for i in one.intervals]


def test_times_are_in_units_of_100_ns(tmp_path: Path, write_audio: WriteAudio) -> None:
    path = put(tmp_path / "anna" / "1.lab", MONO)
    audio = write_audio(tmp_path / "anna" / "1.wav")
    assert told(tmp_path) == [Spoken("anna/1", "", audio, PHONES, path)]
    assert told(path) == [Spoken("1", "", audio, PHONES, path)]
    assert listed(tmp_path).warnings == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, newline: str) -> None:
    put(tmp_path / "x.lab", f"\n  {MONO}4000000\t5000000   é  \n\n".replace("\n", newline).encode(encoding))
    (one,) = read_all(FORMAT, tmp_path)
    assert one.intervals == (*PHONES, Interval("é", 0.4, 0.5))


@pytest.mark.parametrize("suffix", [".lab", ".LAB", ".Lab"])
@pytest.mark.parametrize("name", ["l'été", "two words", 'a "quoted" name', "1.2.3"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_of_files(tmp_path: Path, write_audio: WriteAudio, name: str, suffix: str, form: Any) -> None:  # noqa: ANN401 (unicodedata's)
    path = put(tmp_path / (unicodedata.normalize(form, name) + suffix), MONO)
    audio = write_audio(tmp_path / (unicodedata.normalize("NFC", name) + ".WAV"))
    assert told(tmp_path) == [Spoken(unicodedata.normalize("NFC", name), "", audio, PHONES, path)]


def test_symbolic_links(tmp_path: Path, write_audio: WriteAudio) -> None:
    put(tmp_path / "store" / "1.lab", MONO)
    audio = write_audio(tmp_path / "audio" / "1.wav")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "anna").symlink_to(tmp_path / "store")
    (corpus / "again").symlink_to(tmp_path / "store")  # a folder counts once
    (corpus / "1.wav").symlink_to(audio)
    put(corpus / "2.lab", MONO)
    (corpus / "gone.lab").symlink_to(tmp_path / "nowhere")
    two, error, one = [first for unit in listed(corpus).units for first in _result(unit.read)]
    assert isinstance(two, Spoken)
    assert isinstance(error, FormatError)
    assert str(error) == (
        f"{corpus / 'gone.lab'}: the file can not be read (No such file or directory). Make it readable, or remove it."
    )
    assert isinstance(one, Spoken)
    assert (one.id, one.audio) == ("again/1", corpus / "1.wav")


def test_audio_that_is_elsewhere(tmp_path: Path, write_audio: WriteAudio) -> None:
    put(tmp_path / "labels" / "anna" / "1.lab", MONO)
    put(tmp_path / "labels" / "ben" / "1.lab", MONO)
    anna, ben = (write_audio(tmp_path / "wav" / name / "1.wav") for name in ("anna", "ben"))
    for units in (listed(tmp_path / "labels", str(tmp_path / "wav")).units, listed(tmp_path).units):
        assert [one.audio for unit in units for one in unit.read() if isinstance(one, Spoken)] == [anna, ben]
    for one in told(tmp_path / "labels"):
        assert isinstance(one, Spoken)
        assert one.audio is None


FULL = "{before}^{left}-{phone}+{right}={after}@1_2/A:0_0_0/B:1-1-2@1-1&1-3#1-3$1-3!0-2;0-2|a/C:0+0+0"


def full(phones: list[str]) -> list[str]:
    padded = ["x", "x", *phones, "x", "x"]
    names = ("before", "left", "phone", "right", "after")
    return [FULL.format(**dict(zip(names, padded[i : i + 5], strict=True))) for i in range(len(phones))]


def test_the_phone_is_taken_out_of_full_context(tmp_path: Path) -> None:
    names = ["sil", "b", "ax", "a~", "@", "9", "ɔ̃", "sil"]
    text = "".join(f"{i}00000 {i + 1}00000 {name}\n" for i, name in enumerate(full(names), 1))
    assert [label for label, _, _ in labels(tmp_path, text)] == names


def test_states_of_full_context_are_put_together(tmp_path: Path) -> None:
    rows = [(name, state) for name in full(["sil", "a", "a", "b"]) for state in range(2, 7)]
    text = "".join(f"{i}00000 {i + 1}00000 {name}[{state}]\n" for i, (name, state) in enumerate(rows))
    found = labels(tmp_path, text)
    assert [(label, start, end) for label, start, end in found] == [
        ("sil", 0.0, 0.05),
        ("a", 0.05, 0.1),
        ("a", 0.1, 0.15),
        ("b", 0.15, 0.2),
    ]


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (["a[2]", "a[3]", "a[4]", "b[2]", "b[4]"], [("a", 0, 3), ("b", 3, 5)]),
        (["a[2]", "a[3]", "a[2]", "a[3]"], [("a", 0, 2), ("a", 2, 4)]),
        (["a[2]", "a[2]"], [("a", 0, 1), ("a", 1, 2)]),
        # HVite -f: the phone stands above its first state, the word above the phone
        (["s2 -50.1 a -99.2 ALSO", "s3 -12", "s4 1e-3", "s2 -3 b", "s4 -5"], [("a", 0, 3), ("b", 3, 5)]),
        (["s2 a", "s3", "s2 a", "s3"], [("a", 0, 2), ("a", 2, 4)]),
        (["s2", "s3"], [("s2", 0, 1), ("s3", 1, 2)]),  # phones of these names
        (["s2 a", "t"], [("s2", 0, 1), ("t", 1, 2)]),
    ],
)
def test_states(tmp_path: Path, lines: list[str], wanted: list[tuple[str, int, int]]) -> None:
    text = "".join(f"{i}0000000 {i + 1}0000000 {line}\n" for i, line in enumerate(lines))
    assert labels(tmp_path, text) == wanted


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["sil", "sil-a+b", "a-b+sil", "sil"], ["sil", "a", "b", "sil"]),
        (["sil", "a+b", "a-b+c", "b-c", "sil"], ["sil", "a", "b", "c", "sil"]),  # within words
        (["sil", "a+b", "a-b", "sil"], ["sil", "a", "b", "sil"]),  # a word of two phones
        (["ax-h", "t+s", "-", "+", "a-", "+b"], ["ax-h", "t+s", "-", "+", "a-", "+b"]),  # names of phones
    ],
)
def test_triphones(tmp_path: Path, names: list[str], wanted: list[str]) -> None:
    text = "".join(f"{i}0 {i + 1}0 {name}\n" for i, name in enumerate(names))
    assert [label for label, _, _ in labels(tmp_path, text)] == wanted


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("a", "a"),
        ("a -123.45", "a"),
        ("a 0.5 word", "a"),
        ("a word -3", "a"),
        (r"\303\251", "é"),
        (r"\351", "é"),  # Latin-1
        (r'"two words" -3', "two words"),
        ("'it''s'", "'it''s'"),
        (r"'it\'s' -3", "it's"),
        (r'"\\"', "\\"),
        ('"a', '"a'),  # stress in SAMPA
        ('"', '"'),
        ("r\\", "r\\"),  # X-SAMPA
        ("'''", "'''"),
        ("2", "2"),
        ("ɑ̃", "ɑ̃"),
    ],
)
def test_names_scores_and_escapes(tmp_path: Path, written: str, name: str) -> None:
    assert labels(tmp_path, f"0 10000000 {written}\n") == [(name, 0.0, 1.0)]


def test_decimals_are_seconds(tmp_path: Path) -> None:
    assert labels(tmp_path, "0 0.29 silB\n0.29 1 a\n1 2.5 silE\n") == [
        ("silB", 0.0, 0.29),
        ("a", 0.29, 1.0),
        ("silE", 1.0, 2.5),
    ]
    # a program that counts in 100 ns with decimals
    assert labels(tmp_path, "0.0 2900000.0 sil\n2900000.0 10000000.0 a\n") == [("sil", 0.0, 0.29), ("a", 0.29, 1.0)]


def test_pauses_of_no_duration_and_other_transcriptions(tmp_path: Path) -> None:
    text = "0 10000000 a\n10000000 10000000 sp\n10000000 20000000 b\n///\n0 20000000 c\n"
    assert labels(tmp_path, text) == [("a", 0.0, 1.0), ("b", 1.0, 2.0)]
    assert labels(tmp_path, "10000000 20000000 b\n0 10000000 a\n") == [("a", 0.0, 1.0), ("b", 1.0, 2.0)]


@pytest.mark.parametrize("text", [XLABEL, XLABEL.partition("nfields 1\n")[2]])
def test_xlabel(tmp_path: Path, text: str) -> None:
    assert labels(tmp_path, text) == [(i.label, i.start, i.end) for i in PHONES]


def test_an_xlabel_of_other_names(tmp_path: Path) -> None:
    text = "signal 1 2 a\n#\n\n   0.5  26  \n 1.0 -1 two words ; x\n1.0 26 é\n"
    assert labels(tmp_path, text) == [("", 0.0, 0.5), ("two words", 0.5, 1.0), ("é", 1.0, 1.0)]


BROKEN = [
    ("0 10 a\n\n10 b\n", "line 3: '10 b' is not a start, an end and a label"),
    ("0 10 a\n10 20\n", "line 2: '10 20' is not a start, an end and a label"),
    ("0 10 a\n-5 20 b\n", "line 2: '-5 20 b' is not a start, an end and a label"),
    ("0 10 a\nnan 20 b\n", "line 2: 'nan 20 b' is not a start, an end and a label"),
    ("0 10 a\n10 9999999999999999 b\n", "line 2: '10 9999999999999999 b' is not a start, an end and a label"),
    ("0 10 a\n30 20 b\n", "line 2: 'b' ends before it starts"),
    ("0 10 a\nbonjour\n", "line 2: 'bonjour' is not a start, an end and a label"),
    ("0 10 a\n10 20 b\0\n", "line 2: there are zero bytes, so this is not a text, or it is UTF-16 without its mark"),
    ("\n\n", "line 1: there are no labels"),
    ("#\n0.5 121 a\n0.4 121 b\n", "line 3: 'b' ends at 0.4 s, before the label above it"),
    ("#\n0.5 121 a\n0.6 b\n", "line 3: '0.6 b' is not an end in seconds, a colour and a label"),
]


@pytest.mark.parametrize(("text", "problem"), BROKEN)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, problem: str) -> None:
    put(tmp_path / "a.lab", MONO)
    path = put(tmp_path / "b.lab", text)
    one, error = [first for unit in listed(tmp_path).units for first in _result(unit.read)]
    assert isinstance(one, Spoken)
    assert str(error) == f"{path}, {problem}. Correct the file, or remove it."


def _result(read: Any) -> list[Any]:  # noqa: ANN401 (a unit's)
    try:
        return list(read())
    except FormatError as error:
        return [error]


@pytest.mark.parametrize(
    "text",
    ["BONJOUR À TOUS", "", "\n", "a\nb\nc\n", "1 2", "#\nno labels\n", "0 a\n", "<lab/>", '"*/x.lab"\n0 1 a\n'],
)
def test_transcripts_are_not_recognised(tmp_path: Path, text: str) -> None:
    put(tmp_path / "1.lab", text)
    put(tmp_path / "words.mlf", f'#!MLF!#\n"*/1.lab"\n{text}\n.\n' if "0 1 a" not in text else text)
    assert not FORMAT.recognises(Tree(tmp_path))
    with pytest.raises(CorpusError, match=r"there is no \.lab or \.mlf file with times; name the folder") as caught:
        FORMAT.listing(Tree(tmp_path), CorpusSettings())
    assert str(caught.value).startswith(f"{tmp_path}: ")


def test_folders_of_transcripts_are_left_out(tmp_path: Path) -> None:
    put(tmp_path / "phones" / "1.lab", MONO)
    put(tmp_path / "text" / "1.lab", "BONJOUR")
    assert listed(tmp_path).warnings == (f"The .lab files of {tmp_path / 'text'} hold no times: not used.",)
    put(tmp_path / "words" / "1.lab", "BONJOUR")
    put(tmp_path / "zz" / "1.lab", "BONJOUR")
    assert listed(tmp_path).warnings == (
        f"The .lab files of {tmp_path / 'text'} and of 2 other folders hold no times: not used.",
    )
    assert [one.id for one in read_all(FORMAT, tmp_path)] == ["phones/1"]


def test_a_folder_whose_first_file_is_empty_is_read(tmp_path: Path) -> None:
    put(tmp_path / "1.lab")
    put(tmp_path / "2.lab", MONO)
    assert listed(tmp_path).warnings == ()
    assert [unit.path.name for unit in listed(tmp_path).units] == ["1.lab", "2.lab"]


@pytest.mark.parametrize(
    ("folders", "kept"),
    [
        (("full", "mono"), "mono"),
        (("label_phone_align", "label_state_align"), "label_phone_align"),
        (("full", "z"), "full"),
    ],
)
def test_of_several_label_files_of_a_recording_one_is_read(
    tmp_path: Path, write_audio: WriteAudio, folders: tuple[str, ...], kept: str
) -> None:
    for folder in folders:
        put(tmp_path / "labels" / folder / "1.lab", MONO)
        put(tmp_path / "labels" / folder / "silent.lab", MONO)
    write_audio(tmp_path / "wav" / "1.wav")
    assert listed(tmp_path).warnings == (
        "1 label files are left out: another folder has those of the same recordings.",
    )
    ids = [one.id for one in read_all(FORMAT, tmp_path) if one.audio]
    assert ids == [f"labels/{kept}/1"]


def mlf(**entries: str) -> str:
    return "#!MLF!#\n" + "".join(f'"{name}"\n{text}.\n' for name, text in entries.items())


@pytest.mark.parametrize("prefix", ["*/", "", "./", "/home/anna/exp/", "C:\\data\\", "*\\"])
@pytest.mark.parametrize("suffix", [".lab", ".rec", ".LAB", ""])
def test_a_master_label_file(tmp_path: Path, write_audio: WriteAudio, prefix: str, suffix: str) -> None:
    names = ["anna/1", "ben/1", "ben/l'été"]
    audio = [write_audio(tmp_path / "wav" / f"{name}.wav") for name in names[:2]]
    entries = {f"{prefix}{name}{suffix}": MONO for name in names}
    path = put(tmp_path / "aligned.MLF", mlf(**entries))
    assert told(tmp_path) == [
        Spoken("anna/1", "", audio[0], PHONES, path, "line 2"),
        Spoken("ben/1", "", audio[1], PHONES, path, "line 7"),
        Spoken("ben/l'été", "", None, PHONES, path, "line 12"),
    ]


def test_master_label_files_below_the_root(tmp_path: Path, write_audio: WriteAudio) -> None:
    audio = write_audio(tmp_path / "1.wav")
    put(tmp_path / "train" / "a.mlf", mlf(**{"*/1.lab": MONO}))
    put(tmp_path / "dev" / "b.mlf", mlf(**{"*/2.lab": MONO}))
    assert {one.id: one.audio for one in read_all(FORMAT, tmp_path)} == {"dev/2": None, "train/1": audio}


def test_a_file_of_an_entrys_name_is_no_recording(tmp_path: Path, write_audio: WriteAudio) -> None:
    put(tmp_path / "lab" / "phones", "a b c")
    audio = write_audio(tmp_path / "wav" / "phones.wav")
    put(tmp_path / "lab" / "x.mlf", mlf(**{"*/phones.lab": MONO, "*/x.mlf": MONO}))
    assert [one.audio for one in read_all(FORMAT, tmp_path)] == [audio, None]


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        (r"*/\303\251t\303\251.lab", "été"),
        ("*/e\u0301te\u0301.lab", "été"),
        (r"D:\corpus\201\1.lab", "1"),
        (r"corpus\201\1.lab", "corpus/201/1"),
        ("*/1.5.lab", "1.5"),
        ("*/1.TextGrid", "1.TextGrid"),
        ("*/.lab", ".lab"),
    ],
)
def test_names_of_entries(tmp_path: Path, name: str, id_: str) -> None:
    put(tmp_path / "x.mlf", mlf(**{name: MONO}))
    assert [one.id for one in read_all(FORMAT, tmp_path)] == [id_]


def test_a_broken_entry_costs_itself_only(tmp_path: Path) -> None:
    text = mlf(**{"*/a.lab": "", "*/b.lab": MONO, "*/c.lab": "0 1 a\nb\n", "*/d?.lab": MONO, "*/e.lab": MONO})
    path = put(tmp_path / "x.mlf", text)
    found = told(tmp_path)
    assert [one.id for one in found if isinstance(one, Spoken)] == ["b", "e"]
    assert [str(one) for one in found if isinstance(one, FormatError)] == [
        f"{path}, line 2: there are no labels. Correct the file, or remove it.",
        f"{path}, line 11: 'b' is not a start, an end and a label. Correct the file, or remove it.",
        (
            f"{path}, line 13: '*/d?.lab' stands for several label files, so that none is known. "
            "Correct the file, or remove it."
        ),
    ]


@pytest.mark.parametrize(
    ("tail", "problem"),
    [
        (
            '"*/b.lab"\n0 10 a\n',
            (
                "line 7: the file ends within the labels of '*/b.lab', which a line with a full stop should end. "
                "Correct the file, or remove it."
            ),
        ),
        (
            "0 10 a\n.\n",
            (
                "line 7: '0 10 a' stands where the name of a label file between quotes should be. "
                "Correct the file, or remove it."
            ),
        ),
        (
            '"*/c*" -> "/data/labels"\n',
            (
                """line 7: '"*/c*" -> "/data/labels"' refers to label files elsewhere. """
                "Name the folder that holds them, instead of this file."
            ),
        ),
    ],
)
def test_what_is_before_a_break_in_a_master_label_file_is_read(tmp_path: Path, tail: str, problem: str) -> None:
    path = put(tmp_path / "x.mlf", mlf(**{"*/a.lab": MONO}) + tail)
    (unit,) = listed(tmp_path).units
    found = unit.read()
    assert isinstance(next(found), Spoken)
    with pytest.raises(FormatError) as caught:
        next(found)
    assert str(caught.value) == f"{path}, {problem}"


def test_a_file_of_this_suffix_that_is_none(tmp_path: Path) -> None:
    put(tmp_path / "x.mlf", "#!MLF\n")
    assert not FORMAT.recognises(Tree(tmp_path))
    assert "there is no .lab or .mlf file with times" in refusal(FORMAT, tmp_path)


def test_several_recordings_of_a_name_are_refused(tmp_path: Path, write_audio: WriteAudio) -> None:
    for name in ("a/1.wav", "b/1.wav"):
        write_audio(tmp_path / name)
    path = put(tmp_path / "x.mlf", mlf(**{"*/1.lab": MONO}))
    assert refusal(FORMAT, tmp_path).startswith(f"{path}: 2 recordings could be '1': a/1.wav and b/1.wav. Keep")


# round trips

quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
name_of = st.text(
    st.characters(blacklist_categories=["Z", "C"], blacklist_characters="[]+-^;/"), min_size=1, max_size=6
)
spans = st.lists(st.tuples(st.integers(1, 10**9), name_of), min_size=1, max_size=20)


def escaped(name: str) -> str:
    """HTK's way: a backslash is doubled, a quote at the start has one, bytes beyond ASCII are octal numbers."""
    text = "".join(f"\\{b:03o}" if b > 126 else "\\\\" if b == 92 else chr(b) for b in name.encode())
    return "\\" + text if text.startswith(("'", '"')) else text


def written(said: list[tuple[int, str]], how: str) -> tuple[str, tuple[Interval, ...]]:
    text, wanted, at = "#\n" if how == "xlabel" else "", [], 0
    for length, name in said:
        end = at + length
        if how == "xlabel":
            text += f"{end / 1e7:.7f} 121 {name}\n"
        elif how == "quoted":
            quoted = name.replace("\\", "\\\\").replace('"', '\\"')
            text += f'{at} {end} "{quoted}" -1.5 word\n'
        else:
            text += f"{at} {end} {escaped(name) if how == 'escaped' else name}\n"
        wanted.append(Interval(name, at / 1e7, end / 1e7))
        at = end
    return text, tuple(wanted)


@quick
@given(spans, st.sampled_from(["escaped", "quoted", "xlabel"]))
def test_what_was_written_is_read(tmp_path: Path, said: list[tuple[int, str]], how: str) -> None:
    text, wanted = written(said, how)
    path = put(tmp_path / "x.lab", text)
    (one,) = read_all(FORMAT, path)
    assert one.intervals == wanted


@quick
@given(
    st.dictionaries(st.text("abé ' \"1_", min_size=1).filter(lambda n: n == n.strip()), spans, min_size=1, max_size=4)
)
def test_what_was_written_into_a_master_label_file_is_read(
    tmp_path: Path, spoken: dict[str, list[tuple[int, str]]]
) -> None:
    texts = {name: written(said, "escaped") for name, said in spoken.items()}
    path = put(tmp_path / "x.mlf", mlf(**{f"*/{name}.lab": text for name, (text, _) in texts.items()}))
    found = {one.id: one.intervals for one in read_all(FORMAT, path)}
    assert found == {name: wanted for name, (_, wanted) in texts.items()}


# broken files, time and memory

SAMPLES = {
    "x.lab": MONO + r'4000000 5000000 "\303\251" -12.5 word' + "\n",
    "states.lab": "".join(f"{i}0 {i + 1}0 {n}[{s}]\n" for i, n in enumerate(full(["sil", "a", "b"])) for s in (2, 3)),
    "esps.lab": XLABEL,
    "all.mlf": mlf(**{"*/a.lab": MONO, "/x/b.rec": MONO, "c": "0 1 s2 -1 a\n1 2 s3\n"}),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_mutated_files_are_read_or_refused(tmp_path: Path, name: str) -> None:
    began = time.perf_counter()
    put(tmp_path / "other" / "first.lab", MONO)
    refused = fuzzed(FORMAT, tmp_path, tmp_path / name, SAMPLES[name].encode(), seed=1, n=300)
    assert 20 < refused < 290
    assert time.perf_counter() - began < 20


@pytest.mark.parametrize(
    "line",
    [
        "0 10 " + "a^" * 100_000,
        "0 10 " + "a-b+" * 100_000,
        '0 10 "' + "\\" * 300_001,
        "0 10 " + "[" * 300_000,
        "0 10 " + "1" * 300_000 + "x",
        "0 10 a " + "1" * 300_000 + "x",
        "0 " * 300_000,
        "1" * 300_000,
    ],
    ids=range(8),
)
def test_long_lines_take_no_long_time(tmp_path: Path, line: str) -> None:
    began = time.perf_counter()
    put(tmp_path / "1.lab", MONO)
    put(tmp_path / "2.lab", f"0 10 x\n{line}\n")
    put(tmp_path / "3.lab", f"#\n0.1 121 x\n{line}\n")
    for unit in listed(tmp_path).units:
        _result(unit.read)
    assert time.perf_counter() - began < 3


def test_memory_does_not_grow_with_a_master_label_file(tmp_path: Path) -> None:
    entry = "".join(f"{i}00000 {i + 1}00000 a\n" for i in range(200))

    def peak(n: int) -> int:
        path = put(tmp_path / "x.mlf", mlf(**{f"*/{i:05d}.lab": entry for i in range(n)}))
        (unit,) = FORMAT.listing(Tree(path), CorpusSettings()).units
        tracemalloc.start()
        try:
            assert sum(len(one.intervals) for one in unit.read() if isinstance(one, Spoken)) == 200 * n
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small = peak(5)
    assert peak(150) < 1.5 * small


# the whole way


def test_a_corpus_of_label_files_is_that_of_the_textgrids(
    tmp_path: Path, write_audio: WriteAudio, write_grid: WriteGrid
) -> None:
    draws = random.Random(0)  # noqa: S311
    entries = {}
    for name in ("anna/1", "anna/l'été", "ben/1", "ben/2"):
        times = sorted(draws.sample(range(1, 9_999), 11))
        said = [draws.choice(["a", "i", "s", "R", "sil", "??"]) for _ in range(12)]
        ends = [*times, 10_000]
        rows = [(a / 10_000, b / 10_000, label) for a, b, label in zip([0, *times], ends, said, strict=True)]
        entries[name] = "".join(f"{round(a * 1e7)} {round(b * 1e7)} {label}\n" for a, b, label in rows)
        for kind in ("grids", "labs", "master"):
            write_audio(tmp_path / kind / "corpus" / f"{name}.wav")
        write_grid(tmp_path / "grids" / "corpus" / f"{name}.TextGrid", rows)
        put(tmp_path / "labs" / "corpus" / f"{name}.LAB", entries[name])
    put(tmp_path / "master" / "corpus" / "all.mlf", mlf(**{f"*/{name}.rec": text for name, text in entries.items()}))
    grids, labs, master = (read_corpus(tmp_path / kind / "corpus") for kind in ("grids", "labs", "master"))
    assert grids.speakers == ("anna", "ben")
    for other in (labs, master):
        assert other.phones == grids.phones
        assert (other.folded, other.left_over) == (grids.folded, grids.left_over)
        assert [(u.id, u.speaker, u.split) for u in other.utterances] == [
            (u.id, u.speaker, u.split) for u in grids.utterances
        ]
        for one, two in zip(other.utterances, grids.utterances, strict=True):
            assert [s.phone for s in one.segments] == [s.phone for s in two.segments]
            ours, wanted = ([t for s in u.segments for t in (s.start, s.end)] for u in (one, two))
            assert ours == pytest.approx(wanted, rel=0, abs=1e-9)
