"""Activations computed by a network, utterance by utterance, of which only the frames asked for are kept."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from phonoscope.errors import ModelError
from phonoscope.models.layers import Seen, choose, frame_shape, look, split_patterns, tapped
from phonoscope.models.times import Layer
from phonoscope.signal.audio import utterance_audio

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray
    from torch import Tensor

    from phonoscope.corpus.types import Utterance
    from phonoscope.models.adapter import Adapter
    from phonoscope.models.source import Pick
    from phonoscope.settings import ProbeSettings

WIDEST = 50_000
"""Units of a layer that are clustered at the most: 3,300 samples of so many take 0.7 GB."""
_SHORT, _MORE = 1.0, 2.0
"""Seconds of noise that a network is tried on first, and by how much the second trial is longer, at the least."""
_WINDOWS = (3, 5)
"""Windows of the two trials."""
_ROUNDING = 2.01
"""Frames by which two numbers of frames may differ that rounding, or an even number of frames, explains."""
_BATCH = 128
_WEIGHTS = "parametrizations"
"""What torch calls the module in another one that makes its weights."""


class ComputedSource:
    """Layers of a network that is called.

    Parameters
    ----------
    adapter
        The network and how it is called.
    settings
        Which layers, and whether maps are averaged.
    """

    def __init__(self, adapter: Adapter, settings: ProbeSettings, name: str = "") -> None:
        _check_settings(adapter, settings)
        self.adapter, self.settings = adapter, settings
        self.title = adapter.title
        self.notes: list[str] = []
        self._module, converted = in_float32(adapter.module)
        if converted:
            self.notes.append(f"the weights were {converted}; the network is computed in float32")
        self._layers: dict[str, Layer] = {}
        self._seen: dict[str, Seen] = {}
        self.about: Mapping[str, str | int] = {
            "model": name or self.title,
            "weights": digest(self._module.state_dict()),
            "model_class": type(adapter.module).__name__,
            "model_parameters": sum(p.numel() for p in self._module.parameters()),
            "model_sample_rate": adapter.sample_rate,
            "adapter": _described(adapter),
        }

    def __getstate__(self) -> dict[str, Any]:
        """Return what other processes need: the network once, and without what can not be pickled."""
        module = _sendable(self._module)
        return {**self.__dict__, "_module": module, "adapter": replace(self.adapter, module=module)}

    @property
    def size(self) -> int:
        """Bytes of the network's weights."""
        return sum(tensor.nbytes for tensor in self._module.state_dict().values())

    def layers(self, utterances: Sequence[Utterance]) -> Mapping[str, Layer]:
        """Try the network on noise of two lengths, and return the layers asked for; see `Source`.

        Raises
        ------
        ModelError
            There is no such layer, it has no frames, its frames are not where the adapter says, or it is too wide.
        """
        self._check_lengths(utterances)
        if not self._layers:
            self._seen = self._try()
            self._layers = self._choose()
        return self._layers

    def read(self, utterance: Utterance, pick: Pick) -> Mapping[str, NDArray[np.float32]]:
        """Compute an utterance; see `Source`.

        Raises
        ------
        ModelError
            The network fails on it, or a layer has another number of frames than the adapter's hop says.
        """
        samples = torch.from_numpy(utterance_audio(utterance, self.adapter.sample_rate))
        with self._where(f"utterance {utterance.id}"), _one_thread():
            if self.adapter.window:
                return self._read_windows(samples, utterance, pick)
            return self._read_whole(samples, utterance, pick)

    def _read_whole(self, samples: Tensor, utterance: Utterance, pick: Pick) -> dict[str, NDArray[np.float32]]:
        found: dict[str, NDArray[np.float32]] = {}

        def take(name: str, tensor: Tensor | None) -> None:
            layer, seen = self._layers[name], self._seen[name]
            if tensor is None or seen.axis is None:
                return
            n = tensor.shape[seen.axis]
            seconds = len(samples) / self.adapter.sample_rate
            more = 0.0 if self.adapter.fixed else (seconds - self._trial(0)) / layer.hop
            if abs(n - seen.counts[0] - more) > _ROUNDING:
                msg = (
                    f"utterance {utterance.id}: layer {name} has {n} frames where {seen.counts[0] + more:.0f} were "
                    f"expected, as the adapter says one every {1000 * layer.hop:.4g} ms; the network has to give as "
                    f"many frames a second for any length"
                )
                raise ModelError(msg)
            found[name] = self._frames(tensor, seen.axis, pick(layer, n))

        with tapped(self._module, self._layers, take):
            self._call(samples[None])
        missing = [name for name in self._layers if name not in found]
        if missing:
            msg = f"utterance {utterance.id}: layer {missing[0]} gave no tensor, as it did for noise"
            raise ModelError(msg)
        return {name: found[name] for name in self._layers}

    def _read_windows(self, samples: Tensor, utterance: Utterance, pick: Pick) -> dict[str, NDArray[np.float32]]:
        layer = next(iter(self._layers.values()))
        seconds = len(samples) / self.adapter.sample_rate
        n = max(1, int((seconds - layer.offset) / layer.hop + 1e-6) + 1)
        numbers, place = np.unique(pick(layer, n), return_inverse=True)
        parts: dict[str, list[NDArray[np.float32]]] = {name: [] for name in self._layers}
        for name in self._layers:  # every layer's picks are the same: each has a frame a window
            pick(self._layers[name], n)

        given = 0

        def take(name: str, tensor: Tensor | None) -> None:
            if tensor is None or tensor.ndim == 0 or len(tensor) != given:
                shape = "no tensor" if tensor is None else " × ".join(map(str, tensor.shape)) or "one number"
                msg = f"utterance {utterance.id}: layer {name} gives {shape} for {given} windows, not a frame a window"
                raise ModelError(msg)
            parts[name].append(self._frames(tensor, 0, np.arange(given)))

        with tapped(self._module, self._layers, take):
            for i in range(0, len(numbers), _BATCH):
                batch = numbers[i : i + _BATCH]
                given = len(batch)
                self._call(self._windows(samples, batch))
        return {name: np.concatenate(found)[place] for name, found in parts.items()}

    def _windows(self, samples: Tensor, numbers: NDArray[np.int64]) -> Tensor:
        """Cut the windows of some frames, shape (windows, window)."""
        a = self.adapter
        centres = np.round((a.offset + numbers * a.hop) * a.sample_rate).astype(np.int64)
        at = torch.from_numpy(centres)[:, None] - a.window // 2 + torch.arange(a.window)
        inside = (at >= 0) & (at < len(samples))
        return torch.where(inside, samples[at.clamp(0, len(samples) - 1)], torch.zeros(()))

    def _frames(self, tensor: Tensor, axis: int, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """Copy some frames out of a tensor, shape (frames, units)."""
        picked = tensor.index_select(axis, torch.from_numpy(numbers).to(tensor.device)).movedim(axis, 0)
        shape = frame_shape(tensor.shape, axis)
        picked = picked.reshape(len(numbers), *shape).float()
        if self.settings.pool == "mean" and len(shape) > 1:
            picked = picked.flatten(2).mean(dim=2)
        flat: NDArray[np.float32] = picked.flatten(1).cpu().numpy()
        return np.ascontiguousarray(flat) if numbers.size else flat

    def _call(self, samples: Tensor) -> None:
        given = self.adapter.prepare(samples) if self.adapter.prepare else samples
        parameter = next(self._module.parameters(), None)
        device = torch.device("cpu") if parameter is None else parameter.device
        # a part that is frozen while the rest is trained stays so
        trained = [module for module in self._module.modules() if module.training]
        self._module.eval()
        try:
            with torch.inference_mode():
                if isinstance(given, torch.Tensor):
                    self._module(_moved(given, device))
                elif isinstance(given, Mapping):
                    self._module(**{name: _moved(value, device) for name, value in given.items()})
                elif isinstance(given, tuple | list):
                    self._module(*(_moved(value, device) for value in given))
                else:
                    msg = (
                        f"{self.title}: prepare returns a {type(given).__name__}; it has to return a tensor, a tuple "
                        f"or a dictionary"
                    )
                    raise ModelError(msg)
        finally:
            for module in trained:
                module.training = True

    def _trial(self, which: int) -> float:
        """Seconds of a trial."""
        return self.adapter.fixed / 2 or _SHORT + which * max(_MORE, 20 * self.adapter.hop)

    def _try(self) -> dict[str, Seen]:
        a = self.adapter
        noise = np.random.default_rng(0).normal(0, 0.1, round(self._trial(1) * a.sample_rate) + a.window)
        samples = torch.from_numpy(noise.astype(np.float32))

        def call(which: int) -> None:
            if a.window:
                self._call(self._windows(samples, np.arange(_WINDOWS[which])))
            else:
                self._call(samples[None, : round(self._trial(which) * a.sample_rate)])

        expected = round(a.fixed / a.hop)
        with self._where("noise of one to three seconds"):
            return look(self._module, call, expected=expected, first_axis=a.window > 0)

    def _choose(self) -> dict[str, Layer]:
        a = self.adapter
        self._check_output()
        inner = {name for name, module in self._module.named_modules() if _is_innermost(name, module)}
        names = [name for name in self._seen if name] or [""]
        patterns = split_patterns(self.settings.layers) or a.layers
        chosen, named = choose(names, patterns, self.title) if patterns else ([n for n in names if n in inner], set())
        layers: dict[str, Layer] = {}
        left_out: dict[str, str] = {}
        for name in chosen:
            seen = self._seen[name]
            hop, offset = self._timing(name)
            problem = seen.problem or self._misplaced(seen, hop)
            if problem:
                left_out[name] = problem
                continue
            shape = seen.frame_shape
            pooled = shape[:1] if self.settings.pool == "mean" else shape
            layers[name] = Layer(name, pooled, hop, offset)
        for name in named & left_out.keys():
            msg = f"{self.title}: layer {name} {left_out[name]}"
            raise ModelError(msg)
        if not layers:
            name, problem = next(iter(left_out.items()), ("", "is nowhere"))
            msg = f"{self.title}: no layer can be probed; the first, {name}, {problem}"
            raise ModelError(msg)
        if left_out:
            name, problem = next(iter(left_out.items()))
            others = f", and {len(left_out) - 1} more" if len(left_out) > 1 else ""
            self.notes.append(f"left out: layer {name} {problem}{others}")
        wide = next((layer for layer in layers.values() if layer.units > WIDEST), None)
        if wide is not None:
            pool = ", or average its maps by --probe.pool mean" if len(wide.shape) > 1 else ""
            msg = (
                f"{self.title}: layer {wide.name} has {' × '.join(map(str, wide.shape))} = {wide.units:,} units, more "
                f"than {WIDEST:,}; choose other layers by --probe.layers{pool}"
            )
            raise ModelError(msg)
        return layers

    def _check_output(self) -> None:
        """Hold the hop against the frames of the network's own output, where it has such."""
        seen = self._seen.get("")
        if seen is None or seen.problem or self.adapter.window or self.adapter.fixed:
            return
        problem = self._misplaced(seen, self.adapter.hop)
        if problem:
            msg = f"{self.title}: the network {problem}; correct hop (and offset), or the sample rate"
            raise ModelError(msg)

    def _timing(self, name: str) -> tuple[float, float]:
        for pattern, timing in self.adapter.timing.items():
            if fnmatchcase(name, pattern):
                return timing
        return self.adapter.hop, self.adapter.offset

    def _misplaced(self, seen: Seen, hop: float) -> str:
        """Say how far a layer's frames are from where they are said to be; nothing if they are there."""
        if self.adapter.window:
            wrong = seen.counts != _WINDOWS
            return "does not give a frame a window" if wrong else ""
        if self.adapter.fixed:
            return (
                ""
                if seen.counts[0] == round(self.adapter.fixed / hop)
                else _lie(hop, self.adapter.fixed / seen.counts[0])
            )
        more, seconds = seen.counts[1] - seen.counts[0], self._trial(1) - self._trial(0)
        return "" if abs(more - seconds / hop) <= _ROUNDING else _lie(hop, seconds / more)

    def _check_lengths(self, utterances: Sequence[Utterance]) -> None:
        a = self.adapter
        long = next((u for u in utterances if a.fixed and u.duration > a.fixed + 1e-6), None)
        if long is not None:
            msg = (
                f"utterance {long.id} lasts {long.duration:.1f} s, and {self.title} takes {a.fixed:g} s at the most; "
                f"cut longer ones, or leave them out"
            )
            raise ModelError(msg)

    def _where(self, where: str) -> AbstractContextManager[None]:
        return _told(self.title, where)


def _is_innermost(name: str, module: nn.Module) -> bool:
    """Tell whether a module has none within but what its weights are made by."""
    within = any(child != _WEIGHTS for child, _ in module.named_children())
    return not within and _WEIGHTS not in name.split(".")


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch use one thread: it adds in another order with another number, here or on a worker's machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _lie(said: float, observed: float) -> str:
    return (
        f"gives a frame every {1000 * observed:.4g} ms, and the adapter says every {1000 * said:.4g} ms (a layer with "
        f"another rate than the output's needs its hop and offset in the adapter's timing)"
    )


class _told:  # noqa: N801 - a context manager
    """Turns whatever a network of the user's raises into one sentence."""

    def __init__(self, title: str, where: str) -> None:
        self.title, self.where = title, where

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, ModelError):
            first = next(iter(str(error).strip().splitlines()), "")
            msg = f"{self.title} fails on {self.where}: {type(error).__name__}: {first}"
            raise ModelError(msg) from error


def _moved(value: Any, device: torch.device) -> Any:  # noqa: ANN401
    """Bring a tensor to the network: to its device, and to float32 if it is not of whole numbers."""
    if not isinstance(value, torch.Tensor):
        return value
    return value.to(device, torch.float32) if value.is_floating_point() else value.to(device)


def _check_settings(adapter: Adapter, settings: ProbeSettings) -> None:
    """See that no setting contradicts what the adapter says."""
    rate = 1 / adapter.hop
    for name, given, own, unit in (
        ("sample_rate", settings.sample_rate or None, adapter.sample_rate, "samples a second"),
        ("frame_rate", settings.frame_rate or None, rate, "frames a second"),
        ("offset", settings.offset if settings.offset >= 0 else None, adapter.offset, "s to the first frame"),
    ):
        if given is not None and not math.isclose(given, own, rel_tol=1e-6, abs_tol=1e-9):
            msg = (
                f"{adapter.title} has {own:g} {unit} as its adapter says, and --probe.{name} says {given:g}; leave "
                f"that out (recordings are resampled), or correct the adapter"
            )
            raise ModelError(msg)


def _described(adapter: Adapter) -> str:
    """Write down what an adapter says: with other times, the same weights give other activations."""
    timing = ", ".join(f"{name} {hop:.9g} {offset:.9g}" for name, (hop, offset) in adapter.timing.items())
    return (
        f"hop {adapter.hop:.9g} s, offset {adapter.offset:.9g} s, window {adapter.window}, "
        f"fixed {adapter.fixed:.9g} s, layers {' '.join(adapter.layers) or 'innermost'}{'; ' * bool(timing)}{timing}"
    )


def in_float32(module: nn.Module) -> tuple[nn.Module, str]:
    """Return a network in float32 (a copy if it is not), and what it was in before; "" if nothing was to be done."""
    kinds = {t.dtype for t in (*module.parameters(), *module.buffers()) if t.is_floating_point()} - {torch.float32}
    if not kinds:
        return module, ""
    names = ", ".join(sorted(str(kind).removeprefix("torch.") for kind in kinds))
    return copy.deepcopy(module).float(), names


def _sendable(module: nn.Module) -> nn.Module:
    """Return a network that can be pickled: one with parametrised weights, as wav2vec 2.0's, is given these for good.

    They are what is computed for each utterance, as its calls are in evaluation mode.
    """
    if not any(is_parametrized(inner) for inner in module.modules()):
        return module
    found = copy.deepcopy(module).eval()
    with torch.no_grad(), _one_thread():
        for inner in [inner for inner in found.modules() if is_parametrized(inner)]:
            weights = {name: getattr(inner, name) for name in inner.get_submodule(_WEIGHTS)._modules}  # noqa: SLF001
            # torch's own remove_parametrizations changes the class, which the copy has in common with its original
            inner.__class__ = type(inner).__bases__[0]
            del inner.parametrizations
            for name, weight in weights.items():
                inner.register_parameter(name, nn.Parameter(weight.detach(), requires_grad=False))
    return found


def digest(state: Mapping[str, Any]) -> str:
    """Return a short fingerprint of weights."""
    found = hashlib.sha256()
    for piece in _pieces(state):
        found.update(piece)
    return found.hexdigest()[:16]


def _pieces(state: Mapping[str, Any]) -> Iterator[bytes]:
    for name, value in state.items():
        yield name.encode()
        if isinstance(value, torch.Tensor):
            yield f"{value.dtype} {tuple(value.shape)}".encode()
            yield value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
