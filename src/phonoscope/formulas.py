r"""Cells of CSV files that a spreadsheet would take for formulas.

A cell that begins with ``=``, ``+``, ``-`` or ``@`` is calculated when Excel or LibreOffice opens the file, and one
that calls a function or another program (``=HYPERLINK(…)``, ``@SUM(…)``, ``=cmd|' /C …'!A1``) can do harm. Phones are
called ``@``, ``-``, ``=n`` or ``@\`` though, and numbers are negative; these do nothing, and have to be what they are
for every program that reads the file. So only what begins like a formula *and* has what calls something, one of
``( [ | !``, gets an apostrophe before the sign, which spreadsheets take for "this is text"; also after a comma, a
semicolon or a line's end within the cell, for a spreadsheet may part cells there. What had apostrophes there already
gets one more, so that nothing else reads as a guarded cell, and `unguarded` gives back what was.
"""

from __future__ import annotations

from typing import Final

import polars as pl

_START: Final = r"((?:^|[;,\t\r\n])\s*)"
_SIGN: Final = r"([=+\-@＝＋－＠])"  # noqa: RUF001 - Excel takes the wide ones too
_CALLS: Final = r"(?s:.*[(\[|!（［｜！])"  # noqa: RUF001


def guarded(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a table in whose cells no formula calls anything."""
    text = pl.col(pl.String)
    calls = text.str.contains(f"{_START}'*{_SIGN}{_CALLS}")
    return _changed(frame, calls, text.str.replace_all(f"{_START}('*){_SIGN}", "${1}'${2}${3}"))


def unguarded(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the table that `guarded` was given."""
    text = pl.col(pl.String)
    was_guarded = text.str.contains(f"{_START}'+{_SIGN}{_CALLS}")
    return _changed(frame, was_guarded, text.str.replace_all(f"{_START}'('*){_SIGN}", "${1}${2}${3}"))


def _changed(frame: pl.DataFrame, where: pl.Expr, becomes: pl.Expr) -> pl.DataFrame:
    if pl.String not in frame.dtypes:
        return frame
    return frame.with_columns(pl.when(where).then(becomes).otherwise(pl.col(pl.String)).name.keep())
