"""What has to be the same on every machine that works at a run, so that the numbers do not depend on which one did."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from phonoscope import __version__
from phonoscope.rundir import LIBRARIES

_LIBRARIES = tuple(name for name in LIBRARIES if name != "praat-parselmouth")  # formants are not measured by workers


@lru_cache(maxsize=1)
def likeness() -> dict[str, str]:
    """Return what results depend on in this process: versions of Python and libraries, and phonoscope's own code."""
    found = {"Python": f"{sys.version_info.major}.{sys.version_info.minor}", "phonoscope": __version__}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    found["phonoscope's code"] = _code()
    return found


def difference(mine: dict[str, str], theirs: dict[str, str]) -> str:
    """Say what first differs between here and there; nothing if nothing does."""
    for name, own in mine.items():
        other = theirs.get(name, "none")
        if own != other:
            return f"{name} {other} where this machine has {own}"
    return ""


def place() -> str:
    """Name this process: its machine and number."""
    return f"{socket.gethostname()} (process {os.getpid()})"


def _code() -> str:
    """Return a short fingerprint of all modules: the same version may be in two states while it is worked at."""
    root = Path(__file__).parent
    found = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        found.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:12]
