# ruff: noqa: INP001 - a script's part, not a package
"""The training loop that a user of PyTorch would write down first, float32, over the paper's network."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from phonoscope.settings import RecogniserSettings
    from phonoscope.signal.frames import FrameTable

LOADER, STORED = "plain loop, DataLoader", "plain loop, windows stored"


class Windows(Dataset[tuple[Tensor, int]]):
    """A window a row, sliced out of its utterance's features, whose ends were repeated before."""

    def __init__(self, frames: FrameTable, rows: NDArray[np.int64]) -> None:
        c = frames.context
        self.length = 2 * c + 1
        self.features = [
            torch.from_numpy(np.pad(frames.features(u), ((c, c), (0, 0), (0, 0)), mode="edge")).permute(2, 0, 1)
            if frames.count[u]
            else torch.empty(0)
            for u in range(len(frames.count))
        ]
        order = np.lexsort((frames.count, frames.offset))
        self.utterance = order[np.searchsorted(frames.offset[order], rows, side="right") - 1]
        self.frame = rows - frames.offset[self.utterance]
        self.labels = frames.labels[rows].astype(np.int64)

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        """Return a window, shape (3, time, mel), and its phone."""
        first = self.frame[i]
        return self.features[self.utterance[i]][:, first : first + self.length], int(self.labels[i])


def plain_network(n_phones: int, n_frames: int, n_mels: int, dropout: float) -> nn.Sequential:
    """Return the paper's network out of torch's own layers, with Glorot's start weights."""
    flat = 64 * (n_frames - 4) * (((n_mels - 4) // 3 - 4) // 2)
    dense: list[nn.Module] = []
    for sizes in pairwise((flat, 1024, 1024, 1024)):
        dense += [nn.Linear(*sizes), nn.ReLU(), nn.Dropout(dropout)]
    network = nn.Sequential(
        nn.Conv2d(3, 32, (3, 5)),
        nn.ReLU(),
        nn.MaxPool2d((1, 3)),
        nn.Conv2d(32, 64, (3, 5)),
        nn.ReLU(),
        nn.MaxPool2d((1, 2)),
        nn.Flatten(),
        *dense,
        nn.Linear(1024, n_phones),
    )
    for module in network:
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    return network


class PlainTraining:
    """The loop; `stored` for all windows in one tensor, else a `DataLoader` over `Windows`."""

    def __init__(
        self, frames: FrameTable, rows: NDArray[np.int64], n_phones: int, config: RecogniserSettings, *, stored: bool
    ) -> None:
        self.network = plain_network(n_phones, 2 * frames.context + 1, frames.n_mels, config.dropout)
        self._optimiser = torch.optim.SGD(
            self.network.parameters(), lr=config.learning_rate, momentum=config.momentum, nesterov=True
        )
        self._loss = nn.CrossEntropyLoss()
        self._data, self._batch = Windows(frames, rows), config.batch_size
        self._all = torch.stack([self._data[i][0] for i in range(len(rows))]) if stored else None

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        if self._all is None:
            yield from DataLoader(self._data, batch_size=self._batch, shuffle=True)
            return
        labels = torch.from_numpy(self._data.labels)
        for order in torch.split(torch.randperm(len(labels)), self._batch):
            yield self._all[order], labels[order]

    def steps(self) -> Iterator[int]:
        """Make the steps of an epoch; yield the size of each batch."""
        self.network.train()
        for windows, labels in self._batches():
            self._optimiser.zero_grad()
            loss = self._loss(self.network(windows), labels)
            loss.backward()
            self._optimiser.step()
            loss.item()
            yield len(labels)

    def accuracy(self, frames: FrameTable, rows: NDArray[np.int64]) -> float:
        """Return the share of rows that the network gets right."""
        self.network.eval()
        right = 0
        with torch.no_grad():
            for windows, labels in DataLoader(Windows(frames, rows), batch_size=1024):
                right += int((self.network(windows).argmax(1) == labels).sum())
        return right / len(rows)
