"""Files of activations that other programs wrote: NumPy, PyTorch, safetensors, HDF5."""

from __future__ import annotations

import importlib
import math
import pickle
import re
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from phonoscope.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]

_BROKEN = (
    OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error, SafetensorError,
    pickle.UnpicklingError, MemoryError, TypeError, OverflowError, IndexError, AttributeError, NotImplementedError,
)  # fmt: skip
_PICKLED = "it holds pickled objects, which are not read because they may run programs; store plain arrays only"
_NUMBERS = "fiub"
_PLAUSIBLE = 1 << 28
"""Bytes (256 MB) that an array may take whatever the file's size is: an hour of a wide layer compressed."""
_DENSEST = 100
"""Bytes of a larger array for each byte that is stored: what compression makes of activations is a tenth of that."""


def read_arrays(path: Path, names: Collection[str] | None = None) -> Arrays:
    """Read the arrays of a file.

    Parameters
    ----------
    path
        Of one of `SUFFIXES`.
    names
        Those that are wanted; those that are not there are left out. None: all.

    Returns
    -------
    By name, in the file's order, or in that of their names and numbers where the format has none (safetensors, HDF5).
    The only array of a file that names none is called "". PyTorch's half precisions are made float32.

    Raises
    ------
    ModelError
        The file is broken, holds Python objects or something that is no array of numbers, or h5py is not there.
    """
    try:
        found = SUFFIXES[path.suffix.lower()](path, names)
    except _BROKEN as error:
        first = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        pickled = "bject" in first or "eights only" in first
        problem = _PICKLED if pickled else f"it is broken or cut short ({first}); compute it again, or copy it again"
        if isinstance(error, MemoryError) or "not enough memory" in first:
            problem = f"they do not fit into the memory ({first}); store fewer layers in a file"
        msg = f"{path}: the activations can not be read: {problem}"
        raise ModelError(msg) from error
    for name, array in found.items():
        if array.dtype.kind not in _NUMBERS:
            msg = (
                f"{path}: {f'array {name}' if name else 'the array'} is of type {array.dtype}; activations have to be "
                f"real numbers: store no other arrays beside them"
            )
            raise ModelError(msg)
    return found


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """Return what sorts names by the numbers in them: layer2 before layer10."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name) if part)


def _npy(path: Path, _names: Collection[str] | None) -> Arrays:
    # mapped: of a long file only the frames asked for are read
    return {"": np.lib.format.open_memmap(path, mode="r")}


def _npz(path: Path, names: Collection[str] | None) -> Arrays:
    with np.load(path, allow_pickle=False) as file:
        wanted = {name for name in file.files if names is None or name in names}
        for entry in file.zip.infolist():
            name = entry.filename.removesuffix(".npy")
            if name in wanted:
                _check_size(path, name, entry.file_size, entry.compress_size)
                with file.zip.open(entry) as member:
                    _check_size(path, name, _claimed(member), entry.file_size)
        return {name: file[name] for name in file.files if name in wanted}


def _claimed(member: IO[bytes]) -> int:
    """Return the bytes that an array of an .npz has by its own header."""
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(member)
    return math.prod(shape) * dtype.itemsize


def _check_size(path: Path, name: str, size: int, stored: int) -> None:
    """Raise a `ModelError` for an array that would fill the memory, of which the file has next to nothing."""
    stored = min(stored, path.stat().st_size)  # how much is stored is told by the file, too
    if size > _PLAUSIBLE and size > _DENSEST * stored:
        msg = (
            f"{path}: {f'array {name[:40]!r}' if name else 'the array'} says that it takes {size / 1e9:,.1f} GB, of "
            f"which the file holds {stored / 1e6:,.1f} MB; compute it again, and store it uncompressed"
        )
        raise ModelError(msg)


def _pt(path: Path, names: Collection[str] | None) -> Arrays:
    stored: object = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(stored, torch.Tensor):
        return {"": _numpy(path, "", stored)}
    if isinstance(stored, list | tuple):  # such as hidden_states
        stored = {str(i): value for i, value in enumerate(stored)}
    tensors: Mapping[Any, object] = stored if isinstance(stored, dict) else {"": stored}
    wrong = next((value for value in tensors.values() if not isinstance(value, torch.Tensor)), None)
    if wrong is not None:
        msg = f"{path}: it holds a {type(wrong).__name__}; store a tensor, or a dictionary or list of tensors"
        raise ModelError(msg)
    return {
        str(name): _numpy(path, str(name), value)
        for name, value in tensors.items()
        if isinstance(value, torch.Tensor) and (names is None or str(name) in names)
    }


def _safetensors(path: Path, names: Collection[str] | None) -> Arrays:
    with safe_open(path, framework="pt") as file:
        there = sorted(file.keys(), key=natural)
        return {name: _numpy(path, name, file.get_tensor(name)) for name in there if names is None or name in names}


def _hdf5(path: Path, names: Collection[str] | None) -> Arrays:
    try:
        h5py: Any = importlib.import_module("h5py")
    except ImportError as error:
        msg = f"{path}: HDF5 files are read by h5py, which is not installed: pip install 'phonoscope[hdf5]'"
        raise ModelError(msg) from error
    found: Arrays = {}

    def take(name: str, item: Any) -> None:  # noqa: ANN401
        if isinstance(item, h5py.Dataset) and (names is None or name in names):
            if item.is_virtual or item.external:
                msg = f"{path}: dataset {name[:40]!r} lies in another file; store the activations in this one"
                raise ModelError(msg)
            _check_size(path, name, item.nbytes, item.id.get_storage_size())
            found[name] = np.asarray(item[()])

    with h5py.File(path, "r") as file:
        file.visititems(take)
    return {name: found[name] for name in sorted(found, key=natural)}


def _numpy(path: Path, name: str, tensor: torch.Tensor) -> NDArray[Any]:
    if tensor.layout == torch.strided:  # one number can be shown as an array of any size
        _check_size(path, name, tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())
    else:
        msg = f"{path}: it holds a {tensor.layout} tensor; store dense ones, as by to_dense()".replace("torch.", "")
        raise ModelError(msg)
    plain = tensor.detach().float() if tensor.is_floating_point() else tensor.detach()  # NumPy has no bfloat16
    array: NDArray[Any] = plain.numpy()
    return array


SUFFIXES: dict[str, Callable[[Path, Collection[str] | None], Arrays]] = {
    ".npy": _npy, ".npz": _npz, ".pt": _pt, ".pth": _pt, ".safetensors": _safetensors, ".h5": _hdf5, ".hdf5": _hdf5,
}  # fmt: skip
"""Who reads which files."""
