"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from phonoscope.errors import DiskFullError
from phonoscope.formulas import guarded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    Mapped = np.memmap[tuple[int, ...], np.dtype[np.float32]]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ROW_GROUP = 1 << 18  # rows of a table that are written together
_NO_ALLOCATION = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


@contextmanager
def written_whole(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Give temporary names beside `paths`, and rename them when the block ends without an error.

    After an error the temporary files are removed and what stood under the names is untouched. What a file holds is on
    the disk before it gets its name: after a power cut there is no empty file that looks like a result.
    """
    temporary = [path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}") for path in paths]
    try:
        yield temporary
        for source in temporary:
            with source.open("r+b") as file:
                os.fsync(file.fileno())
        for source, target in zip(temporary, paths, strict=True):
            source.replace(target)
    finally:
        for source in temporary:
            source.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with written_whole([path]) as (temporary,):
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_frame(frame: pl.DataFrame, path: Path) -> None:
    """Write a table as CSV or Parquet, as the name says, whole or not at all; no cell of a CSV calls anything."""
    with written_whole([path]) as (temporary,):
        if path.suffix == ".parquet":
            frame.write_parquet(temporary)
        else:
            guarded(frame).write_csv(temporary)


def write_frames(frames: Iterable[pl.DataFrame], path: Path) -> None:
    """Write tables, at least one, below each other into one Parquet file, whole or not at all.

    They are taken as they are written, so that not all of them are in memory. The same tables give the same bytes.
    """
    waiting = iter(frames)
    first = next(waiting)

    def given(*_wanted: object) -> Iterator[pl.DataFrame]:
        yield first
        yield from waiting

    with written_whole([path]) as (temporary,):
        register_io_source(given, schema=first.schema).sink_parquet(temporary, row_group_size=_ROW_GROUP)


def open_arrays(paths: Sequence[Path], shapes: Sequence[tuple[int, ...]]) -> list[Mapped]:
    """Make ``.npy`` files of float32 and map them for writing, all of their room reserved.

    A mapped file without room would end the process when it is written to, without a word.

    Raises
    ------
    OSError
        There is no room; `strerror` says how much is needed.
    """
    size = sum(4 * int(np.prod(shape)) for shape in shapes)
    try:
        arrays = []
        for path, shape in zip(paths, shapes, strict=True):
            arrays.append(np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape))
            if hasattr(os, "posix_fallocate"):
                with path.open("r+b") as file:
                    _reserve(file.fileno(), path.stat().st_size)
    except OSError as error:
        raise OSError(error.errno, f"{os.strerror(error.errno or 0)}; {size / 1e6:,.1f} MB are needed") from None
    return arrays


def unnamed_array(shape: tuple[int, ...], dtype: np.dtype[Any], folder: Path | None) -> np.ndarray[Any, Any]:
    """Map an array from a file without a name, which is gone when nobody needs it any more.

    Parameters
    ----------
    shape, dtype
        Of the array; the numbers are 0.
    folder
        Where the disk has the room; the folder of temporary files if None, or if nothing may be written there.

    Raises
    ------
    OSError
        There is no room.
    """
    if folder is not None and not os.access(folder, os.W_OK):
        folder = None
    with TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):
            _reserve(file.fileno(), dtype.itemsize * int(np.prod(shape)))
        return np.memmap(file, dtype, "r+" if os.fstat(file.fileno()).st_size else "w+", shape=shape)


def _reserve(file: int, size: int) -> None:
    try:
        os.posix_fallocate(file, 0, size)
    except OSError as error:
        if error.errno not in _NO_ALLOCATION:  # some file systems can not
            raise


def disk_is_full(error: BaseException) -> bool:
    """Tell whether an error means that there is no room for a file, or that it would be larger than it may be."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    # polars tells the number in words, and numpy only how far it came
    text = str(error)
    return any(f"(os error {number})" in text for number in _FULL) or (
        isinstance(error, OSError) and " requested and " in text and text.endswith(" written")
    )


@contextmanager
def full_disk_named(folder: Path, stage: str) -> Iterator[None]:
    """Say it in one sentence where there is no room for what a stage writes into a folder.

    Raises
    ------
    DiskFullError
        There is none.
    """
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        if not disk_is_full(error):
            raise
        detail = getattr(error, "strerror", None) or os.strerror(errno.ENOSPC)
        raise DiskFullError(folder, stage, detail, shutil.disk_usage(folder).free) from None
