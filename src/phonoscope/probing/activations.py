"""What each layer of the network answers to the samples of a panel."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch

from phonoscope.files import open_arrays, write_text, written_whole
from phonoscope.progress import Quiet
from phonoscope.recogniser.inference import network_input
from phonoscope.workers import Here

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from phonoscope.probing.panel import Panel
    from phonoscope.progress import Progress
    from phonoscope.recogniser.network import Recogniser
    from phonoscope.signal.frames import FrameTable
    from phonoscope.workers import Workers

_BATCH = 512


def layer_shapes(model: Recogniser, frames: FrameTable) -> dict[str, tuple[int, ...]]:
    """Return the shape of one sample's activations at each layer, as maps × time × frequency or units."""
    window = torch.zeros(1, 3, 2 * frames.context + 1, frames.n_mels)
    with torch.inference_mode():
        found = model.layers(window)
    return {name: tuple(found[name].shape[1:]) for name in model.layer_names}


def write_activations(
    model: Recogniser,
    frames: FrameTable,
    panel: Panel,
    folder: Path,
    *,
    layers: Sequence[str] | None = None,
    progress: Progress | None = None,
    workers: Workers | None = None,
) -> None:
    """Write ``folder/LAYER.npy`` for each of `layers`, or for all: float32, samples × units.

    A sample's units are flattened as maps × time × frequency. Beside them ``layers.json``: each layer's shape, in
    the order of the layers.

    Computed in float32, batch by batch, straight into the files: memory does not grow with the panel. Where a sample
    has several frames, its activations are their mean. `workers` take a batch each; without them it is done here.
    """
    progress = progress or Quiet()
    folder.mkdir(parents=True, exist_ok=True)
    n_samples = panel.samples.height
    all_shapes = layer_shapes(model, frames)
    shapes = {name: shape for name, shape in all_shapes.items() if layers is None or name in layers}
    sizes = {name: int(np.prod(shape)) for name, shape in shapes.items()}
    starts = np.flatnonzero(np.diff(panel.sample_of_row, prepend=-1))
    lengths = np.diff(np.append(starts, len(panel.rows)))
    training = model.training
    model.eval()
    with written_whole([folder / f"{name}.npy" for name in sizes]) as temporary:
        arrays = open_arrays(temporary, [(n_samples, size) for size in sizes.values()])
        files = dict(zip(sizes, arrays, strict=True))
        batches = _batches(lengths)

        def windows() -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
            for first, last in batches:
                rows = panel.rows[starts[first] : starts[last - 1] + lengths[last - 1]]
                yield network_input(frames, rows).contiguous().numpy(), lengths[first:last]

        shared = model, tuple(sizes)
        work = (workers or Here()).map(_answers, windows(), shared=shared, whole=True, name=_batch_name)
        with progress.bar("activations", n_samples, "samples") as advance:
            for i, found in work:
                first, last = batches[i]
                for name, file in files.items():
                    file[first:last] = found[name]
                advance(last - first)
        for file in files.values():
            file.flush()
    model.train(training)
    write_text(folder / "layers.json", json.dumps(shapes) + "\n")


def _answers(
    batch: tuple[NDArray[np.float32], NDArray[np.int64]], model: Recogniser, layers: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """Return what some layers answer to windows, shape (n, 3, time, mel), one mean of as many as each length says."""
    windows, lengths = batch
    with torch.inference_mode():
        found = model.layers(torch.from_numpy(windows))
    cuts = np.cumsum(lengths) - lengths
    sums = {name: np.add.reduceat(found[name].reshape(len(windows), -1).numpy(), cuts, axis=0) for name in layers}
    return {name: np.asarray(of_layer / lengths[:, None], np.float32) for name, of_layer in sums.items()}


def _batch_name(batch: tuple[NDArray[np.float32], NDArray[np.int64]]) -> str:
    return f"activations of {len(batch[1])} samples"


def _batches(lengths: np.ndarray) -> list[tuple[int, int]]:
    """Cut samples into runs of at most `_BATCH` rows, one sample at least."""
    cuts = [0]
    rows = 0
    for i, length in enumerate(lengths):
        if rows and rows + length > _BATCH:
            cuts.append(i)
            rows = 0
        rows += length
    cuts.append(len(lengths))
    return list(pairwise(cuts))
