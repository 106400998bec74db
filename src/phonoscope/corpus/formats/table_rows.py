"""The rows of a table, some thousands at a time: CSV, TSV and Parquet."""

from __future__ import annotations

import codecs
import csv
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import polars as pl

from phonoscope.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

SUFFIXES: Final = (".csv", ".tsv", ".parquet")
_BATCH: Final = 1 << 15
_SLICE: Final = 1 << 18
"""Rows of a Parquet file at a time: as many as polars writes into one of its groups."""
_SAVE: Final = "save the table as CSV UTF-8"


class Table(NamedTuple):
    """A table that is read as its batches are asked for.

    Attributes
    ----------
    header
        The columns' names.
    batches
        Frames of texts, a column a name in the header, called "0", "1", …, and "line".
    noun
        What a place in it is called in messages, "line" or "row".
    decimal_commas
        Its numbers may have them, for commas do not part its columns.
    """

    header: tuple[str, ...]
    batches: Iterator[pl.DataFrame]
    noun: str
    decimal_commas: bool


def opened(path: Path) -> Table:
    """Read a table's header, and make ready to read its rows.

    Raises
    ------
    FormatError
        The file can not be read, is no table, is not UTF-8 (or UTF-16 with its mark), or has no header; later also from
        the batches: a row has more or fewer columns than the header.
    """
    return _parquet(path) if path.suffix.lower() == ".parquet" else _text(path)


def _text(path: Path) -> Table:
    batches = _batches(path)
    header, separator = next(batches)
    return Table(header, batches, "line", separator != ",")  # what follows are frames


def _batches(path: Path) -> Iterator[Any]:
    """Yield (header, separator), then frames; empty rows are left out."""
    try:
        with path.open(encoding=_encoding(path), newline="") as file:
            separator = _separator(path, file)
            skipped = 1 if file.tell() else 0
            # in a table that tabs part, a quote may be a label (X-SAMPA's stress), and no text holds a tab
            quoting: Literal[0, 3] = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
            rows = csv.reader(file, delimiter=separator, quoting=quoting, strict=True)
            try:
                header = next((row for row in rows if any(row)), None)
                if header is None:
                    raise FormatError(path, "", "the table is empty", "remove it, or fill it")
                yield tuple(name.strip('"') for name in header), separator
                taken = 1
                while taken:
                    frame, taken = _frame(path, rows, len(header), skipped)
                    yield frame.with_columns(_unquote()) if separator == "\t" else frame
            except csv.Error as error:
                where = f"line {rows.line_num + skipped}"
                raise FormatError(path, where, f"this is no row of a table ({error})", _SAVE) from None
    except OSError as error:
        raise FormatError(path, "", f"the file can not be read ({error.strerror})", "make it readable") from None
    except UnicodeError:
        raise FormatError(path, _undecodable(path), "the bytes here are not UTF-8", _SAVE) from None


def _frame(path: Path, rows: Any, n: int, skipped: int) -> tuple[pl.DataFrame, int]:  # noqa: ANN401 (csv names no type)
    """Return some rows, and how many were taken for it."""
    cells: list[str] = []  # flat: thousands of lists would be looked through by the garbage collector
    lines: list[int] = []
    taken = 0
    for taken, row in enumerate(islice(rows, _BATCH), 1):  # noqa: B007 (used after the loop)
        if not any(row):
            continue
        if len(row) != n:
            problem = f"there are {len(row)} columns, but the header has {n}"
            todo = "correct the row (is a quote or a separator amiss?)"
            raise FormatError(path, f"line {rows.line_num + skipped}", problem, todo)
        cells += row
        lines.append(rows.line_num + skipped)
    columns: dict[str, Any] = {str(i): cells[i::n] for i in range(n)}
    schema = dict.fromkeys(columns, pl.String) | {"line": pl.Int64}
    return pl.DataFrame(columns | {"line": lines}, schema=schema), taken


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(2)
    return "utf-16" if start in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE} else "utf-8-sig"


def _separator(path: Path, file: TextIO) -> str:
    """Tell what parts the columns, and leave the file at the header: Excel may have put a line "sep=;" before it."""
    line = file.readline(1 << 16)
    if line.lower().startswith("sep=") and len(line.strip()) == len("sep=;"):
        return line.strip()[-1]
    file.seek(0)
    if path.suffix.lower() == ".tsv":
        return "\t"
    return max(",;\t", key=line.count)


def _unquote() -> pl.Expr:
    """Take the quotes off the cells that were quoted properly: those within them are doubled."""
    cell = pl.col(pl.String)
    inner = cell.str.slice(1, cell.str.len_chars() - 2)
    single = inner.str.replace_all('""', "", literal=True).str.contains('"', literal=True)
    quoted = cell.str.starts_with('"') & cell.str.ends_with('"') & (cell.str.len_chars() > 1) & ~single
    return pl.when(quoted).then(inner.str.replace_all('""', '"', literal=True)).otherwise(cell)


def _undecodable(path: Path) -> str:
    decoder = codecs.getincrementaldecoder(_encoding(path))()
    line = 1
    with path.open("rb") as file:
        for content in file:
            try:
                line += decoder.decode(content).count("\n")
            except UnicodeError:
                break
    return f"line {line}"


def _parquet(path: Path) -> Table:
    schema = _guarded(path, lambda: pl.scan_parquet(path, glob=False).collect_schema())
    return Table(tuple(schema), _slices(path, schema), "row", decimal_commas=False)


def _slices(path: Path, schema: dict[str, pl.DataType]) -> Iterator[pl.DataFrame]:
    texts = [
        # lists and bytes are no cells, and none of ours
        pl.lit("").alias(str(i))
        if kind.is_nested() or kind in {pl.Binary, pl.Object}
        else pl.col(name).cast(pl.String).fill_null("").alias(str(i))
        for i, (name, kind) in enumerate(schema.items())
    ]
    offset = 0
    while True:
        part = pl.scan_parquet(path, glob=False).slice(offset, _SLICE).select(texts)
        frame = _guarded(path, part.collect)
        if not frame.height:
            return
        yield frame.with_row_index("line", offset + 1).with_columns(pl.col("line").cast(pl.Int64))
        offset += frame.height


def _guarded(path: Path, read: Any) -> Any:  # noqa: ANN401 (whatever polars gives)
    """Call polars; on a broken file it may also panic, which is no `Exception`."""
    try:
        return read()
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        problem = f"this is no Parquet file that can be read ({str(error).splitlines()[0][:80] if str(error) else ''})"
        raise FormatError(path, "", problem, "write it again, by polars or the like") from None
