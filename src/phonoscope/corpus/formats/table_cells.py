"""From cells to values: the rows of a table as a frame with a column for each thing that phonoscope knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from phonoscope.corpus.formats.shared import LARGEST, SHOWN
from phonoscope.errors import FormatError

if TYPE_CHECKING:
    from pathlib import Path

    from phonoscope.corpus.formats.table_columns import Columns

TEXTS: Final = ("audio", "utterance", "speaker", "channel", "split", "phone")
SPANS: Final = ("utterance_start", "utterance_end")
_CORRECT: Final = "correct the cell"


def typed(path: Path, known: Columns, batch: pl.DataFrame, noun: str, *, commas: bool) -> pl.DataFrame:
    """Turn a batch of cells, without spaces around them, into values.

    Returns
    -------
    frame
        Columns `TEXTS`, start and end (seconds), `SPANS` (seconds, null where empty or missing), and line.

    Parameters
    ----------
    noun
        "line" or "row", for messages.
    commas
        Numbers may have decimal commas.

    Raises
    ------
    FormatError
        A time is no number, or a phone ends before its start.
    """
    times = [name for name in ("start", "end", "duration", *SPANS) if name in known.at]
    frame = batch.select(
        *(_cell(known, name).alias(name) for name in TEXTS),
        *(_number(known, name, commas=commas).alias(name) for name in times),
        pl.col("line"),
    )
    for name in times:
        bad = pl.col(name).is_null() | ~(pl.col(name).abs() < LARGEST)
        if name in SPANS:
            bad &= batch[str(known.at[name])].str.strip_chars() != ""
        _refuse_numbers(
            path, known, batch, frame.select(bad.fill_null(value=True)).to_series(), name, noun, commas=commas
        )
    if "end" not in known.at:
        frame = frame.with_columns(end=(pl.col("start") + pl.col("duration")).round(9))
    backwards = frame.filter(pl.col("end") < pl.col("start"))
    if backwards.height:
        row = backwards.row(0, named=True)
        problem = f"the phone ends at {row['end']:g} s, before its start at {row['start']:g} s"
        raise FormatError(path, f"{noun} {row['line']}", problem, _CORRECT)
    missing = [pl.lit(None, pl.Float64).alias(name) for name in SPANS if name not in known.at]
    return frame.with_columns(*missing).select(*TEXTS, "start", "end", *SPANS, "line")


def _cell(known: Columns, name: str) -> pl.Expr:
    return pl.col(str(known.at[name])).str.strip_chars() if name in known.at else pl.lit("")


def _number(known: Columns, name: str, *, commas: bool) -> pl.Expr:
    cell = pl.col(str(known.at[name])).str.strip_chars()
    if commas:
        cell = cell.str.replace(",", ".", literal=True)
    return cell.cast(pl.Float64, strict=False)


def _refuse_numbers(
    path: Path, known: Columns, batch: pl.DataFrame, bad: pl.Series, name: str, noun: str, *, commas: bool
) -> None:
    index = bad.arg_max() if bad.any() else None
    if index is None:
        return
    text = batch[str(known.at[name])][index].strip()
    todo = _CORRECT
    if "," in text and not commas:
        todo = "part the columns by semicolons or tabs where numbers have decimal commas"
    what = name.replace("_", "'s ")
    problem = f"{text[:SHOWN]!r} stands where the {what} should be, in seconds" if text else f"the {what} is missing"
    raise FormatError(path, f"{noun} {batch['line'][index]}", problem, todo)
