from __future__ import annotations

import codecs
import itertools
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from praatio import textgrid as praatio_textgrid
from praatio.data_classes.interval_tier import IntervalTier as PraatioIntervals
from praatio.data_classes.point_tier import PointTier as PraatioPoints

from phonoscope.corpus.textgrid import Interval, IntervalTier, Point, PointTier, TextGrid, read_textgrid
from phonoscope.errors import TextGridError

if TYPE_CHECKING:
    from pathlib import Path

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0 
xmax = 1.5 
tiers? <exists> 
size = 2 
item []: 
    item [1]:
        class = "IntervalTier" 
        name = "phones" 
        xmin = 0 
        xmax = 1.5 
        intervals: size = 2 
        intervals [1]:
            xmin = 0 
            xmax = 0.75 
            text = "é ""x"" ɔ̃" 
        intervals [2]:
            xmin = 0.75 
            xmax = 1.5 
            text = "over
two lines" 
    item [2]:
        class = "TextTier" 
        name = "bell" 
        xmin = 0 
        xmax = 1.5 
        points: size = 1 
        points [1]:
            number = 1e-1 
            mark = "!" 
"""  # noqa: W291 (Praat writes the spaces)
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
1.5
<exists>
2
"IntervalTier"
"phones"
0
1.5
2
0
0.75
"é ""x"" ɔ̃"
0.75
1.5
"over
two lines"
"TextTier"
"bell"
0
1.5
1
.1
"!"
"""
GRID = TextGrid(
    0.0,
    1.5,
    (
        IntervalTier("phones", (Interval(0.0, 0.75, 'é "x" ɔ̃'), Interval(0.75, 1.5, "over\ntwo lines"))),
        PointTier("bell", (Point(0.1, "!"),)),
    ),
)


def read(tmp_path: Path, content: bytes | str) -> TextGrid:
    path = tmp_path / "x.TextGrid"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_textgrid(path)


@pytest.mark.parametrize("text", [LONG, SHORT, SHORT.replace('"ooTextFile"', '"ooTextFile short"', 1)])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("bom", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
def test_formats_newlines_and_encodings(tmp_path: Path, text: str, newline: str, bom: bytes, encoding: str) -> None:
    assert read(tmp_path, bom + text.replace("\n", newline).encode(encoding)) == GRID


def test_latin_1_is_read_when_it_is_not_utf_8(tmp_path: Path) -> None:
    grid = read(tmp_path, SHORT.replace("ɔ̃", "ç").encode("latin-1"))
    assert isinstance(grid.tiers[0], IntervalTier)
    assert grid.tiers[0].intervals[0].label == 'é "x" ç'


def test_only_free_standing_numbers_texts_and_flags_count(tmp_path: Path) -> None:
    text = SHORT.replace("<exists>", 'tiers? <exists> [3] x=4 v5 (6) ! 7 <absent> "no" \'').replace(
        "\n1\n", "\n 1 point\n"
    )
    assert read(tmp_path, text) == GRID


def test_no_tiers(tmp_path: Path) -> None:
    head = SHORT.partition("<exists>")[0]
    assert read(tmp_path, head + "<absent>") == read(tmp_path, head + "<exists>\n0") == TextGrid(0.0, 1.5, ())


def broken(old: str, new: str, text: str = LONG) -> str:
    assert text.count(old) >= 1
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("", 1, "this is no TextGrid"),
        ("RIFF....", 1, "this is no TextGrid"),
        (
            b"ooBinaryFile\x08TextGrid\0\0",
            1,
            "binary file of Praat's; save it there by 'Save as text file...'",
        ),
        (broken('"TextGrid"', '"Sound 2"'), 2, 'this file holds "Sound 2" instead of a TextGrid'),
        (broken("xmax = 1.5", "xmax = long"), 6, "<exists> stands where the end of the TextGrid should be"),
        (broken("xmax = 1.5", "xmax = -1"), 5, "the TextGrid ends at -1 s, before its start at 0 s"),
        (broken("xmax = 1.5", "xmax = --undefined--"), 5, "'--undefined--' is neither a number nor a word"),
        (broken("xmax = 1.5", "xmax = 1e999"), 5, "1e999 is too large"),
        (broken("<exists>", "<perhaps>"), 6, "<perhaps> stands where the flag <exists> should be"),
        (broken("size = 2", "size = 1"), 25, "the file goes on after the last of its 1 tiers"),
        (broken("size = 2", "size = 3"), 32, "the file ends where the class of tier 3 of 3 should be"),
        (broken("size = 2", "size = 1.5"), 7, "1.5 can not be the number of tiers"),
        (broken("size = 2", "size = 99999999999"), 7, "99999999999 can not be the number of tiers"),
        (broken("IntervalTier", "Interval\nTier"), 10, '"Interval Tier" stands where a tier\'s class should be'),
        (broken("IntervalTier", "PitchTier"), 10, '"PitchTier" stands where a tier\'s class should be'),
        (broken('name = "phones"', "name = phones"), 12, "0 stands where the name of tier 1 of 2 should be"),
        (
            broken("intervals: size = 2", "intervals: size = 1"),
            20,
            "0.75 stands where the class of tier 2 of 2",
        ),
        (
            broken("intervals: size = 2", "intervals: size = 3"),
            25,
            "\"TextTier\" stands where the start of interval 3 of 3 of tier 'phones' should be",
        ),
        (
            broken("xmax = 0.75", "xmax = -0.75"),
            17,
            "interval 1 of 2 of tier 'phones' ends at -0.75 s, before its start",
        ),
        (broken("xmax = 0.75", ""), 18, "stands where the end of interval 1 of 2 of tier 'phones' should be"),
        (broken('""x""', '"x"'), 18, "a text is not closed, or a quote within it is not doubled"),
        (broken('lines"', "lines"), 22, "a text is not closed, or a quote within it is not doubled"),
        (broken("number = 1e-1", "number = 1e-1s"), 31, "'1e-1s' is neither a number nor a word"),
        (
            LONG[: LONG.index("mark")],
            31,
            "the file ends where the label of point 1 of 1 of tier 'bell' should be",
        ),
        (LONG + "1", 33, "the file goes on after the last of its 2 tiers"),
        (broken("é", "\0"), 18, "there are zero bytes"),
        (LONG.encode("utf-16-le"), 1, "there are zero bytes"),
        (codecs.BOM_UTF16_LE + LONG.encode("utf-16-le")[:-1], 32, "the bytes here are not UTF-16-LE"),
        (codecs.BOM_UTF8 + LONG.encode("latin-1", "replace"), 18, "the bytes here are not UTF-8"),
    ],
)
def test_broken_files(tmp_path: Path, content: bytes | str, line: int, problem: str) -> None:
    with pytest.raises(TextGridError, match=re.escape(problem)) as caught:
        read(tmp_path, content)
    assert f"x.TextGrid, line {line}: " in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TextGridError, match=r"no\.TextGrid, line 1: the file can not be read \(No such file"):
        read_textgrid(tmp_path / "no.TextGrid")


def test_a_claimed_size_costs_nothing(tmp_path: Path) -> None:
    with pytest.raises(TextGridError, match="line 14: 4000000000 can not be the number of intervals"):
        read(tmp_path, broken("intervals: size = 2", "intervals: size = 4000000000"))


def test_hostile_texts_take_linear_time(tmp_path: Path) -> None:
    head = SHORT.partition("<exists>")[0]
    for filling in ('""' * 500_000, '"a' * 500_000, "<" * 500_000, "1" * 500_000 + "x", "a " * 500_000):
        with pytest.raises(TextGridError):
            read(tmp_path, head + '"' + filling)


TIMES = st.lists(st.integers(0, 10_000), min_size=2, max_size=12, unique=True).map(
    lambda t: [i / 1000 for i in sorted(t)]
)
# praatio strips labels, and reads "\r" as it comes; the others are ours to keep
LABELS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=8
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data(), TIMES, st.sampled_from(["short_textgrid", "long_textgrid"]))
def test_what_praatio_writes_reads_equal(tmp_path: Path, data: st.DataObject, times: list[float], form: str) -> None:
    intervals = [(a, b, data.draw(LABELS)) for a, b in itertools.pairwise(times)]
    points = [(time, data.draw(LABELS)) for time in times]
    grid = praatio_textgrid.Textgrid()
    grid.addTier(PraatioIntervals("phones", intervals, 0, times[-1]))
    grid.addTier(PraatioPoints("notes", points, 0, times[-1]))
    path = tmp_path / "praatio.TextGrid"
    grid.save(str(path), form, includeBlankSpaces=False)
    ours = read_textgrid(path)
    assert ours.tiers == (
        IntervalTier("phones", tuple(Interval(*i) for i in intervals)),
        PointTier("notes", tuple(Point(*p) for p in points)),
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(
    st.sampled_from([LONG.encode(), SHORT.encode(), codecs.BOM_UTF16_BE + SHORT.encode("utf-16-be")]),
    st.lists(
        st.tuples(
            st.floats(0, 1),
            st.integers(0, 40),
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from([b'"', b"<", b"!", b"-", b"9" * 400, b"\n", b"1e5", b" 1 "]),
            ),
        ),
        min_size=1,
        max_size=4,
    ),
)
@example(b"", [(0.0, 0, b"")])
def test_mutated_files_are_read_or_refused(
    tmp_path: Path, content: bytes, changes: list[tuple[float, int, bytes]]
) -> None:
    for where, removed, inserted in changes:
        at = int(where * len(content))
        content = content[:at] + inserted + content[at + removed :]
    try:
        grid = read(tmp_path, content)
    except TextGridError as error:
        found = re.search(r"x\.TextGrid, line (\d+): ", str(error))
        assert found
        assert 1 <= int(found[1]) <= len(content) + 1
    else:
        assert isinstance(grid, TextGrid)


def test_all_of_french_prompts_reads_as_praatio_reads_it(french_prompts: Path) -> None:
    paths = sorted(french_prompts.rglob("*.TextGrid"))
    assert len(paths) > 1_000
    for path in paths:
        theirs = praatio_textgrid.openTextgrid(str(path), includeEmptyIntervals=True)
        ours = read_textgrid(path)
        assert tuple(tier.name for tier in ours.tiers) == tuple(theirs.tierNames)
        for tier in ours.tiers:
            assert isinstance(tier, IntervalTier)
            assert [tuple(i) for i in tier.intervals] == [tuple(i) for i in theirs.getTier(tier.name).entries]
