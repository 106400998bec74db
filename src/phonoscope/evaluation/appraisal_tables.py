"""The tables of measures with their intervals, of replicates, and of tests between layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from phonoscope.evaluation.bootstrap import interval
from phonoscope.evaluation.paired import paired_tests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

CLUSTER_MEASURES = (
    "precision",
    "recall",
    "f_measure",
    "phone_purity",
    "cluster_purity",
    "pnmi",
    "homogeneity",
    "completeness",
    "v_measure",
    "ari",
    "ami",
    "accuracy",
)
ACTIVATION_MEASURES = ("linear_probe", "knn", "abx_within", "abx_across", "silhouette")
KEPT = ("f_measure", "phone_purity", "cluster_purity", "pnmi", "v_measure", "ari", "ami", "accuracy")
"""Cluster measures whose replicates are kept for comparisons with other runs."""
TESTED = ("f_measure", "pnmi", "ami")
_BELOW_ZERO = ("ari", "ami", "silhouette")
_DIGITS = 6
_CHANCE = 0.95


@dataclass(frozen=True)
class Appraised:
    """What was measured of one layer as it is (no clusterer), or of its clusters in one reduction by one clusterer.

    Attributes
    ----------
    k
        Number of clusters; None without.
    seeds
        Of the clusterings, and of the replicates.
    values
        Each measure on the panel itself, a seed each, shape (s,).
    replicates
        Each measure on the replicates of each seed, shape (s, B).
    chance
        Each measure with shuffled phones, shape (m,); empty if that was not measured.
    """

    layer: str
    reduction: str
    clusterer: str
    k: int | None
    seeds: Sequence[int]
    values: Mapping[str, NDArray[np.float64]]
    replicates: Mapping[str, NDArray[np.float64]]
    chance: Mapping[str, NDArray[np.float64]]

    def row(self, measure: str, confidence: float) -> dict[str, Any]:
        """Return the measure's row of `measures.csv`; a measure that could not be taken has no figures."""
        value = float(np.mean(self.values[measure]))
        replicates = self.replicates[measure]
        known = bool(np.isfinite(value) and np.isfinite(replicates).all())
        bounds = (-1.0 if measure in _BELOW_ZERO else 0.0, 1.0)
        low = high = None
        if known:
            low, high = interval(self.values[measure], replicates, confidence=confidence, bounds=bounds)
        chance = self.chance.get(measure, np.empty(0))
        by_chance = bool(chance.size and np.isfinite(chance).all())
        return {
            "layer": self.layer,
            "reduction": self.reduction,
            "clusterer": self.clusterer,
            "k": self.k,
            "measure": measure,
            "value": _rounded(value) if known else None,
            "low": _rounded(low),
            "high": _rounded(high),
            "chance": _rounded(float(chance.mean())) if by_chance else None,
            "chance_high": _rounded(float(np.quantile(chance, _CHANCE))) if by_chance else None,
            "n_seeds": len(self.seeds) if self.clusterer else 1,
            "n_replicates": replicates.size,
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def measures_table(found: Sequence[Appraised], confidence: float) -> pl.DataFrame:
    """Make the table of `measures.csv`, a row a layer, reduction, clusterer and measure."""
    numbers = ("value", "low", "high", "chance", "chance_high")
    types: dict[str, Any] = {"layer": pl.String, "reduction": pl.String, "clusterer": pl.String, "k": pl.Int64}
    types |= {"measure": pl.String, **dict.fromkeys(numbers, pl.Float64), "n_seeds": pl.Int64, "n_replicates": pl.Int64}
    rows = [one.row(measure, confidence) for one in found for measure in one.values]
    return pl.DataFrame(rows, schema=types)


def replicates_table(found: Sequence[Appraised]) -> pl.DataFrame:
    """Make the table of `replicates.parquet`, a row a measure of a layer, reduction and clusterer, and replicate."""
    parts = []
    for one in found:
        for measure, replicates in one.replicates.items():
            if one.clusterer and measure not in KEPT:
                continue
            seeds, count = replicates.shape
            names = {"layer": one.layer, "reduction": one.reduction, "clusterer": one.clusterer, "measure": measure}
            columns: dict[str, Any] = {
                "seed": np.repeat(np.array(one.seeds, np.int64), count),
                "replicate": np.tile(np.arange(count, dtype=np.int64), seeds),
                "value": replicates.ravel().astype(np.float32),
            }
            parts.append(pl.DataFrame(columns).select(*(pl.lit(v).alias(n) for n, v in names.items()), pl.all()))
    return pl.concat(parts)


def tests_table(found: Sequence[Appraised], confidence: float) -> pl.DataFrame:
    """Make the table of `tests.csv`, a row a pair of layers, measure, reduction and clusterer."""
    parts = []
    families: dict[tuple[str, str, str], list[Appraised]] = {}
    for one in found:
        for measure in TESTED if one.clusterer else one.values:
            if np.isfinite(one.replicates[measure]).all() and np.isfinite(one.values[measure]).all():
                families.setdefault((measure, one.reduction, one.clusterer), []).append(one)
    for (measure, reduction, clusterer), members in families.items():
        values = np.array([one.values[measure] for one in members])
        tests = paired_tests(values, np.array([one.replicates[measure] for one in members]), confidence=confidence)
        layers = np.array([one.layer for one in members], dtype=object)
        numbers = {name: getattr(tests, name).round(_DIGITS) for name in ("difference", "low", "high")}
        columns: dict[str, Any] = {"layer_a": layers[tests.a].tolist(), "layer_b": layers[tests.b].tolist(), **numbers}
        columns |= {name: getattr(tests, name).round(_DIGITS) for name in ("p_value", "p_corrected")}
        columns["holds"] = tests.p_corrected <= 1 - confidence + 1e-12  # .95 of 1 leaves a little more than .05
        types = {"layer_a": pl.String, "layer_b": pl.String}
        names = {"measure": measure, "reduction": reduction, "clusterer": clusterer}
        frame = pl.DataFrame(columns, schema_overrides=types)
        parts.append(frame.select(*(pl.lit(v).alias(n) for n, v in names.items()), pl.all()))
    return pl.concat(parts)
