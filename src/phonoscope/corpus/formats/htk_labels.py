"""Label files of HTK and HTS, and of ESPS: lines in, phones with times out.

An HTK label is ``[start [end]] name [score] {name [score]}``, times in units of 100 ns (The HTK Book, "Label Files");
the names that follow the first are of higher levels, such as the word that begins here. Three things are not phones
yet: states of phones, which HVite and HSMMAlign write one a line; labels that carry the context of a phone; and names
with bytes written as octal numbers. ESPS's xlabel writes a header, a line ``#``, and then ``end colour name`` in
seconds.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

from phonoscope.corpus.formats.text import utf8_or_latin1
from phonoscope.corpus.source import Interval
from phonoscope.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

# for lines without blanks at their ends; counts are bounded, so that no line takes long
_TIMES = re.compile(r"([0-9]{1,15}(?:\.[0-9]{0,15})?)\s+([0-9]{1,15}(?:\.[0-9]{0,15})?)\s+(\S.*)")
_XLABEL = re.compile(r"([0-9]{1,9}(?:\.[0-9]{0,15})?)\s+-?[0-9]{1,9}(?:\s+(\S.*))?")
_SCORE = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_QUOTED = re.compile(r"""(["'])((?:\\.|(?!\1)[^\\])*+)\1(?=\s|\Z)""")
_OCTAL = re.compile(rb"\\([0-3][0-7]{2})|\\([\\\"'])")
_INDEXED = re.compile(r"(.+)\[([0-9]{1,3})\]")
_STATE = re.compile(r"s([0-9]{1,3})")
_FULL = re.compile(r"[^^]{1,60}\^[^-]{1,40}-(.{1,40}?)\+[^=]{1,40}=")
_TRIPHONE = re.compile(r"[^-+]+-([^-+]+)\+[^-+]+")
_PARTS = re.compile(r"(?:[^-+]+-)?([^-+]+)(?:\+[^-+]+)?")
_UNITS = 1e7
"""HTK's units of time in a second."""
_NO_LENGTH = frozenset({"sp", "sil", "pau"})
"""Pauses that an aligner writes with no duration, where there was none."""
_ALTERNATIVE = "///"


class Line(NamedTuple):
    """A label: its number in the file, times in the file's units, its name, the first name of a higher level or ""."""

    number: int
    start: float
    end: float
    name: str
    above: str


def is_timed(line: str) -> bool:
    """Tell whether a line of a label file holds a start, an end and a label."""
    return _TIMES.fullmatch(line.strip()) is not None


def is_xlabel(lines: Iterable[str]) -> bool:
    """Tell whether lines are the start of a label file of ESPS's: a line ``#``, then a label."""
    below = itertools.dropwhile(lambda line: line != "#", (line.strip() for line in lines))
    first = next((line for line in below if line not in {"", "#"}), None)
    return first is not None and _XLABEL.fullmatch(first) is not None


def phones_of(path: Path, lines: Sequence[tuple[int, str]]) -> tuple[Interval, ...]:
    """Read the lines of a label file of HTK's, each with its number; blank ones do not count.

    Returns
    -------
    intervals
        The phones in the order of time: states are put together, of a label with context the phone is taken. Times
        with decimals are taken for seconds, as Julius and WaveSurfer write them. Pauses of no duration are left out.

    Raises
    ------
    FormatError
        A line is no label with its start and end, or there is none.
    """
    parsed = []
    seconds = False
    for number, text in lines:
        line = text.strip()
        if line == _ALTERNATIVE:  # another transcription of the same follows
            break
        if not line:
            continue
        match = _TIMES.fullmatch(line)
        if match is None:
            raise FormatError(path, f"line {number}", f"{line[:60]!r} is not a start, an end and a label")
        seconds = seconds or "." in match[1] or "." in match[2]
        parsed.append(Line(number, float(match[1]), float(match[2]), *_names(match[3])))
    if not parsed:
        raise FormatError(path, f"line {lines[0][0]}" if lines else "", "there are no labels")
    for one in parsed:
        if one.end < one.start:
            raise FormatError(path, f"line {one.number}", f"{one.name[:60]!r} ends before it starts")
    unit = 1.0 if seconds else _UNITS
    found = _centred(list(_whole(parsed)))
    intervals = [Interval(name, start / unit, end / unit) for name, start, end in found]
    kept = [one for one in intervals if one.end > one.start or one.label not in _NO_LENGTH]
    return tuple(sorted(kept, key=lambda one: one.start))


def xlabels_of(path: Path, lines: Sequence[tuple[int, str]]) -> tuple[Interval, ...]:
    """Read the lines of a label file of ESPS's; a label begins where the one before it ends, the first at 0 s.

    Raises
    ------
    FormatError
        A line is not as it has to be, or ends before the one before it.
    """
    body = iter(lines)
    for _, text in body:
        if text.strip() == "#":
            break
    intervals: list[Interval] = []
    before = 0.0
    for number, text in body:
        line = text.strip()
        if not line:
            continue
        match = _XLABEL.fullmatch(line)
        if match is None:
            raise FormatError(path, f"line {number}", f"{line[:60]!r} is not an end in seconds, a colour and a label")
        end, label = float(match[1]), (match[2] or "").partition(";")[0].strip()
        if end < before:
            raise FormatError(path, f"line {number}", f"{label[:60]!r} ends at {end:g} s, before the label above it")
        intervals.append(Interval(label, before, end))
        before = end
    if not intervals:
        raise FormatError(path, "", "there are no labels")
    return tuple(intervals)


def _names(text: str) -> tuple[str, str]:
    """Return a label's own name, and the first name of a higher level or ""."""
    match = _QUOTED.match(text)
    name = match[2] if match else text.split(None, 1)[0]
    rest = text[match.end() if match else len(name) :].split()
    if "\\" in name:
        name = utf8_or_latin1(_OCTAL.sub(_byte, name.encode()))
    return name, next((word for word in rest if not _SCORE.fullmatch(word)), "")


def _byte(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 8)]) if match[1] else match[2]


def _whole(lines: Sequence[Line]) -> Iterator[tuple[str, float, float]]:
    """Put the states of a phone together: those named ``a[2]``, ``a[3]``, or ``s2``, ``s3`` with the phone above s2."""
    by_above = bool(lines[0].above) and all(_STATE.fullmatch(line.name) for line in lines)
    name, start, end, last = lines[0].name, lines[0].start, lines[0].start, -1
    for i, line in enumerate(lines):
        if by_above:
            base, state, goes_on = line.above, -1, not line.above
        else:
            match = _INDEXED.fullmatch(line.name)
            base, state = (match[1], int(match[2])) if match else (line.name, -1)
            goes_on = base == name and state > last >= 0
        if not goes_on:
            if i:
                yield name, start, end
            name, start = base, line.start
        end, last = line.end, state
    yield name, start, end


def _centred(found: list[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """Take the phone out of labels with context: those of HTS, ``x^x-sil+b=o@…``, and triphones, ``a-b+c``.

    ``a-b`` and ``b+c`` are taken for such only where there are triphones: else they may be phones' names.
    """
    names = [name for name, _, _ in found]
    if any(_FULL.match(name) for name in names):
        matches = [_FULL.match(name) for name in names]
    elif any(_TRIPHONE.fullmatch(name) for name in names):
        matches = [_PARTS.fullmatch(name) for name in names]
    else:
        return found
    return [(match[1] if match else name, a, b) for (name, a, b), match in zip(found, matches, strict=True)]
