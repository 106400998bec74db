"""The activations of a panel's samples, gathered from any source and written as a run's are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from phonoscope.errors import ModelError
from phonoscope.files import open_arrays, write_text, written_whole
from phonoscope.models.times import Layer, frames_within, nearest_frames
from phonoscope.progress import Quiet
from phonoscope.workers import Here

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import polars as pl
    from numpy.typing import NDArray

    from phonoscope.corpus.types import Corpus, Utterance
    from phonoscope.models.source import Source
    from phonoscope.progress import Progress
    from phonoscope.workers import Workers

    Batch = list[tuple[Utterance, pl.DataFrame]]

_BATCH = 60.0
"""Seconds of speech that a worker is given at a time: many short utterances would be lost in the handing over."""


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
    workers: Workers | None = None,
) -> None:
    """Write ``folder/LAYER.npy`` of each layer: float32, samples × units; ``layers.json`` and ``times.json`` beside.

    Utterance by utterance, straight into the files: in memory is no more than an utterance, or than what `workers` have
    sent of a minute of speech.

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
    workers
        Who reads the utterances; this process if None.

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
        spoken = [utterance for utterance in corpus.utterances if utterance.id in rows]
        batches = list(_batches(spoken, 0.0 if workers is None else _BATCH))
        items: Iterator[Batch] = ([(u, samples[rows[u.id]]) for u in batch] for batch in batches)
        units = {name: layer.units for name, layer in layers.items()}
        work = (workers or Here()).map(_read, items, shared=(source, units, mean), whole=True, name=_batch_name)
        with progress.bar("activations", samples.height, "samples") as advance:
            for i, found in work:
                for utterance, of in zip(batches[i], found, strict=True):
                    for name, file in files.items():
                        file[rows[utterance.id]] = of[name]
                    advance(len(rows[utterance.id]))
        for file in files.values():
            file.flush()
    shapes = {files_of[name]: layer.shape for name, layer in layers.items()}
    times = {files_of[name]: {"hop": layer.hop, "offset": layer.offset} for name, layer in layers.items()}
    write_text(folder / "times.json", json.dumps(times) + "\n")
    write_text(folder / "layers.json", json.dumps(shapes) + "\n")


def _batches(utterances: Sequence[Utterance], seconds: float) -> Iterator[list[Utterance]]:
    """Put utterances together until they last so long; each alone if that is 0."""
    batch: list[Utterance] = []
    for utterance in utterances:
        batch.append(utterance)
        if sum(u.duration for u in batch) >= seconds:
            yield batch
            batch = []
    if batch:
        yield batch


def _read(batch: Batch, source: Source, units: Mapping[str, int], mean: bool) -> list[dict[str, NDArray[np.float32]]]:  # noqa: FBT001
    """Return the activations of the samples of each utterance, by layer."""
    found = []
    for utterance, samples in batch:
        picker = Picker(samples, utterance.id, mean=mean)
        read = source.read(utterance, picker)
        found.append({n: _averaged(read[n], picker.lengths[n], units[n], (n, utterance.id)) for n in units})
    return found


def _batch_name(batch: Batch) -> str:
    return f"activations of utterance {batch[0][0].id}{' and others' * (len(batch) > 1)}"


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
