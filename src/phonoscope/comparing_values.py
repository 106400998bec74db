"""The values of runs against each other: which differences hold."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import polars as pl

from phonoscope.compared import LOWER, layer_places
from phonoscope.evaluation.model_tests import ALPHA, best_of, bootstrap_difference, holm

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from phonoscope.compared import ComparedRun, Draws, What
    from phonoscope.progress import Progress

    Row = dict[str, Any]

_COLUMNS = (
    dict.fromkeys(("measure", "reduction", "clusterer", "place", "run_a", "run_b", "layer_a", "layer_b"), pl.String)
    | dict.fromkeys(
        ("value_a", "value_b", "chance_a", "chance_b", "difference", "low", "high", "se", "p", "p_holm"), pl.Float64
    )
    | {"holds": pl.Boolean, "ahead": pl.String, "paired": pl.Boolean, "same_phones": pl.Boolean}
)


def difference_table(
    runs: Sequence[ComparedRun],
    relations: Mapping[tuple[str, str], Row],
    measures: set[str],
    progress: Progress,
) -> pl.DataFrame:
    """Make the table `differences` of a `Comparison`.

    Parameters
    ----------
    runs, relations
        The runs, and the row of `pairs` by the names of two.
    measures
        Which measures to test.
    progress
        Where to tell how far it is.
    """
    rows: list[Row] = []
    with progress.bar("differences", len(relations), "pairs of runs") as advance:
        for a, b in combinations(runs, 2):
            for what in a.draws:
                if what in b.draws and what[2] in measures:
                    rows += _tests(a, b, what, relations[a.name, b.name])
            advance(1)
    for row, corrected in zip(rows, holm([row["p"] for row in rows]).tolist(), strict=True):
        row["p_holm"] = corrected
        # the p-value is the normal distribution's: the replicates themselves have to agree
        row["holds"] = corrected < ALPHA and (row["low"] > 0 or row["high"] < 0)
        higher = row["run_a"] if row["difference"] > 0 else row["run_b"]
        lower = row["run_b"] if row["difference"] > 0 else row["run_a"]
        better = lower if row["measure"] in LOWER else higher
        row["ahead"] = better if row["holds"] and row["same_phones"] else None
    return pl.DataFrame(rows, schema=_COLUMNS, orient="row")


def _tests(a: ComparedRun, b: ComparedRun, what: What, relation: Row) -> Iterator[Row]:
    reduction, clusterer, measure = what
    lower = measure in LOWER
    sides = (a, b)
    draws = [one.draws[what] for one in sides]
    values = [one.values.get(what, {}) for one in sides]
    known = [[layer for layer in of.layers if layer in there] for of, there in zip(draws, values, strict=True)]
    if not all(known):
        return
    paired = relation["paired"] and draws[0].keys.equals(draws[1].keys)
    tips = [
        (min if lower else max)(layers, key=lambda layer, there=there: there[layer][0])  # type: ignore[misc]
        for layers, there in zip(known, values, strict=True)
    ]
    best = [
        best_of([there[layer][0] for layer in layers], _rows(of, layers), lower=lower)
        for of, there, layers in zip(draws, values, known, strict=True)
    ]
    tested: list[tuple[str, Sequence[str], Any]] = [("best", tips, best)]
    for place, pair in layer_places(a, b):
        if all(layer in there for layer, there in zip(pair, known, strict=True)):
            of_layers = [_rows(of, [layer])[0] for of, layer in zip(draws, pair, strict=True)]
            tested.append((place, pair, of_layers))
    for place, layers, replicates in tested:
        (value_a, chance_a), (value_b, chance_b) = (there[layer] for there, layer in zip(values, layers, strict=True))
        test = bootstrap_difference(value_a, value_b, replicates[0], replicates[1], paired=paired)
        yield {
            "measure": measure,
            "reduction": reduction,
            "clusterer": clusterer,
            "place": place,
            "run_a": a.name,
            "run_b": b.name,
            "layer_a": layers[0],
            "layer_b": layers[1],
            "value_a": value_a,
            "value_b": value_b,
            "chance_a": chance_a,
            "chance_b": chance_b,
            "difference": test.difference,
            "low": test.low,
            "high": test.high,
            "se": test.se,
            "p": test.p,
            "paired": paired,
            "same_phones": relation["same_phones"],
        }


def _rows(draws: Draws, layers: Sequence[str]) -> Any:  # noqa: ANN401 - layers × replicates
    return draws.values[[draws.layers.index(layer) for layer in layers]]
