"""Measures and replicates planted into a made run, as the stage of intervals writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from phonoscope.results import Run

Cell = tuple[str, str, str, str]


def plant_measures(
    run: Run,
    *,
    shifts: Mapping[str, float] | None = None,
    own: int = 0,
    replicates: int = 200,
    seeds: int = 1,
    level: Mapping[str, float] | None = None,
) -> None:
    """Write `measures.csv` and `replicates.parquet`.

    A replicate moves by what all runs share (standard deviation .03: the samples that were drawn) and a little by what
    is the run's own (.004). So a difference of .02 holds in paired replicates, and is nothing in independent ones.

    Parameters
    ----------
    shifts
        Added to all values of a measure.
    own
        Seed of what is the run's own.
    level
        Values at a layer, in the place of .3 at the first to .6 at the last.
    """
    layers = run.scores["layer"].unique(maintain_order=True).to_list()
    clusterings = run.scores.select("reduction", "clusterer").unique(maintain_order=True).rows()
    whats = [(r, c, measure) for r, c in clusterings for measure in ("f_measure", "ami")]
    whats += [("none", "", "linear_probe"), ("none", "", "abx_across")]
    rows, draws = [], []
    for reduction, clusterer, measure in whats:
        common = np.random.default_rng([1, len(measure)]).normal(0, 0.03, (seeds, replicates))
        for i, layer in enumerate(layers):
            value = (level or {}).get(layer, 0.3 + 0.3 * i / max(1, len(layers) - 1))
            value += (shifts or {}).get(measure, 0.0)
            noise = np.random.default_rng([own, i, whats.index((reduction, clusterer, measure))])
            found = value + common + noise.normal(0, 0.004, common.shape)
            low, high = np.quantile(found, [0.025, 0.975])
            k = len(run.ipa) if clusterer else None
            rows.append((layer, reduction, clusterer, k, measure, value, low, high, 0.1, 0.12, seeds, replicates))
            draws += [
                (layer, reduction, clusterer, measure, seed, b, found[seed, b])
                for seed in range(seeds)
                for b in range(replicates)
            ]
    names = ["layer", "reduction", "clusterer", "k", "measure", "value", "low", "high", "chance", "chance_high"]
    pl.DataFrame(rows, schema=[*names, "n_seeds", "n_replicates"], orient="row", infer_schema_length=None).write_csv(
        run.path / "measures.csv"
    )
    keys = ["layer", "reduction", "clusterer", "measure", "seed", "replicate", "value"]
    table = pl.DataFrame(draws, schema=keys, orient="row")
    table.with_columns(pl.col("value").cast(pl.Float32)).write_parquet(run.path / "replicates.parquet")
