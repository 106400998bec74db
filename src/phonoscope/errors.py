"""Every mistake that a user can make, named; each message says what is wrong, where, and what to do about it.

The command line prints the message of a `PhonoscopeError` as it stands and leaves with exit status 2; anything else is
a fault of phonoscope's own. A caller of the Python API catches `PhonoscopeError`, or one of its kinds.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


class PhonoscopeError(Exception):
    """What the user gave can not be used; the message is one clear sentence and what to do."""


class SettingError(PhonoscopeError):
    """A setting is misspelt, of the wrong type or out of its range."""


class UnknownSettingError(SettingError):
    """No setting has this name."""

    def __init__(self, name: str, known: Iterable[str], where: str = "") -> None:
        close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
        hint = f"did you mean {close[0]!r}?" if close else "`phonoscope run --help` lists the settings."
        super().__init__(f"{where + ': ' if where else ''}there is no setting {name!r}; {hint}")


class CorpusError(PhonoscopeError):
    """A corpus can not be read or can not be used."""


class TextGridError(CorpusError):
    """A TextGrid is broken: which file, which line, what was found there."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(f"{path}, line {line}: {problem}. Open it in Praat and save it again, or remove it.")


class AudioError(CorpusError):
    """An audio file is empty, cut short or not audio."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}. Replace the file, or remove it together with its TextGrid.")


class TierError(CorpusError):
    """A TextGrid has no tier that holds the phones, or more than one, or it is no interval tier."""

    def __init__(self, path: Path, problem: str, tiers: Iterable[str]) -> None:
        there = ", ".join(map(repr, tiers)) or "none"
        super().__init__(f"{path}: {problem}; the file's tiers: {there}. Name the phones' tier by --corpus.tier NAME.")


class IntervalError(CorpusError):
    """An interval of the phones tier does not fit; `time` is where it starts, in seconds."""

    todo = "Correct it in Praat, or remove the file together with its audio."

    def __init__(self, path: Path, tier: str, time: float, label: str, problem: str) -> None:
        where = f"{path}, tier {tier!r} at {time:.3f} s"
        super().__init__(f"{where}: the interval {label!r} {problem}. {self.todo}")


class OutsideAudioError(IntervalError):
    """A phone lies before the start or after the end of the audio."""

    todo = "Make sure that this TextGrid belongs to this audio and that the audio is whole."


class OverlapError(IntervalError):
    """An interval starts before the one before it has ended."""


class EmptyIntervalError(IntervalError):
    """A phone has no duration."""


class UnknownPhonesError(CorpusError):
    """No label of a corpus is known as a phone."""

    def __init__(self, path: Path, labels: Iterable[str]) -> None:
        seen = ", ".join(map(repr, labels)) or "none but pauses"
        super().__init__(
            f"{path}: no label is known as a phone of the inventory; the labels: {seen}. "
            "Label the phones in SAMPA or IPA, or name another tier by --corpus.tier NAME."
        )


class BrokenFilesError(CorpusError):
    """Several files of a corpus can not be used; `problems` holds the error of each."""

    shown = 5

    def __init__(self, problems: Sequence[CorpusError]) -> None:
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems[: self.shown]]
        if len(self.problems) > self.shown:
            lines.append(f"… and {len(self.problems) - self.shown} more.")
        super().__init__(f"{len(self.problems)} files can not be used:\n" + "\n".join(lines))


class SplitError(CorpusError):
    """A corpus can not be parted into training and validation speech in the way that was asked for."""


class EspeakError(PhonoscopeError):
    """espeak-ng, which speaks the built-in corpus, does not work here."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"espeak-ng can not be used: {problem}. Install espeakng-loader again, or name a corpus of your own."
        )


class OutputFolderError(PhonoscopeError):
    """A folder that is to be written can not be written, or holds something already."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}. Name another folder.")


class PanelError(PhonoscopeError):
    """The recogniser and the corpus do not give enough samples of enough phones."""


class RunDirectoryError(PhonoscopeError):
    """The output folder can not be written, or belongs to something else."""


class FormatError(CorpusError):
    """A file of a corpus is not what its format wants: which file, where in it, what was found, what to do."""

    def __init__(self, path: Path, where: str, problem: str, todo: str) -> None:
        super().__init__(f"{path}{', ' + where if where else ''}: {problem}. {todo}")
