"""What a run has found, read from its directory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


_LAST = ("panel.parquet", "panel.csv", "clusters.parquet", "per_phone.csv", "scores.csv", "figures/figure1.svg")


@dataclass(frozen=True)
class Run:
    """A finished run: its directory, and what the files in it say.

    Every table is read from the files when it is asked for.
    """

    path: Path

    @property
    def scores(self) -> pl.DataFrame:
        """A row a cell: layer, reduction, clusterer, k, seed, precision, recall, f_measure and further measures."""
        return pl.read_csv(self.path / "scores.csv")

    @property
    def per_phone(self) -> pl.DataFrame:
        """A row a cell and phone: n_samples, n_clusters, precision, recall, f_measure."""
        return pl.read_csv(self.path / "per_phone.csv")

    @property
    def panel(self) -> pl.DataFrame:
        """A row a sample: sample, utterance, speaker, phone, time, start, end."""
        return pl.read_parquet(self.path / "panel.parquet")

    @property
    def panel_counts(self) -> pl.DataFrame:
        """A row a phone of the inventory: phone, segments, correct, used, in_panel."""
        return pl.read_csv(self.path / "panel.csv")

    @property
    def clusters(self) -> pl.DataFrame:
        """A row a sample and cell: sample, layer, reduction, clusterer, k, seed, cluster."""
        return pl.read_parquet(self.path / "clusters.parquet")

    @property
    def training(self) -> pl.DataFrame:
        """The learning curve, a row an epoch."""
        return pl.read_csv(self.path / "training.csv")

    def activations(self, layer: str) -> NDArray[np.float32]:
        """Return one layer's activations, samples × units, mapped from the file."""
        found: NDArray[np.float32] = np.load(self.path / "activations" / f"{layer}.npy", mmap_mode="r")
        return found

    @property
    def finished(self) -> bool:
        """Whether all files that the last stages write are there."""
        return all((self.path / name).exists() for name in _LAST)
