"""CTM: a line a phone, as Kaldi and NIST's tools write it, with the tables of a Kaldi data folder beside it."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_left
from functools import partial
from typing import TYPE_CHECKING

from phonoscope.corpus.formats.ctm_items import Cut, Item, items_of
from phonoscope.corpus.formats.ctm_lines import COMMENTS, Lines, first_line, read_lines
from phonoscope.corpus.formats.kaldi_folder import Folder
from phonoscope.corpus.formats.text import unreadable, utf8_or_latin1
from phonoscope.corpus.source import Interval, Listing, Spoken, Unit
from phonoscope.errors import AudioError, CorpusError, FormatError
from phonoscope.signal.audio import audio_info

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from phonoscope.corpus.source import Tree
    from phonoscope.settings import CorpusSettings

_NAME = re.compile(r"(?:.*\.)?ctm(?:\.[0-9]+)?", re.IGNORECASE)  # Kaldi's jobs write ctm.1, ctm.2, …
_LINE = re.compile(rb"\S+[ \t]+\S+[ \t]+[0-9.eE+-]+[ \t]+[0-9.eE+-]+[ \t]+(\S+)(?:[ \t]+\S+)*")
_PHONES, _WORDS = re.compile("phon|phn", re.IGNORECASE), re.compile("word|wrd", re.IGNORECASE)
_POSITIONS = ("_B", "_I", "_E", "_S")
_HEAD = 1 << 16


class Ctm:
    """Finds and reads CTMs."""

    name = "ctm"
    title = "CTM"

    def recognises(self, tree: Tree) -> bool:
        """Tell whether there are files named ``ctm`` or ``*.ctm``, the first of which starts like one."""
        found = _files(tree)
        return bool(found) and _head_labels(found[0]) != []

    def listing(self, tree: Tree, settings: CorpusSettings) -> Listing:
        """List the files; each is looked through once, to see whose lines are where.

        Raises
        ------
        CorpusError
            There is no CTM, a table beside it is broken, does not belong to it or is missing where it is needed.
        """
        del settings
        found = _files(tree)
        if not found:
            msg = f"{tree.root}: there is no file named ctm or *.ctm; name the folder that holds it."
            raise CorpusError(msg)
        warnings = []
        phones = [path for path in found if _PHONES.search(path.name)]
        words = [path for path in found if _WORDS.search(path.name)] if phones else []
        if words:
            found = [path for path in found if path not in words]
            warnings.append(f"{len(words):,} CTMs of words are left out.")
        taken = {path.parent for path in found}
        folders: dict[Path, Folder] = {}
        used: dict[Path, set[str]] = {}
        units = []
        for path in found:
            folder = folders.get(path.parent) or folders.setdefault(path.parent, Folder.beside(tree, path, taken))
            names = _names(path, folder)
            items = items_of(tree, path, folder)
            if folder.segments_path:
                used.setdefault(folder.segments_path, set()).update(cut.name for item in items for cut in item.cuts)
            units.append(Unit(path, partial(_read, path, items, names)))
        tables = {folder.segments_path: folder.segments for folder in folders.values()}
        for table, names_used in used.items():
            n = len(tables[table].keys() - names_used)
            if n:
                warnings.append(
                    f"{table}: {n:,} of {len(tables[table]):,} utterances have no phones in a CTM: not used."
                )
        return Listing(tuple(units), tuple(warnings))


def _files(tree: Tree) -> list[Path]:
    return [path for path in tree.files if _NAME.fullmatch(path.name)]


def _head_labels(path: Path) -> list[bytes]:
    """Return the labels of the first lines; none if the first is not a CTM's."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return []
    whole = head[: head.rfind(b"\n")] if len(head) == _HEAD else head
    lines = [line.strip() for line in whole.removeprefix(codecs.BOM_UTF8).split(b"\n")]
    matches = [_LINE.fullmatch(line) for line in lines if line and not line.startswith(COMMENTS)]
    return [match[1] for match in matches if match] if matches and matches[0] else []


def _names(path: Path, folder: Folder) -> _Names:
    """Tell phones from numbers of phones: there are French phones 2 and 9, but never these alone.

    Raises
    ------
    FormatError
        There are numbers, but no table that tells what they stand for.
    """
    labels = _head_labels(path)
    if not labels or not all(label.isdigit() for label in labels):
        return _Names()
    if folder.phones is None:
        problem = "the phones are numbers"
        todo = "Put the phones.txt beside it that the alignment was made with."
        raise FormatError(path, "", problem, todo)
    return _Names(folder.phones)


class _Names(dict[bytes, str]):
    """What a label in the file stands for: without the mark of its position in the word, such as _B of AA1_B."""

    def __init__(self, phones: dict[str, str] | None = None) -> None:
        super().__init__()
        self._phones = phones

    def __missing__(self, label: bytes) -> str:
        name = utf8_or_latin1(label)
        name = self._phones[name] if self._phones is not None else name
        self[label] = name = name[:-2] if name.endswith(_POSITIONS) and name not in _POSITIONS else name
        return name

    def __reduce__(self) -> tuple[type[_Names], tuple[dict[str, str] | None]]:
        return _Names, (self._phones,)


def _read(path: Path, items: Sequence[Item], names: _Names) -> Iterator[Spoken | Exception]:
    channels: dict[Path | None, int] = {None: 1}
    try:
        file = path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from None
    with file:
        for item in items:
            where = f"line {first_line(item.places)}"
            if item.problem:
                yield FormatError(path, where, item.problem, "Correct the file or the table.")
                continue
            try:
                lines = read_lines(path, file, item.key, item.places, names)
            except FormatError as error:
                yield error
                continue
            there = channels.get(item.audio) or channels.setdefault(item.audio, _channels(item.audio))
            for cut, intervals in _cut(item, lines):
                # a recording with one channel may be one side of a conversation, cut out
                side = None if there == 1 else cut.channel
                if side is not None and side >= there:
                    problem = f"{cut.name[:60]!r} is on channel {side + 1} of {item.audio}, which has {there}"
                    yield FormatError(path, where, problem, "Correct the channel, or replace the recording.")
                    continue
                yield Spoken(cut.id, cut.speaker, item.audio, intervals, path, where, cut.start, cut.end, side)


def _channels(audio: Path | None) -> int:
    """Return how many channels a recording has; broken audio is reported when it is looked at for itself."""
    try:
        return audio_info(audio).channels if audio else 1
    except AudioError:
        return 1


def _cut(item: Item, lines: Lines) -> Iterator[tuple[Cut, tuple[Interval, ...]]]:
    """Give each utterance its lines; those that lie across its ends are cut there, if the most of them lies within."""
    if item.own:
        yield item.cuts[0], tuple(map(Interval, lines.labels, lines.starts.tolist(), lines.ends.tolist()))
        return
    middles = ((lines.starts + lines.ends) / 2).tolist()
    order = sorted(range(len(middles)), key=middles.__getitem__)
    middles.sort()
    for cut in item.cuts:
        end = float("inf") if cut.end is None else cut.end
        inside = order[bisect_left(middles, cut.start) : bisect_left(middles, end)]
        spans = [
            (lines.labels[i], max(float(lines.starts[i]), cut.start), min(float(lines.ends[i]), end)) for i in inside
        ]
        yield cut, tuple(Interval(label, round(a - cut.start, 7), round(b - cut.start, 7)) for label, a, b in spans)


FORMAT = Ctm()
