"""Files of a folder that a task on another machine needs, and those that it makes there.

Where the other machine sees the same files under the same path, it works in the folder itself. Otherwise the files are
sent, it works in a temporary folder, and what it has made there is sent back.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from phonoscope.files import written_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    Entry = tuple[str, int, int]


@dataclass(frozen=True)
class Lent:
    """Some files of a folder, as they are now.

    Attributes
    ----------
    root
        The folder.
    files
        Of each its path in the folder, its bytes, and when it was changed, in ns.
    """

    root: Path
    files: tuple[Entry, ...]

    @classmethod
    def of(cls, root: Path, patterns: Iterable[str]) -> Lent:
        """Lend the files of a folder that match patterns, of which some may match nothing."""
        root = root.resolve()
        found = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
        return cls(root, tuple(_entry(root, path) for path in sorted(found)))

    def seen(self) -> bool:
        """Tell whether this machine sees the same files here, and may write beside them."""
        try:
            return os.access(self.root, os.W_OK) and all(
                _entry(self.root, self.root / entry[0]) == entry for entry in self.files
            )
        except OSError:
            return False

    def read(self, name: str) -> bytes:
        """Return what a file holds."""
        return (self.root / name).read_bytes()


def _entry(root: Path, path: Path) -> Entry:
    about = path.stat()
    return path.relative_to(root).as_posix(), about.st_size, about.st_mtime_ns


def unpack(lent: Lent, contents: Sequence[bytes], folder: Path) -> Lent:
    """Write the files that were sent into another folder, and return how they stand there."""
    for (name, _, _), content in zip(lent.files, contents, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return Lent.of(folder, ["**/*"])


def made_since(before: Lent) -> dict[str, bytes]:
    """Return the files of a folder that were made or changed since."""
    now = Lent.of(before.root, ["**/*"])
    return {entry[0]: now.read(entry[0]) for entry in now.files if entry not in before.files}


def keep(root: Path, made: Mapping[str, bytes]) -> None:
    """Write files that were made elsewhere, all of them whole or none."""
    paths = [root / name for name in made]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(paths) as temporary:
        for path, content in zip(temporary, made.values(), strict=True):
            path.write_bytes(content)
