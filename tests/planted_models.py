"""Networks whose activations are known: of a signal that says what time it is, they give the time of each frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import soundfile
import torch
from torch import Tensor, nn

from phonoscope.corpus.types import Corpus, Utterance
from phonoscope.models.adapter import Adapter
from phonoscope.models.collecting import collect
from phonoscope.models.computing import ComputedSource
from phonoscope.settings import ProbeSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from phonoscope.models.source import Source

RATE = 8_000
FULL_SCALE = 8.0
"""Seconds at which the clock reaches 1."""


def write_clock(path: Path, seconds: float, rate: int = RATE) -> Path:
    """Sample n is n / rate / FULL_SCALE: the signal is the time."""
    clock = np.arange(round(seconds * rate)) / rate / FULL_SCALE
    soundfile.write(path, clock.astype(np.float32), rate, subtype="FLOAT")
    return path


def clocks(folder: Path, seconds: Mapping[str, float], rate: int = RATE) -> Corpus:
    """A corpus of clocks, an utterance a name."""
    utterances = [
        Utterance(name, "s", write_clock(folder / f"{name}.wav", length, rate), length, ())
        for name, length in seconds.items()
    ]
    return Corpus("clocks", tuple(utterances), ("a",))


def asked(utterances: Sequence[str], times: Sequence[float] | NDArray[np.float64], half: float = 0.05) -> pl.DataFrame:
    """Samples at some times, of segments that go `half` seconds to either side."""
    middle = np.asarray(times, np.float64)
    return pl.DataFrame({"utterance": utterances, "time": middle, "start": middle - half, "end": middle + half})


def gathered(
    source: Source, corpus: Corpus, samples: pl.DataFrame, folder: Path, *, mean: bool = False
) -> dict[str, NDArray[np.float32]]:
    """What `collect` writes, by file."""
    collect(source, source.layers(corpus.utterances), corpus, samples, folder, mean=mean)
    return {path.stem: np.load(path) for path in folder.glob("*.npy")}


def computed(adapter: Adapter, layers: str = "", **settings: Any) -> ComputedSource:  # noqa: ANN401
    return ComputedSource(adapter, ProbeSettings(layers=layers, **settings))


class Clock(nn.Module):
    """A convolution that passes what is at the centre of its receptive field, or the mean of the two samples there."""

    def __init__(self, kernel: int, stride: int, padding: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, kernel, stride, padding, bias=False)
        weight = torch.zeros(kernel)
        weight[(kernel - 1) // 2] += 0.5
        weight[kernel // 2] += 0.5
        self.conv.weight.data = weight[None, None]

    def forward(self, samples: Tensor) -> Tensor:
        found: Tensor = self.conv(samples[:, None])
        return found.transpose(1, 2)


def clock(kernel: int, stride: int, padding: int, rate: int = RATE) -> Adapter:
    """Its adapter: the centre of frame 0's receptive field lies (kernel - 1) / 2 samples from its first sample."""
    return Adapter(Clock(kernel, stride, padding), rate, stride / rate, ((kernel - 1) / 2 - padding) / rate)


def energies(samples: Tensor) -> Tensor:
    """An easy front end: 4 numbers every 10 ms, shape (1, frames, 4)."""
    hop = RATE // 100
    return samples[:, : samples.shape[1] // hop * hop].unfold(1, hop, hop)[:, :, :4] * 1.0
