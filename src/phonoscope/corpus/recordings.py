"""The recordings of a corpus: their headers, read once each, and which of them are the same."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import TYPE_CHECKING

from phonoscope.errors import AudioError
from phonoscope.signal.audio import AudioInfo, audio_info

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from phonoscope.progress import Progress

_GLANCE = 1 << 12
_BLOCK = 1 << 20


def read_headers(paths: Iterable[Path], *, jobs: int, progress: Progress) -> dict[Path, AudioInfo | AudioError]:
    """Read the header of each recording once; what can not be read gives its error."""

    def one(path: Path) -> AudioInfo | AudioError:
        try:
            return audio_info(path)
        except AudioError as error:
            return error

    found: dict[Path, AudioInfo | AudioError] = {}
    todo = list(dict.fromkeys(paths))
    with (
        progress.bar("reading the audio's headers", len(todo), "recordings") as advance,
        ThreadPoolExecutor(jobs) as pool,
    ):
        for path, info in zip(todo, pool.map(one, todo), strict=True):
            found[path] = info
            advance(1)
    return found


def same_recordings(paths: Iterable[Path]) -> dict[Path, Path]:
    """Find out which files hold the same recording: one file under several names, or several with the same content.

    Links are followed. Of the others only files of the same size are looked into; those that agree in 4 KB from their
    middle are read whole. A file that can not be read is like no other.

    Returns
    -------
    For each path the first one, in the order given, that holds the same.
    """
    todo = list(dict.fromkeys(paths))
    files: dict[tuple[int, int], Path] = {}  # by device and inode
    sizes: dict[int, list[Path]] = defaultdict(list)
    first: dict[Path, Path] = {}
    for path in todo:
        try:
            status = path.stat()
        except OSError:
            first[path] = path
            continue
        first[path] = files.setdefault((status.st_dev, status.st_ino), path)
        if first[path] is path:
            sizes[status.st_size].append(path)
    for group in sizes.values():
        for alike in _alike(group, _glance):
            for same in _alike(alike, _content):
                first.update(dict.fromkeys(same, same[0]))
    return {path: first[first[path]] for path in todo}


def _alike(paths: Sequence[Path], look: Callable[[Path], bytes | None]) -> list[list[Path]]:
    """Return the groups of several paths that look the same, in order."""
    if len(paths) == 1:
        return []
    groups: dict[bytes, list[Path]] = defaultdict(list)
    for path in paths:
        seen = look(path)
        if seen is not None:
            groups[seen].append(path)
    return [group for group in groups.values() if len(group) > 1]


def _glance(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _GLANCE) // 2)
            return blake2b(file.read(_GLANCE)).digest()
    except OSError:
        return None


def _content(path: Path) -> bytes | None:
    seen = blake2b()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                seen.update(block)
    except OSError:
        return None
    return seen.digest()
