"""What the readers of all formats share: a tree of files in, utterances with the labels of their files out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from phonoscope.settings import CorpusSettings

Part = Literal["", "train", "validation"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A label of a file as it stands there; times are in seconds from the start of the utterance."""

    label: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Spoken:
    """An utterance as its files tell of it: before its labels are folded, and before its audio was looked at.

    Attributes
    ----------
    id
        Unique in the corpus, made of the files' names: "/" between folders, no suffix.
    speaker
        Who speaks, where the format tells; "" where it does not (the folder's name is taken then).
    audio
        The recording; None where the alignment names none or no file of that name is there.
    intervals
        Of the phones, in the order of time.
    source
        The file that the intervals are from.
    where
        What in that file they are from, for messages: "tier 'phones'", "line 12"; "" where the file is all.
    start, end
        Seconds of the recording between which the utterance lies; None: to the recording's end.
    channel
        Which of the recording's channels, counted from 0; None: the mean of all.
    part
        The part of the corpus that the utterance belongs to, where the corpus tells.
    claimed
        Seconds from where to where the file says that the recording goes; None where it does not say.
    """

    id: str
    speaker: str
    audio: Path | None
    intervals: tuple[Interval, ...]
    source: Path
    where: str = ""
    start: float = 0.0
    end: float | None = None
    channel: int | None = None
    part: Part = ""
    claimed: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """What is read at a time: a file of alignments, with all its utterances.

    Attributes
    ----------
    path
        The file, for messages and progress.
    read
        Reads it: a function of a module, or a `functools.partial` of one, so that it can be sent to another process.
        It yields utterances, and raises a `CorpusError` that names file and place for what can not be used. A file
        whose utterances stand alone may also *yield* the error of one and go on with the next.
    """

    path: Path
    read: Callable[[], Iterator[Spoken | Exception]]


@dataclass(frozen=True, slots=True)
class Listing:
    """What a format finds in a tree: its units in a fixed order, and what was odd, a sentence each."""

    units: tuple[Unit, ...]
    warnings: tuple[str, ...] = ()


class Tree(Protocol):
    """The files of a corpus, found once and looked up by the formats.

    Attributes
    ----------
    root
        The folder, or the one file that a user named.
    files
        All files below the root in the order of their paths; or the one file.
    """

    root: Path
    files: tuple[Path, ...]

    @property
    def audio(self) -> tuple[Path, ...]:
        """All recordings, below the root (of a file: below its folder) and below ``corpus.audio``."""

    def with_suffix(self, *suffixes: str) -> tuple[Path, ...]:
        """Return the files that have one of some suffixes, such as ".wav"; case does not count."""

    def id(self, path: Path) -> str:
        """Return a file's path below the root, without its suffix, in NFC, "/" between folders."""

    def shown(self, path: Path) -> str:
        """Return a file's path below the root, with its suffix, for lists in messages."""

    def audio_of(self, path: Path) -> Path | None:
        """Return the recording that belongs to a file of alignments, or None.

        Beside it, of the same name but for the suffix; else at the same place below ``corpus.audio``; else the only
        recording in the corpus or below ``corpus.audio`` that has this name, or of several the one with most of the
        folders above it in common.

        Raises
        ------
        CorpusError
            There are several.
        """

    def audio_named(self, name: str, beside: Path, where: str = "") -> Path | None:
        """Return the recording that a file of alignments calls `name`, with or without folder and suffix, or None.

        As a path from the file's folder, from the root, from ``corpus.audio``; else by its name, as `audio_of` does.
        `where` in the file the name stands is said in messages.

        Raises
        ------
        CorpusError
            There are several, or the path leads out of the corpus (`OutsideCorpusError`).
        """

    def check_inside(self, place: str, name: str, beside: Path, where: str = "") -> None:
        """Raise an `OutsideCorpusError` if the path of what is called `name` in `beside` leads out of the corpus."""


class Format(Protocol):
    """A way in which people keep aligned speech.

    Attributes
    ----------
    name
        What ``corpus.format`` calls it.
    title
        What a message calls it: "TIMIT", "Praat TextGrids".
    """

    name: str
    title: str

    def recognises(self, tree: Tree) -> bool:
        """Tell whether a tree holds this format; cheap: by names, and the first bytes of a file at most."""

    def listing(self, tree: Tree, settings: CorpusSettings) -> Listing:
        """List what there is to read.

        Raises
        ------
        CorpusError
            The tree does not hold what the format needs.
        """
