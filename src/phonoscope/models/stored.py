"""Activations that were computed elsewhere: a folder with a file an utterance, and a frame rate."""

from __future__ import annotations

import hashlib
import importlib
import zipfile
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from phonoscope.errors import ModelError
from phonoscope.models.layers import choose, split_patterns
from phonoscope.models.times import Layer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from phonoscope.corpus.types import Utterance
    from phonoscope.models.source import Pick
    from phonoscope.settings import ProbeSettings

    Arrays = dict[str, NDArray[np.float32]]

_SUFFIXES = (".npy", ".npz", ".pt", ".pth", ".safetensors", ".h5", ".hdf5")
_ONLY = "activations"
"""What the layer is called where a file has one array without a name."""
_FRAMES, _SHARE = 3, 0.05
"""By how many frames, and by which share, their number may differ from duration × frame rate."""
_BROKEN = (OSError, ValueError, KeyError, RuntimeError, EOFError, SafetensorError, UnpicklingError, zipfile.BadZipFile)


class StoredSource:
    """A folder of activations.

    A file belongs to the utterance whose id is its path in the folder without the ending, or, where one file alone
    has that name, its name. Files of several arrays (``.npz``, ``.pt`` with a dictionary, ``.safetensors``, HDF5) have
    a layer in each; otherwise each folder within is a layer, or there is one layer.

    Parameters
    ----------
    path
        The folder.
    settings
        Frame rate, offset, layers, and whether maps are averaged.

    Raises
    ------
    ModelError
        The folder has no file of activations, or no frame rate is given.
    """

    def __init__(self, path: Path, settings: ProbeSettings) -> None:
        if not settings.frame_rate:
            msg = f"{path}: say by --probe.frame_rate how many frames a second the stored activations have"
            raise ModelError(msg)
        self.path, self.settings = path, settings
        self.title, self.notes = path.name, list[str]()
        self._files = {
            file.relative_to(path).with_suffix("").as_posix(): file
            for file in sorted(path.rglob("*"))
            if file.suffix.lower() in _SUFFIXES and not file.name.startswith(".")
        }
        if not self._files:
            msg = f"{path}: holds no activations; there has to be a file an utterance ({', '.join(_SUFFIXES)})"
            raise ModelError(msg)
        self._by_name: dict[tuple[str, str], list[str]] = {}
        for key in self._files:
            top, _, _ = key.partition("/")
            for folder in ("", top):
                self._by_name.setdefault((folder, key.rsplit("/", 1)[-1]), []).append(key)
        self._layers: dict[str, Layer] = {}
        self.about: Mapping[str, str | int] = {"model": str(path.resolve()), "weights": self._digest()}

    def _digest(self) -> str:
        """Fingerprint the files: names and sizes of all, the content of the first."""
        made = hashlib.sha256()
        for key, file in self._files.items():
            made.update(f"{key}:{file.stat().st_size}\n".encode())
        made.update(next(iter(self._files.values())).read_bytes())
        return made.hexdigest()[:16]

    def layers(self, utterances: Sequence[Utterance]) -> Mapping[str, Layer]:
        """Return the layers asked for, as the first utterance has them; see `Source`.

        Raises
        ------
        ModelError
            There is no file for an utterance, or no such layer.
        """
        if not self._layers:
            for utterance in utterances:
                self._of(utterance)
            first = self._read(utterances[0])
            patterns = split_patterns(self.settings.layers)
            names = choose(list(first), patterns, str(self.path))[0] if patterns else list(first)
            hop = 1 / self.settings.frame_rate
            offset = self.settings.offset if self.settings.offset >= 0 else hop / 2
            for name in names:
                shape = first[name].shape[1:]
                self._layers[name] = Layer(name, shape[:1] if self.settings.pool == "mean" else shape, hop, offset)
        return self._layers

    def read(self, utterance: Utterance, pick: Pick) -> Mapping[str, NDArray[np.float32]]:
        """Read an utterance's file; see `Source`.

        Raises
        ------
        ModelError
            It is broken, lacks a layer, or has other units or another number of frames than it should.
        """
        arrays, found = self._read(utterance), {}
        where = next(iter(self._of(utterance).values()))
        for name, layer in self._layers.items():
            if name not in arrays:
                msg = f"{where}: has no layer {name!r}, as the first utterance has; compute it anew"
                raise ModelError(msg)
            frames = arrays[name]
            if self.settings.pool == "mean" and frames.ndim > 2:  # noqa: PLR2004 - frames, maps, and more
                frames = frames.reshape(*frames.shape[:2], -1).mean(axis=2)
            if frames.shape[1:] != layer.shape:
                msg = (
                    f"{where}: layer {name} has {_sizes(frames.shape[1:])} units a frame, and {_sizes(layer.shape)} in "
                    f"the first utterance; compute it anew"
                )
                raise ModelError(msg)
            expected = utterance.duration * self.settings.frame_rate
            if abs(len(frames) - expected) > _FRAMES + _SHARE * expected:
                msg = (
                    f"{where}: layer {name} has {len(frames)} frames, and {utterance.duration:.2f} s at "
                    f"{self.settings.frame_rate:g} a second are {expected:.0f}; correct --probe.frame_rate "
                    f"({len(frames) / utterance.duration:.4g} would fit)"
                )
                raise ModelError(msg)
            found[name] = np.ascontiguousarray(frames[pick(layer, len(frames))]).reshape(-1, layer.units)
        return found

    def _of(self, utterance: Utterance) -> dict[str, Path]:
        """Return an utterance's files: one by the name "", or one a layer."""
        whole = self._find("", utterance.id)
        if whole is not None:
            return {"": whole}
        tops = dict.fromkeys(key.partition("/")[0] for key in self._files if "/" in key)
        layered = {top: file for top in tops if (file := self._find(top, utterance.id)) is not None}
        if not layered:
            msg = f"{self.path}: has no file for utterance {utterance.id}; give it one, or leave the utterance out"
            raise ModelError(msg)
        return layered

    def _find(self, folder: str, utterance: str) -> Path | None:
        key = f"{folder}/{utterance}" if folder else utterance
        if key in self._files:
            return self._files[key]
        named = self._by_name.get((folder, utterance.rsplit("/", 1)[-1]), [])
        return self._files[named[0]] if len(named) == 1 else None

    def _read(self, utterance: Utterance) -> Arrays:
        files = self._of(utterance)
        found: Arrays = {}
        for folder, file in files.items():
            try:
                arrays = _load(file)
            except _BROKEN as error:
                said = (str(error).strip().splitlines() or [type(error).__name__])[0]
                msg = f"{file}: can not be read as activations ({said}); compute it anew"
                raise ModelError(msg) from None
            if folder and len(arrays) > 1:
                msg = f"{file}: holds {len(arrays)} arrays, and its folder is a layer; give each layer its own folder"
                raise ModelError(msg)
            found |= {folder or name: _as_frames(array, file) for name, array in arrays.items()}
        return found


def _load(file: Path) -> dict[str, Any]:
    """Read the arrays of a file; nothing in it is run."""
    suffix = file.suffix.lower()
    if suffix == ".npy":
        return {_ONLY: np.load(file, allow_pickle=False)}
    if suffix == ".npz":
        with np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    if suffix == ".safetensors":
        return {name: tensor.float().numpy() for name, tensor in load_file(file).items()}
    if suffix in (".h5", ".hdf5"):
        return _load_hdf5(file)
    stored = torch.load(file, map_location="cpu", weights_only=True)
    tensors = stored if isinstance(stored, dict) else {_ONLY: stored}
    if not all(isinstance(tensor, torch.Tensor) for tensor in tensors.values()):
        msg = "it has to hold a tensor, or a dictionary of tensors"
        raise ValueError(msg)
    return {str(name): tensor.detach().float().numpy() for name, tensor in tensors.items()}


def _load_hdf5(file: Path) -> dict[str, Any]:
    try:
        library: Any = importlib.import_module("h5py")
    except ImportError:
        msg = f"{file}: HDF5 files need the package h5py: pip install 'phonoscope[hdf5]'"
        raise ModelError(msg) from None
    found: dict[str, Any] = {}

    def take(name: str, item: Any) -> None:  # noqa: ANN401
        if isinstance(item, library.Dataset):
            found[name] = item[()]

    with library.File(file, "r") as stored:
        stored.visititems(take)
    return found


def _as_frames(array: Any, file: Path) -> NDArray[np.float32]:  # noqa: ANN401
    """Return an array as frames × units, or frames × maps × more, float32."""
    found = np.asarray(array)
    if found.dtype.kind not in "fiu" or found.ndim == 0:
        msg = f"{file}: holds {found.dtype} of shape {found.shape}, not frames × units of numbers; compute it anew"
        raise ModelError(msg)
    if found.ndim > 2 and found.shape[0] == 1:  # noqa: PLR2004 - a batch of one utterance
        found = found[0]
    return np.asarray(found[:, None] if found.ndim == 1 else found, np.float32)


def _sizes(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
