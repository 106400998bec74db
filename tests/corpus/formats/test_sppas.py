from __future__ import annotations

import time
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.formats.reading_all import fuzzed, put, read_all, refusal
from phonoscope.corpus.formats.sppas import FORMAT
from phonoscope.corpus.source import Interval
from phonoscope.corpus.tree import Tree
from phonoscope.settings import CorpusSettings

if TYPE_CHECKING:
    from collections.abc import Callable

Times = list[tuple[str, float, float]]

SPOKEN: Times = [("#", 0.0, 0.52), ("s", 0.52, 0.72), ("E", 0.72, 0.78), ("A/", 0.78, 0.95), ("+", 0.95, 1.2)]
INTERVALS = tuple(Interval(*one) for one in SPOKEN)


def xra_1_5(times: Times, name: str = "PhonAlign", more: str = "") -> str:
    """As SPPAS 4 writes it."""
    annotations = "".join(
        f'\t\t<Annotation id="a{i}">\n\t\t\t<Location>\n\t\t\t\t<Interval>\n'
        f'\t\t\t\t\t<Begin midpoint="{start}" radius="0.005" />\n\t\t\t\t\t<End midpoint="{end}" radius="0.005" />\n'
        f"\t\t\t\t</Interval>\n\t\t\t</Location>\n\t\t\t<Label>\n\t\t\t\t<Tag>{escape(label)}</Tag>\n\t\t\t</Label>\n"
        "\t\t</Annotation>\n"
        for i, (label, start, end) in enumerate(times)
    )
    return (
        "<?xml version='1.0' encoding='utf-8'?>\n"
        '<Document author="SPPAS 4.29" date="2025-09-15T11:54:58+02:00" format="1.5" name="Alignment">\n'
        '\t<Metadata>\n\t\t<Entry key="media_sample_rate">16000</Entry>\n\t</Metadata>\n\n'
        f'\t<Tier id="t1" tiername="{escape(name)}">\n\t\t<Metadata>\n\t\t\t<Entry key="language">0</Entry>\n'
        f"\t\t</Metadata>\n{annotations}\t</Tier>\n{more}</Document>\n"
    )


def xra_1_2(times: Times) -> str:
    """As SPPAS 1.7 wrote it (format 1.2, 2015)."""
    annotations = "".join(
        f'<Annotation><Location><Localization score="1.0"><Timeinterval><Begin midpoint="{start}" radius="0.005"/>'
        f'<End midpoint="{end}" radius="0.005"/></Timeinterval></Localization></Location>'
        f'<Label><Text score="1.0" type="str">{escape(label)}</Text></Label></Annotation>\n'
        for label, start, end in times
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Document author="B" date="2015-08-03" format="1.2">\n'
        '<Media id="m1" url="file:///file.wav" mimetype="audio/wav"><Tier id="t1"/></Media>\n'
        '<Tier id="t0" tiername="TokensAlign"><Annotation><Location><Localization><Timeinterval><Begin midpoint="0"/>'
        '<End midpoint="1"/></Timeinterval></Localization></Location><Label><Text>cette</Text></Label></Annotation>'
        f'</Tier>\n<Tier id="t1" tiername="PhonAlign">\n{annotations}</Tier>\n</Document>\n'
    )


def xra_1_1(times: Times) -> str:
    """The oldest: "TimeInterval", and attributes with capitals."""
    return xra_1_2(times).replace("Timeinterval", "TimeInterval").replace("format=", "Format=").replace(" id=", " ID=")


@pytest.mark.parametrize("written", [xra_1_1, xra_1_2, xra_1_5])
def test_all_versions_read_the_same(tmp_path: Path, written: Callable[[Times], str]) -> None:
    path = put(tmp_path / "anna" / "demo-palign.xra", written(SPOKEN))
    audio = put(tmp_path / "anna" / "demo.WAV")
    (spoken,) = read_all(FORMAT, tmp_path)
    assert spoken.intervals == INTERVALS
    assert (spoken.id, spoken.audio, spoken.source, spoken.where) == ("anna/demo", audio, path, "tier 'PhonAlign'")
    assert FORMAT.recognises(Tree(tmp_path))


def test_of_a_recordings_files_the_time_aligned_phones_are_read(tmp_path: Path) -> None:
    for kind in ("token", "phon", "syll", "merge", "palign"):
        put(tmp_path / f"one-{kind}.xra", xra_1_5(SPOKEN[:1] if kind == "merge" else SPOKEN))
    put(tmp_path / "two-merge.xra", xra_1_5(SPOKEN[:2]))
    put(tmp_path / "two-token.xra", "broken")
    put(tmp_path / "three-phon.xra", "broken")
    put(tmp_path / "f2-four.xra", xra_1_5(SPOKEN[:3]))
    listing = FORMAT.listing(Tree(tmp_path), CorpusSettings())
    assert [unit.path.name for unit in listing.units] == ["f2-four.xra", "one-palign.xra", "two-merge.xra"]
    assert listing.warnings == (
        "1 recording has annotations of SPPAS, but no -palign.xra: not used (as three-phon.xra).",
    )
    assert [len(s.intervals) for s in read_all(FORMAT, tmp_path)] == [3, 5, 2]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_with_spaces_accents_and_quotes(tmp_path: Path, form: Literal["NFC", "NFD"]) -> None:
    name = unicodedata.normalize(form, """AG éàç "l'été" 1""")
    put(tmp_path / f"{name}-palign.xra", xra_1_5(SPOKEN))
    audio = put(tmp_path / f"{name}.wav")
    (spoken,) = read_all(FORMAT, tmp_path)
    assert spoken.id == unicodedata.normalize("NFC", name)
    assert spoken.audio == audio


def test_audio_that_is_named_like_the_annotation(tmp_path: Path) -> None:
    put(tmp_path / "x-palign.xra", xra_1_5(SPOKEN))
    audio = put(tmp_path / "x-palign.wav")
    assert read_all(FORMAT, tmp_path)[0].audio == audio


def test_audio_that_is_there_twice_is_an_error_of_its_file(tmp_path: Path) -> None:
    put(tmp_path / "x-palign.xra", xra_1_5(SPOKEN))
    put(tmp_path / "x.wav")
    put(tmp_path / "x.flac")
    assert len(FORMAT.listing(Tree(tmp_path), CorpusSettings()).units) == 1
    assert "'x.flac' and 'x.wav' have the same name but for the suffix" in refusal(FORMAT, tmp_path)


def test_the_best_of_several_tags_and_locations(tmp_path: Path) -> None:
    tier = """<Document format="1.4"><Tier tiername="phones"><Annotation><Location>
      <Interval score="0.2"><Begin midpoint="0.5"/><End midpoint="0.6"/></Interval>
      <Interval score="0.8"><Begin midpoint="0.1"/><End midpoint="0.2"/></Interval></Location>
      <Label><Tag score="0.3">e</Tag><Tag score="0.7"> a </Tag></Label><Label><Tag/></Label></Annotation>
      <Annotation><Location><Localization score="0.9"><Timeinterval><Begin midpoint=".2"/><End midpoint=".3"/>
      </Timeinterval></Localization><Localization score="0.1"><Timeinterval><Begin midpoint="7"/><End midpoint="8"/>
      </Timeinterval></Localization></Location>
      <Label scoremode="min"><Text score="-0.6">o</Text><Text score="-0.5">u</Text></Label></Annotation>
      <Annotation><Location><Interval><Begin midpoint=".3"/><End midpoint=".4"/></Interval></Location></Annotation>
      </Tier></Document>"""
    put(tmp_path / "x.xra", tier)
    (spoken,) = read_all(FORMAT, tmp_path)
    assert spoken.intervals == (Interval("a ", 0.1, 0.2), Interval("o", 0.2, 0.3), Interval("", 0.3, 0.4))


def test_the_setting_names_the_tier(tmp_path: Path) -> None:
    more = xra_1_5([("x", 0, 1)], "Corrected").partition("</Metadata>\n\n")[2].removesuffix("</Document>\n")
    put(tmp_path / "x-palign.xra", xra_1_5(SPOKEN, more=more))
    assert read_all(FORMAT, tmp_path, tier="corrected")[0].intervals == (Interval("x", 0.0, 1.0),)
    message = refusal(FORMAT, tmp_path, tier="nosuch")
    assert "there is no tier 'nosuch'; the file's tiers: 'PhonAlign', 'Corrected'. Name the phones' tier" in message


POINTS = xra_1_5(SPOKEN).replace("<Interval>", '<Point midpoint="1"/>').replace("</Interval>", "")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "x.xra, line 1: this is not well-formed XML (no element found); open it in SPPAS and save it again"),
        ("<TextGrid/>", "line 1: this is no XRA document: it starts with <TextGrid>"),
        (xra_1_5(SPOKEN).replace("</Tier>", ""), "not well-formed XML (mismatched tag)"),
        (xra_1_5(SPOKEN, "Words"), "no tier has one of the usual names of a tier of phones"),
        (xra_1_5(SPOKEN).replace('"0.72"', '"0,72"'), "line 22: '0,72' stands where an annotation of the tier"),
        (xra_1_5(SPOKEN).replace('"1.2"', '"nan"'), "'nan' stands where"),
        (xra_1_5(SPOKEN).replace('"1.2"', '"1e99"'), "'1e99' stands where"),
        (xra_1_5([("a", 2.0, 1.0)]), "line 11: an annotation ends at 1 s, before its start at 2 s"),
        (xra_1_5(SPOKEN).replace("<End ", "<Fin "), "an annotation of the tier 'PhonAlign' has no end"),
        (POINTS, "the tier 'PhonAlign' holds points, but phones are intervals"),
        (xra_1_5(SPOKEN).replace("utf-8", "utf-9"), "line 1"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, content: str, expected: str) -> None:
    put(tmp_path / "x.xra", content)
    assert expected in refusal(FORMAT, tmp_path)


def test_entities_are_neither_expanded_nor_fetched(tmp_path: Path) -> None:
    levels = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol"}">' for i in range(12))
    bomb = f"<?xml version='1.0'?><!DOCTYPE Document [{levels}]>" + xra_1_5([("&l11;", 0, 1)]).partition("?>\n")[2]
    put(tmp_path / "x.xra", bomb.replace("&amp;", "&"))
    start = time.perf_counter()
    assert "line 1: there is a document type declaration" in refusal(FORMAT, tmp_path)
    assert time.perf_counter() - start < 1
    secret = put(tmp_path / "secret.txt", "SECRET")
    outside = f'<!DOCTYPE Document [<!ENTITY x SYSTEM "{secret.as_uri()}">]><Document>&x;</Document>'
    put(tmp_path / "x.xra", outside)
    assert "document type declaration" in refusal(FORMAT, tmp_path)


def test_a_million_nested_elements_are_no_trouble(tmp_path: Path) -> None:
    put(tmp_path / "x.xra", "<Document>" + "<a>" * 1_000_000)
    start = time.perf_counter()
    assert "not well-formed" in refusal(FORMAT, tmp_path)
    assert time.perf_counter() - start < 10


def test_a_folder_without_phones_in_time(tmp_path: Path) -> None:
    put(tmp_path / "x-token.xra", xra_1_5(SPOKEN))
    assert "there are no time-aligned phones (-palign.xra); run SPPAS's Alignment first." in refusal(FORMAT, tmp_path)


texts = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=4)


@given(st.lists(st.tuples(texts, st.integers(0, 10**7)), min_size=1, max_size=20, unique_by=lambda x: x[1]))
def test_what_is_written_is_read(items: list[tuple[str, int]]) -> None:
    items.sort(key=lambda item: item[1])
    ends = [start for _, start in items[1:]] + [items[-1][1] + 1]
    times = [(label, start / 16000, end / 16000) for (label, start), end in zip(items, ends, strict=True)]
    with TemporaryDirectory() as folder:
        for number, written in enumerate((xra_1_5, xra_1_2, xra_1_1)):
            put(Path(folder) / f"x{number}-palign.xra", written(times))
        for spoken in read_all(FORMAT, Path(folder)):
            assert spoken.intervals == tuple(Interval(*one) for one in times)


@pytest.mark.parametrize("written", [xra_1_2, xra_1_5])
def test_broken_files_give_named_errors(tmp_path: Path, written: Callable[[Times], str]) -> None:
    data = written(SPOKEN).encode()
    assert fuzzed(FORMAT, tmp_path, tmp_path / "x-palign.xra", data, seed=5, n=400) > 100
