"""A table with a row a phone: CSV, TSV or Parquet.

The rows of a recording stand together (in a table without recordings, those of an utterance); within them any order
will do. The corpus is the one table that was named, or a folder with exactly one table of phones.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from phonoscope.corpus.formats.table_cells import typed
from phonoscope.corpus.formats.table_columns import columns
from phonoscope.corpus.formats.table_rows import SUFFIXES, opened
from phonoscope.corpus.formats.table_utterances import Utterances
from phonoscope.corpus.source import Listing, Unit
from phonoscope.errors import CorpusError, FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from phonoscope.corpus.formats.table_columns import Columns
    from phonoscope.corpus.source import Spoken, Tree
    from phonoscope.settings import CorpusSettings

_LOOKED_INTO: Final = 64
"""Tables of a folder whose headers are read, to find the one of phones."""


class Table:
    """Satisfies `phonoscope.corpus.source.Format`."""

    name = "table"
    title = "a table of phones (CSV, TSV or Parquet)"

    def recognises(self, tree: Tree) -> bool:
        """Tell whether exactly one table has the columns of a table of phones."""
        return len(_tables(tree, "")) == 1

    def listing(self, tree: Tree, settings: CorpusSettings) -> Listing:
        """List the table; ``corpus.tier`` may name its column of the phones.

        Raises
        ------
        CorpusError
            There is none with the columns that are needed, or several.
        """
        found = _tables(tree, settings.tier)
        if len(found) > 1:
            names = ", ".join(path.name for path in found[:3])
            msg = f"{tree.root}: {len(found)} tables could hold the phones ({names}); name one of them as the corpus."
            raise CorpusError(msg)
        if not found:
            _refuse(tree, settings.tier)
        return Listing((Unit(found[0], partial(read, found[0], tree, settings.tier)),))


FORMAT = Table()


def read(path: Path, tree: Tree, phone: str) -> Iterator[Spoken | Exception]:
    """Read a table of phones, recording by recording; `phone` names the column of the phones, "" for the usual names.

    A recording that can not be found unambiguously is yielded as an error, and the next one is read.

    Raises
    ------
    FormatError
        The file can not be read, lacks a column, or a row of it can not be used; the message names the line.
    """
    table = opened(path)
    known = columns(table.header, phone)
    _require(path, table.header, known, phone)
    reader = Utterances(path, tree, table.noun, "audio" if "audio" in known.at else "utterance")
    for batch in table.batches:
        yield from reader.add(typed(path, known, batch, table.noun, commas=table.decimal_commas))
    yield from reader.last()


def _tables(tree: Tree, phone: str) -> list[Path]:
    return [path for path in _candidates(tree) if _holds_phones(path, phone)]


def _candidates(tree: Tree) -> tuple[Path, ...]:
    return tree.with_suffix(*SUFFIXES)[:_LOOKED_INTO]


def _holds_phones(path: Path, phone: str) -> bool:
    try:
        return not columns(opened(path).header, phone).lacking
    except FormatError:
        return False


def _refuse(tree: Tree, phone: str) -> None:
    candidates = _candidates(tree)
    if len(candidates) == 1:
        header = opened(candidates[0]).header
        _require(candidates[0], header, columns(header, phone), phone)
    msg = f"{tree.root}: there is no table with the columns phone, start, end, and audio or utterance."
    raise CorpusError(msg)


def _require(path: Path, header: Sequence[str], known: Columns, phone: str) -> None:
    if known.lacking:
        named = f" (corpus.tier is {phone!r})" if phone and "phone" in known.lacking else ""
        there = ", ".join(map(repr, header[:12]))
        problem = f"there is no column {', '.join(known.lacking)}{named}; there are {there}"
        raise FormatError(path, "", problem, "name the columns so")
