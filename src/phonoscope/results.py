"""What a run has found, read from its directory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from safetensors import safe_open

from phonoscope.errors import RunDirectoryError
from phonoscope.formulas import unguarded

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
    "measures.csv",
    "replicates.parquet",
    "outcomes.parquet",
    "tests.csv",
    "classes.json",
    "organisation.csv",
    "units.parquet",
    "units.csv",
    "unit_features.csv",
    "unit_responses.csv",
    "analogies.csv",
    "analogies.parquet",
    "linear.csv",
    "linear_layers.csv",
    "speakers.csv",
    "panel_size.csv",
    "figures/figure1.svg",
    "report.html",
)


def _read(path: Path) -> pl.DataFrame:
    """Read a table; labels stay text though they look like numbers, and types are those of the whole column."""
    head = pl.read_csv(path, glob=False, n_rows=0).columns
    texts = ("phone", "ipa", "speaker", "layer", "layer_a", "layer_b", "hardest")
    labels: dict[str, type[pl.DataType]] = {name: pl.String for name in texts if name in head}
    return unguarded(pl.read_csv(path, glob=False, schema_overrides=labels, infer_schema_length=None))


def _of_layer(path: Path, layer: str) -> pl.LazyFrame:
    return pl.scan_parquet(path, glob=False).filter(pl.col("layer") == layer)


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
        return pl.read_parquet(self.path / "panel.parquet", glob=False)

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
        return pl.read_parquet(self.path / "clusters.parquet", glob=False)

    @property
    def training(self) -> pl.DataFrame:
        """The learning curve, a row an epoch; no row where nothing was trained."""
        path = self.path / "training.csv"
        return _read(path) if path.exists() else pl.DataFrame()

    @property
    def trained(self) -> bool:
        """Whether the network was trained in this run."""
        return self.training.height > 0

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
        return pl.read_parquet(self.path / "sweep.parquet", glob=False)

    def clusters_of(self, layer: str) -> pl.DataFrame:
        """Return the rows of `clusters` of one layer; of others no more is read than it takes to find them."""
        return _of_layer(self.path / "clusters.parquet", layer).collect()

    def sweep_of(self, layer: str) -> pl.DataFrame:
        """Return sample, clusterer, k and cluster of the rows of `sweep` of one layer, as `clusters_of` does."""
        return _of_layer(self.path / "sweep.parquet", layer).select("sample", "clusterer", "k", "cluster").collect()

    @property
    def measures(self) -> pl.DataFrame | None:
        """A row a layer, reduction, clusterer and measure: value, low, high, chance; None where none were taken.

        Measures of the activations themselves are those without a clusterer (""). See docs/error-bars.md.
        """
        path = self.path / "measures.csv"
        return _read(path).with_columns(pl.col("clusterer").fill_null("")) if path.exists() else None

    @property
    def layer_tests(self) -> pl.DataFrame | None:
        """A row a measure, reduction, clusterer and pair of layers: difference, low, high, p_value, holds."""
        path = self.path / "tests.csv"
        return _read(path).with_columns(pl.col("clusterer").fill_null("")) if path.exists() else None

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
    def units(self) -> pl.DataFrame | None:
        """A row a unit: layer, unit, map, varies, phone (its largest psi), feature (its largest fsi), cluster, place.

        `place` is that among the units that the layer's tree was made of. None where units were not analysed.
        """
        path = self.path / "units.parquet"
        return pl.read_parquet(path, glob=False) if path.exists() else None

    @property
    def unit_counts(self) -> pl.DataFrame:
        """A row a layer and phone: n_units, n_selective, share, mean_psi."""
        return _read(self.path / "units.csv")

    @property
    def unit_features(self) -> pl.DataFrame:
        """A row a layer and value of an attribute: n_phones, n_others, n_units, n_selective, share, mean_fsi."""
        return _read(self.path / "unit_features.csv")

    @property
    def unit_responses(self) -> pl.DataFrame:
        """A row a layer, cluster of units and value of an attribute: n_units, phones, response."""
        return _read(self.path / "unit_responses.csv")

    def psi(self, layer: str) -> tuple[list[str], list[str], NDArray[np.integer]]:
        """Return the phones, the order that a layer's units give them, and the units' phoneme selectivity index.

        The index has the shape (units, phones), its phones in the first order.
        """
        about = json.loads((self.path / "psi" / "phones.json").read_text(encoding="utf-8"))
        found: NDArray[np.integer] = np.load(self.path / "psi" / f"{layer}.npy")
        return about["phones"], about["order"][layer], found

    @property
    def filter_weights(self) -> NDArray[np.float32] | None:
        """The weights of the filters of `map_layer`: filters × channels × time × frequency.

        None where the run has no such layer, or no model whose weights those are.
        """
        path, layer = self.path / "model.safetensors", self.map_layer
        if layer is None or not path.exists():
            return None
        with safe_open(path, "np") as file:
            name = f"{layer}.weight"
            weights: NDArray[np.float32] | None = file.get_tensor(name) if name in file.keys() else None  # noqa: SIM118
        if weights is None or weights.ndim != 4 or len(weights) != self.shapes[layer][0]:  # noqa: PLR2004 - of filters
            return None
        return weights

    @property
    def formants(self) -> pl.DataFrame | None:
        """A row an oral vowel sample: sample, speaker, phone, f1, f2, ceiling (Hz); None where none were measured."""
        path = self.path / "formants.csv"
        return _read(path) if path.exists() else None

    @property
    def analogies(self) -> pl.DataFrame:
        """A row a layer and feature, ``all`` first: which share of the analogies holds, and what chance gives."""
        return _read(self.path / "analogies.csv")

    @property
    def analogy_list(self) -> pl.DataFrame:
        """A row a layer and analogy: layer, feature, change, a, b, c, d, answer, rank, hit."""
        return pl.read_parquet(self.path / "analogies.parquet", glob=False)

    @property
    def linear(self) -> pl.DataFrame:
        """A row a layer and phone: n_samples, recall, low, high, pairs_apart, hardest, hardest_right."""
        return _read(self.path / "linear.csv")

    @property
    def linear_layers(self) -> pl.DataFrame:
        """A row a layer: what a linear map tells apart, with intervals; see docs/structure.md."""
        return _read(self.path / "linear_layers.csv")

    @property
    def speaker_shares(self) -> pl.DataFrame:
        """A row a layer and source (phone, speaker, interaction, residual): share, low, high of the variance."""
        return _read(self.path / "speakers.csv")

    @property
    def panel_sizes(self) -> pl.DataFrame:
        """A row a layer, clusterer and size: n_per_phone, n_samples, draws, f_measure, low, high, chance."""
        return _read(self.path / "panel_size.csv")

    @property
    def warnings(self) -> list[str]:
        """What was odd about the corpus and the panel."""
        path = self.path / "warnings.txt"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of one sample's activations at each layer: maps × time × frequency, or units."""
        found = json.loads((self.path / "activations" / "layers.json").read_text(encoding="utf-8"))
        for layer in found:  # it names files
            if not layer or set(layer) & set("/\\:"):
                msg = f"{self.path}: activations/layers.json names a layer {layer!r}, which can be no file's name"
                raise RunDirectoryError(msg)
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
