"""The files of a corpus, found once, and the recordings among them looked up by the alignments' names."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import soundfile

from phonoscope.errors import CorpusError, OutsideCorpusError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_SUFFIXES = {
    "WAV": (".wav", ".wave"),
    "FLAC": (".flac",),
    "OGG": (".ogg", ".oga", ".opus"),
    "NIST": (".sph", ".nist"),
    "AIFF": (".aiff", ".aif", ".aifc"),
    "AU": (".au", ".snd"),
    "MP3": (".mp3",),
    "W64": (".w64",),
    "CAF": (".caf",),
}
AUDIO_READ = "WAV, FLAC, OGG, NIST SPHERE, AIFF, AU and MP3"
"""What is read, for messages."""
_TAIL = 4


@cache
def audio_suffixes() -> frozenset[str]:
    """Return the suffixes of the files that are read as audio, in lower case."""
    there = soundfile.available_formats()  # older libraries do not read MP3
    return frozenset(suffix for kind, suffixes in _SUFFIXES.items() if kind in there for suffix in suffixes)


class Tree:
    """The files of a corpus; see `phonoscope.corpus.source.Tree`.

    Parameters
    ----------
    root
        A folder, or one file of alignments. Hidden files are not looked at, symbolic links are followed. A folder that
        can be reached in several ways counts once, at its real place if that lies in the corpus: links can make no
        endless loop, and no utterance comes twice.
    audio
        A folder of recordings for alignments that lie elsewhere, with all below it; "" for none. From the working
        directory, or else from the root.
    outside
        Whether an alignment may name a recording that lies neither below the root nor below `audio`.

    Raises
    ------
    CorpusError
        A folder is not there or can not be listed.
    """

    def __init__(self, root: Path, audio: str = "", *, outside: bool = False) -> None:
        if not root.exists():
            msg = f"{root}: there is no such folder; name the folder that holds the audio and its alignments."
            raise CorpusError(msg)
        self.root = root
        self.folder = root if root.is_dir() else root.parent
        self.files = tuple(sorted(_files(root), key=_text_of)) if root.is_dir() else (root,)
        self.audio_folder = _audio_folder(audio, self.folder) if audio else None
        self._outside = outside

    @cached_property
    def audio(self) -> tuple[Path, ...]:
        """All recordings: below the root (for a root that is a file: below its folder), then below ``corpus.audio``."""
        here = self.files if self.root.is_dir() else sorted(_files(self.folder, all_of_it=False), key=_text_of)
        found = [path for path in here if _suffix(path) in audio_suffixes()]
        if self.audio_folder is not None:
            known = {path.resolve() for path in found} if _within(self.audio_folder, self.folder) else set()
            more = sorted(_files(self.audio_folder), key=_text_of)
            found += [path for path in more if _suffix(path) in audio_suffixes() and path.resolve() not in known]
        return tuple(found)

    def with_suffix(self, *suffixes: str) -> tuple[Path, ...]:
        """Return the files that have one of some suffixes, such as ".wav"; case does not count."""
        wanted = tuple(suffix.casefold() for suffix in suffixes)
        return tuple(path for path in self.files if path.name.casefold().endswith(wanted) and path.stem)

    def id(self, path: Path) -> str:
        """Return a file's path below the root (or below ``corpus.audio``), without its suffix, in NFC."""
        for folder in (self.folder, self.audio_folder):
            if folder is not None and path.is_relative_to(folder):
                return as_text(path.relative_to(folder).with_suffix("").as_posix())
        return as_text(path.with_suffix("").as_posix())

    def shown(self, path: Path) -> str:
        """Return a file's path below the root, for lists in messages."""
        for folder in (self.folder, self.audio_folder):
            if folder is not None and path.is_relative_to(folder):
                return path.relative_to(folder).as_posix()
        return str(path)

    def audio_of(self, path: Path) -> Path | None:
        """Return the recording that belongs to a file of alignments, or None; see `phonoscope.corpus.source.Tree`."""
        place = path.parent / path.stem
        found = self._only(self._at.get(_text_of(place), ()))
        if found is None and self.audio_folder is not None and path.is_relative_to(self.folder):
            found = self._only(self._at.get(_text_of(self.audio_folder / place.relative_to(self.folder)), ()))
        return found or self._by_name(self.id(path), path)

    def audio_named(self, name: str, beside: Path, where: str = "") -> Path | None:
        """Return the recording that a file of alignments calls `name`, or None; see `phonoscope.corpus.source.Tree`."""
        name = name.strip()
        if not name or "\0" in name:
            return None
        bases = [folder for folder in (beside.parent, self.folder, self.audio_folder) if folder is not None]
        for spelt in dict.fromkeys((name, name.replace("\\", "/"))):
            for base in bases:
                place = os.path.normpath(base / spelt)
                found = self._whole.get(_text_of(place)) or self._only(self._at.get(_text_of(place), ()))
                if found is not None:
                    return found
                if _is_file(place):  # as an absolute path, or "../audio/1.wav"
                    self.check_inside(place, name, beside, where)
                    return Path(place)
        spelt = as_text(name.replace("\\", "/").strip("/"))
        stem, suffix = os.path.splitext(spelt)  # noqa: PTH122 - what is no suffix of audio belongs to the name
        return self._by_name(stem if suffix.casefold() in audio_suffixes() else spelt, beside)

    def check_inside(self, place: str, name: str, beside: Path, where: str = "") -> None:
        """Raise an `OutsideCorpusError` if the path of what is called `name` in `beside` leads out of the corpus."""
        if self._outside:
            return
        spelt = [Path(os.path.abspath(place)), Path(os.path.realpath(place))]  # noqa: PTH100 - links are not followed
        if not any(path.is_relative_to(folder) for path in spelt for folder in self._inside):
            raise OutsideCorpusError(beside, where, name)

    @cached_property
    def _inside(self) -> frozenset[Path]:
        """The folders that alignments may name files in, as they are named and as they really are."""
        folders = [folder for folder in (self.folder, self.audio_folder) if folder is not None]
        return frozenset(Path(form(folder)) for folder in folders for form in (os.path.abspath, os.path.realpath))

    @cached_property
    def _whole(self) -> dict[str, Path]:
        return {_text_of(path): path for path in self.audio}

    @cached_property
    def _at(self) -> dict[str, list[Path]]:
        """The recordings by their paths without the suffix."""
        found: dict[str, list[Path]] = defaultdict(list)
        for path in self.audio:
            found[_text_of(path.parent / path.stem)].append(path)
        return dict(found)

    @cached_property
    def _tails(self) -> dict[str, list[Path]]:
        """The recordings by their names without the suffix, and by the same with up to three folders above it."""
        found: dict[str, list[Path]] = defaultdict(list)
        for path in self.audio:
            parts = self.id(path).split("/")
            for n in range(1, min(len(parts), _TAIL) + 1):
                found["/".join(parts[-n:])].append(path)
        return dict(found)

    def _only(self, these: Sequence[Path]) -> Path | None:
        if len(these) > 1:
            one, two = sorted(path.name for path in these)[:2]
            msg = f"{these[0].parent}: {one!r} and {two!r} have the same name but for the suffix; keep one of them."
            raise CorpusError(msg)
        return these[0] if these else None

    def _by_name(self, name: str, alignment: Path) -> Path | None:
        """Return the recording of the same name; of several the one with most of the folders above it in common.

        A tree of alignments beside a tree of audio has the same folders (``wav/anna/1.wav``, ``aligned/anna/1.ctm``).
        """
        parts = name.split("/")[-_TAIL:]
        tails = ("/".join(parts[i:]) for i in range(len(parts)))
        nearest = next((self._tails[tail] for tail in tails if tail in self._tails), [])
        if len({path.parent for path in nearest}) > 1:
            several = " and ".join(self.shown(path) for path in nearest[:2])
            msg = (
                f"{alignment}: {len(nearest)} recordings could be {parts[-1]!r}: {several}"
                f"{', …' if len(nearest) > 2 else ''}. "  # noqa: PLR2004 (as many as are named)
                "Keep the alignments in the same folders as the audio, or give the recordings names of their own."
            )
            raise CorpusError(msg)
        return self._only(nearest)


def as_text(name: str) -> str:
    """Make a file name a text that any table takes, the same on every system (macOS decomposes accents)."""
    if name.isascii():
        return name
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "replace"))


def _text_of(path: Path | str) -> str:
    return as_text(Path(path).as_posix())


def _suffix(path: Path) -> str:
    return path.suffix.casefold()


def _within(folder: Path, other: Path) -> bool:
    one, two = folder.resolve(), other.resolve()
    return one.is_relative_to(two) or two.is_relative_to(one)


def _audio_folder(name: str, root: Path) -> Path:
    folder = Path(name).expanduser()
    for place in (folder, root / folder):
        if place.is_dir():
            return place
    msg = f"corpus.audio = {name!r}: there is no such folder; name the folder that holds the recordings."
    raise CorpusError(msg)


def _is_file(place: str) -> bool:
    try:
        return Path(place).is_file()
    except (OSError, ValueError):  # a name that is too long
        return False


def _entries(folder: Path) -> Iterable[os.DirEntry[str]]:
    """List a folder without what is hidden, such as the "._x.wav" that macOS leaves on foreign disks."""
    try:
        with os.scandir(folder) as scan:
            return sorted((entry for entry in scan if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        msg = f"{folder}: this folder can not be listed ({error.strerror}); make it readable or move it."
        raise CorpusError(msg) from None


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _files(root: Path, *, all_of_it: bool = True) -> Iterator[Path]:
    """List all files, of real folders before those behind links, so that a folder keeps its real place.

    A folder that can not be listed is an error, or passed over if `all_of_it` is not what was asked for.
    """
    seen: set[tuple[int, int]] = set()
    folders, links = [root], list[Path]()
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        try:
            entries = _entries(folder)
        except CorpusError:
            if all_of_it:
                raise
            continue
        status = folder.stat()
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        for entry in entries:
            path = folder / entry.name
            if _is_dir(entry):
                (links if entry.is_symlink() else folders).append(path)
            elif entry.is_symlink() or entry.is_file():  # a broken link is reported when it is read
                yield path
