"""What MODEL may be: a factory of the user's, a Hugging Face model, a recogniser of ours, a folder of activations."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from phonoscope.errors import ModelError
from phonoscope.models.adapter import Adapter
from phonoscope.models.computing import ComputedSource

if TYPE_CHECKING:
    from phonoscope.models.source import Source
    from phonoscope.settings import ProbeSettings

_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_HUB = re.compile(r"[\w.-]+(/[\w.-]+)?")


def own_folder(model: object) -> Path | None:
    """Return the folder of a run of ours whose recogniser is meant; None if something else is."""
    if not isinstance(model, str | Path):
        return None
    path = Path(model)
    if path.is_file() and path.name == "model.safetensors":
        return path.parent
    return path if (path / "model.safetensors").is_file() and (path / "config.toml").is_file() else None


def resolve(model: Adapter | nn.Module | str | Path, settings: ProbeSettings, *, download: bool = False) -> Source:
    """Find what is meant by a model that is not a recogniser of ours; only if `download`, on the hub too.

    Raises
    ------
    ModelError
        There is no such thing, or it can not be loaded.
    """
    if isinstance(model, Adapter):
        return ComputedSource(model, settings)
    if isinstance(model, nn.Module):
        return ComputedSource(_bare(model, type(model).__name__, settings), settings)
    text, path = str(model), Path(model)
    if isinstance(model, str) and _FACTORY.fullmatch(text) and not path.exists():
        return ComputedSource(_made(text, settings), settings, text)
    if path.is_dir() and (path / "config.json").is_file():
        return _hugging_face(str(path.resolve()), settings)
    if path.is_dir():
        return _stored(path, settings)
    if path.exists():
        msg = (
            f"{path}: this file is no model; name a run's folder or its model.safetensors, a Hugging Face model's "
            f"folder, a folder of activations, or package.module:factory"
        )
        raise ModelError(msg)
    if isinstance(model, str) and _HUB.fullmatch(text):
        return _hugging_face(text, settings, download=download)
    msg = f"{text}: there is no such file or folder, and it is not package.module:factory"
    raise ModelError(msg)


def _made(text: str, settings: ProbeSettings) -> Adapter:
    """Call a factory; the current folder is looked through for its package, as by ``python -m``."""
    package, _, name = text.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        factory: object = importlib.import_module(package)
    except ImportError as error:
        msg = f"{text}: {package} can not be imported ({error}); call phonoscope where it lies, or install it"
        raise ModelError(msg) from error
    except Exception as error:
        msg = f"{text}: {package} fails when it is imported: {type(error).__name__}: {error}"
        raise ModelError(msg) from error
    for part in name.split("."):
        factory = getattr(factory, part, None)
    if not callable(factory):
        msg = f"{text}: {package} has no function {name}"
        raise ModelError(msg)
    try:
        made = factory()
    except ModelError:
        raise
    except Exception as error:
        msg = f"{text} fails: {type(error).__name__}: {error}"
        raise ModelError(msg) from error
    if isinstance(made, nn.Module):
        return _bare(made, text, settings)
    if not isinstance(made, Adapter):
        msg = f"{text} returns a {type(made).__name__}; it has to return a phonoscope.Adapter, or a torch.nn.Module"
        raise ModelError(msg)
    return made


def _bare(module: nn.Module, name: str, settings: ProbeSettings) -> Adapter:
    """Make the adapter of a network that takes waveforms, of what the settings say."""
    if not (settings.sample_rate and settings.frame_rate):
        msg = (
            f"{name} is a network without an adapter: say by --probe.sample_rate which audio it wants, by "
            f"--probe.frame_rate how many frames a second it gives and by --probe.offset when the first one is, or "
            f"make a phonoscope.Adapter that says it"
        )
        raise ModelError(msg)
    return Adapter(module, settings.sample_rate, 1 / settings.frame_rate, first_centre(settings), name=name)


def first_centre(settings: ProbeSettings) -> float:
    """Return the centre of frame 0, in seconds: as the settings say, or half a frame."""
    return settings.offset if settings.offset >= 0 else 0.5 / settings.frame_rate


def _hugging_face(name: str, settings: ProbeSettings, *, download: bool = False) -> Source:
    from phonoscope.models.huggingface import hugging_face  # noqa: PLC0415 - transformers takes seconds to import

    return ComputedSource(hugging_face(name, download=download), settings, name)


def _stored(path: Path, settings: ProbeSettings) -> Source:
    from phonoscope.models.stored import StoredSource  # noqa: PLC0415 - not every probe needs it

    return StoredSource(path, settings)
