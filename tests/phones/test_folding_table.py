from __future__ import annotations

import re
import unicodedata
from random import Random
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.mutating import mutated
from phonoscope.errors import FormatError, PhonoscopeError
from phonoscope.phones.folding_table import read_folding_table
from phonoscope.phones.inventory import PAUSE
from phonoscope.phones.notation import choose_notation
from phonoscope.settings import CorpusSettings

if TYPE_CHECKING:
    from pathlib import Path

TABLE = 'label,phone,ipa,note\nˈa,a,,"stress, left away"\n\nã,a~,ã,\nrr,R,r,\nr,R,,\nxx,pause,,\nyy,,,\nzz,unknown,,\n'


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "mon « folding » é.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("change", ["\ufeff{}", "{}", "\r\n", ";", "\t"])
def test_a_table_is_read(tmp_path: Path, change: str, form: Literal["NFC", "NFD"]) -> None:
    text = unicodedata.normalize(form, TABLE)
    if change in ";\t":
        text = text.replace('"stress, left away"', "x").replace(",", change)
    text = text.replace("\n", change) if change == "\r\n" else change.format(text) if "{" in change else text
    table = read_folding_table(write(tmp_path, text))
    nasal = unicodedata.normalize("NFC", "ã")
    assert table.known == {"ˈa": "a", nasal: "a~", "rr": "R", "r": "R", "xx": PAUSE, "yy": None, "zz": None}
    assert table.ipa == {"a": "", "a~": unicodedata.normalize("NFD", "ã"), "R": "r"}
    assert table.lines == {"a": 2, "a~": 4, "R": 5}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the table is empty"),
        ("\n\n", "the table is empty"),
        ("label;phon\n", "line 1: the columns label and phone are not there once each, but 'label', 'phon'"),
        ("label,phone,phone\n", "line 1: the columns label and phone are not there once each"),
        ("label,phone\n", "no line names a phone"),
        ("label,phone\nx,pause\n", "no line names a phone"),
        ("label,phone\na,a\nb\n", "line 3: there are 1 cells, too few for label and phone"),
        ("label,phone\na,a\nb,b\n a ,e\n", "line 4: the label 'a' is in line 2 already, as 'a'"),
        ("label,phone\na,a\na,a\n", "line 3: the label 'a' is in line 2 already, as 'a'"),
        ("label,phone\nb,b\na,pause\na,a\n", "line 4: the label 'a' is in line 3 already, as 'pause'"),
        ("label,phone\nb,b\na,\na,a\n", "line 4: the label 'a' is in line 3 already, as 'unknown'"),
        ("label,phone\nã,a\nã,a\n", "line 3: the label 'ã' is in line 2 already"),
        ("label,phone\n,a\n", "line 2: the label of 'a' is empty"),
        ('label,phone\na,a\n"b,b\n', "line 3: this is not CSV"),
        ("label,phone,ipa\na,a,☃\n", "line 2: the sign '☃' of the column ipa can not be read"),
        ("label,phone,ipa\na,A,a\nb,A,ɑ\n", "line 3: the phone 'A' has the sign 'a' in another line, and 'ɑ' here"),
        (b"label,phone\na,a\n\xe9,e\n", "line 3: this is not UTF-8"),
        ("label,phone\na,a\n".encode("utf-16"), "line 1: this is not UTF-8"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(FormatError, match=re.escape(f"{path}")) as caught:
        read_folding_table(path)
    assert message in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="No such file"):
        read_folding_table(tmp_path / "nothing.csv")
    with pytest.raises(FormatError, match="Is a directory"):
        read_folding_table(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.integers(0, 2**32))
def test_broken_tables_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    path = write(tmp_path, mutated(TABLE.encode(), Random(seed)))  # noqa: S311 (no secrets)
    for phones in ("auto", "own", "ipa", "french"):
        try:
            notation = choose_notation({"a": 3, "rr": 2, "": 1}, CorpusSettings(phones=phones, folding=str(path)))
        except PhonoscopeError:
            continue
        assert {notation.fold(label) for label in ("a", "rr", "", "☃")} <= {*notation.phones, PAUSE, None}
