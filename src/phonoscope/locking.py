"""One process at a time in a run's folder."""

from __future__ import annotations

import os
import platform
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from phonoscope.errors import RunDirectoryError

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from phonoscope.progress import Progress

LOCK = "run.lock"


@contextmanager
def sole_use(folder: Path, progress: Progress) -> Iterator[None]:
    """Keep other processes of phonoscope out of a folder.

    The kernel frees the lock when a process ends, however it ends: what a killed one leaves behind is a file that holds
    nothing. Where the file system has no locks, that is said, and the user has to see to it.

    Raises
    ------
    RunDirectoryError
        Another process is at work there.
    """
    path = folder / LOCK
    try:
        file = _locked(path)
    except BlockingIOError:
        msg = f"{folder}: another phonoscope is at work in this folder ({_holder(path)}); wait until it has ended"
        raise RunDirectoryError(msg) from None
    except OSError as error:
        progress.warn(f"{folder}: can not be locked ({error.strerror}); see to it that no second run writes there")
        yield
        return
    try:
        with suppress(OSError):  # of a full disk
            os.truncate(file, 0)
            started = time.strftime("%Y-%m-%d %H:%M:%S")
            os.write(file, f"process {os.getpid()} on {platform.node()}, since {started}".encode())
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # while it is still locked: see `_locked`
        os.close(file)


def _locked(path: Path) -> int:
    """Open a file and lock it; one that its last owner removed in between is no lock, and is made again."""
    if sys.platform == "win32":
        raise OSError(0, "there is no flock on this system")
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(path.stat(), os.fstat(file)):
                return file
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") or "it has just begun"
    except OSError:
        return "it has just ended"
