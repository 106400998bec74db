"""TIMIT as the LDC ships it: ``TRAIN/DR1/FCJF0/SA1.PHN`` beside ``SA1.WAV``, phones in samples of the audio."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from phonoscope.corpus.formats.text import read_text, utf8_or_latin1
from phonoscope.corpus.source import Interval, Listing, Part, Spoken, Unit
from phonoscope.errors import CorpusError, FormatError
from phonoscope.signal.audio import audio_info

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from phonoscope.corpus.source import Tree
    from phonoscope.settings import CorpusSettings

_RATE = 16_000
"""Hz of TIMIT's audio; its phones are in samples of this rate."""
_LINE = re.compile(r"[ \t]*([0-9]{1,12})[ \t]+([0-9]{1,12})[ \t]+(\S+)[ \t]*")
_SPEAKER = re.compile(r"(?<![A-Za-z0-9])[FM][A-Z]{3}[0-9](?![A-Za-z0-9])", re.IGNORECASE)
_SA = re.compile(r"(?:.*[^A-Za-z])?SA[12]", re.IGNORECASE)
_PARTS: dict[str, Part] = {"train": "train", "test": "validation"}
_HEAD = 4096


class Timit:
    """Finds and reads TIMIT, and what has its layout; case does not count in the names of its files and folders."""

    name = "timit"
    title = "TIMIT"

    def recognises(self, tree: Tree) -> bool:
        """Tell whether there are ``.PHN`` files, the first of which holds lines of two whole numbers and a phone."""
        found = tree.with_suffix(".phn")
        if not found:
            return False
        try:
            with found[0].open("rb") as file:
                lines = utf8_or_latin1(file.read(_HEAD)).split("\n")
        except OSError:
            return False
        return next((_LINE.fullmatch(line.rstrip()) is not None for line in lines if line.strip()), False)

    def listing(self, tree: Tree, settings: CorpusSettings) -> Listing:
        """List the utterances; without the two sentences that all speakers read (SA1, SA2), as is the custom.

        They would put the same words, and so the same phones in the same contexts, on both sides of the split. Where
        there is nothing else, they are read.

        Raises
        ------
        CorpusError
            There are no ``.PHN`` files, or several recordings for one.
        """
        del settings
        found = tree.with_suffix(".phn")
        if not found:
            msg = f"{tree.root}: there is no .PHN file; name the folder that holds TIMIT's TRAIN and TEST."
            raise CorpusError(msg)
        kept = [path for path in found if not _SA.fullmatch(path.stem)] or list(found)
        n_left = len(found) - len(kept)
        warnings = [f"{n_left:,} SA sentences, which all speakers read, are left out."] if n_left else []
        parts = {path: _part(tree.id(path)) for path in kept}
        if len(set(parts.values()) - {""}) < len(_PARTS):  # a part alone is no split
            parts = dict.fromkeys(kept, "")
        doubled = {_key(path.parent, path.name): path for path in tree.with_suffix(".wav")}
        units = []
        for path in kept:
            audio = (
                tree.audio_of(path)
                or doubled.get(_key(path.parent, f"{path.stem}.wav.wav"))
                or tree.audio_of(path.with_suffix(".WAV.PHN"))  # the same below corpus.audio
            )
            units.append(Unit(path, partial(_read, path, tree.id(path), audio, parts[path])))
        return Listing(tuple(units), tuple(warnings))


def _read(path: Path, name: str, audio: Path | None, part: Part) -> Iterator[Spoken]:
    lines = read_phones(path)
    rate = _RATE if audio is None else _rate(audio, lines[-1][1])
    intervals = tuple(Interval(label, start / rate, end / rate) for start, end, label in lines)
    yield Spoken(name, _speaker(path), audio, intervals, path, part=part)


def read_phones(path: Path) -> list[tuple[int, int, str]]:
    """Read a ``.PHN`` file: start and end in samples, and label, in the order of time; at least one.

    Raises
    ------
    FormatError
        The file can not be read, a line is not as it has to be, or there is none.
    """
    lines = []
    for i, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            problem = f"{line[:40]!r} is not a start and an end in samples, and a phone"
            raise FormatError(path, f"line {i}", problem)
        start, end = int(match[1]), int(match[2])
        if end < start:
            raise FormatError(path, f"line {i}", f"{match[3][:40]!r} ends at sample {end}, before its start at {start}")
        lines.append((start, end, match[3]))
    if not lines:
        raise FormatError(path, "", "the file holds no phones")
    return sorted(lines, key=lambda line: line[0])


def _rate(audio: Path, last: int) -> int:
    """Return the rate that the phones are counted in: TIMIT's, or the audio's, if that was resampled with its phones.

    TIMIT's phones go on to the end of the audio: the rate is right by which the last one ends nearest to it.
    """
    info = audio_info(audio)
    return min(_RATE, info.rate, key=lambda rate: abs(last / rate - info.duration))


def _speaker(path: Path) -> str:
    """Find a name such as FCJF0: sex, three initials, a digit; in the folder's name, or else in the file's."""
    found = _SPEAKER.findall(path.parent.name) or _SPEAKER.findall(path.stem.replace("_", "-"))
    return str(found[-1]).upper() if found else ""


def _part(name: str) -> Part:
    folders = [_PARTS[folder] for folder in name.lower().split("/")[:-1] if folder in _PARTS]
    return folders[0] if folders else ""


def _key(folder: Path, name: str) -> tuple[Path, str]:
    return folder, name.lower()


FORMAT = Timit()
