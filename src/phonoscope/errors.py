"""Every mistake that a user can make, named; each message says what is wrong, where, and what to do about it.

The command line prints the message of a `PhonoscopeError` as it stands and leaves with exit status 2; anything else is
a fault of phonoscope's own. A caller of the Python API catches `PhonoscopeError`, or one of its kinds.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


class PhonoscopeError(Exception):
    """What the user gave can not be used; the message is one clear sentence and what to do."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how an error comes back from another process: by its message, not by what the message was made of."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[PhonoscopeError], args: tuple[Any, ...], state: dict[str, Any]) -> PhonoscopeError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class SettingError(PhonoscopeError):
    """A setting is misspelt, of the wrong type or out of its range."""


class UnknownSettingError(SettingError):
    """No setting has this name."""

    def __init__(self, name: str, known: Iterable[str], where: str = "") -> None:
        close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
        hint = f"did you mean {close[0]!r}?" if close else "`phonoscope run --help` lists the settings."
        super().__init__(f"{where + ': ' if where else ''}there is no setting {name!r}; {hint}")


class CorpusError(PhonoscopeError):
    """A corpus can not be read or can not be used.

    Attributes
    ----------
    path
        The file that is at fault, where it is one.
    time
        Where in it, in seconds.
    """

    path: Path | None = None
    time: float | None = None


class FormatError(CorpusError):
    """A file of alignments, or a table that belongs to it, is broken or not as its format has it.

    `where` tells the place in the file: "line 12", "tier 'phones' at 0.200 s", or nothing.
    """

    def __init__(self, path: Path, where: str, problem: str, todo: str = "Correct the file, or remove it.") -> None:
        # what to do is a sentence of its own, or a part of this one
        ending = f"; {todo}." if todo[:1].islower() else f". {todo}"
        self.path = path
        super().__init__(f"{path}{', ' if where else ''}{where}: {problem}{ending}")


class OutsideCorpusError(FormatError):
    """A file of alignments names a recording outside of the corpus's folder, which was not allowed."""

    def __init__(self, path: Path, where: str, name: str) -> None:
        todo = (
            "Put it into the folder, name the folder of the recordings by --corpus.audio, or let alignments name any "
            "file by --corpus.outside true."
        )
        super().__init__(path, where, f"the recording {name[:200]!r} lies outside of the corpus's folder", todo)


class TextGridError(CorpusError):
    """A TextGrid is broken: which file, which line, what was found there."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        self.path = path
        super().__init__(f"{path}, line {line}: {problem}. Open it in Praat and save it again, or remove it.")


class AudioError(CorpusError):
    """An audio file is empty, cut short or not audio, or not what its alignment says."""

    def __init__(
        self, path: Path, problem: str, todo: str = "Replace the file, or remove it together with its alignment."
    ) -> None:
        self.path = path
        super().__init__(f"{path}: {problem}. {todo}")


class TierError(CorpusError):
    """A TextGrid has no tier that holds the phones, or more than one, or it is no interval tier."""

    def __init__(self, path: Path, problem: str, tiers: Iterable[str]) -> None:
        there = ", ".join(map(repr, tiers)) or "none"
        self.path = path
        super().__init__(f"{path}: {problem}; the file's tiers: {there}. Name the phones' tier by --corpus.tier NAME.")


class IntervalError(CorpusError):
    """An interval does not fit; `where` says what in the file it is in, `time` where it starts, in seconds."""

    todo = "Correct it in Praat, or remove the file together with its audio."
    todo_elsewhere = "Correct the alignment, or remove it together with its audio."

    def __init__(self, path: Path, where: str, time: float, label: str, problem: str) -> None:
        self.path, self.time = path, time
        place = f"{path}, {where} at {time:.3f} s" if where else f"{path} at {time:.3f} s"
        todo = self.todo if path.suffix.casefold() == ".textgrid" else self.todo_elsewhere
        super().__init__(f"{place}: the interval {label!r} {problem}. {todo}")


class OutsideAudioError(IntervalError):
    """A phone lies before the start or after the end of the audio."""

    todo = "Make sure that this TextGrid belongs to this audio and that the audio is whole."
    todo_elsewhere = "Make sure that this alignment belongs to this audio and that the audio is whole."


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
            "Choose the phone set by --corpus.phones, give a table by --corpus.folding, or name another tier by "
            "--corpus.tier NAME."
        )


class BrokenFilesError(CorpusError):
    """Several files of a corpus can not be used; `problems` holds the error of each."""

    shown = 5

    def __init__(self, problems: Sequence[CorpusError]) -> None:
        self.problems = tuple(problems)
        # a line each, whatever a file is called
        lines = [str(problem).replace("\n", "\\u000a") for problem in self.problems[: self.shown]]
        if len(self.problems) > self.shown:
            lines.append(f"… and {len(self.problems) - self.shown} more.")
        super().__init__(f"{len(self.problems)} files can not be used:\n" + "\n".join(lines))


class SplitError(CorpusError):
    """A corpus can not be parted into training and validation speech in the way that was asked for."""


class LeakageError(SplitError):
    """The same speech would be trained on and validated on."""


class EspeakError(PhonoscopeError):
    """espeak-ng, which speaks the built-in corpus, does not work here."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"espeak-ng can not be used: {problem}. Install espeakng-loader again, or name a corpus of your own."
        )


class CheckpointError(PhonoscopeError):
    """The state of an interrupted training can not be gone on from."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}, and can not be gone on from")


class LostProcessError(PhonoscopeError):
    """Another process of a training in company has ended, or can not be reached."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            "the training needs all of torchrun's processes, and one has ended or can not be reached "
            f"({' '.join(problem.split())[:200]}); the same command goes on after the last epoch"
        )


class OutputFolderError(PhonoscopeError):
    """A folder that is to be written can not be written, or holds something already."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}. Name another folder.")


class FeaturesFileError(PhonoscopeError):
    """The file of a large corpus's features can not be written; `size` is what it needs, in bytes."""

    def __init__(self, folder: Path, size: int, problem: str) -> None:
        super().__init__(
            f"{folder}: the features of this corpus need {size / 1e9:.1f} GB of disk space there while the run lasts, "
            f"and can not be kept: {problem}. Make room, or name a folder on another disk."
        )


class DiskFullError(PhonoscopeError):
    """There is no room for the files of a run; `free` is what there is, in bytes."""

    def __init__(self, folder: Path, stage: str, problem: str, free: int) -> None:
        super().__init__(
            f"{folder}: there is no room for {stage} ({problem}; {free / 1e6:,.1f} MB are free). Make room and give "
            f"the same command: it goes on from {stage}."
        )


class PanelError(PhonoscopeError):
    """The recogniser and the corpus do not give enough samples of enough phones."""


class ModelError(PhonoscopeError):
    """A model can not be loaded, or its layers can not be probed."""


class SampleError(PhonoscopeError):
    """A sample of a run's panel can not be cut out."""

    def __init__(self, run: Path, problem: str) -> None:
        super().__init__(f"{run}: {problem}; panel.parquet and the report's maps tell the samples.")


class WorkersError(PhonoscopeError):
    """Other processes or machines can not be reached, are not like this one, or were lost."""


class RunDirectoryError(PhonoscopeError):
    """The output folder can not be written, or belongs to something else."""
