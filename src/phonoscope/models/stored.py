"""Activations computed elsewhere and stored, a file an utterance, or a file an utterance and layer."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from phonoscope.errors import ModelError
from phonoscope.models.computing import WIDEST
from phonoscope.models.layers import choose, split_patterns
from phonoscope.models.resolving import first_centre
from phonoscope.models.stored_files import read_arrays
from phonoscope.models.stored_folder import activation_files, assigned, files_digest
from phonoscope.models.times import Layer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from phonoscope.corpus.types import Utterance
    from phonoscope.models.source import Pick
    from phonoscope.settings import ProbeSettings

_SLACK = 3.0
"""Frames by which an utterance may have more or fewer than its duration says: rounding, padding, and edges lost."""
_MAPS = 2
"""Axes of a layer that has one number a unit and frame; one that has more has maps."""


class StoredSource:
    """Layers of activations in files; fulfils `phonoscope.models.source.Source`.

    Parameters
    ----------
    path
        Folder of NumPy, PyTorch, safetensors or HDF5 files called after the utterances, or of folders called after the
        layers with such files in each. An array has shape (frames, …), or (1, frames, units, …).
    settings
        Frame rate and offset, which layers, and whether maps are averaged.

    Raises
    ------
    ModelError
        The frame rate is not said, or no activations are there.
    """

    def __init__(self, path: Path, settings: ProbeSettings) -> None:
        if not settings.frame_rate:
            msg = (
                f"{path}: say by --probe.frame_rate how many frames a second these activations have, and by "
                f"--probe.offset at which second frame 0 is centred (half a frame if not said)"
            )
            raise ModelError(msg)
        self.path, self.settings = path, settings
        self.title = path.resolve().name
        self.notes: list[str] = []
        self._files = activation_files(path)
        self._layers: dict[str, Layer] = {}
        self._places: dict[str, tuple[str, str]] = {}
        self._assigned: Mapping[str, Mapping[str, Path]] = {}
        self.about: Mapping[str, str | int] = {
            "model": str(path.resolve()),
            "weights": files_digest(path, self._files),
            "model_class": "activations computed elsewhere",
            "model_files": len(self._files),
        }

    def __getstate__(self) -> dict[str, Any]:
        """Return what other processes need, which may be in another folder than this one."""
        files = {name: {u: path.absolute() for u, path in of.items()} for name, of in self._assigned.items()}
        return {**self.__dict__, "_assigned": files}

    def layers(self, utterances: Sequence[Utterance]) -> Mapping[str, Layer]:
        """Return the layers that the first utterance has; see `Source`.

        Raises
        ------
        ModelError
            An utterance has no file, or there is no such layer, or it is too wide.
        """
        self._assigned = assigned(self.path, self._files, [utterance.id for utterance in utterances])
        shapes: dict[str, tuple[int, ...]] = {}
        for folder, files in self._assigned.items():
            file = files[utterances[0].id]
            arrays = read_arrays(file)
            for inner, array in arrays.items():
                name = folder if folder and len(arrays) == 1 else "/".join(filter(None, (folder, inner)))
                name = name or self.title
                self._places[name] = folder, inner
                shapes[name] = array.shape
        patterns = split_patterns(self.settings.layers)
        chosen = choose(list(shapes), patterns, str(self.path))[0] if patterns else list(shapes)
        if not chosen:
            msg = f"{self.path}: the file of utterance {utterances[0].id} holds no array; store its activations there"
            raise ModelError(msg)
        hop, offset = 1 / self.settings.frame_rate, first_centre(self.settings)
        self._layers = {
            name: Layer(name, self._pooled(self._frame(shapes[name], name)), hop, offset) for name in chosen
        }
        for name, layer in self._layers.items():
            if not 0 < layer.units <= WIDEST:
                pool = ", or average its maps by --probe.pool mean" if len(layer.shape) > 1 else ""
                msg = (
                    f"{self.path}: layer {name} has {_times(layer.shape)} = {layer.units:,} units a frame, not "
                    f"1 to {WIDEST:,}; choose other layers by --probe.layers{pool}"
                )
                raise ModelError(msg)
        return self._layers

    def read(self, utterance: Utterance, pick: Pick) -> Mapping[str, NDArray[np.float32]]:
        """Read an utterance; see `Source`.

        Raises
        ------
        ModelError
            A file is broken, a layer is missing or of another width, or it has not as many frames as the utterance's
            duration and the frame rate say.
        """
        wanted: dict[str, list[str]] = defaultdict(list)
        for name in self._layers:
            wanted[self._places[name][0]].append(name)
        found: dict[str, NDArray[np.float32]] = {}
        for folder, names in wanted.items():
            file = self._assigned[folder][utterance.id]
            arrays = read_arrays(file, {self._places[name][1] for name in names})
            for name in names:
                inner = self._places[name][1]
                if inner not in arrays:
                    msg = (
                        f"{file}: layer {name} is missing, which the first utterance has; store the same layers of "
                        f"every utterance, or choose those that all have by --probe.layers"
                    )
                    raise ModelError(msg)
                found[name] = self._picked(arrays[inner], self._layers[name], utterance, file, pick)
        return {name: found[name] for name in self._layers}

    def _picked(
        self, array: NDArray[Any], layer: Layer, utterance: Utterance, file: Path, pick: Pick
    ) -> NDArray[np.float32]:
        frame = self._frame(array.shape, layer.name)
        array = array[0] if array.ndim > max(len(frame) + 1, _MAPS) else array
        self._check_frames(array.shape, layer, utterance, file)
        if self._pooled(frame) != layer.shape:
            msg = (
                f"{file}: a frame of layer {layer.name} is {_times(self._pooled(frame))}, and {_times(layer.shape)} in "
                f"the first utterance; take all utterances from the same model, with frames along the first axis"
            )
            raise ModelError(msg)
        with np.errstate(over="ignore"):  # what is infinite then is told with the layer's name
            frames = np.asarray(array[pick(layer, len(array))], np.float32)
        if self.settings.pool == "mean" and frames.ndim > _MAPS:
            frames = frames.reshape(*frames.shape[:_MAPS], -1).mean(axis=2)
        return np.ascontiguousarray(frames.reshape(len(frames), layer.units))

    def _check_frames(self, shape: tuple[int, ...], layer: Layer, utterance: Utterance, file: Path) -> None:
        """Hold the number of frames against the duration: as much is lost at the end as at the start."""
        n, rate = shape[0], self.settings.frame_rate
        expected = max((utterance.duration - 2 * layer.offset) * rate + 1, 0.0)
        slack = _SLACK + layer.offset * rate
        if abs(n - expected) <= slack:
            return
        other = next((i for i, size in enumerate(shape) if i and abs(size - expected) <= slack), None)
        if other is not None:
            todo = f"store it with its frames first (another axis has {shape[other]})"
        elif n > expected:
            todo = "correct --probe.frame_rate, or cut off frames of padding"
        else:
            todo = "correct --probe.frame_rate, or store all frames of the utterance"
        msg = (
            f"{file}: layer {layer.name} has {n} frames for {utterance.duration:.3f} s, {n / utterance.duration:.4g} a "
            f"second, where about {expected:.0f} were expected at {rate:g} a second; {todo}, or leave the layer out by "
            f"--probe.layers"
        )
        raise ModelError(msg)

    def _pooled(self, frame: tuple[int, ...]) -> tuple[int, ...]:
        return frame[:1] if self.settings.pool == "mean" else frame

    def _frame(self, shape: tuple[int, ...], name: str) -> tuple[int, ...]:
        """Return the shape of a frame, without the axis of frames and a leading axis of one utterance."""
        if not shape:
            msg = (
                f"{self.path}: {name} is a single number; activations have shape (frames, units): leave it out by "
                f"--probe.layers"
            )
            raise ModelError(msg)
        # (1, units) is one frame
        return shape[2:] if len(shape) > _MAPS and shape[0] == 1 else shape[1:] or (1,)


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
