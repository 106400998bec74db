"""The tables of the sweeps over the number of clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from phonoscope.clustering.selection import Sweep

    # a layer, a reduction, and its sweep
    LayerSweep = tuple[str, str, Sweep]


def selection_table(sweeps: Sequence[LayerSweep]) -> pl.DataFrame:
    """Make the table of `selection.csv`: a criterion's value at every k, and which k it chooses.

    Columns layer, reduction, clusterer, criterion, k, value, chosen (true for one k), at_edge (true where the chosen k
    lies at an end of the range: the best may lie beyond).
    """
    rows = []
    for layer, reduction, found in sweeps:
        for criterion in found.curves:
            selection = found.select(criterion)
            for k, value in selection.curve.items():
                chosen = k == selection.k
                rows.append(
                    (layer, reduction, found.clusterer, criterion, k, value, chosen, chosen and selection.at_edge)
                )
    schema = {
        "layer": pl.String,
        "reduction": pl.String,
        "clusterer": pl.String,
        "criterion": pl.String,
        "k": pl.Int64,
        "value": pl.Float64,
        "chosen": pl.Boolean,
        "at_edge": pl.Boolean,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def sweep_tables(sweeps: Iterable[LayerSweep]) -> Iterator[pl.DataFrame]:
    """Make the tables of which `sweep.parquet` consists, one a sweep and k: the cluster of every sample."""
    for layer, reduction, found in sweeps:
        for k, labels in zip(found.ks, found.labels, strict=True):
            yield pl.DataFrame(
                {"sample": np.arange(len(labels), dtype=np.int32), "cluster": labels.astype(np.int32)}
            ).select(
                "sample",
                pl.lit(layer).alias("layer"),
                pl.lit(reduction).alias("reduction"),
                pl.lit(found.clusterer).alias("clusterer"),
                pl.lit(k, dtype=pl.Int64).alias("k"),
                "cluster",
            )
