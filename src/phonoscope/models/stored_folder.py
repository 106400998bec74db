"""A folder of activations: which file is whose, and whether its folders are layers."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from phonoscope.errors import ModelError
from phonoscope.models.stored_files import SUFFIXES, natural

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_ENDS = 4096  # bytes


def activation_files(folder: Path) -> list[Path]:
    """List the files below a folder that may hold activations, sorted.

    Raises
    ------
    ModelError
        There is none.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not _hidden(path, folder))
    found = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not found:
        kinds = sorted({path.suffix or path.name for path in files})
        there = f"there are {', '.join(kinds[:5])}" if kinds else "it is empty"
        msg = f"{folder}: no activations are in this folder ({there}); store a file an utterance: {', '.join(SUFFIXES)}"
        raise ModelError(msg)
    return found


def files_digest(folder: Path, files: Iterable[Path]) -> str:
    """Return a short fingerprint of files: of their names, sizes, and the first and last 4 KB of each.

    Cheap for many gigabytes, and the activations of another model end otherwise.
    """
    found = hashlib.sha256()
    for path in files:
        size = path.stat().st_size
        found.update(f"{path.relative_to(folder).as_posix()}\n{size}\n".encode())
        with path.open("rb") as file:
            found.update(file.read(_ENDS))
            if size > _ENDS:
                file.seek(max(_ENDS, size - _ENDS))
                found.update(file.read())
    return found.hexdigest()[:16]


def assigned(folder: Path, files: Sequence[Path], utterances: Sequence[str]) -> Mapping[str, Mapping[str, Path]]:
    """Return ``{layer's folder: {utterance: file}}``; the folder is "" where a file holds all layers of its utterance.

    A file belongs to the utterance whose id is its path (in the folder, or in the layer's) without the suffix; else to
    the one whose id ends with its name, if no other file and no other utterance has that.

    Raises
    ------
    ModelError
        An utterance has no file, or several.
    """
    flat = _files_of(folder, files, utterances)
    parts: dict[str, list[Path]] = defaultdict(list)
    for path in files:
        inner = path.relative_to(folder)
        if len(inner.parts) > 1:
            parts[inner.parts[0]].append(path)
    layers = {name: _files_of(folder / name, parts[name], utterances) for name in sorted(parts, key=natural)}
    best = max((len(found) for found in layers.values()), default=0)
    by_path = any(path.with_name(_bare(path)) == folder / utterance for utterance, path in flat.items())
    layered = best > len(flat) or (best == len(flat) > 0 and not by_path)
    # a folder in which no utterance has a file is no layer
    found = {name: inner for name, inner in layers.items() if inner} if layered else {"": flat}
    for name, files_of in found.items():
        missing = [utterance for utterance in utterances if utterance not in files_of]
        if missing:
            more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
            msg = (
                f"{folder / name}: there is no file of activations for utterance {missing[0]}{more}; it has to be "
                f"called {missing[0]}.npy (or {', '.join(list(SUFFIXES)[1:])}), in this folder"
            )
            raise ModelError(msg)
    return found


def _files_of(folder: Path, files: Sequence[Path], utterances: Sequence[str]) -> dict[str, Path]:
    by_id: dict[str, list[Path]] = defaultdict(list)
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for path in files:
        by_id[path.relative_to(folder).with_name(_bare(path)).as_posix()].append(path)
        by_stem[_bare(path)].append(path)
    stems = Counter(_last(utterance) for utterance in utterances)
    found = {}
    for utterance in utterances:
        own = by_id.get(utterance, [])
        if len(own) > 1:
            msg = f"{own[0]} and {own[1].name} are both of utterance {utterance}; remove one of them"
            raise ModelError(msg)
        stem = _last(utterance)
        alike = by_stem.get(stem, []) if stems[stem] == 1 else []
        if own or len(alike) == 1:
            found[utterance] = (own or alike)[0]
    return found


def _last(utterance: str) -> str:
    return utterance.rpartition("/")[2]


def _bare(path: Path) -> str:
    """Return a file's name without the suffix; other dots are the utterance's."""
    return path.name[: -len(path.suffix)]


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)
