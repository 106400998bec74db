"""Every mistake that a user can make, named; each message says what is wrong, where, and what to do about it.

The command line prints the message of a `PhonoscopeError` as it stands and leaves with exit status 2; anything else is
a fault of phonoscope's own. A caller of the Python API catches `PhonoscopeError`, or one of its kinds.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
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


class PanelError(PhonoscopeError):
    """The recogniser and the corpus do not give enough samples of enough phones."""


class RunDirectoryError(PhonoscopeError):
    """The output folder can not be written, or belongs to something else."""
