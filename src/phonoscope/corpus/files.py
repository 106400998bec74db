"""Finding the audio files of a corpus and the TextGrids beside them."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from phonoscope.errors import CorpusError

AUDIO_SUFFIXES = frozenset({".wav", ".wave", ".flac", ".ogg", ".oga"})
TEXTGRID_SUFFIX = ".textgrid"


@dataclass(frozen=True, slots=True)
class Pair:
    """An audio file and its TextGrid.

    Attributes
    ----------
    id
        Path relative to the corpus, without the suffix, "/" between its parts.
    folder
        Name of the folder that holds the two; the corpus's own for a file directly in it.
    """

    id: str
    folder: str
    audio: Path
    textgrid: Path


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder tree holds: pairs in the order of their ids, and audio and TextGrids that stand alone."""

    pairs: tuple[Pair, ...]
    lone_audio: tuple[Path, ...]
    lone_textgrids: tuple[Path, ...]


def find_files(corpus: Path) -> Found:
    """Look through a folder and all below it; hidden files are not looked at, symbolic links are followed.

    A folder that can be reached in several ways counts once, at its real place if that lies in the corpus:
    links can make no endless loop, and no utterance comes twice.

    Raises
    ------
    CorpusError
        The folder is none or can not be listed; it holds no audio, or no audio with a TextGrid; an audio
        file's TextGrid, or a TextGrid's audio, is there twice.
    """
    if not corpus.exists():
        msg = f"{corpus}: there is no such folder; name the folder that holds the audio and the TextGrids."
        raise CorpusError(msg)
    if not corpus.is_dir():
        msg = f"{corpus}: this is a file; name the folder that holds the audio and the TextGrids."
        raise CorpusError(msg)
    audio: dict[str, Path] = {}
    grids: dict[str, Path] = {}
    for path in _files(corpus):
        suffix = path.suffix.lower()
        if suffix in AUDIO_SUFFIXES or suffix == TEXTGRID_SUFFIX:
            _put(grids if suffix == TEXTGRID_SUFFIX else audio, _id(path.relative_to(corpus)), path)
    if not audio:
        msg = f"{corpus}: there is no audio in this folder; what is read are WAV, FLAC and OGG files."
        raise CorpusError(msg)
    name = _text(corpus.resolve().name)
    pairs = tuple(
        Pair(key, key.rpartition("/")[0].rpartition("/")[2] or name, audio[key], grids[key])
        for key in sorted(audio.keys() & grids.keys())
    )
    if not pairs:
        first = min(audio.values())
        msg = (
            f"{corpus}: no audio file has a TextGrid beside it ({first.name} would need "
            f"{first.with_suffix('.TextGrid').name}); put the phones' TextGrids beside the audio."
        )
        raise CorpusError(msg)
    return Found(pairs, _only_in(audio, grids), _only_in(grids, audio))


def _only_in(these: dict[str, Path], others: dict[str, Path]) -> tuple[Path, ...]:
    return tuple(these[key] for key in sorted(these.keys() - others))


def _put(where: dict[str, Path], key: str, path: Path) -> None:
    if key in where:
        one, two = sorted((where[key].name, path.name))
        msg = f"{path.parent}: {one!r} and {two!r} have the same name but for the suffix; keep one of them."
        raise CorpusError(msg)
    where[key] = path


def _files(corpus: Path) -> list[Path]:
    """List all files, of real folders before those behind links, so that a folder keeps its real place."""
    found: list[Path] = []
    seen: set[tuple[int, int]] = set()
    folders, links = [corpus], list[Path]()
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            msg = f"{folder}: this folder can not be listed ({error.strerror}); make it readable or move it."
            raise CorpusError(msg) from None
        for entry in entries:
            if entry.name.startswith("."):  # also the "._x.wav" that macOS leaves on foreign disks: no audio
                continue
            path = folder / entry.name
            if path.is_dir():
                (links if entry.is_symlink() else folders).append(path)
            elif path.is_file() or entry.is_symlink():  # a broken link is reported when it is read
                found.append(path)
    return found


def _id(relative: Path) -> str:
    return _text(relative.with_suffix("").as_posix())


def _text(name: str) -> str:
    """Make a file name a text that any table takes, the same on every system (macOS decomposes accents)."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "replace"))
