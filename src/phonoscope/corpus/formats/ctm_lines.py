"""The lines of a CTM: where in the file each utterance's are, and what they say.

A CTM may have millions of lines, in any order. One pass over the file notes where the lines of each utterance are;
then one utterance at a time is read and understood, so that memory does not grow with the file.
"""

from __future__ import annotations

import codecs
from array import array
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np

from phonoscope.corpus.formats.text import unreadable, utf8_or_latin1
from phonoscope.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

Key = tuple[bytes, bytes]
"""The first two columns: the utterance or recording, and the channel."""

COMMENTS = (b";;", b"#")
_RUN = 3
_LATEST = 1e7
"""Seconds, a third of a year: no time of a recording is beyond."""
_DECIMALS = 7
"""Times of CTMs have fewer decimals; sums are rounded to these, so that an end equals the next start."""
_COLUMNS = 5


class Lines(NamedTuple):
    """The labels of an utterance, and their starts and ends in seconds, in the order of their starts."""

    labels: list[str]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]


def runs(path: Path) -> dict[Key, array[int]]:
    """Note where the lines of each utterance are: runs of lines, each an offset, a length in bytes, and a first line.

    A line of fewer than three columns comes under the key of two empty names; comments come under none.

    Raises
    ------
    FormatError
        The file can not be read, or is UTF-16.
    """
    found: dict[Key, array[int]] = {}
    try:
        with path.open("rb") as file:
            first = file.read(3)
            if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise FormatError(path, "", "this is UTF-16", "Save the file as UTF-8.")
            offset = 3 if first == codecs.BOM_UTF8 else 0
            file.seek(offset)
            _note(file, offset, found)
    except OSError as error:
        raise unreadable(path, error) from None
    return found


def _note(file: BinaryIO, offset: int, found: dict[Key, array[int]]) -> None:
    key: Key | None = None
    prefix = b"\n"  # of lines whose key is the last one's: comparing is quicker than splitting
    start = first = 0
    for line, text in enumerate(file, 1):
        if not text.startswith(prefix):
            last, (key, prefix) = key, _key(text)
            if key != last or key is None:
                if last is not None:
                    found.setdefault(last, array("q")).extend((start, offset - start, first))
                start, first = offset, line
        offset += len(text)
    if key is not None:
        found.setdefault(key, array("q")).extend((start, offset - start, first))


def _key(text: bytes) -> tuple[Key | None, bytes]:
    """Return a line's key, and what the lines start with that have the same one for certain."""
    fields = text.split(None, 2)
    if not fields or fields[0].startswith(COMMENTS):
        return None, b"\n"
    if len(fields) <= 2:  # noqa: PLR2004 (columns)
        return (b"", b""), b"\n"
    name, channel, rest = fields
    return (name, channel), text[: len(text) - len(rest)]


def first_line(places: array[int]) -> int:
    """Return the number of the first line of an utterance."""
    return places[2]


def read_lines(path: Path, file: BinaryIO, key: Key, places: array[int], names: Mapping[bytes, str]) -> Lines:
    """Read an utterance's lines, ``name channel start duration label [confidence]``.

    Parameters
    ----------
    names
        What a label of the file is called; it raises `KeyError` for what it does not know.

    Raises
    ------
    FormatError
        A line is not as it has to be.
    """
    labels: list[str] = []
    starts: list[float] = []
    lengths: list[float] = []
    for offset, length, line in _triples(places):
        file.seek(offset)
        text = file.read(length)
        try:
            columns = _columns(text, key)
            here = [names[label] for label in columns[2]]
            starts += map(float, columns[0])
            lengths += map(float, columns[1])
        except (ValueError, KeyError):
            _fail(path, text, line, names)
        labels += here
    at, lasting = np.array(starts), np.array(lengths)
    if not (at.min() >= 0 and lasting.min() >= 0 and at.max() + lasting.max() <= _LATEST):  # also for nan
        for offset, length, line in _triples(places):
            file.seek(offset)
            _fail(path, file.read(length), line, names)
    ends = np.round(at + lasting, _DECIMALS)
    if (at[1:] < at[:-1]).any():
        order = np.argsort(at, kind="stable")
        return Lines([labels[i] for i in order], at[order], ends[order])
    return Lines(labels, at, ends)


def _triples(places: array[int]) -> Iterator[tuple[int, int, int]]:
    return zip(places[::_RUN], places[1::_RUN], places[2::_RUN], strict=True)


def _columns(text: bytes, key: Key) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Return the starts, durations and labels of lines of one key; all at once where all have as many columns.

    Raises
    ------
    ValueError
        A line has too few columns.
    """
    tokens = text.split()
    n = text.count(b"\n") + (not text.endswith(b"\n"))
    width = len(tokens) // n
    if width < _COLUMNS or width * n != len(tokens) or tokens[::width].count(key[0]) != n:
        rows = [line.split() for line in _split(text)]
        if min(map(len, rows)) < _COLUMNS:
            raise ValueError
        return [row[2] for row in rows], [row[3] for row in rows], [row[4] for row in rows]
    return tokens[2::width], tokens[3::width], tokens[4::width]


def _split(text: bytes) -> list[bytes]:
    return text.removesuffix(b"\n").split(b"\n")


def _fail(path: Path, text: bytes, first: int, names: Mapping[bytes, str]) -> None:
    """Find the first line of some that is wrong, and raise what is."""
    for i, line in enumerate(_split(text), first):
        where, fields = f"line {i}", line.split()
        if len(fields) < _COLUMNS:
            problem = f"{_shown(line)} is not an utterance, a channel, a start, a duration and a phone"
            raise FormatError(path, where, problem)
        for number, what in ((fields[2], "start"), (fields[3], "duration")):
            try:
                value = float(number)
            except ValueError:
                value = -1
            if not 0 <= value <= _LATEST:
                raise FormatError(path, where, f"{_shown(number)} can not be a {what} in seconds")
        try:
            names[fields[4]]
        except KeyError:
            problem = f"{_shown(fields[4])} is no number of a phone in phones.txt"
            todo = "Put the phones.txt there that the alignment was made with."
            raise FormatError(path, where, problem, todo) from None


def _shown(text: bytes) -> str:
    return repr(utf8_or_latin1(text.strip())[:60])
