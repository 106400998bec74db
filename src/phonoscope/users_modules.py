"""Modules of the user's, which a model may come from: other processes have to find the same ones.

What is pickled names the module of a class or function, and does not hold it. So a process that unpickles it looks for
modules where the sender does, and sees that those it has found are the sender's: a worker may lie in a folder with an
older copy, or have imported a module before it was changed.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import site
import sys
import sysconfig
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

_READ: WeakKeyDictionary[ModuleType, tuple[object, str]] = WeakKeyDictionary()


class Modules(NamedTuple):
    """The modules of a process that are not of its environment.

    Attributes
    ----------
    places
        The folders in which they are looked for, in order.
    files
        A fingerprint of each one's file, by the module's name.
    """

    places: tuple[str, ...]
    files: dict[str, str]


NONE = Modules((), {})


def users_modules() -> Modules:
    """Return the modules that this process has imported from folders of the user's."""
    there = [place for place in map(_absolute, sys.path) if Path(place).is_dir()]
    installed = (*_environment(), *(place for place in there if _has_distributions(place)))
    places = tuple(place for place in there if not _within(place, installed))
    files = {}
    for name, module in list(sys.modules.items()):
        # phonoscope is looked at as a whole, and what is in __main__ is sent itself
        if isinstance(module, ModuleType) and name.partition(".")[0] not in ("phonoscope", "__main__", "__mp_main__"):
            path = _file(module)
            if path and _within(path, places) and not _within(path, installed):
                files[name] = _fingerprint(module)
    return Modules(places, files)


def look_for(modules: Modules) -> None:
    """Look for modules where another process does; forget those that are here in another state."""
    seen = [place for place in modules.places if Path(place).is_dir()]
    sys.path[:] = [*seen, *(place for place in sys.path if place not in seen)]
    importlib.invalidate_caches()
    if other(modules) is not None:  # those that are the same may have imported it
        for name in modules.files:
            sys.modules.pop(name, None)


def other(modules: Modules) -> str | None:
    """Return the path of the first module that is imported here and is not that of another process."""
    for name, expected in modules.files.items():
        module = sys.modules.get(name)
        if module is not None and _fingerprint(module) != expected:
            return _file(module) or name
    return None


def _file(module: ModuleType) -> str:
    path: Any = vars(module).get("__file__")  # to ask a module that is loaded lazily would load it
    return _absolute(path) if isinstance(path, str) else ""


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


def _fingerprint(module: ModuleType) -> str:
    """Return that of a module's file as it was when first asked for: it may change without being imported again."""
    spec = vars(module).get("__spec__")  # another one if it was reloaded
    if module not in _READ or _READ[module][0] is not spec:
        try:
            content = Path(_file(module)).read_bytes()
        except OSError:
            content = b""
        _READ[module] = spec, hashlib.sha256(content).hexdigest()[:16]
    return _READ[module][1]


def _within(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(folder.rstrip(os.sep) + os.sep) for folder in folders)


def _has_distributions(folder: str) -> bool:
    """Tell whether packages are installed in a folder: some machines name such by PYTHONPATH."""
    try:
        return any(entry.suffix == ".dist-info" for entry in Path(folder).iterdir())
    except OSError:
        return False


@lru_cache(maxsize=1)
def _environment() -> tuple[str, ...]:
    """Return the folders of Python's own modules and of packages that are installed."""
    own = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    found = [*own, *site.getsitepackages(), site.getusersitepackages()]
    return tuple({function(path) for path in found for function in (os.path.abspath, os.path.realpath)})
