"""Where the sound of a Lhotse recording lies: which file, which channel of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from phonoscope.corpus.formats.lhotse_lines import REMEDY, entries
from phonoscope.corpus.formats.shared import shown
from phonoscope.errors import FormatError, OutsideCorpusError

if TYPE_CHECKING:
    from phonoscope.corpus.source import Tree

_HARMLESS: Final = frozenset({"Resample", "Volume", "VolumePerturbation", "LoudnessNormalization"})
"""Transforms after which every sound is where it was: the audio is read as it is, without them."""
_CHANNELS: Final = 1024


@dataclass(frozen=True, slots=True)
class Source:
    """A file, and the recording's channels that it holds, in its order; and where that is said."""

    file: str
    channels: tuple[int, ...]
    manifest: Path
    where: str


class Recordings:
    """The recordings that a manifest refers to, and their files.

    Parameters
    ----------
    path
        The manifest, for messages; names of files count from its folder, too.
    tree
        The corpus's files.
    """

    def __init__(self, path: Path, tree: Tree) -> None:
        self._path = path
        self._tree = tree
        self._sources: dict[str, tuple[Source, ...]] = {}
        self._found: tuple[str, Path | None] = ("", None)

    def add(self, manifest: Path) -> None:
        """Read a manifest of recordings.

        Raises
        ------
        FormatError
            It can not be read, or describes a recording that can not be used.
        """
        for where, entry in entries(manifest):
            name = entry.get("id")
            if not isinstance(name, str):
                raise FormatError(manifest, where, f"{shown(name)} stands where the recording's id should be", REMEDY)
            self._sources[name] = sources(manifest, where, entry)

    def sound(
        self, name: str, channel: object, recording: dict[str, Any] | None = None
    ) -> tuple[Path | None, int | None]:
        """Return the file of a recording's channel, None if it is not there, and the channel's place in it.

        Parameters
        ----------
        name
            The recording's id; a recording without a description is the file of this name.
        channel
            An integer, or a list of them: the first file that holds one of them is taken, and the mean of all its
            channels if the list has them all.
        recording
            Its description, where it comes with a cut.
        """
        known = sources(self._path, f"recording {name!r}", recording) if recording else self._sources.get(name, ())
        wanted = channel if isinstance(channel, list) else [channel]
        if not known:
            place = channel if isinstance(channel, int) and not isinstance(channel, bool) and channel > 0 else None
            return self._file(name, self._path, ""), place
        source = next((s for s in known if any(c in s.channels for c in wanted)), None)
        if source is None:
            problem = f"the recording {name!r} has no channel {shown(channel)}"
            raise FormatError(self._path, "", problem, REMEDY)
        audio = self._file(source.file, source.manifest, source.where)
        if len(source.channels) == 1 or all(c in wanted for c in source.channels):
            return audio, None
        return audio, next(i for i, c in enumerate(source.channels) if c in wanted)

    def _file(self, name: str, manifest: Path, where: str) -> Path | None:
        """Find a file; as in Lhotse, a path may also count from the folder that the program was started in."""
        if self._found[0] != name:
            try:
                audio = self._tree.audio_named(name, self._path)
                if audio is None and "\0" not in name and len(name) < 1 << 12 and Path(name).is_file():
                    self._tree.check_inside(name, name, self._path)
                    audio = Path(name)
            except OutsideCorpusError:
                raise OutsideCorpusError(manifest, where, name) from None
            self._found = (name, audio)
        return self._found[1]


def sources(path: Path, where: str, recording: object) -> tuple[Source, ...]:
    """Return the files of a recording.

    Raises
    ------
    FormatError
        It has none, or they are no files, or they are changed when they are loaded so that times are others.
    """
    if not isinstance(recording, dict) or not isinstance(recording.get("sources"), list):
        raise FormatError(path, where, "this is no recording: it has no list of sources", REMEDY)
    for transform in recording.get("transforms") or ():
        name = transform.get("name") if isinstance(transform, dict) else transform
        if name not in _HARMLESS:
            problem = f"the recording {shown(recording.get('id'))} is changed when it is loaded ({shown(name)})"
            todo = "take the manifest without augmentation; phonoscope reads the audio as it is"
            raise FormatError(path, where, problem, todo)
    return tuple(_source(path, where, source) for source in recording["sources"])


def _source(path: Path, where: str, source: object) -> Source:
    if not isinstance(source, dict):
        raise FormatError(path, where, f"{shown(source)} stands where a source should be", REMEDY)
    kind, name, channels = source.get("type"), source.get("source"), source.get("channels")
    if kind != "file":
        todo = "save the audio to files, by lhotse's CutSet.save_audios, and take the manifest that it returns"
        raise FormatError(path, where, f"its audio is of the type {shown(kind)}, and only files are read", todo)
    if not isinstance(name, str) or not name:
        raise FormatError(path, where, f"{shown(name)} stands where the name of an audio file should be", REMEDY)
    if (
        not isinstance(channels, list)
        or not 0 < len(channels) <= _CHANNELS
        or not all(isinstance(c, int) and not isinstance(c, bool) for c in channels)
    ):
        raise FormatError(path, where, f"{shown(channels)} stands where a source's channels should be", REMEDY)
    return Source(name, tuple(channels), path, where)
