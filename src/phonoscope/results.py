"""What a run has found, read from its directory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from phonoscope.errors import RunDirectoryError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


_LAST = (
    "panel.parquet",
    "panel.csv",
    "clusters.parquet",
    "per_phone.csv",
    "scores.csv",
    "sweep.parquet",
    "selection.csv",
    "classes.json",
    "organisation.csv",
    "figures/figure1.svg",
    "report.html",
)


def _read(path: Path) -> pl.DataFrame:
    """Read a table; labels stay text though they look like numbers, and types are those of the whole column."""
    head = pl.read_csv(path, n_rows=0).columns
    labels: dict[str, type[pl.DataType]] = {
        name: pl.String for name in ("phone", "ipa", "speaker", "layer") if name in head
    }
    return pl.read_csv(path, schema_overrides=labels, infer_schema_length=None)


@dataclass(frozen=True)
class Run:
    """A finished run: its directory, and what the files in it say.

    Every table is read from the files when it is asked for.
    """

    path: Path

    @property
    def scores(self) -> pl.DataFrame:
        """A row a cell: layer, reduction, clusterer, k, seed, precision, recall, f_measure and further measures."""
        return _read(self.path / "scores.csv")

    @property
    def per_phone(self) -> pl.DataFrame:
        """A row a cell and phone: n_samples, n_clusters, precision, recall, f_measure."""
        return _read(self.path / "per_phone.csv")

    @property
    def panel(self) -> pl.DataFrame:
        """A row a sample: sample, utterance, speaker, phone, time, start, end."""
        return pl.read_parquet(self.path / "panel.parquet")

    @property
    def panel_counts(self) -> pl.DataFrame:
        """A row a phone of the inventory: phone, ipa, segments, correct, used, in_panel."""
        return _read(self.path / "panel.csv")

    @property
    def ipa(self) -> dict[str, str]:
        """The IPA sign of each phone of the inventory."""
        return dict(self.panel_counts.select("phone", pl.col("ipa").fill_null("")).iter_rows())

    @property
    def notation(self) -> str:
        """What the phone set is called; "" if the run does not say."""
        path = self.path / "notation.json"
        return str(json.loads(path.read_text(encoding="utf-8"))["name"]) if path.exists() else ""

    @property
    def clusters(self) -> pl.DataFrame:
        """A row a sample and cell: sample, layer, reduction, clusterer, k, seed, cluster."""
        return pl.read_parquet(self.path / "clusters.parquet")

    @property
    def training(self) -> pl.DataFrame:
        """The learning curve, a row an epoch."""
        return _read(self.path / "training.csv")

    @property
    def trained(self) -> bool:
        """Whether the run trained the network that it looks into; else it probed one that was there."""
        return (self.path / "training.csv").exists()

    @property
    def times(self) -> dict[str, dict[str, float]]:
        """Of a model that was probed, each layer's `hop` and `offset`: frame i is centred at offset + i hop seconds."""
        path = self.path / "activations" / "times.json"
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}

    @property
    def selection(self) -> pl.DataFrame:
        """A row a layer, reduction, clusterer, criterion and k: value, chosen (for one k), at_edge."""
        return _read(self.path / "selection.csv")

    @property
    def sweep(self) -> pl.DataFrame:
        """A row a sample, layer, clusterer and number of clusters: sample, layer, reduction, clusterer, k, cluster."""
        return pl.read_parquet(self.path / "sweep.parquet")

    @property
    def classes(self) -> list[dict[str, Any]]:
        """The inferred classes, an entry a layer, clusterer and chosen k; see `phonoscope.interpretation`."""
        found: list[dict[str, Any]] = json.loads((self.path / "classes.json").read_text(encoding="utf-8"))
        return found

    @property
    def organisation(self) -> pl.DataFrame:
        """A row a layer and phonological attribute: how far it orders the phones' distances, and its p-value."""
        return _read(self.path / "organisation.csv")

    @property
    def filters(self) -> pl.DataFrame | None:
        """A row a filter of the first convolution layer, scalar and target: how well the one follows the other."""
        path = self.path / "filters.csv"
        return _read(path) if path.exists() else None

    @property
    def formants(self) -> pl.DataFrame | None:
        """A row an oral vowel sample: sample, speaker, phone, f1, f2, ceiling (Hz); None where none were measured."""
        path = self.path / "formants.csv"
        return _read(path) if path.exists() else None

    @property
    def warnings(self) -> list[str]:
        """What was odd about the corpus and the panel."""
        path = self.path / "warnings.txt"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of one sample's activations at each layer: maps × time × frequency, or units."""
        found = json.loads((self.path / "activations" / "layers.json").read_text(encoding="utf-8"))
        return {layer: tuple(shape) for layer, shape in found.items()}

    @property
    def layers(self) -> list[str]:
        """The layers, from the input on."""
        return list(self.shapes)

    @property
    def map_layer(self) -> str | None:
        """The first layer after the input whose units are maps over time and frequency; None if there is none."""
        if "raw" not in self.shapes:  # another's network: what the axes of its layers are is not known
            return None
        maps = [layer for layer, shape in self.shapes.items() if len(shape) == 3]  # noqa: PLR2004 - axes of a map
        return maps[1] if len(maps) > 1 else None

    def activations(self, layer: str) -> NDArray[np.float32]:
        """Return one layer's activations, samples × units, mapped from the file.

        Raises
        ------
        RunDirectoryError
            The run has no such layer.
        """
        if layer not in self.shapes:
            msg = f"{self.path}: has no layer {layer!r}; its layers: {', '.join(self.layers)}"
            raise RunDirectoryError(msg)
        found: NDArray[np.float32] = np.load(self.path / "activations" / f"{layer}.npy", mmap_mode="r")
        return found

    @property
    def finished(self) -> bool:
        """Whether all files that the last stages write are there."""
        return all((self.path / name).exists() for name in _LAST)
