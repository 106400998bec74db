# ruff: noqa: INP001 - a script's part, not a package
"""The ways of training that are compared: what is measured of each, in a process of its own."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from measuring import OURS
from plain_training import STORED, PlainTraining
from training_page import LAST

from phonoscope.corpus.reading import read_corpus
from phonoscope.jobs import limited_threads
from phonoscope.recogniser.devices import resolve_precision
from phonoscope.recogniser.fitting import Fitting, Material
from phonoscope.recogniser.freed_memory import freed_memory_kept
from phonoscope.recogniser.ranks import Ranks
from phonoscope.signal.frames import read_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from torch import nn

    from phonoscope.settings import Settings


@dataclass(frozen=True)
class Way:
    """A way of training: the steps of an epoch, the share of the held-out windows that it has right, and its figures.

    `during` is to be entered while it trains.
    """

    steps: Callable[[], Iterator[object]]
    accuracy: Callable[[], float]
    about: dict[str, Any]
    during: AbstractContextManager[object]


def operations(network: nn.Module, window: torch.Tensor) -> float:
    """Return the floating-point operations of a training step for one window: products of layers and their gradients.

    A multiplication and an addition are two. Each layer's output, the gradient of its weights and that of its input
    cost the same; of the first layer's input, none is wanted.
    """
    counted: list[float] = []

    def count(layer: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        weight = layer.weight
        assert isinstance(weight, torch.Tensor)  # noqa: S101 - for the type checker
        counted.append(2.0 * weight[0].numel() * output.numel())

    handles = [
        layer.register_forward_hook(count)
        for layer in network.modules()
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear)
    ]
    network.eval()
    with torch.no_grad():
        network(window)
    for handle in handles:
        handle.remove()
    return 3 * sum(counted) - counted[0]


def make_way(name: str, folder: Path, threads: int, settings: Settings) -> Way:
    """Read the corpus of a folder, and make ready to train on it; the settings' seed is that of all draws."""
    corpus = read_corpus(folder, settings, jobs=threads)
    frames = read_frames(corpus, settings.signal, jobs=threads)
    rows, held_out = (frames.labelled_rows(corpus, part) for part in ("train", "validation"))
    n_phones = len(corpus.phones)
    torch.manual_seed(settings.seed)
    if name != OURS:
        plain = PlainTraining(frames, rows, n_phones, settings.recogniser, stored=name == STORED)
        return Way(plain.steps, lambda: plain.accuracy(frames, held_out), {}, nullcontext())
    dtype = resolve_precision(settings.recogniser.precision)
    material = Material(frames, rows, held_out, n_phones)
    ours = Fitting(material, settings, Ranks(), device=torch.device("cpu"), dtype=dtype)
    about = {
        "windows": len(rows),
        "held_out": len(held_out),
        "precision": str(dtype).removeprefix("torch."),
        "operations": operations(ours.model, torch.zeros(1, 3, 2 * frames.context + 1, frames.n_mels)),
    }
    labels = frames.labels[held_out]

    def accuracy() -> float:
        return float((ours.posteriors().argmax(axis=1) == labels).mean())

    return Way(ours.steps, accuracy, about, freed_memory_kept())


def trained(name: str, folder: Path, epochs: int, settings: Settings) -> float:
    """Train from the settings' seed, with one thread; return the mean accuracy of the last epochs."""
    with limited_threads(1):
        way = make_way(name, folder, 1, settings)
        accuracies = []
        with way.during:
            for _ in range(epochs):
                for _step in way.steps():
                    pass
                accuracies.append(way.accuracy())
    return float(np.mean(accuracies[-LAST:]))
