"""The run directory: who it belongs to, and its files."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import tempfile
import tomllib
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import tomli_w

from phonoscope import __version__
from phonoscope.errors import PhonoscopeError, RunDirectoryError
from phonoscope.files import write_text
from phonoscope.locking import LOCK
from phonoscope.manifest import FILES
from phonoscope.settings import Settings
from phonoscope.stages import STAGES, first_stages, listed, with_what_follows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from phonoscope.manifest import Manifest

_CONFIG = "config.toml"
# what a run writes, and so what --overwrite may remove: nothing else in the folder is touched
_OWN = (_CONFIG, FILES, *(pattern for stage in STAGES.values() for pattern in (*stage.files, *stage.scratch)))
# of a process that was killed while it wrote: see `phonoscope.files.written_whole`
_LEFT_OVER = re.compile(r"\.(?P<stem>.+)\.\d+(?P<suffix>\.\w+)")
LIBRARIES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "numba",
    "openTSNE",
    "pynndescent",
    "torch",
    "kaldi-native-fbank",
    "soundfile",
    "soxr",
    "praat-parselmouth",
    "transformers",
)


@dataclass(frozen=True)
class Claim:
    """What a run finds in its directory.

    Attributes
    ----------
    continued
        Whether there is an earlier run to go on from.
    changed
        The settings that it had otherwise.
    stale
        The stages of it that have to be done again.
    """

    continued: bool
    changed: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()


@contextmanager
def prepared(out: Path) -> Iterator[None]:
    """Make the run directory, and see that it can be written; if nothing was put into it in the end, it goes again.

    Raises
    ------
    RunDirectoryError
        It can not.
    """
    made: list[Path] = []
    try:
        try:
            if out.exists() and not out.is_dir():
                msg = f"{out}: this is a file; name a folder for the run with --out"
                raise RunDirectoryError(msg)
            made = [folder for folder in (out, *out.parents) if not folder.exists()]
            out.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=out):
                pass  # better to know now than after an hour of training
        except OSError as error:
            msg = f"{out}: the folder can not be made, read or written ({error.strerror}); name another with --out"
            raise RunDirectoryError(msg) from None
        yield
    finally:
        with suppress(OSError):  # the first that holds something stays, and with it those above
            for folder in made:
                folder.rmdir()


def claim(
    out: Path, settings: Settings, corpus: str, *, overwrite: bool, about: Mapping[str, str | int] | None = None
) -> Claim:
    """See whether a run directory can be used, and what is there already; `record` then marks it as this run's.

    Parameters
    ----------
    out
        The directory.
    settings, corpus
        What is to be run; a run with the same two goes on from what is there.
    about
        What tells the model that is probed from others; None for a run that trains its own.
    overwrite
        Take a run with others for granted; what of it has to go is removed once the new one can start.

    Raises
    ------
    RunDirectoryError
        The directory holds something that is not a run, or a run with other settings.
    """
    names = sorted(entry.name for entry in out.iterdir() if entry.name != LOCK)
    if _CONFIG not in names:
        own = {path.name for path in left_over(out)}
        others = [name for name in names if name not in own]
        if others:
            msg = f"{out}: holds other files ({others[0]}, …) and no run; name an empty or a new folder with --out"
            raise RunDirectoryError(msg)
        return Claim(continued=False)
    try:
        there, told = read_config(out)
    except RunDirectoryError:
        if not overwrite:
            raise
        return Claim(continued=False)
    different = _difference(told, corpus, about or {})
    before = dict(there.flat())
    now = dict(settings.flat())
    changed = tuple(name for name, value in now.items() if value != before[name])
    if different is None and not changed:
        return Claim(continued=True)
    first = first_stages(changed)
    everything = different is not None or "corpus" in first
    if overwrite:
        stale = () if everything else (*with_what_follows(first),)
        return Claim(not everything, changed, stale)
    what = different or (
        f"setting {changed[0]} ({there.worded(changed[0])}) than asked for ({settings.worded(changed[0])})"
    )
    more = "" if different or len(changed) == 1 else f", and {len(changed) - 1} more"
    again = "everything again" if everything else f"{listed(first)} and what follows again, and keeps the rest"
    msg = (
        f"{out}: holds a run with another {what}{more}; name another folder with --out, or give --overwrite, which "
        f"does {again}"
    )
    raise RunDirectoryError(msg)


def record(out: Path, settings: Settings, corpus: str, jobs: int, about: Mapping[str, str | int] | None = None) -> None:
    """Write `config.toml`: all settings, and under ``[run]`` the corpus, model, threads, versions and the machine.

    With these a checksum of the settings, by which `read_config` notices that the file was edited.
    """
    nested = _nested(settings)
    circumstances = {"jobs": jobs, **(about or {}), "settings": _checksum(nested), **_circumstances(corpus)}
    write_text(out / _CONFIG, tomli_w.dumps({**nested, "run": circumstances}))


def read_config(out: Path) -> tuple[Settings, dict[str, Any]]:
    """Return the settings of a run and its ``[run]`` table: corpus, versions, machine.

    Raises
    ------
    RunDirectoryError
        The folder holds no run, or its `config.toml` is broken, or its settings were edited: the numbers are not
        theirs.
    """
    path = out / _CONFIG
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        about = content.pop("run")
        settings = Settings().changed(content, where=str(path))
        edited = about.get("settings", _checksum(content)) != _checksum(content)
    except OSError:
        msg = f"{out}: holds no run (there is no {_CONFIG})"
        raise RunDirectoryError(msg) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, PhonoscopeError) as error:
        msg = f"{path}: is broken ({error}); give --overwrite to start anew"
        raise RunDirectoryError(msg) from None
    if edited:
        msg = (
            f"{path}: its settings were edited after the run had begun, and are not those of its numbers; put the file "
            f"back, or give --overwrite to start anew"
        )
        raise RunDirectoryError(msg)
    return settings, about


def _checksum(nested: Mapping[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(nested, sort_keys=True).encode(), digest_size=16).hexdigest()


def _difference(about: Mapping[str, Any], corpus: str, model: Mapping[str, str | int]) -> str | None:
    """Name the first thing but the settings in which a run differs from what is asked for now."""
    compared = {
        f"corpus ({about.get('corpus')})": (about.get("corpus"), corpus),
        f"model ({about.get('model', 'a recogniser of its own')})": (about.get("model"), model.get("model")),
        f"state of the model {about.get('model')}": (about.get("weights"), model.get("weights")),
        f"adapter of the model ({about.get('adapter')})": (about.get("adapter"), model.get("adapter")),
        f"version of phonoscope ({about.get('phonoscope')})": (about.get("phonoscope"), __version__),
    }
    for what, (old, new) in compared.items():
        if old != new:
            return what
    return None


def clear(out: Path) -> None:
    """Remove the files of a run, and its folders where nothing else is in them."""
    _remove(out, _OWN)


def remove_stages(out: Path, stages: Collection[str], files: Manifest) -> None:
    """Remove the files of some stages and the record of them; what is made last goes first.

    Interrupted, it leaves no stage whose material is gone already.
    """
    files.drop(stages)
    for name in reversed(STAGES):
        if name in stages:
            _remove(out, (*STAGES[name].files, *STAGES[name].scratch))


def left_over(out: Path) -> list[Path]:
    """List the unfinished files of processes that were killed."""
    found = []
    for folder in {out, *(out / pattern.split("/")[0] for pattern in _OWN if "/" in pattern)}:
        for path in folder.glob(".*"):
            match = _LEFT_OVER.fullmatch(path.name)
            name = path.with_name(f"{match['stem']}{match['suffix']}").relative_to(out) if match else None
            if name is not None and any(name.match(pattern) for pattern in _OWN):
                found.append(path)
    return found


def _remove(out: Path, patterns: Collection[str]) -> None:
    for pattern in patterns:
        for path in out.glob(pattern):
            path.unlink()
    for folder in {out / pattern.split("/")[0] for pattern in patterns if "/" in pattern}:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _nested(settings: Settings) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in settings.flat():
        stage, _, key = name.rpartition(".")
        (nested.setdefault(stage, {}) if stage else nested)[key] = value
    return nested


def _circumstances(corpus: str) -> dict[str, Any]:
    return {
        "corpus": corpus,
        "phonoscope": __version__,
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES if _installed(name)},
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "processor": _processor(),
            "cores": os.cpu_count() or 0,
        },
    }


def _installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:  # Praat is optional
        return False


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 - a device, not a user's path
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
