"""The tables that stand beside a CTM of Kaldi's: segments, utt2spk, wav.scp, reco2file_and_channel, phones.txt."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from phonoscope.corpus.formats.text import read_text
from phonoscope.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from pathlib import Path

    from phonoscope.corpus.source import Tree

_T = TypeVar("_T")
_CHANNELS = {"A": 0, "B": 1}
_DIGITS = re.compile("[0-9]{1,2}")


class Stretch(NamedTuple):
    """Where an utterance lies: a recording, seconds; `end` None is the recording's end; the channel if it is told."""

    recording: str
    start: float
    end: float | None
    channel: int | None


def find_table(tree: Tree, beside: Path, name: str, taken: Container[Path]) -> Path | None:
    """Find a table: in the folder of a file, in one above it up to the root, or the only one of its name elsewhere.

    Tables in the folders `taken` belong to the files there.

    Raises
    ------
    FormatError
        There are several, none of them in these folders.
    """
    folder = beside.parent
    while True:
        if (folder / name).is_file():
            return folder / name
        if folder == tree.root or tree.root not in folder.parents:
            break
        folder = folder.parent
    found = [path for path in tree.files if path.name == name and path.parent not in taken]
    if len(found) > 1:
        listed = ", ".join(str(path) for path in found[:3])
        problem = f"there are {len(found)} tables {name!r} that could belong to this file: {listed}"
        raise FormatError(beside, "", problem, f"Put the right {name!r} beside the file.")
    return found[0] if found else None


def segments(path: Path) -> dict[str, Stretch]:
    """Read lines ``utterance recording start end [channel]``; an end of -1 is the recording's.

    Raises
    ------
    FormatError
        A line is not as it has to be, or an utterance stands twice.
    """
    found: dict[str, Stretch] = {}
    for i, fields in _rows(path):
        try:
            utterance, recording, start, end, channel = _five(fields)
        except ValueError:
            raise _wrong(path, i, fields, "an utterance, its recording, its start and its end in seconds") from None
        if not (math.isfinite(start) and math.isfinite(end) and start >= 0 and (end == -1 or end > start)):
            raise FormatError(path, f"line {i}", f"{utterance[:40]!r} can not lie from {start:g} s to {end:g} s")
        stretch = Stretch(recording, start, None if end == -1 else end, channel)
        _put(path, i, found, utterance, stretch)
    return found


def _five(fields: list[str]) -> tuple[str, str, float, float, int | None]:
    """Raise `ValueError` for what is no line of a segments table; the fifth of them counts channels from 0."""
    utterance, recording, start, end, *rest = fields
    channel = None
    if rest:
        (text,) = rest
        if not _DIGITS.fullmatch(text):
            raise ValueError
        channel = int(text)
    return _nfc(utterance), _nfc(recording), float(start), float(end), channel


def pairs(path: Path, what: str) -> dict[str, str]:
    """Read lines of two words, such as utt2spk's; `what` says in a message what the two are.

    Raises
    ------
    FormatError
        A line is not as it has to be, or a first word stands twice.
    """
    found: dict[str, str] = {}
    for i, fields in _rows(path):
        match fields:
            case [one, other]:
                _put(path, i, found, _nfc(one), _nfc(other))
            case _:
                raise _wrong(path, i, fields, what)
    return found


def recordings(path: Path) -> dict[str, str]:
    """Read wav.scp: ``recording file``; a file's name may hold spaces.

    Raises
    ------
    FormatError
        As for `pairs`, or there is a command, or a place in an archive, instead of a file.
    """
    found: dict[str, str] = {}
    for i, line in enumerate(read_text(path).split("\n"), 1):
        name, _, file = line.strip().replace("\t", " ").partition(" ")
        file = file.strip()
        if not name:
            continue
        if not file:
            raise _wrong(path, i, [name], "a recording and its file")
        if file.endswith("|"):
            problem = f"{name[:40]!r} is made by a command, {file[:60]!r}, and commands are not run"
            raise FormatError(path, f"line {i}", problem, "Write its output to a WAV file, and name this one here.")
        head, colon, offset = file.rpartition(":")
        if colon and offset.isdecimal() and head.lower().endswith(".ark"):
            problem = f"{name[:40]!r} lies in a Kaldi archive, which is not read"
            todo = "Write the recordings to WAV files, as by wav-copy, and name them here."
            raise FormatError(path, f"line {i}", problem, todo)
        _put(path, i, found, _nfc(name), file)
    return found


def sides(path: Path) -> dict[str, tuple[str, str]]:
    """Read reco2file_and_channel: ``recording file A``: which channel of which file a recording is.

    Raises
    ------
    FormatError
        As for `pairs`.
    """
    found: dict[str, tuple[str, str]] = {}
    for i, fields in _rows(path):
        match fields:
            case [recording, file, channel] if channel_number(channel) is not None:
                _put(path, i, found, _nfc(recording), (_nfc(file), channel))
            case _:
                raise _wrong(path, i, fields, "a recording, its file, and its channel, A or B")
    return found


def channel_number(text: str) -> int | None:
    """Return which channel a CTM means, from 0: A or 1 is the first; None if this is no channel."""
    if text.upper() in _CHANNELS:
        return _CHANNELS[text.upper()]
    return int(text) - 1 if _DIGITS.fullmatch(text) and int(text) else None


def phone_names(path: Path) -> dict[str, str]:
    """Read phones.txt: ``phone number``; return the phone of each number.

    Raises
    ------
    FormatError
        A line is not as it has to be, or a number stands twice.
    """
    found: dict[str, str] = {}
    for i, fields in _rows(path):
        match fields:
            case [phone, number] if number.isdecimal():
                _put(path, i, found, number, phone)
            case _:
                raise _wrong(path, i, fields, "a phone and its number")
    return found


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    for i, line in enumerate(read_text(path).split("\n"), 1):
        fields = line.split()
        if fields:
            yield i, fields


def _put(path: Path, i: int, found: dict[str, _T], key: str, value: _T) -> None:
    if found.setdefault(key, value) != value:
        raise FormatError(path, f"line {i}", f"{key[:40]!r} stands twice, with different values")


def _nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _wrong(path: Path, i: int, fields: list[str], what: str) -> FormatError:
    shown = " ".join(fields)[:60]
    return FormatError(path, f"line {i}", f"{shown!r} is not {what}")
