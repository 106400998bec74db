"""Whose lines a CTM holds: utterances, recordings, or channels of these; and which utterances are in them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from phonoscope.corpus.formats.ctm_lines import Key, first_line, runs
from phonoscope.corpus.formats.kaldi import Stretch, channel_number
from phonoscope.corpus.formats.text import utf8_or_latin1
from phonoscope.errors import FormatError

if TYPE_CHECKING:
    from array import array
    from pathlib import Path

    from phonoscope.corpus.formats.kaldi_folder import Folder
    from phonoscope.corpus.source import Tree


class Cut(NamedTuple):
    """An utterance: from `start` to `end` seconds (None: its end) of a recording, on the channel that the tables tell.

    `name` is as the tables have it, `id` as the corpus has it.
    """

    name: str
    id: str
    speaker: str
    start: float = 0.0
    end: float | None = None
    channel: int | None = None


class Item(NamedTuple):
    """The lines of one key, and the utterances in them.

    Attributes
    ----------
    key, places
        Whose lines, and where they are.
    cuts
        The utterances.
    own
        Whether times count from the start of the (one) utterance, instead of from the recording's.
    audio
        The recording.
    problem
        Why the lines can not be used.
    """

    key: Key
    places: array[int]
    cuts: tuple[Cut, ...]
    own: bool
    audio: Path | None = None
    problem: str = ""


def items_of(tree: Tree, path: Path, folder: Folder) -> list[Item]:
    """Find out what the first column of a CTM names: utterances or recordings, of the segments table if there is one.

    Raises
    ------
    FormatError
        There is a segments table, and it has none of them.
    """
    found = runs(path)
    above = tree.id(path).rpartition("/")[0]
    sides = Counter(name for name, _ in found)
    items = []
    for key, places in found.items():
        if not key[0]:  # broken lines: reading them tells what is wrong
            items.append(Item(key, places, (), own=True))
            continue
        name, channel = (unicodedata.normalize("NFC", utf8_or_latin1(text)) for text in key)
        recording, stretches, own = _whose(folder, name, channel, several=sides[key[0]] > 1)
        side = channel_number(folder.sides[recording][1] if recording in folder.sides else channel)
        cuts = []
        for one, stretch in stretches:
            told = side if stretch.channel is None else stretch.channel
            full = f"{above}/{one}" if above else one
            cuts.append(Cut(one, full, folder.speakers.get(one, ""), stretch.start, stretch.end, told))
        problem = ""
        if folder.segments and not cuts:
            problem = f"{name[:60]!r} is neither an utterance nor a recording of {folder.segments_path}"
        elif not own and sides[key[0]] > 1 and recording == name and any(s.channel is None for _, s in stretches):
            problem = f"there are several channels of {name[:60]!r}, and no table tells whose the utterances are"
        audio = folder.audio(tree, path, recording)
        items.append(Item(key, places, tuple(cuts), own, audio, problem))
    if items and all(item.problem and not item.cuts for item in items):
        where = f"line {first_line(items[0].places)}"
        raise FormatError(path, where, items[0].problem, "Put the segments table there that belongs to this file.")
    return items


def _whose(folder: Folder, name: str, channel: str, *, several: bool) -> tuple[str, list[tuple[str, Stretch]], bool]:
    """Return the recording, its utterances, and whether times are the utterance's own instead of the recording's."""
    recording = folder.recording_of(name, channel)
    if name in folder.segments and not (several and name in folder.segments_of):
        stretch = folder.segments[name]
        return stretch.recording, [(name, stretch)], True
    if folder.segments:
        there = [(one, folder.segments[one]) for one in folder.segments_of.get(recording, ())]
        if several and recording == name:
            number = channel_number(channel)
            there = [(one, stretch) for one, stretch in there if stretch.channel in {None, number}]
        return recording, there, False
    own_name = f"{name}-{channel}" if several and recording == name else recording
    return recording, [(own_name, Stretch(recording, 0.0, None, None))], True
