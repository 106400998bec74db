from __future__ import annotations

import pickle
import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.mutating import mutated
from phonoscope.corpus.formats.lab import FORMAT
from phonoscope.corpus.reading import read_corpus
from phonoscope.corpus.source import Interval, Spoken
from phonoscope.corpus.tree import Tree
from phonoscope.errors import CorpusError, FormatError, PhonoscopeError
from phonoscope.settings import CorpusSettings, Settings

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from conftest import WriteAudio, WriteGrid
    from phonoscope.corpus.source import Format, Listing

HTK = "0 1000000 sil\n1000000 2500000 a -12.5 papa\n2500000 5000000 p\n"
A_P = (Interval("sil", 0.0, 0.1), Interval("a", 0.1, 0.25), Interval("p", 0.25, 0.5))


def listed(root: Path) -> Listing:
    form: Format = FORMAT
    tree = Tree(root)
    assert form.recognises(tree)
    return form.listing(tree, CorpusSettings())


def read(root: Path) -> list[Spoken | Exception]:
    return [one for unit in listed(root).units for one in pickle.loads(pickle.dumps(unit)).read()]  # noqa: S301


def spoken(path: Path, text: str | bytes) -> tuple[Interval, ...]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    (one,) = read(path.parent)
    assert isinstance(one, Spoken)
    return one.intervals


def test_times_are_hundreds_of_nanoseconds(tmp_path: Path, write_audio: WriteAudio) -> None:
    (tmp_path / "anna").mkdir()
    path = tmp_path / "anna" / "un été.lab"
    path.write_text(HTK)
    audio = write_audio(path.with_suffix(".wav"))
    assert read(tmp_path) == [Spoken("anna/un été", "", audio, A_P, path)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HTK.replace("\n", "\r\n"), A_P),
        ("\ufeff" + HTK.replace(" ", "\t"), A_P),
        ("0 1000000 x^x-sil+a=p@1_1\n1000000 2500000 x^sil-a+p=x@1_2\n2500000 5000000 sil^a-p+x=x@2_1\n", A_P),
        ("0 1000000 sil\n1000000 2500000 sil-a+p\n2500000 5000000 a-p+sil\n", A_P),
        ("0 1000000 sil[2]\n1000000 1500000 a[2]\n1500000 2500000 a[3]\n2500000 5000000 p[2]\n", A_P),
        ("0 1000000 s2 sil\n1000000 1500000 s2 a\n1500000 2500000 s3\n2500000 5000000 s2 p\n", A_P),
        (HTK + "///\n0 5000000 other\n", A_P),
        ("0.0 0.1 sil\n0.1 0.25 a\n0.25 0.5 p\n", A_P),
        ("signal un\nnfields 1\n#\n 0.1 121 sil\n 0.25 121 a\n 0.5 121 p\n", A_P),
        ("0 1000000 \"sil\"\n1000000 2500000 'a'\n2500000 5000000 p\n", A_P),
        ("2500000 5000000 p\n0 1000000 sil\n1000000 2500000 a\n2500000 2500000 sp\n", A_P),
        ("0 1000000 a+b\n", (Interval("a+b", 0.0, 0.1),)),
    ],
    ids=[
        *("dos", "tabs", "hts", "triphones", "indexed", "states"),
        *("alternative", "seconds", "xlabel", "quoted", "order", "plus"),
    ],
)  # fmt: skip
def test_dialects(tmp_path: Path, text: str, expected: tuple[Interval, ...]) -> None:
    assert spoken(tmp_path / "1.lab", text) == expected


def test_labels_in_octal_utf8_and_latin1(tmp_path: Path) -> None:
    for text in (b"0 1000000 \\303\\251\n", "0 1000000 é\n".encode(), "0 1000000 é\n".encode("latin-1")):
        assert spoken(tmp_path / "1.lab", text) == (Interval("é", 0.0, 0.1),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HTK + "5000000 x\n", "line 4: '5000000 x' is not a start, an end and a label"),
        ("0 1000000 a\n2000000 1000000 p\n", "line 2: 'p' ends before it starts"),
        ("#\n0.2 121 a\n0.1 121 p\n", "line 3: 'p' ends at 0.1 s, before the label above it"),
    ],
)
def test_broken_lines_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "1.lab"
    path.write_text(text)
    with pytest.raises(FormatError) as caught:
        read(tmp_path)
    assert str(caught.value) == f"{path}, {message}. Correct the file, or remove it."


def test_transcripts_are_none(tmp_path: Path) -> None:
    (tmp_path / "1.lab").write_text("bonjour tout le monde\n")
    assert not FORMAT.recognises(Tree(tmp_path))
    with pytest.raises(CorpusError, match=r"no \.lab or .mlf file with times"):
        FORMAT.listing(Tree(tmp_path), CorpusSettings())
    (tmp_path / "times").mkdir()
    (tmp_path / "times" / "1.lab").write_text(HTK)
    assert listed(tmp_path).warnings == (f"{tmp_path}: the .lab files hold no times: not used.",)


def test_of_several_labels_of_a_recording_mono_is_read(tmp_path: Path, write_audio: WriteAudio) -> None:
    for name in ("full", "mono"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.lab").write_text(HTK)
    (tmp_path / "wav").mkdir()
    audio = write_audio(tmp_path / "wav" / "1.WAV")
    (one,) = read(tmp_path)
    assert isinstance(one, Spoken)
    assert (one.id, one.audio) == ("mono/1", audio)


def test_a_master_label_file(tmp_path: Path, write_audio: WriteAudio) -> None:
    accent = unicodedata.normalize("NFD", "é")
    entries = (
        f'"*/anna/1.lab"\n{HTK}.\n"*/anna/{accent} 2.rec"\n0 1000000 a\n.\n"*/no.lab"\n0 x a\n.\n"*/*.lab"\n0 9 a\n.\n'
    )
    path = tmp_path / "all.MLF"
    path.write_text(f"#!MLF!#\n{entries}")
    (tmp_path / "anna").mkdir()
    audio = write_audio(tmp_path / "anna" / "1.wav")
    other = write_audio(tmp_path / "anna" / "é 2.wav")
    one, two, three, four = read(tmp_path)
    assert one == Spoken("anna/1", "", audio, A_P, path, "line 2")
    assert two == Spoken("anna/é 2", "", other, (Interval("a", 0.0, 0.1),), path, "line 7")
    assert str(three).startswith(f"{path}, line 11: '0 x a' is not a start, an end and a label")
    assert "stands for several label files" in str(four)


def test_a_master_label_file_that_ends_within_an_entry(tmp_path: Path) -> None:
    (tmp_path / "all.mlf").write_text(f'#!MLF!#\n"*/1.lab"\n{HTK}')
    with pytest.raises(FormatError, match=r"line 2: the file ends within the labels of '\*/1.lab'"):
        read(tmp_path)


def test_the_corpus_is_that_of_textgrids(tmp_path: Path, write_audio: WriteAudio, write_grid: WriteGrid) -> None:
    for name in "abcd":
        for folder in ("lab", "grid"):
            path = tmp_path / folder / "speech" / f"{name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_audio(path, 0.5)
        (tmp_path / "lab" / "speech" / f"{name}.lab").write_text(HTK)
        grid = tmp_path / "grid" / "speech" / f"{name}.TextGrid"
        write_grid(grid, [(one.start, one.end, one.label) for one in A_P])
    how = Settings().changed({"corpus.phones": "french"})
    labs, grids = (read_corpus(tmp_path / name, how) for name in ("lab", "grid"))
    assert [(u.id, u.segments, u.split) for u in labs.utterances] == [
        (u.id, u.segments, u.split) for u in grids.utterances
    ]
    assert labs.phone_counts() == {"a": 4, "p": 4}


LABEL = st.text("aeyptkéŋɔ̃~@9", min_size=1, max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 10**8), LABEL), min_size=1, max_size=20), st.booleans())
def test_what_was_written_is_read(tmp_path: Path, phones: list[tuple[int, str]], master: bool) -> None:  # noqa: FBT001
    at, lines, expected = 0, [], []
    for length, label in phones:
        lines.append(f"{at} {at + length} {label}\n")
        expected.append(Interval(label, at / 1e7, (at + length) / 1e7))
        at += length
    for old in tmp_path.iterdir():
        old.unlink()
    body = "".join(lines)
    found = spoken(tmp_path / ("1.mlf" if master else "1.lab"), f'#!MLF!#\n"*/1.lab"\n{body}.\n' if master else body)
    assert found == tuple(one for one in expected)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(st.randoms(use_true_random=False), st.sampled_from(["1.lab", "1.mlf"]))
def test_nothing_but_named_errors(tmp_path: Path, draws: random.Random, name: str) -> None:
    whole = HTK if name == "1.lab" else f'#!MLF!#\n"*/1.lab"\n{HTK}.\n"*/2.lab"\n{HTK}.\n'
    for old in tmp_path.iterdir():
        old.unlink()
    (tmp_path / name).write_bytes(mutated(whole.encode(), draws))
    tree = Tree(tmp_path)
    FORMAT.recognises(tree)
    try:
        for unit in FORMAT.listing(tree, CorpusSettings()).units:
            list(unit.read())
    except PhonoscopeError:
        pass
