from __future__ import annotations

import csv
import io
import random
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.formats.reading_all import fuzzed, put, read_all, refusal
from phonoscope.corpus.formats.table import FORMAT
from phonoscope.corpus.source import Interval, Spoken
from phonoscope.corpus.tree import Tree
from phonoscope.errors import CorpusError, FormatError
from phonoscope.settings import CorpusSettings

FULL = """audio,utterance,speaker,phone,start,end,channel,split
a/one.wav,u1,anna,#,0.0,0.1,0,train
a/one.wav,u1,anna,a~,0.1,0.25,0,train
b/two.wav,u2,ben,S,0.5,0.75,1,dev
b/two.wav,u2,ben,"x,""y",0.75,1,1,dev
"""


def summary(found: list[Spoken]) -> list[tuple[object, ...]]:
    return [(s.id, s.speaker, s.channel, s.part, [(i.label, i.start, i.end) for i in s.intervals]) for s in found]


EXPECTED = [
    ("u1", "anna", 0, "train", [("#", 0.0, 0.1), ("a~", 0.1, 0.25)]),
    ("u2", "ben", 1, "validation", [("S", 0.5, 0.75), ('x,"y', 0.75, 1.0)]),
]


def rewritten(delimiter: str, *, comma: bool = False, quoting: int = csv.QUOTE_MINIMAL) -> str:
    """Write FULL anew."""
    out = io.StringIO()
    rows = list(csv.reader(io.StringIO(FULL)))
    if comma:
        rows = [rows[0], *[[*r[:4], r[4].replace(".", ","), r[5].replace(".", ","), *r[6:]] for r in rows[1:]]]
    csv.writer(out, delimiter=delimiter, quoting=quoting).writerows(rows)  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", FULL),
        ("t.CSV", FULL.replace("\n", "\r\n")),
        ("t.csv", "\ufeff" + FULL),
        ("t.csv", "\n" + FULL.replace("\n", "\n\n,,,,,,,\n")),
        ("t.csv", FULL.encode("utf-16")),
        ("t.csv", rewritten(";", comma=True)),
        ("t.csv", rewritten(";")),
        ("t.csv", "sep=;\r\n" + rewritten(";", comma=True)),
        ("t.csv", rewritten("\t")),
        ("t.tsv", rewritten("\t", comma=True)),
        ("t.tsv", rewritten("\t", quoting=csv.QUOTE_ALL)),
        ("t.tsv", FULL.replace('"x,""y"', 'x;"y').replace(",", "\t").replace(";", ",")),
    ],
)
def test_ways_to_write_a_table(tmp_path: Path, name: str, content: str | bytes) -> None:
    audio = [put(tmp_path / "a" / "one.wav"), put(tmp_path / "b" / "two.wav")]
    put(tmp_path / name, content)
    assert FORMAT.recognises(Tree(tmp_path))
    found = read_all(FORMAT, tmp_path)
    assert summary(found) == EXPECTED
    assert [s.audio for s in found] == audio
    assert all((s.start, s.end) == (0.0, None) for s in found)


@pytest.mark.parametrize("typed", [False, True])
def test_parquet(tmp_path: Path, typed: bool) -> None:  # noqa: FBT001 (a parameter of the test)
    frame = pl.read_csv(FULL.encode(), infer_schema=typed, encoding="utf8")
    if typed:
        frame = frame.with_columns(pl.col("phone").cast(pl.Categorical), pl.col("start").cast(pl.Float32))
    frame.write_parquet(tmp_path / "t.parquet")
    assert summary(read_all(FORMAT, tmp_path)) == EXPECTED


def test_other_columns_may_hold_anything(tmp_path: Path) -> None:
    others = pl.DataFrame({"vector": [[1, 2]] * 4, "point": [{"x": 1}] * 4, "bytes": [b"\xff"] * 4})
    pl.concat([others, pl.read_csv(FULL.encode())], how="horizontal").write_parquet(tmp_path / "t.parquet")
    assert summary(read_all(FORMAT, tmp_path)) == EXPECTED


def test_phonoscopes_own_corpus_table(tmp_path: Path) -> None:
    """A run's corpus.parquet (utterance, speaker, phone, start, end, split), put beside the audio."""
    rows = {
        "utterance": ["anna/u 1", "anna/u 1", "ben/u2"],
        "speaker": ["anna", "anna", "ben"],
        "phone": ["a", "t", "i"],
        "start": [0.1, 0.2, 0.0],
        "end": [0.2, 0.3, 1 / 3],
        "split": ["train", "train", "validation"],
    }
    pl.DataFrame(rows).write_parquet(tmp_path / "corpus.parquet")
    audio = [put(tmp_path / "anna" / "u 1.flac"), put(tmp_path / "ben" / "u2.WAV")]
    found = read_all(FORMAT, tmp_path)
    assert summary(found) == [
        ("anna/u 1", "anna", None, "train", [("a", 0.1, 0.2), ("t", 0.2, 0.3)]),
        ("ben/u2", "ben", None, "validation", [("i", 0.0, 1 / 3)]),
    ]
    assert [s.audio for s in found] == audio


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("file;label;begin;duration", "one.wav;a;0.5;0.25"),
        ("Path,Segment,xmin,xmax", "one.wav,a,0.5,0.75"),
        (" RECORDING ,PHONEME,start time,stop-time", "one,a,0.5,0.75"),
        ("phone,note,start,end,utt_id", "a,hm,0.5,0.75,one"),
        ("phone,start,end,duration,audio", "a,0.5,0.75,9,one"),
        ("label,phone,start,end,audio", "never,a,0.5,0.75,one"),
    ],
)
def test_names_of_columns(tmp_path: Path, header: str, row: str) -> None:
    audio = put(tmp_path / "one.wav")
    put(tmp_path / "t.csv", f"{header}\n{row}\n")
    (spoken,) = read_all(FORMAT, tmp_path)
    assert (spoken.id, spoken.audio, spoken.intervals) == ("one", audio, (Interval("a", 0.5, 0.75),))


def test_the_setting_names_the_column_of_the_phones(tmp_path: Path) -> None:
    put(tmp_path / "t.csv", "audio,phone,start,end,Corrected Phone\none,a,0,1,b\n")
    assert read_all(FORMAT, tmp_path, tier="corrected phone")[0].intervals == (Interval("b", 0.0, 1.0),)
    message = refusal(FORMAT, tmp_path, tier="nosuch")
    assert "there is no column phone (corpus.tier is 'nosuch'); there are 'audio', 'phone', 'start'" in message


def test_utterances_of_one_recording(tmp_path: Path) -> None:
    """Times count from the recording's start; utterances end with their last phones unless they say where."""
    table = "audio,utterance,phone,start,end\nr.wav,x,a,1,2\nr.wav,y,b,5,6\nr.wav,x,c,2,3\nr.wav,y,d,6.5,7\n"
    put(tmp_path / "t.csv", table)
    x, y = read_all(FORMAT, tmp_path)
    assert (x.id, x.start, x.end, x.intervals) == ("x", 1, 3, (Interval("a", 0, 1), Interval("c", 1, 2)))
    assert (y.id, y.start, y.end, y.intervals) == ("y", 5, 7, (Interval("b", 0, 1), Interval("d", 1.5, 2)))


def test_utterances_with_spans(tmp_path: Path) -> None:
    table = """audio,utterance,phone,start,end,utterance_start,utterance_end
r.wav,1,a,1,2,0.5,4
r.wav,2,b,5,6,4.5,
q.wav,1,c,1,2,,
"""
    put(tmp_path / "t.csv", table)
    one, two, three = read_all(FORMAT, tmp_path)
    assert (one.id, one.start, one.end, one.intervals) == ("r/1", 0.5, 4, (Interval("a", 0.5, 1.5),))
    assert (two.id, two.start, two.end, two.intervals) == ("r/2", 4.5, 6, (Interval("b", 0.5, 1.5),))
    assert (three.id, three.start, three.end, three.intervals) == ("q/1", 0, None, (Interval("c", 1, 2),))


def test_a_recording_of_several_speakers_or_channels_without_utterances(tmp_path: Path) -> None:
    table = (
        "audio,speaker,channel,phone,start,end\nd.wav,A,0,a,0,1\nd.wav,B,1,b,0.5,1\nd.wav,A,0,c,1,2\ne.wav,A,,d,0,1\n"
    )
    put(tmp_path / "t.csv", table)
    found = read_all(FORMAT, tmp_path)
    assert [(s.id, s.speaker, s.channel, len(s.intervals), s.start, s.end) for s in found] == [
        ("d-0-A", "A", 0, 2, 0, None),
        ("d-1-B", "B", 1, 1, 0, None),
        ("e", "A", None, 1, 0, None),
    ]


def test_rows_of_a_recording_in_any_order(tmp_path: Path) -> None:
    put(tmp_path / "t.csv", "audio,phone,start,end\nr,b,1,2\nr,a,0,1\nr,c,2,3\n")
    assert [i.label for i in read_all(FORMAT, tmp_path)[0].intervals] == ["a", "b", "c"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names(tmp_path: Path, form: Literal["NFC", "NFD"]) -> None:
    name = unicodedata.normalize(form, """é "l'été" 1.2""")
    audio = put(tmp_path / "é x" / f"{name}.WAV")
    out = io.StringIO()
    csv.writer(out).writerows([["audio", "phone", "start", "end"], [f"é x/{name}.WAV", "a", "0", "1"]])
    put(tmp_path / "t.csv", out.getvalue())
    (spoken,) = read_all(FORMAT, tmp_path)
    assert spoken.audio == audio
    assert spoken.id == unicodedata.normalize("NFC", f"é x/{name}")
    put(tmp_path / "t.csv", out.getvalue().replace("é x/", f"{tmp_path}/é x/"))
    assert read_all(FORMAT, tmp_path)[0].id == spoken.id


def test_an_ambiguous_recording_does_not_hide_the_others(tmp_path: Path) -> None:
    for folder in "ab":
        put(tmp_path / folder / "r.wav")
    put(tmp_path / "t.csv", "audio,utterance,phone,start,end\nr,x,a,0,1\nr,y,a,1,2\ns,z,a,0,1\n")
    (unit,) = FORMAT.listing(Tree(tmp_path), CorpusSettings()).units
    error, spoken = unit.read()
    assert isinstance(error, CorpusError)
    assert isinstance(spoken, Spoken)
    assert (spoken.id, spoken.audio) == ("z", None)


HEAD = "audio,utterance,speaker,phone,start,end,channel,split\n"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("r,u,s,a,0,x,,\n", "line 2: 'x' stands where the end should be, in seconds; correct the cell"),
        ("r,u,s,a,0,1,,\n\nr,u,s,a,,2,,\n", "line 4: the start is missing"),
        (
            'r,u,s,a,0,1,,\nr,u,s,a,1,"1,5",,\n',
            "line 3: '1,5' stands where the end should be, in seconds; part the col",
        ),
        ("r,u,s,a,0,inf,,\n", "line 2: 'inf' stands where the end should be"),
        ("r,u,s,a,nan,1,,\n", "line 2: 'nan' stands where the start should be"),
        ("r,u,s,a,0,1e300,,\n", "line 2: '1e300' stands where the end should be"),
        ("r,u,s,a,2,1,,\n", "line 2: the phone ends at 1 s, before its start at 2 s"),
        ("r,u,s,a,0\n", "line 2: there are 5 columns, but the header has 8"),
        ("r,u,s,a,0,1,,,\n", "line 2: there are 9 columns, but the header has 8"),
        ('r,u,s,"a,0,1,,\n', "this is no row of a table (unexpected end of data); save the table as CSV UTF-8"),
        ("r,u,s,a,0,1,,\nr,u,t,a,1,2,,\n", "line 3: the utterance 'u' has the speaker 't', and 's' in line 2"),
        ("r,u,s,a,0,1,0,\nr,u,s,a,1,2,1,\n", "line 3: the utterance 'u' has the channel '1', and '0' in line 2"),
        ("r,u,s,a,0,1,left,\n", "line 2: 'left' stands where the channel should be; number the channels from 0"),
        ("r,u,s,a,0,1,,maybe\n", "line 2: 'maybe' is no part of a corpus"),
        (",u,s,a,0,1,,\n", "line 2: the audio is missing"),
        ("r,u,s,a,0,1,,\nq,v,s,a,0,1,,\nr,u,s,a,1,2,,\n", "line 4: 'r' comes again after others; sort the table by"),
        ("r,u,s,a,0,1,,\nq,u,s,a,0,1,,\n", "line 3: the utterance 'u' is of another recording, too"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, rows: str, expected: str) -> None:
    path = put(tmp_path / "t.csv", HEAD + rows)
    message = refusal(FORMAT, tmp_path)
    assert expected in message
    assert message.startswith(str(path))


def test_lines_count_on_through_blank_lines_and_many_batches(tmp_path: Path) -> None:
    rows = "".join(f"r{i // 7},p,{i % 7},{i % 7 + 1}\n" for i in range(70_000))
    put(tmp_path / "t.csv", "audio,phone,start,end\n\n" + rows + "r10000,p,0,oops\n")
    assert "line 70003: 'oops' stands" in refusal(FORMAT, tmp_path)
    put(tmp_path / "t.csv", "audio,phone,start,end\n" + "\n" * 40_000 + "r,p,0,oops\n")
    assert "line 40002: 'oops' stands" in refusal(FORMAT, tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.csv", "", "there is no table with the columns phone, start, end"),
        ("t.csv", "audio,phone,start\nx,a,0\n", "there is no column end; there are 'audio', 'phone', 'start'; name"),
        ("t.csv", "phone,start,end\na,0,1\n", "there is no column audio or utterance; there are 'phone'"),
        ("t.csv", b"audio,phone,start,end\nx,a,0,1\nx,\xe9,1,2\n", "t.csv, line 3: the bytes here are not UTF-8; save"),
        ("t.parquet", b"PAR1", "this is no Parquet file that can be read"),
    ],
)
def test_what_is_no_table_of_phones(tmp_path: Path, name: str, content: str | bytes, expected: str) -> None:
    put(tmp_path / name, content)
    found = refusal(FORMAT, tmp_path)
    assert expected in found or "the table is empty" in found


def test_which_table_is_taken(tmp_path: Path) -> None:
    assert not FORMAT.recognises(Tree(tmp_path))
    assert "there is no table with the columns phone, start, end, and audio or utterance." in refusal(FORMAT, tmp_path)
    put(tmp_path / "speakers.csv", "speaker,age\nanna,3\n")
    put(tmp_path / "empty.tsv")
    put(tmp_path / "one.csv", "audio,phone,start,end\nr,a,0,1\n")
    assert FORMAT.recognises(Tree(tmp_path))
    assert len(read_all(FORMAT, tmp_path)) == 1
    other = put(tmp_path / "two.csv", "audio,phone,start,end\nr,b,0,1\n")
    assert not FORMAT.recognises(Tree(tmp_path))
    assert "2 tables could hold the phones (one.csv, two.csv); name one of them as the corpus." in refusal(
        FORMAT, tmp_path
    )
    assert read_all(FORMAT, other)[0].intervals[0].label == "b"


def test_a_table_is_read_as_far_as_it_is_needed(tmp_path: Path) -> None:
    rows = "".join(f"r{i // 100},p,{i % 100},{i % 100 + 1}\n" for i in range(70_000))
    put(tmp_path / "t.csv", "audio,phone,start,end\n" + rows + "r,p,0,oops\n")
    (unit,) = FORMAT.listing(Tree(tmp_path), CorpusSettings()).units
    reading = unit.read()
    first = next(reading)
    assert isinstance(first, Spoken)
    assert first.id == "r0"
    with pytest.raises(FormatError, match="line 70002"):
        list(reading)


def test_spaces_around_cells_are_not_theirs(tmp_path: Path) -> None:
    put(tmp_path / "t.csv", "audio, phone, start, end\nr.wav, a, 0, 1\n r.wav ,b , 1 ,2\n")
    (spoken,) = read_all(FORMAT, tmp_path)
    assert spoken.intervals == (Interval("a", 0.0, 1.0), Interval("b", 1.0, 2.0))


labels = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=4).map(str.strip)
names = st.text("aé 'x\"1", min_size=1, max_size=5).map(str.strip).filter(bool)


@given(
    st.dictionaries(names, st.lists(st.tuples(labels, st.integers(1, 10**6)), min_size=1, max_size=5), max_size=5),
    st.sampled_from(["csv", "semicolons", "tsv", "parquet"]),
)
def test_what_is_written_is_read(corpus: dict[str, list[tuple[str, int]]], how: str) -> None:
    rows: list[tuple[str, str, float, float]] = []
    for name, items in corpus.items():
        at = 0
        for label, length in items:
            rows.append((name + ".wav", label, at / 16000, (at + length) / 16000))
            at += length
    with TemporaryDirectory() as folder:
        frame = pl.DataFrame(rows, schema=["audio", "phone", "start", "end"], orient="row", infer_schema_length=None)
        if how == "parquet":
            frame = frame.cast({"audio": pl.String, "phone": pl.String, "start": pl.Float64, "end": pl.Float64})
            frame.write_parquet(Path(folder) / "t.parquet")
        elif how == "tsv":
            frame.write_csv(Path(folder) / "t.tsv", separator="\t", quote_style="always")
        elif how == "semicolons":
            frame.write_csv(Path(folder) / "t.csv", separator=";", decimal_comma=True)
        else:
            frame.write_csv(Path(folder) / "t.csv")
        found = read_all(FORMAT, Path(folder))
    assert [[(i.label, i.start, i.end) for i in s.intervals] for s in found] == [
        [row[1:] for row in rows if row[0] == f"{name}.wav"] for name in corpus
    ]


def parquet() -> bytes:
    out = io.BytesIO()
    pl.read_csv(FULL.encode()).write_parquet(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.csv", FULL.encode()),
        ("t.csv", rewritten(";", comma=True).encode()),
        ("t.tsv", rewritten("\t").encode("utf-16")),
        ("t.parquet", parquet()),
    ],
)
def test_broken_files_give_named_errors(tmp_path: Path, name: str, data: bytes) -> None:
    assert fuzzed(FORMAT, tmp_path, tmp_path / name, data, seed=8, n=150) > 50


def test_any_text_gives_named_errors(tmp_path: Path) -> None:
    draws = random.Random(9)  # noqa: S311 (no secret)
    for _ in range(200):
        cells = ["".join(draws.choices(' a1.,;"\t\r\n-é', k=draws.randint(0, 5))) for _ in range(8)]
        put(tmp_path / "t.csv", "audio,phone,start,end\n" + ",".join(cells))
        problem = str(tmp_path / "t.csv")
        try:
            read_all(FORMAT, tmp_path)
        except FormatError as error:
            problem = str(error)
        assert problem.startswith(str(tmp_path / "t.csv"))
