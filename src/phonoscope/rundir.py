"""The run directory: who it belongs to, and its files."""

from __future__ import annotations

import os
import platform
import tempfile
import tomllib
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import tomli_w

from phonoscope import __version__
from phonoscope.errors import PhonoscopeError, RunDirectoryError
from phonoscope.files import write_text
from phonoscope.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_CONFIG = "config.toml"
# what a run writes, and so what --overwrite may remove: nothing else in the folder is touched
_OWN = (
    _CONFIG,
    "corpus.parquet",
    "labels.csv",
    "notation.json",
    "warnings.txt",
    "formants.csv",
    "features/static.f32",
    "features/index.npz",
    "features/.static.*",
    "features/.index.*",
    "model.safetensors",
    "checkpoint.safetensors",
    ".checkpoint.*",
    "training.csv",
    "panel.parquet",
    "panel.csv",
    "activations/*.npy",
    "activations/layers.json",
    "activations/times.json",
    "embeddings/*.npy",
    "embeddings/*.json",
    "clusters.parquet",
    "scores.csv",
    "per_phone.csv",
    "sweep.parquet",
    "selection.csv",
    "measures.csv",
    "replicates.parquet",
    "outcomes.parquet",
    "tests.csv",
    "classes.json",
    "classes.csv",
    "organisation.csv",
    "filters.csv",
    "psi/*.npy",
    "psi/phones.json",
    "units.parquet",
    "units.csv",
    "unit_features.csv",
    "unit_responses.csv",
    "analogies.csv",
    "analogies.parquet",
    "linear.csv",
    "linear_layers.csv",
    "speakers.csv",
    "panel_size.csv",
    "figures/figure[1-4]*.svg",
    "report.html",
)
_LIBRARIES = (
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


def claim(
    out: Path, settings: Settings, corpus: str, *, overwrite: bool, about: Mapping[str, str | int] | None = None
) -> bool:
    """Make the run directory and see that it can be used; `record` then marks it as this run's.

    Parameters
    ----------
    out
        The directory; made if it is not there.
    settings, corpus
        What is to be run; a run with the same two goes on from what is there.
    about
        What tells the model that is probed from others; None for a run that trains its own.
    overwrite
        Take a run with others for granted; `clear` removes it once the new one can start.

    Returns
    -------
    Whether an earlier run with the same settings is continued.

    Raises
    ------
    RunDirectoryError
        The directory can not be written, holds something that is not a run, or a run with other settings.
    """
    if out.exists() and not out.is_dir():
        msg = f"{out}: this is a file; name a folder for the run with --out"
        raise RunDirectoryError(msg)
    try:
        out.mkdir(parents=True, exist_ok=True)
        names = sorted(entry.name for entry in out.iterdir())
        with tempfile.TemporaryFile(dir=out):
            pass  # better to know now than after an hour of training
    except OSError as error:
        msg = f"{out}: the folder can not be made, read or written ({error.strerror}); name another with --out"
        raise RunDirectoryError(msg) from None
    if _CONFIG in names:
        different = _difference(out / _CONFIG, settings, corpus, about or {})
        if not different:
            return True
        if not overwrite:
            msg = f"{out}: holds a run with another {different}; name another folder with --out, or give --overwrite"
            raise RunDirectoryError(msg)
    elif names:
        msg = f"{out}: holds other files ({names[0]}, …) and no run; name an empty or a new folder with --out"
        raise RunDirectoryError(msg)
    return False


def record(out: Path, settings: Settings, corpus: str, jobs: int, about: Mapping[str, str | int] | None = None) -> None:
    """Write `config.toml`: all settings, and under ``[run]`` the corpus, model, threads, versions and the machine."""
    write_text(
        out / _CONFIG,
        tomli_w.dumps({**_nested(settings), "run": {"jobs": jobs, **(about or {}), **_circumstances(corpus)}}),
    )


def read_config(out: Path) -> tuple[Settings, dict[str, Any]]:
    """Return the settings of a run and its ``[run]`` table: corpus, versions, machine.

    Raises
    ------
    RunDirectoryError
        The folder holds no run, or its `config.toml` is broken.
    """
    path = out / _CONFIG
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        about = content.pop("run")
        return Settings().changed(content, where=str(path)), about
    except OSError:
        msg = f"{out}: holds no run (there is no {_CONFIG})"
        raise RunDirectoryError(msg) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, PhonoscopeError) as error:
        msg = f"{path}: is broken ({error}); give --overwrite to start anew"
        raise RunDirectoryError(msg) from None


def _difference(config: Path, settings: Settings, corpus: str, model: Mapping[str, str | int]) -> str | None:
    """Name the first thing in which a run differs from what is asked for now."""
    try:
        there, about = read_config(config.parent)
    except RunDirectoryError:
        return f"format ({config.name} can not be read)"
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
    for (name, old), (_, new) in zip(there.flat(), settings.flat(), strict=True):
        if old != new:
            return f"setting {name} ({old})"
    return None


def clear(out: Path) -> None:
    """Remove the files of a run, and its folders where nothing else is in them."""
    for pattern in _OWN:
        for path in out.glob(pattern):
            path.unlink()
    for folder in {out / pattern.split("/")[0] for pattern in _OWN if "/" in pattern}:
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
        "libraries": {name: version(name) for name in _LIBRARIES if _installed(name)},
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
