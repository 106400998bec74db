"""What the stages of a run have written: size and checksum of every file, so that damage is noticed."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from safetensors import SafetensorError, safe_open

from phonoscope.errors import RunDirectoryError
from phonoscope.files import write_text
from phonoscope.stages import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from phonoscope.progress import Progress

    Entry = tuple[int, int, str]  # bytes, time of the last change in ns, checksum

FILES = "files.json"
# people open these, and may have saved what they noted there
_EDITABLE = (".csv", ".json", ".html", ".svg", ".txt")


class Manifest:
    """The record of a run's files, by stage; kept in `files.json`.

    A file whose size and time of change are those of the record is taken to be unchanged; else its checksum decides.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._of: dict[str, str] = {}
        self._files: dict[str, dict[str, Entry]] = {}
        try:
            content = json.loads((folder / FILES).read_text(encoding="utf-8"))
            for stage, told in content.items():
                self._of[stage] = str(told["of"])
                self._files[stage] = {name: (int(a), int(b), str(c)) for name, (a, b, c) in told["files"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):  # it is a help, and can be made again
            self._of, self._files = {}, {}

    def note(self, stages: Iterable[str], of: str = "") -> None:
        """Record the files of stages that are done; `of` is what else tells them from others."""
        for stage in stages:
            known = self._files.get(stage, {})
            self._of[stage] = of
            self._files[stage] = {name: _entry(path, known.get(name)) for name, path in self._there(stage)}
        self._write()

    def drop(self, stages: Iterable[str]) -> None:
        """Record of some stages that they are not done."""
        known = [stage for stage in stages if stage in self._files]
        for stage in known:
            del self._of[stage], self._files[stage]
        if known:
            self._write()

    def knows(self, stage: str) -> bool:
        """Tell whether a stage is recorded."""
        return stage in self._of

    def complete(self, stage: str, of: str = "") -> bool:
        """Tell whether a stage is recorded, and all of its files are there."""
        return self._of.get(stage) == of and self.whole([stage])

    def whole(self, stages: Iterable[str] = tuple(STAGES)) -> bool:
        """Tell whether no file is missing that is recorded of some stages."""
        return all((self._folder / name).exists() for stage in stages for name in self._files.get(stage, {}))

    def digest(self, stage: str, name: str) -> str:
        """Return the checksum that is recorded of a file, or nothing."""
        return self._files.get(stage, {}).get(name, (0, 0, ""))[2]

    def mend(self, progress: Progress, stages: Iterable[str] = tuple(STAGES)) -> None:
        """Look for damaged files; warn of each and remove it, so that it is made again.

        What people may have written something into is kept under another name. Where a file of a stage is missing that
        does not look at all of its files, the one that it looks at is removed too.

        Raises
        ------
        RunDirectoryError
            The recogniser is damaged: to train it again takes long, and the user shall say so.
        """
        for stage in stages:
            known = self._files.get(stage, {})
            for name, path in self._there(stage):
                problem = _changed(path, known[name]) if name in known else _unsound(path)
                if problem is None:
                    continue
                if stage == "recogniser":
                    msg = (
                        f"{path}: {problem}; put the file back, or delete it and give the same command: the recogniser "
                        "is trained again, and what follows from it is made again"
                    )
                    raise RunDirectoryError(msg)
                kept = path.suffix in _EDITABLE and path.stat().st_size > 0
                aside = path.with_name(f"{path.name}.changed")
                if kept:
                    path.replace(aside)
                else:
                    path.unlink()
                where = f", and what was there is kept as {aside.name}" if kept else ""
                progress.warn(f"{path}: {problem}; it is made again{where}")
            marker = STAGES[stage].marker
            if marker and not self.whole([stage]):
                (self._folder / marker).unlink(missing_ok=True)

    def _there(self, stage: str) -> Iterator[tuple[str, Path]]:
        for pattern in STAGES[stage].files:
            for path in sorted(self._folder.glob(pattern)):
                if not path.name.startswith("."):
                    yield path.relative_to(self._folder).as_posix(), path

    def _write(self) -> None:
        content = {stage: {"of": self._of[stage], "files": self._files[stage]} for stage in STAGES if stage in self._of}
        write_text(self._folder / FILES, json.dumps(content, indent=1) + "\n")


def _entry(path: Path, known: Entry | None = None) -> Entry:
    status = path.stat()
    if known is not None and known[:2] == (status.st_size, status.st_mtime_ns):
        return known
    return status.st_size, status.st_mtime_ns, checksum(path)


def checksum(path: Path) -> str:
    """Return the checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _changed(path: Path, known: Entry) -> str | None:
    """Say in what a file is not as it was recorded."""
    size = path.stat().st_size
    if size != known[0]:
        return f"is not as it was written ({size:,} bytes long instead of {known[0]:,})"
    return None if _entry(path, known)[2] == known[2] else "is not as it was written (its checksum is another)"


def _unsound(path: Path) -> str | None:
    """Say what is wrong with a file of which there is no record; what can be seen without reading all of it."""
    try:
        if path.suffix == ".npy":
            np.load(path, mmap_mode="r", allow_pickle=False)
        elif path.suffix == ".parquet":
            pl.scan_parquet(path, glob=False).collect_schema()
        elif path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".safetensors":
            with safe_open(path, "np"):
                pass
        elif path.stat().st_size == 0 and path.name != "warnings.txt":
            return "is empty"
    except (OSError, ValueError, EOFError, SafetensorError, pl.exceptions.PolarsError) as error:
        return f"is damaged ({(str(error) or type(error).__name__).splitlines()[0]})"
    return None
