"""Label files: ``.lab`` of HTK, HTS, Julius and Festival, and HTK's Master Label Files."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from phonoscope.corpus.formats.htk_labels import is_timed, is_xlabel, phones_of, xlabels_of
from phonoscope.corpus.formats.mlf import HEAD, entries, short_names
from phonoscope.corpus.formats.text import decoded, read_text
from phonoscope.corpus.source import Listing, Spoken, Unit
from phonoscope.corpus.tree import audio_suffixes
from phonoscope.errors import CorpusError, FormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from phonoscope.corpus.source import Tree
    from phonoscope.settings import CorpusSettings

_START = 4096
_LOOKED_AT = 20
"""Folders whose first files are looked at to recognise the format."""
_FIRST = 3
"""Files of a folder that are looked at: the first may be empty or broken."""
_PREFERRED = ("mono", "monophone", "monophones", "phone", "phones", "phn", "label_phone_align", "full", "fullcontext")
"""Folders of which one is read where an utterance has several label files, in this order."""


class Lab:
    """Finds and reads label files with times; word transcripts, as the Montreal Forced Aligner reads them, are none."""

    name = "lab"
    title = "HTK label files"

    def recognises(self, tree: Tree) -> bool:
        """Tell whether there is a label file with times among the first of a folder, or in a Master Label File."""
        folders = list(_by_folder(tree.with_suffix(".lab")).values())[:_LOOKED_AT]
        return any(map(_is_mlf, tree.with_suffix(".mlf")[:_LOOKED_AT])) or any(map(_are_labs, folders))

    def listing(self, tree: Tree, settings: CorpusSettings) -> Listing:
        """List the files; a folder whose first label files have no times is left out.

        Of several label files for one recording, as HTS has them, those in a folder ``mono`` are read.

        Raises
        ------
        CorpusError
            There is no label file with times.
        """
        del settings
        warnings = []
        folders = _by_folder(tree.with_suffix(".lab"))
        timed = {folder for folder, files in folders.items() if _are_labs(files)}
        labs = [path for folder, files in folders.items() if folder in timed for path in files]
        mlfs = [path for path in tree.with_suffix(".mlf") if _is_mlf(path)]
        if not labs and not mlfs:
            msg = f"{tree.root}: there is no .lab or .mlf file with times; name the folder that holds them."
            raise CorpusError(msg)
        if len(timed) < len(folders):
            first = next(folder for folder in folders if folder not in timed)
            more = len(folders) - len(timed) - 1
            others = f" and of {more:,} other {'folders' if more > 1 else 'folder'}" if more else ""
            warnings.append(f"The .lab files of {first}{others} hold no times: not used.")
        audio = {path: tree.audio_of(path) for path in labs}
        kept = _preferred(tree, audio)
        if len(kept) < len(labs):
            n = len(labs) - len(kept)
            warnings.append(f"{n:,} label files are left out: another folder has those of the same recordings.")
        units = [Unit(path, partial(_read_lab, path, tree.id(path), audio[path])) for path in kept]
        units += [_master(tree, path) for path in mlfs]
        return Listing(tuple(units), tuple(warnings))


def _by_folder(files: Iterable[Path]) -> dict[Path, list[Path]]:
    found: dict[Path, list[Path]] = {}
    for path in files:
        found.setdefault(path.parent, []).append(path)
    return found


def _start(path: Path) -> list[str]:
    """Return a file's first lines; the last one may be cut."""
    try:
        with path.open("rb") as file:
            return decoded(path, file.read(_START)).split("\n")
    except (OSError, FormatError):
        return []


def _are_labs(files: Sequence[Path]) -> bool:
    return any(map(_is_lab, files[:_FIRST]))


def _is_lab(path: Path) -> bool:
    lines = _start(path)
    return is_timed(next((line for line in lines if line.strip()), "")) or is_xlabel(lines)


def _is_mlf(path: Path) -> bool:
    """Tell whether the first label has times."""
    lines = [line.strip() for line in _start(path)]
    labels = (line for line in lines[1:] if line not in {"", "."} and not line.startswith(('"', "'")))
    return lines[:1] == [HEAD] and is_timed(next(labels, ""))


def _preferred(tree: Tree, audio: dict[Path, Path | None]) -> list[Path]:
    """Leave out label files of a recording for which there are some in a folder with a better name."""
    of: dict[Path, list[Path]] = {}
    for path, recording in audio.items():
        if recording is not None:
            of.setdefault(recording, []).append(path)
    left: set[Path] = set()
    for files in of.values():
        ranks = [_rank(tree, path) for path in files]
        left.update(path for path, rank in zip(files, ranks, strict=True) if rank > min(ranks))
    return [path for path in audio if path not in left]


def _rank(tree: Tree, path: Path) -> int:
    folders = tree.id(path).lower().split("/")[:-1]
    return next((i for i, name in enumerate(_PREFERRED) if name in folders), len(_PREFERRED))


def _read_lab(path: Path, name: str, audio: Path | None) -> Iterator[Spoken]:
    lines = list(enumerate(read_text(path).split("\n"), 1))
    first = next((text for _, text in lines if text.strip()), "")
    if not is_timed(first) and is_xlabel(text for _, text in lines):
        intervals = xlabels_of(path, lines)
    else:
        intervals = phones_of(path, lines)
    yield Spoken(name, "", audio, intervals, path)


def _master(tree: Tree, path: Path) -> Unit:
    """Look a Master Label File through for the names in it, and find their recordings.

    What is broken in it is told when it is read.
    """
    named: list[tuple[str, int]] = []
    with contextlib.suppress(FormatError):  # the names above what is broken are kept
        named.extend((entry.name, entry.number) for entry in entries(path))
    above = tree.id(path).rpartition("/")[0]
    known = []
    for short, (_, line) in zip(short_names([name for name, _ in named]), named, strict=True):
        audio = tree.audio_named(short, path, f"line {line}")
        if audio is not None and audio.suffix.lower() not in audio_suffixes():  # a file of just this name
            audio = tree.audio_of(path.parent / f"{short}.lab")
        known.append((f"{above}/{short}" if above else short, audio))
    return Unit(path, partial(_read_master, path, known))


def _read_master(path: Path, known: Sequence[tuple[str, Path | None]]) -> Iterator[Spoken | Exception]:
    for entry, (name, audio) in zip(entries(path), known, strict=False):
        where = f"line {entry.number}"
        if "*" in name or "?" in name:
            yield FormatError(path, where, f"{entry.name[:60]!r} stands for several label files, so that none is known")
            continue
        try:
            intervals = phones_of(path, entry.lines or [(entry.number, "")])
        except FormatError as error:
            yield error
            continue
        yield Spoken(name, "", audio, intervals, path, where)


FORMAT = Lab()
