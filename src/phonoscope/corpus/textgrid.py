"""Praat's TextGrids, read from text files.

Praat reads its text files by one rule (its manual, "TextGrid file formats"): only free-standing numbers,
texts between double quotes and flags between angle brackets count, a ``!`` starts a comment, and every other
word is decoration. So the long and the short format are one and the same, and one tokenizer reads both. It is
stricter than Praat where Praat would go on with a wrong label or number: a quote that is not doubled, a word
that starts as a number. It is written here, not taken from a library, because a broken file has to be
reported by its line.
"""

from __future__ import annotations

import codecs
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from phonoscope.errors import TextGridError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Token = tuple[str, str, int]
    """Its kind (a group of `_TOKEN`, or "end"), its text, where it starts in the file's text."""


class Interval(NamedTuple):
    """A labelled stretch of time; seconds."""

    start: float
    end: float
    label: str


class Point(NamedTuple):
    """A labelled point in time; seconds."""

    time: float
    label: str


@dataclass(frozen=True, slots=True)
class IntervalTier:
    """A tier of class ``IntervalTier``; its intervals are as in the file, and may leave gaps or overlap."""

    name: str
    intervals: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class PointTier:
    """A tier of class ``TextTier``."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class TextGrid:
    """All tiers of a file, and the time that it covers, in seconds."""

    start: float
    end: float
    tiers: tuple[IntervalTier | PointTier, ...]


# A token starts where a word starts. Repetitions are possessive: no input makes the search go back.
_TOKEN = re.compile(
    r"""
      (?P<word>   (?: (?! \.[0-9] ) [^\s"<!0-9+-]\S*+ \s*+ )++ )
    | (?P<number> [+-]?+ (?: [0-9]++ (?:\.[0-9]*+)?+ | \.[0-9]++ ) (?: [eE][+-]?+[0-9]++ )?+ (?!\S) )
    | (?P<text>   " (?: [^"] | "" )*+ " (?!\S) )
    | (?P<flag>   < [^>\s]*+ > )
    | (?P<comment> ! [^\n]*+ )
    | (?P<broken> \S++ )
    """,
    re.VERBOSE,
)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# older versions of Praat marked the short format
_HEADS = tuple(f'{start}"ooTextFile{end}"' for start in ("File type = ", "") for end in ("", " short"))
_SHOWN = 40


def read_textgrid(path: Path) -> TextGrid:
    r"""Read a TextGrid in the long or the short text format.

    The encoding is told by the byte order mark (UTF-8, UTF-16); without one it is UTF-8, or else Latin-1.
    Line breaks in labels become ``\n``.

    Raises
    ------
    TextGridError
        The file can not be read, is not a TextGrid in a text format, or is broken; the message names the
        line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TextGridError(path, 1, f"the file can not be read ({error.strerror})") from None
    return _Reader(path, _decoded(path, content)).grid()


def _decoded(path: Path, content: bytes) -> str:
    if content.startswith(b"ooBinaryFile"):
        problem = "this is a binary file of Praat's; save it there by 'Save as text file...'"
        raise TextGridError(path, 1, problem)
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            try:
                text = content[len(bom) :].decode(encoding)
            except UnicodeDecodeError as error:
                line = content[: len(bom) + error.start].decode(encoding, "ignore").count("\n") + 1
                raise TextGridError(path, line, f"the bytes here are not {encoding.upper()}") from None
            break
    else:
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        problem = "there are zero bytes, so this is not a text, or it is UTF-16 without its mark"
        raise TextGridError(path, line, problem)
    return text.replace("\r\n", "\n").replace("\r", "\n")


class _Reader:
    """Walks the tokens of one file; every method takes the next of them or raises with its line."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text
        self._tokens = self._tokenized()

    def _tokenized(self) -> Iterator[Token]:
        for match in _TOKEN.finditer(self._text):
            kind = match.lastgroup
            if kind in {"word", "comment"}:
                continue
            if kind == "broken":
                found = match[0][:_SHOWN]
                if found.startswith('"'):
                    self._fail("a text is not closed, or a quote within it is not doubled", match.start())
                self._fail(f"{found!r} is neither a number nor a word", match.start())
            yield kind or "", match[0], match.start()

    def _fail(self, problem: str, where: int | None = None) -> NoReturn:
        where = len(self._text.rstrip()) if where is None else where
        raise TextGridError(self._path, self._text.count("\n", 0, where) + 1, problem)

    def _take(self, kind: str, what: str) -> tuple[str, int]:
        token = next(self._tokens, None)
        if token is None:
            self._fail(f"the file ends where {what} should be")
        found, text, where = token
        if found != kind:
            self._fail(f"{_shown(text)} stands where {what} should be", where)
        return text, where

    def _label(self, what: str) -> str:
        text, _ = self._take("text", what)
        return text[1:-1].replace('""', '"')

    def _time(self, what: str) -> tuple[float, int]:
        text, where = self._take("number", what)
        value = float(text)
        if not math.isfinite(value):
            self._fail(f"{text[:_SHOWN]} is too large for {what}", where)
        return value, where

    def _count(self, what: str) -> int:
        text, where = self._take("number", what)
        value = float(text)
        if not (0 <= value <= len(self._text) and value.is_integer()):  # each takes more than a character
            self._fail(f"{text[:_SHOWN]} can not be {what}", where)
        return int(value)

    def _span(self, what: str) -> tuple[float, float]:
        start, _ = self._time(f"the start of {what}")
        end, where = self._time(f"the end of {what}")
        if end < start:
            self._fail(f"{what} ends at {end:g} s, before its start at {start:g} s", where)
        return start, end

    def grid(self) -> TextGrid:
        if not self._text.lstrip().startswith(_HEADS):
            self._fail('this is no TextGrid: its text files start with File type = "ooTextFile"', 0)
        self._take("text", 'the file type "ooTextFile"')
        kind, where = self._take("text", 'the object class "TextGrid"')
        if kind != '"TextGrid"':
            self._fail(f"this file holds {_shown(kind)} instead of a TextGrid", where)
        start, end = self._span("the TextGrid")
        flag, where = self._take("flag", "the flag <exists>")
        if flag not in {"<exists>", "<absent>"}:
            self._fail(f"{flag[:_SHOWN]} stands where the flag <exists> should be", where)
        n_tiers = self._count("the number of tiers") if flag == "<exists>" else 0
        tiers: list[IntervalTier | PointTier] = []
        while len(tiers) < n_tiers:
            tiers.append(self._tier(f"tier {len(tiers) + 1} of {n_tiers}"))
        rest = next(self._tokens, None)
        if rest is not None:
            problem = f"the file goes on after the last of its {n_tiers} tiers, so a count is wrong"
            self._fail(problem, rest[2])
        return TextGrid(start, end, tuple(tiers))

    def _tier(self, which: str) -> IntervalTier | PointTier:
        kind, where = self._take("text", f"the class of {which}")
        if kind not in {'"IntervalTier"', '"TextTier"'}:
            self._fail(f"{_shown(kind)} stands where a tier's class should be, IntervalTier or TextTier", where)
        name = self._label(f"the name of {which}")
        which = f"tier {name[:_SHOWN]!r}"
        self._span(which)
        if kind == '"IntervalTier"':
            n = self._count(f"the number of intervals of {which}")
            intervals: list[Interval] = []
            while len(intervals) < n:
                what = f"interval {len(intervals) + 1} of {n} of {which}"
                intervals.append(Interval(*self._span(what), self._label(f"the label of {what}")))
            return IntervalTier(name, tuple(intervals))
        n = self._count(f"the number of points of {which}")
        points: list[Point] = []
        while len(points) < n:
            what = f"point {len(points) + 1} of {n} of {which}"
            time, _ = self._time(f"the time of {what}")
            points.append(Point(time, self._label(f"the label of {what}")))
        return PointTier(name, tuple(points))


def _shown(text: str) -> str:
    """Shorten what stands in a file, in one line."""
    return " ".join(text[:_SHOWN].split()) + ("…" if len(text) > _SHOWN else "")
