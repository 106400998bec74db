"""The activations of a panel's samples, gathered from any source and written as a run's are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from phonoscope.errors import ModelError
from phonoscope.files import open_arrays, write_text, written_whole
from phonoscope.models.times import Layer, frames_within, nearest_frames
from phonoscope.progress import Quiet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import polars as pl
    from numpy.typing import NDArray

    from phonoscope.corpus.types import Corpus
    from phonoscope.models.source import Source
    from phonoscope.progress import Progress


class Picker:
    """Tells which frames of an utterance's layers are its samples', and remembers how many each sample has.

    Parameters
    ----------
    samples
        Those of one utterance: time, start, end (seconds).
    utterance
        For messages.
    mean
        Whether a sample is the mean over its segment; else the frame nearest to its time.
    """

    def __init__(self, samples: pl.DataFrame, utterance: str, *, mean: bool) -> None:
        self._time, self._start, self._end = (samples[name].to_numpy() for name in ("time", "start", "end"))
        self._utterance, self._mean = utterance, mean
        self.lengths: dict[str, NDArray[np.int64]] = {}

    def __call__(self, layer: Layer, n: int) -> NDArray[np.int64]:
        """Return the frames of a layer that has n, sample after sample."""
        if not self._mean:
            self.lengths[layer.name] = np.ones(len(self._time), np.int64)
            return nearest_frames(self._time, layer, n, self._utterance)
        ranges = frames_within(self._start, self._end, layer, n, self._utterance)
        self.lengths[layer.name] = np.array([len(frames) for frames in ranges])
        return np.concatenate(ranges)


def collect(
    source: Source,
    layers: Mapping[str, Layer],
    corpus: Corpus,
    samples: pl.DataFrame,
    folder: Path,
    *,
    mean: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write ``folder/LAYER.npy`` of each layer: float32, samples × units; ``layers.json`` and ``times.json`` beside.

    Utterance by utterance, straight into the files: in memory is no more than an utterance.

    Parameters
    ----------
    source, layers
        What is probed, and the layers it has.
    corpus
        Has the utterances.
    samples
        The panel's: utterance, time, start, end.
    folder
        Made if it is not there.
    mean
        Whether a sample is the mean over its segment's frames.
    progress
        Where to tell how far it is.

    Raises
    ------
    ModelError
        A time has no frame, the source fails on an utterance, or an activation is no number.
    """
    progress = progress or Quiet()
    folder.mkdir(parents=True, exist_ok=True)
    files_of = {name: file_name(name) for name in layers}
    rows: dict[str, list[int]] = {}
    for row, utterance in enumerate(samples["utterance"]):
        rows.setdefault(utterance, []).append(row)
    with written_whole([folder / f"{name}.npy" for name in files_of.values()]) as temporary:
        arrays = open_arrays(temporary, [(samples.height, layer.units) for layer in layers.values()])
        files = dict(zip(layers, arrays, strict=True))
        with progress.bar("activations", samples.height) as advance:
            for utterance in corpus.utterances:
                here = rows.get(utterance.id)
                if not here:
                    continue
                picker = Picker(samples[here], utterance.id, mean=mean)
                found = source.read(utterance, picker)
                for name, file in files.items():
                    units = layers[name].units
                    file[here] = _averaged(found[name], picker.lengths[name], units, (name, utterance.id))
                advance(len(here))
        for file in files.values():
            file.flush()
    shapes = {files_of[name]: layer.shape for name, layer in layers.items()}
    times = {files_of[name]: {"hop": layer.hop, "offset": layer.offset} for name, layer in layers.items()}
    write_text(folder / "times.json", json.dumps(times) + "\n")
    write_text(folder / "layers.json", json.dumps(shapes) + "\n")


def _averaged(
    frames: NDArray[np.float32], lengths: NDArray[np.int64], units: int, names: tuple[str, str]
) -> NDArray[np.float32]:
    layer, utterance = names
    if frames.shape != (lengths.sum(), units):  # NumPy would repeat a single column as often as it takes
        found = " × ".join(map(str, frames.shape))
        msg = f"utterance {utterance}: layer {layer} gives {found} activations, not {lengths.sum()} × {units} as before"
        raise ModelError(msg)
    if not np.isfinite(frames).all():
        kind = "not a number" if np.isnan(frames).any() else "infinite"
        msg = (
            f"layer {layer} gives an activation that is {kind} in utterance {utterance}; leave the one or the other out"
        )
        raise ModelError(msg)
    if (lengths == 1).all():
        return frames
    starts = np.cumsum(lengths) - lengths
    sums = np.add.reduceat(frames, starts, axis=0)
    return np.asarray(sums / lengths[:, None], np.float32)


def file_name(layer: str) -> str:
    """Make a layer's name one that a file may have; the network itself is ``output``."""
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in layer) or "output"
