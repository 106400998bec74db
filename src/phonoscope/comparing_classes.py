"""The classes and clusters of runs against each other: which agree."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import polars as pl
from sklearn.metrics import adjusted_mutual_info_score

from phonoscope.compared import layer_places, same_panel
from phonoscope.evaluation.class_agreement import class_agreement
from phonoscope.evaluation.model_tests import ALPHA, holm

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from phonoscope.compared import ComparedRun

    Row = dict[str, Any]

_PLACE = dict.fromkeys(("clusterer", "place", "layer_a", "layer_b"), pl.String)
_CLASSES = (
    {"run_a": pl.String, "run_b": pl.String, **_PLACE}
    | dict.fromkeys(("k_a", "k_b", "n_phones"), pl.Int64)
    | dict.fromkeys(("ari", "p", "p_holm"), pl.Float64)
    | {"holds": pl.Boolean}
    | dict.fromkeys(("both", "only_a", "only_b", "identical"), pl.String)
)
_SAMPLES = {**dict.fromkeys(("run_a", "run_b", "reduction"), pl.String), **_PLACE, "ami": pl.Float64}


def _layer_pairs(a: ComparedRun, b: ComparedRun, reductions: tuple[str, str], clusterer: str) -> dict[Any, list[str]]:
    """Give the places of every pair of layers that the classes or clusters are compared at."""
    found: dict[Any, list[str]] = {pair: [place] for place, pair in layer_places(a, b)}
    best = tuple(
        one.best_layer(reduction, clusterer, one.layers) for one, reduction in zip((a, b), reductions, strict=True)
    )
    if None not in best:
        found.setdefault(best, []).insert(0, "best")
    return found


def class_table(runs: Sequence[ComparedRun]) -> pl.DataFrame:
    """Make the table `classes` of a `Comparison`."""
    wanted = []
    for a, b in combinations(runs, 2):
        clusterers = dict.fromkeys(clusterer for clusterer, _ in a.partitions)
        for clusterer in clusterers:
            reductions = [
                next((r for (c, _), (r, _) in one.partitions.items() if c == clusterer), None) for one in (a, b)
            ]
            if reductions[0] is None or reductions[1] is None:
                continue
            for (la, lb), places in _layer_pairs(a, b, (reductions[0], reductions[1]), clusterer).items():
                if (clusterer, la) in a.partitions and (clusterer, lb) in b.partitions:
                    wanted.append((a, b, clusterer, la, lb, places))
    # so many that the smallest possible p-value holds after the correction
    permutations = max(9_999, 100 * len(wanted) - 1)
    rows: list[Row] = []
    for a, b, clusterer, la, lb, places in wanted:
        of_a, of_b = a.partitions[clusterer, la][1], b.partitions[clusterer, lb][1]
        found = class_agreement(of_a, of_b, n_permutations=permutations, seed=a.settings.seed)
        if found is not None:
            pairs = {
                name: ", ".join(" ".join(pair) for pair in getattr(found, name))
                for name in ("both", "only_a", "only_b")
            }
            rows.append(
                {
                    "run_a": a.name,
                    "run_b": b.name,
                    "clusterer": clusterer,
                    "place": ", ".join(places),
                    "layer_a": la,
                    "layer_b": lb,
                    "k_a": len({of_a[phone] for phone in found.phones}),
                    "k_b": len({of_b[phone] for phone in found.phones}),
                    "n_phones": len(found.phones),
                    "ari": found.ari,
                    "p": found.p_value,
                    **pairs,
                    "identical": ", ".join(" ".join(one) for one in found.identical),
                }
            )
    for row, corrected in zip(rows, holm([row["p"] for row in rows]).tolist(), strict=True):
        row |= {"p_holm": corrected, "holds": corrected < ALPHA}
    return pl.DataFrame(rows, schema=_CLASSES, orient="row")


def sample_table(runs: Sequence[ComparedRun]) -> pl.DataFrame:
    """Make the table `samples` of a `Comparison`, of the clusters of the first seed."""
    rows: list[Row] = []
    labels: dict[str, dict[Any, np.ndarray]] = {}

    def clusters(one: ComparedRun) -> dict[Any, np.ndarray]:
        if one.name not in labels:
            table = one.run.clusters
            first = table.filter(pl.col("seed") == pl.col("seed").min().over("layer", "reduction", "clusterer"))
            parts = first.sort("sample").partition_by("layer", "reduction", "clusterer", as_dict=True)
            labels[one.name] = {key: part["cluster"].to_numpy() for key, part in parts.items()}
        return labels[one.name]

    for a, b in combinations(runs, 2):
        if not same_panel(a, b):
            continue
        of_a, of_b = clusters(a), clusters(b)
        for reduction, clusterer in dict.fromkeys(key[1:] for key in of_a):
            for (la, lb), places in _layer_pairs(a, b, (reduction, reduction), clusterer).items():
                one, other = of_a.get((la, reduction, clusterer)), of_b.get((lb, reduction, clusterer))
                if one is not None and other is not None and len(one) == len(other):
                    ami = float(adjusted_mutual_info_score(one, other))
                    rows.append(
                        {
                            "run_a": a.name,
                            "run_b": b.name,
                            "reduction": reduction,
                            "clusterer": clusterer,
                            "place": ", ".join(places),
                            "layer_a": la,
                            "layer_b": lb,
                            "ami": ami,
                        }
                    )
    return pl.DataFrame(rows, schema=_SAMPLES, orient="row")
