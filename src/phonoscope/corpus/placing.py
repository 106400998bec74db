"""From what the files say of an utterance to the utterance: its stretch of the recording, its channel, its speaker."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from phonoscope.corpus.checking import EDGE, Folded, align
from phonoscope.corpus.tree import as_text
from phonoscope.corpus.types import Utterance
from phonoscope.errors import AudioError, CorpusError, FormatError, SettingError
from phonoscope.signal.decoding import no_such_channel

if TYPE_CHECKING:
    from pathlib import Path

    from phonoscope.corpus.gathering import Raw
    from phonoscope.corpus.source import Spoken
    from phonoscope.signal.audio import AudioInfo


def place(raw: Raw, info: AudioInfo | AudioError, folded: Folded, speaker: str) -> Utterance:
    """Make an utterance of what its files say.

    Parameters
    ----------
    raw
        What they say.
    info
        The header of its recording, or why that can not be read.
    folded
        What the labels stand for.
    speaker
        Who speaks.

    Raises
    ------
    CorpusError
        The recording can not be read, does not have the channel, or ends before the utterance; or the intervals do not
        fit, see `align`.
    """
    spoken = raw.spoken
    if isinstance(info, AudioError):
        raise info
    if spoken.audio is None:
        raise AssertionError
    start, duration = _stretch(spoken, info.duration)
    if spoken.channel is not None and not 0 <= spoken.channel < info.channels:
        todo = f"Correct the channel in {spoken.source}."
        raise AudioError(spoken.audio, no_such_channel(info.channels, spoken.channel), todo)
    where = spoken.where
    if spoken.start:
        where += f"{', ' if where else ''}utterance {spoken.id!r} (which starts at {start:.3f} s)"
    segments = align(spoken.source, where, raw.rows, duration, folded)
    return Utterance(spoken.id, speaker, spoken.audio, duration, segments, start=start, channel=spoken.channel)


def _stretch(spoken: Spoken, length: float) -> tuple[float, float]:
    end = length if spoken.end is None else spoken.end
    problem = ""
    if not -EDGE <= spoken.start < length:
        problem = f"starts at {spoken.start:.3f} s, outside of its recording of {length:.3f} s"
    elif end > length + EDGE:
        problem = f"ends at {end:.3f} s, after the end of its recording at {length:.3f} s"
    elif end <= max(spoken.start, 0.0):
        problem = f"ends at {end:.3f} s, before its start at {spoken.start:.3f} s"
    if problem:
        todo = f"Make sure that it belongs to {spoken.audio} and that the audio is whole."
        raise FormatError(spoken.source, spoken.where, f"the utterance {spoken.id!r} {problem}", todo)
    start = max(spoken.start, 0.0)
    return start, min(end, length) - start


class Speakers:
    """Tells who speaks: by the pattern ``corpus.speaker``, else as the format says, else by the folder.

    Parameters
    ----------
    pattern
        The setting; "" for none.
    root
        The corpus; its name is the speaker's of what lies directly in it.

    Raises
    ------
    SettingError
        The pattern is not a regular expression with one group.
    """

    def __init__(self, pattern: str, root: Path) -> None:
        self._pattern = _pattern(pattern)
        place = root.resolve()
        self._nobody = as_text(place.stem if place.is_file() else place.name)

    def of(self, spoken: Spoken) -> str:
        """Name the speaker of an utterance.

        Raises
        ------
        CorpusError
            The pattern finds none.
        """
        if self._pattern is None:
            return spoken.speaker or spoken.id.rpartition("/")[0].rpartition("/")[2] or self._nobody
        relative = spoken.id + (spoken.audio.suffix if spoken.audio else "")
        match = self._pattern.search(relative)
        if match is None or not match[1]:
            msg = (
                f"{spoken.audio}: the pattern corpus.speaker = {self._pattern.pattern!r} finds no speaker in "
                f"{relative!r}; correct the pattern, or leave it away to take the folder's name."
            )
            raise CorpusError(msg)
        return match[1]


def _pattern(text: str) -> re.Pattern[str] | None:
    if not text:
        return None
    try:
        pattern = re.compile(text)
    except re.error as error:
        msg = f"corpus.speaker = {text!r}: this is not a regular expression ({error})"
        raise SettingError(msg) from None
    if pattern.groups != 1:
        msg = (
            f"corpus.speaker = {text!r}: it has {pattern.groups} groups, but has to have one, in round "
            r"brackets, around what names the speaker, as in '^(\w+)_'"
        )
        raise SettingError(msg)
    return pattern
